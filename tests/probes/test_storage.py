"""Where models lie: kinds of drives through partitions, LUKS and RAID; network and RAM; no names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from probes.storage import drives_of, model_folders, probe_storage, read_mounts, shown
from probes.types import PcieLink


def mountinfo(root: Path, *lines: str) -> None:
    (root / "proc/self").mkdir(parents=True, exist_ok=True)
    (root / "proc/self/mountinfo").write_text("\n".join(lines) + "\n")


def block(
    root: Path, name: str, rotational: int | None, parent: str = "devices/pci0000:00/0000:00:01.0"
) -> Path:
    """A drive in a sysfs tree."""
    drive = root / "sys" / parent / "block" / name
    (drive / "queue").mkdir(parents=True)
    if rotational is not None:
        (drive / "queue/rotational").write_text(f"{rotational}\n")
    return drive


def number(root: Path, device: int, target: Path) -> None:
    folder = root / "sys/dev/block"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{os.major(device)}:{os.minor(device)}").symlink_to(target)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home/alice"
    (folder / ".ollama/models").mkdir(parents=True)
    return folder


@pytest.mark.parametrize(
    ("name", "rotational", "kind"),
    [
        ("sda", 1, "hdd"),
        ("sda", 0, "ssd"),
        ("nvme0n1", 0, "nvme"),
        ("mmcblk0", 0, "flash"),
        ("vda", 1, None),  # virtio says 1 whatever the host has
        ("sda", None, None),
    ],
)
def test_the_kind_of_drive_behind_a_partition(
    name: str, rotational: int | None, kind: str | None, tmp_path: Path, home: Path
) -> None:
    root = tmp_path / "root"
    drive = block(root, name, rotational)
    (drive / f"{name}1").mkdir()
    (drive / f"{name}1/partition").write_text("1\n")
    number(root, home.stat().st_dev, drive / f"{name}1")
    mountinfo(root, f"20 1 8:1 / / rw - ext4 /dev/{name}1 rw")
    (place,) = probe_storage(model_folders(home, {}, "linux"), root, home)
    assert place.kind.value == kind
    assert place.folder.value == "~/.ollama/models"
    assert place.file_system.value == "ext4"
    assert place.free_bytes.known


def test_encrypted_raid_leads_to_all_of_its_drives(tmp_path: Path) -> None:
    first, second = block(tmp_path, "nvme0n1", 0), block(tmp_path, "nvme1n1", 0)
    raid, crypt = block(tmp_path, "md0", 0, "devices/virtual"), block(tmp_path, "dm-0", 0, "devices/virtual")
    for holder, slaves in ((raid, (first, second)), (crypt, (raid,))):
        (holder / "slaves").mkdir()
        for slave in slaves:
            (holder / "slaves" / slave.name).symlink_to(slave)
    assert drives_of(crypt) == [first, second]


def test_devices_that_hold_each_other_end(tmp_path: Path) -> None:
    one, two = block(tmp_path, "dm-0", 0), block(tmp_path, "dm-1", 0)
    for holder, slave in ((one, two), (two, one)):
        (holder / "slaves").mkdir()
        (holder / "slaves" / slave.name).symlink_to(slave)
    assert drives_of(one) == []


def test_the_link_of_an_nvme_drive_is_read(tmp_path: Path, home: Path) -> None:
    root = tmp_path / "root"
    pci = root / "sys/devices/pci0000:00/0000:01:00.0"
    controller = pci / "nvme/nvme0"
    drive = controller / "nvme0n1"
    (drive / "queue").mkdir(parents=True)
    (drive / "device").symlink_to(controller)
    (controller / "device").symlink_to(pci)
    files = {
        "max_link_speed": "16.0 GT/s PCIe",
        "current_link_width": "2",
        "max_link_width": "4",
    }
    for name, text in files.items():
        (pci / name).write_text(text + "\n")
    number(root, home.stat().st_dev, drive)
    mountinfo(root, "20 1 259:1 / / rw - ext4 /dev/nvme0n1 rw")
    (place,) = probe_storage([home], root, home)
    assert place.pcie.value == PcieLink(4.0, 2, 4.0, 4)


@pytest.mark.parametrize(
    ("file_system", "kind"), [("nfs4", "network"), ("cifs", "network"), ("tmpfs", "ram"), ("9p", None)]
)
def test_file_systems_that_are_no_drive(
    file_system: str, kind: str | None, tmp_path: Path, home: Path
) -> None:
    root = tmp_path / "root"
    mountinfo(
        root, "20 1 8:1 / / rw - ext4 /dev/sda1 rw", f"21 20 0:50 / {home} rw - {file_system} server:/x rw"
    )
    (place,) = probe_storage([home], root, home)
    assert (place.kind.value, place.file_system.value) == (kind, file_system)
    assert "server" not in repr(place)


def test_folders_on_one_file_system_count_once_and_missing_ones_not(tmp_path: Path, home: Path) -> None:
    folders = [home / "missing", home / ".ollama/models", home]
    assert len(probe_storage(folders, tmp_path, home)) == 1


def test_no_users_name_is_shown(tmp_path: Path, home: Path) -> None:
    assert shown(home / ".cache/huggingface/hub", home) == "~/.cache/huggingface/hub"
    assert shown(home, home) == "~"
    assert shown(Path("/mnt/alices-disk/models"), home) == "…/models"
    places = probe_storage([home / ".ollama/models"], tmp_path, home)
    assert "alice" not in repr(places)


def test_variables_of_the_runtimes_come_first() -> None:
    home = Path("/home/x")
    environment = {"OLLAMA_MODELS": "/big/ollama", "HF_HOME": "/big/hf", "XDG_CACHE_HOME": "/big/cache"}
    folders = model_folders(home, environment, "linux")
    assert folders[:2] == (Path("/big/ollama"), Path("/big/hf/hub"))
    assert Path("/big/cache/llama.cpp") in folders
    assert folders[-1] == home
    assert Path("/home/x/Library/Caches/llama.cpp") in model_folders(home, {}, "darwin")


def test_mount_points_with_spaces_are_read(tmp_path: Path) -> None:
    mountinfo(tmp_path, r"20 1 8:1 / /mnt/my\040disk rw shared:1 - ext4 /dev/sda1 rw", "damaged line")
    assert [m.point for m in read_mounts(tmp_path)] == ["/mnt/my disk"]
