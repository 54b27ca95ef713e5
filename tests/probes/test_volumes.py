"""Kinds of drives on macOS and Windows from recorded answers, live and as captures.

Shapes: ``system_profiler -json SPStorageDataType SPNVMeDataType`` as macOS prints it on an Apple Silicon Mac
with an external disk (an APFS volume's ``physical_drive`` carries the model, ``is_internal_disk`` and, only
where it is known, ``medium_type``; a USB disk has neither model nor medium); MSFT_PhysicalDisk, MSFT_Disk,
MSFT_Partition and MSFT_Volume from Microsoft's Windows storage management reference (codes as numbers;
``Get-PhysicalDisk`` shows words).  Values that identify a machine are made up, to see that none comes out.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from probes import macos_live, probe, storage, volumes, windows_live
from probes.capture import rig_from_captures
from probes.commands import Output
from probes.macos_storage import volumes_from_system_profiler
from probes.rigfile import rig_to_json
from probes.storage import Place, probe_places
from probes.types import Fact, StorageInfo, unknown
from probes.unknowns import unknown_cpu, unknown_memory, unknown_system
from probes.volumes import Volume, Volumes, with_volumes
from probes.windows_storage import volumes_from_storage

SECRETS = ("0ba018e4SERIAL", "6B66F471-BAD0", "Alices Backup", "ALICE-PC", "WD-SERIAL1")


def place(device: int, folder: str = "~") -> Place:
    info = StorageInfo(
        folder=Fact(folder, "test", "reported"),
        kind=unknown("not looked for"),
        file_system=unknown("not looked for"),
        free_bytes=Fact(10**11, "file system", "reported"),
    )
    return Place(info, device)


# --- macOS -----------------------------------------------------------------------------------


def apple_volume(point: str, bsd: str, **drive: str) -> dict[str, Any]:
    return {
        "_name": "Alices Backup",
        "bsd_name": bsd,
        "file_system": "APFS",
        "free_space_in_bytes": 437436678144,
        "mount_point": point,
        "physical_drive": {"media_name": "AppleAPFSMedia", "smart_status": "Verified", **drive},
        "size_in_bytes": 994662584320,
        "volume_uuid": "6B66F471-BAD0-40FF-BC86-D2EBEC4EDB06",
        "writable": "no" if point == "/" else "yes",
    }


FABRIC = {
    "device_name": "APPLE SSD AP1024Z",
    "is_internal_disk": "yes",
    "medium_type": "ssd",
    "protocol": "Apple Fabric",
}
USB = {"is_internal_disk": "no", "protocol": "USB"}
MAC: dict[str, Any] = {
    "SPStorageDataType": [
        apple_volume("/System/Volumes/Data", "disk3s5", **FABRIC),
        apple_volume("/", "disk3s1s1", **FABRIC),
        apple_volume("/Volumes/Alices Backup", "disk7s2", **USB),
    ],
    "SPNVMeDataType": [
        {
            "_name": "Apple SSD Controller",
            "_items": [
                {
                    "_name": "APPLE SSD AP1024Z",
                    "bsd_name": "disk0",
                    "device_model": "APPLE SSD AP1024Z",
                    "device_serial": "0ba018e4SERIAL",
                    "spnvme_trim_support": "Yes",
                }
            ],
        }
    ],
}


def kind_of(drive: dict[str, str], bsd: str = "disk3s5", nvme: bool = True) -> Fact[str]:
    document = {**MAC, "SPStorageDataType": [apple_volume("/", bsd, **drive)]}
    if not nvme:
        document["SPNVMeDataType"] = []
    (volume,) = volumes_from_system_profiler(document)
    return volume.kind


@pytest.mark.parametrize(
    ("drive", "kind"),
    [
        (FABRIC, "nvme"),
        ({"device_name": "Samsung SSD 860", "medium_type": "ssd", "protocol": "SATA"}, "ssd"),
        ({"device_name": "ST2000DM", "medium_type": "rotational", "protocol": "SATA"}, "hdd"),
        ({"device_name": "APPLE SSD SM0256", "medium_type": "ssd", "protocol": "PCI-Express"}, "ssd"),  # AHCI
        ({"device_name": "SDXC Reader", "protocol": "Secure Digital"}, "flash"),
        (USB, None),
        ({"protocol": "Disk Image", "medium_type": "ssd"}, None),
        ({"device_name": "VirtIO Block Media", "protocol": "VirtIO", "medium_type": "ssd"}, None),
        ({}, None),
    ],
)
def test_a_macs_drive_is_of_the_kind_that_it_says(drive: dict[str, str], kind: str | None) -> None:
    found = kind_of(drive)
    assert found.value == kind
    assert found.source


def test_a_macs_drive_is_nvme_only_when_listed_so_by_model_or_disk() -> None:
    assert kind_of(FABRIC, nvme=False).value == "ssd"
    unnamed = {"medium_type": "ssd", "protocol": "PCI-Express"}
    assert kind_of(unnamed, bsd="disk0s2").value == "nvme"
    assert kind_of(unnamed, bsd="disk01s2").value == "ssd"


def test_an_external_drive_without_a_medium_says_where_it_is() -> None:
    assert "external drive behind USB" in kind_of(USB).source


def test_folders_are_joined_by_device_and_never_by_path() -> None:
    listed = Volumes(volumes_from_system_profiler(MAC))
    devices = {"/": 1, "/System/Volumes/Data": 2, "/Volumes/Alices Backup": 3}
    home, usb, share = with_volumes([place(2), place(3), place(9, "…/nas")], listed, devices.get)
    assert (home.kind.value, home.file_system.value) == ("nvme", "APFS")
    assert usb.kind.value is None
    assert "network share" in share.kind.source  # although "/" is above its path
    assert not share.file_system.known


def test_one_device_number_for_two_kinds_of_drive_is_unknown() -> None:
    first, *_ = volumes_from_system_profiler(MAC)
    other = replace(first, points=("/copy",), kind=Fact("hdd", "test", "reported"))
    (found,) = with_volumes([place(2)], Volumes((first, other)), lambda _: 2)
    assert not found.kind.known
    assert "one device number" in found.kind.source


def test_a_kind_that_is_known_already_stays() -> None:
    known = place(2)
    known = Place(replace(known.info, kind=Fact("network", "file system smbfs", "derived")), 2)
    (found,) = with_volumes([known], Volumes(volumes_from_system_profiler(MAC)), lambda _: 2)
    assert found.kind.value == "network"


def test_the_macs_one_call_asks_for_the_volumes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def run(argv: list[str], *_: object) -> Output:
        calls.append(argv)
        return Output(json.dumps(MAC)) if argv[0] == "system_profiler" else Output("", "`sysctl` is missing")

    monkeypatch.setattr(macos_live, "run", run)
    monkeypatch.setattr("sys.platform", "darwin")
    result = probe._desktop(unknown_system("test"), unknown_cpu("test"), unknown_memory("test"))
    assert result is not None
    assert [v.kind.value for v in result[4].found] == ["nvme", "nvme", None]
    profiler = [argv for argv in calls if argv[0] == "system_profiler"]
    assert len(profiler) == 1
    assert {"SPStorageDataType", "SPNVMeDataType", "SPHardwareDataType"} <= set(profiler[0])


def test_a_mac_capture_has_its_volumes_without_their_names(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(json.dumps(MAC))
    rig = rig_from_captures([tmp_path / "a"])
    assert [(s.folder.value, s.kind.value) for s in rig.storage] == [("~", "nvme"), ("/Volumes/…", None)]
    assert rig.storage[0].free_bytes.value == 437436678144
    assert rig.system.os.value == "macos"
    assert [s for s in SECRETS if s in rig_to_json(rig)] == []


# --- Windows ---------------------------------------------------------------------------------

GUID = r"\\?\Volume{6B66F471-BAD0-40FF-BC86-D2EBEC4EDB06}" + "\\"


def physical(device: str, media: int | str, bus: int | str, name: str = "Disk") -> dict[str, Any]:
    return {
        "DeviceId": device,
        "MediaType": media,
        "BusType": bus,
        "FriendlyName": name,
        "SerialNumber": "WD-SERIAL1",
        "PSComputerName": "ALICE-PC",
    }


def partition(disk: int, letter: Any, *more: str) -> dict[str, Any]:
    paths = [f"{letter}:\\"] if isinstance(letter, str) and letter.isalpha() else []
    return {"DiskNumber": disk, "DriveLetter": letter, "AccessPaths": [*paths, *more, GUID]}


def windows_kind(drive: dict[str, Any], disk_bus: int | str | None = None) -> Fact[str]:
    disks = [] if disk_bus is None else [{"Number": 0, "BusType": disk_bus}]
    (volume,) = volumes_from_storage([drive, *disks, partition(0, "C")])
    return volume.kind


@pytest.mark.parametrize(
    ("media", "bus", "kind"),
    [
        (4, 17, "nvme"),
        (0, 17, "nvme"),
        ("SSD", "NVMe", "nvme"),
        (4, 11, "ssd"),
        ("SSD", "SATA", "ssd"),
        (3, 11, "hdd"),
        ("HDD", "USB", "hdd"),
        (4, 13, "flash"),
        (0, "SD", "flash"),
        (0, 7, None),
        ("Unspecified", "USB", None),
        (4, 15, None),
        (4, 16, None),
        (5, 17, None),
        (None, None, None),
    ],
)
def test_codes_and_words_of_a_physical_disk(media: Any, bus: Any, kind: str | None) -> None:
    found = windows_kind(physical("0", media, bus))
    assert found.value == kind
    assert found.source


@pytest.mark.parametrize(
    ("drive", "disk_bus", "says"),
    [
        (physical("0", 4, 17), 16, "storage space"),
        (physical("0", 4, 17), "Storage Spaces", "storage space"),
        (physical("0", 4, 17), 15, "virtual disk"),
        (physical("0", 4, 17), 11, "another bus"),
        (physical("1", 4, 17), 17, "0 physical disks"),
        (physical("0", 4, 10, "Msft Virtual Disk"), 10, "virtual disk"),
    ],
)
def test_a_disk_that_cannot_be_joined_is_unknown_and_says_why(
    drive: dict[str, Any], disk_bus: int | str, says: str
) -> None:
    found = windows_kind(drive, disk_bus)
    assert found.value is None
    assert says in found.source


def test_two_physical_disks_of_one_number_are_unknown() -> None:
    (volume,) = volumes_from_storage([physical("0", 4, 17), physical("0", 3, 11), partition(0, "C")])
    assert "2 physical disks" in volume.kind.source


WINDOWS = [
    physical("0", 4, 17),
    physical("1", 3, 11),
    {"Number": 0, "BusType": 17},
    {"Number": 1, "BusType": 11},
    partition(0, "\0"),
    partition(0, "C"),
    partition(1, 68, r"C:\mnt\big" + "\\"),
    {"DriveLetter": "C", "FileSystem": "NTFS", "Size": 10**12, "SizeRemaining": 4 * 10**11},
]


def test_folders_on_windows_are_joined_through_any_path_of_their_volume() -> None:
    devices = {"C:\\": 0xC0FFEE, r"C:\mnt\big" + "\\": 0xBEEF}
    system, mounted, share = with_volumes(
        [place(0xC0FFEE), place(0xBEEF), place(7)], Volumes(volumes_from_storage(WINDOWS)), devices.get
    )
    assert (system.kind.value, system.file_system.value) == ("nvme", "NTFS")
    assert mounted.kind.value == "hdd"
    assert "network share" in share.kind.source


def test_a_windows_capture_has_its_lettered_volumes(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(json.dumps(WINDOWS))
    rig = rig_from_captures([tmp_path / "a"])
    assert [(s.folder.value, s.kind.value) for s in rig.storage] == [("C:", "nvme"), ("D:", "hdd")]
    assert rig.storage[0].total_bytes.value == 10**12
    assert not rig.storage[1].free_bytes.known
    assert rig.system.os.value == "windows"
    assert [s for s in SECRETS if s in rig_to_json(rig)] == []


def test_disks_and_partitions_may_come_in_one_object_each(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(json.dumps({"disks": WINDOWS[:2], "partitions": WINDOWS[4:7]}))
    assert [s.kind.value for s in rig_from_captures([tmp_path / "a"]).storage] == ["nvme", "hdd"]


def test_what_format_list_prints_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(
        "DeviceId     : 0\nMediaType    : SSD\nBusType      : NVMe\nSerialNumber : WD-SERIAL1\n\n"
        "DiskNumber   : 0\nDriveLetter  : C\n"
    )
    rig = rig_from_captures([tmp_path / "a"])
    assert [(s.folder.value, s.kind.value) for s in rig.storage] == [("C:", "nvme")]
    assert "WD-SERIAL1" not in rig_to_json(rig)


def test_a_rig_document_keeps_its_folders_as_a_capture(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(json.dumps(WINDOWS))
    rig = rig_from_captures([tmp_path / "a"])
    (tmp_path / "rig").write_text(rig_to_json(rig))
    assert rig_from_captures([tmp_path / "rig"]).storage == rig.storage


@pytest.mark.parametrize(
    ("output", "says"),
    [
        (Output("", "`powershell` is not installed"), "not installed"),
        (Output("", "`powershell` did not answer within 15 s", timed_out=True), "did not answer"),
        (Output("garbage { ["), "something else"),
        (Output('[{"DiskNumber": {}, "AccessPaths": 7}]'), "lists no partitions"),
    ],
)
def test_without_powershell_the_kind_of_drive_says_why(
    output: Output, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows_live, "run", lambda *_, **__: output)
    (found,) = with_volumes([place(1)], windows_live.probe_windows().volumes, lambda _: 1)
    assert found.kind.value is None
    assert says in found.kind.source


def test_powershell_is_asked_once_for_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []

    def run(argv: list[str], *_: object) -> Output:
        calls.append(argv)
        return Output(json.dumps(WINDOWS))

    monkeypatch.setattr(windows_live, "run", run)
    found = windows_live.probe_windows()
    assert [v.kind.value for v in found.volumes.found] == ["nvme", "nvme", "hdd"]
    (argv,) = calls
    for name in ("MSFT_PhysicalDisk", "MSFT_Partition", "Get-PnpDeviceProperty", "Win32_VideoController"):
        assert name in argv[-1]
    assert "Serial" not in argv[-1]
    assert argv[-1].count("{") == argv[-1].count("}")


# --- isolation -------------------------------------------------------------------------------

STRANGE: list[Any] = [None, 7, True, "x", [], {}, [[]], [{}], {"a": [None]}, -1, 10**30, "\0", "disk"]


@pytest.mark.parametrize("value", STRANGE, ids=repr)
def test_any_value_in_any_field_makes_nothing_up(value: Any) -> None:
    for field in ("bsd_name", "mount_point", "physical_drive", "free_space_in_bytes", "writable"):
        document = {**MAC, "SPStorageDataType": [{**MAC["SPStorageDataType"][0], field: value}]}
        for volume in volumes_from_system_profiler(document):
            assert volume.kind.value in ("nvme", None)
    for section in MAC:
        assert isinstance(volumes_from_system_profiler({**MAC, section: value}), tuple)
    for item in WINDOWS:
        for field in item:
            changed = [{**item, field: value} if i is item else i for i in WINDOWS]
            for found in volumes_from_storage(changed):
                assert found.kind.value in ("nvme", "hdd", None)


def test_a_drive_that_hangs_costs_only_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    released = threading.Event()

    def hang(*_: object) -> Any:
        released.wait(30)
        return ()

    monkeypatch.setattr(volumes, "with_volumes", hang)
    monkeypatch.setitem(probe.TIMEOUTS_S, "storage", 0.05)
    found = probe._with_volumes((place(1),), Volumes())
    released.set()
    assert [(p.folder.value, p.kind.value) for p in found] == [("~", None)]


def test_places_carry_the_device_of_their_folder(tmp_path: Path) -> None:
    (found,) = probe_places([tmp_path], tmp_path, tmp_path)
    assert found.device == tmp_path.stat().st_dev == volumes.device_of(str(tmp_path))
    assert storage.probe_storage([tmp_path], tmp_path, tmp_path) == (found.info,)
    assert volumes.device_of("a\0b") is None
    listed = Volume((str(tmp_path),), None, Fact("ssd", "t", "reported"), *([unknown("t")] * 3))
    (joined,) = with_volumes(
        [Place(replace(found.info, kind=unknown("t")), found.device)], Volumes((listed,))
    )
    assert joined.kind.value == "ssd"
