"""The three readers of firmware records: binary SMBIOS, udev properties, dmidecode text."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.channels import analyse_memory
from probes.dmi import DmiRecords, MemoryDevice, clean, infer_type, meaningful
from probes.dmidecode_text import looks_like_dmidecode, parse_dmidecode
from probes.memory import memory_from_dmi
from probes.smbios import parse_smbios
from probes.types import RigError
from probes.udev_dmi import looks_like_udev_dmi, parse_udev_dmi

CAPTURES = Path(__file__).parents[1] / "fixtures" / "dmi"
T480 = (CAPTURES / "Lenovo-ThinkPad-T480.bin").read_bytes()
FRAMEWORK = next(CAPTURES.glob("Framework_*.txt")).read_text(encoding="utf-8")
GIB = 1024**3


def structure(kind: int, handle: int, body: bytes, *strings: str) -> bytes:
    tail = b"".join(s.encode() + b"\0" for s in strings) + b"\0" if strings else b"\0\0"
    return struct.pack("<BBH", kind, len(body) + 4, handle) + body + tail


def memory_device(
    *,
    size: int = 16384,
    extended_size: int = 0,
    kind: int = 0x22,
    speed: int = 5600,
    configured: int = 5200,
    length: int = 0x5C,
) -> bytes:
    """A synthetic type 17 record, cut to ``length`` bytes as older firmware writes it."""
    body = bytearray(0x5C)
    struct.pack_into("<H", body, 0x04, 0x1000)
    struct.pack_into("<HHH", body, 0x08, 72, 64, size)
    body[0x0E] = 0x09
    body[0x10], body[0x11], body[0x12] = 1, 2, kind
    struct.pack_into("<H", body, 0x15, speed)
    body[0x17], body[0x18], body[0x1A] = 3, 4, 5
    body[0x1B] = 0x02
    struct.pack_into("<I", body, 0x1C, extended_size)
    struct.pack_into("<H", body, 0x20, configured)
    struct.pack_into("<II", body, 0x54, 8000, 7200)
    return structure(17, 0x1100, bytes(body[4:length]), "DIMM_A1", "BANK 0", "Maker", "SERIAL123", "PART-1")


END = structure(127, 0x7F00, b"")


def udev_text(devices: int, *, total: bool = True, prefix: str = "E:", pad: int = 0) -> str:
    """A synthetic record as systemd writes it, two channels, serial numbers included."""
    lines = ["S:ignored", f"{prefix}ID_VENDOR=Maker", f"{prefix}ID_MODEL=Model"]
    lines.append(f"{prefix}MEMORY_ARRAY_MAX_CAPACITY=137438953472")
    for n in range(devices):
        fields = {
            "TOTAL_WIDTH": "64",
            "DATA_WIDTH": "64",
            "SIZE": str(16 * GIB),
            "FORM_FACTOR": "SODIMM",
            "LOCATOR": f"DIMM {n // 2}",
            "BANK_LOCATOR": f"P0 CHANNEL {'AB'[n % 2]}",
            "TYPE": "<OUT OF SPEC>",
            "SPEED_MTS": "5600",
            "CONFIGURED_SPEED_MTS": "5600",
            "SERIAL_NUMBER": "SECRET1",
            "ASSET_TAG": "SECRET2",
            "PART_NUMBER": "P" + "x" * pad,
        }
        lines += [f"{prefix}MEMORY_DEVICE_{n}_{key}={value}" for key, value in fields.items()]
    if total:
        lines.append(f"{prefix}MEMORY_ARRAY_NUM_DEVICES={devices}")
    return "\n".join(lines) + "\n"


def test_dump_bare_table_and_windows_buffer_give_the_same_records() -> None:
    table = T480[0x20:]
    windows = struct.pack("<BBBBI", 0, 3, 0, 0, len(table)) + table
    from_dump, from_table, from_windows = map(parse_smbios, (T480, table, windows))
    assert from_dump == from_table == from_windows
    assert from_dump.display_name == "LENOVO ThinkPad T480s"
    assert [d.size_bytes for d in from_dump.devices] == [8 * GIB, 16 * GIB]
    assert from_dump.processors[0].name == "Intel(R) Core(TM) i7-8650U CPU @ 1.90GHz"
    assert from_dump.processors[0].cores == 4


def test_fields_of_a_full_record() -> None:
    (device,) = parse_smbios(memory_device() + END).devices
    assert device == MemoryDevice(
        locator="DIMM_A1",
        bank="BANK 0",
        size_bytes=16 * GIB,
        type="DDR5",
        form_factor="DIMM",
        total_bits=72,
        data_bits=64,
        rated_mts=5600,
        configured_mts=5200,
        manufacturer="Maker",
        part_number="PART-1",
        rank=2,
        array=0x1000,
    )


def test_short_records_of_old_firmware_leave_late_fields_unknown() -> None:
    (device,) = parse_smbios(memory_device(length=0x15) + END).devices
    assert (device.size_bytes, device.type) == (16 * GIB, "DDR5")
    assert (device.rated_mts, device.configured_mts, device.manufacturer) == (None, None, None)


@pytest.mark.parametrize(
    ("size", "extended", "bytes_"),
    [
        (0, 0, 0),
        (0xFFFF, 0, None),
        (0x7FFF, 65536, 64 * GIB),
        (0x8000 | 512, 0, 512 * 1024),
        (32768 - 1024, 0, 31 * GIB),
    ],
)
def test_module_sizes(size: int, extended: int, bytes_: int | None) -> None:
    (device,) = parse_smbios(memory_device(size=size, extended_size=extended) + END).devices
    assert device.size_bytes == bytes_


def test_speeds_too_large_for_a_word_are_read_from_the_extended_fields() -> None:
    (device,) = parse_smbios(memory_device(speed=0xFFFF, configured=0xFFFF) + END).devices
    assert (device.rated_mts, device.configured_mts) == (8000, 7200)


def test_a_type_newer_than_the_parser_is_marked() -> None:
    (device,) = parse_smbios(memory_device(kind=0x77) + END).devices
    assert device.type is None
    assert device.type_unrecognised


def test_a_table_that_ends_in_the_middle_is_read_up_to_there_and_marked() -> None:
    array = structure(16, 0x1000, bytes([3, 3, 3]) + struct.pack("<IHH", 0, 0xFFFE, 2))
    whole = array + memory_device() + memory_device()
    found = parse_smbios(whole[: len(whole) - 60])
    assert len(found.devices) == 1
    assert not found.complete
    assert parse_smbios(whole).complete


@pytest.mark.parametrize(
    "data", [b"", b"\0", b"GIF89a", b"\x7fELF", b"_SM3_", b"_SM_" + bytes(20), b"\1\3\0\0"]
)
def test_what_is_no_table_is_refused_with_a_next_step(data: bytes) -> None:
    with pytest.raises(RigError, match="give a raw table"):
        parse_smbios(data)


def test_serial_numbers_never_leave_the_readers() -> None:
    for found in (parse_smbios(memory_device() + END), parse_udev_dmi(udev_text(2))):
        assert "SERIAL123" not in repr(found)
        assert "SECRET" not in repr(found)


def test_control_characters_of_firmware_strings_are_removed() -> None:
    assert clean("evil\x1b[2J\x07 name\n") == "evil [2J name"
    assert meaningful(" To be filled by O.E.M. ") is None
    assert meaningful("Kingston  Fury") == "Kingston Fury"


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_tables_never_raise_anything_but_rig_error(data: st.DataObject) -> None:
    damaged = bytearray(T480)
    for _ in range(data.draw(st.integers(0, 12))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(damaged)))
    check(lambda: parse_smbios(bytes(damaged[:cut])))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_arbitrary_bytes_never_raise_anything_but_rig_error(data: bytes) -> None:
    check(lambda: parse_smbios(data))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_text_never_raises_anything_but_rig_error(data: st.DataObject) -> None:
    text, parse = data.draw(
        st.sampled_from([(FRAMEWORK, parse_dmidecode), (udev_text(4), parse_udev_dmi)]), label="reader"
    )
    characters = list(text)
    for _ in range(data.draw(st.integers(0, 8))):
        at = data.draw(st.integers(0, len(characters) - 1))
        characters[at] = data.draw(st.characters())
    cut = "".join(characters[: data.draw(st.integers(0, len(characters)))])
    check(lambda: parse(cut))


def check(parse: object) -> None:
    """Either a typed error or records that can be analysed."""
    assert callable(parse)
    try:
        found = parse()
    except RigError:
        return
    assert isinstance(found, DmiRecords)
    for limit in (None, 2):
        layout = analyse_memory(found, max_channels_per_socket=limit)
        bandwidth = layout.bandwidth_bytes_per_s.value
        assert bandwidth is None or bandwidth > 0
        memory_from_dmi(found, max_channels_per_socket=limit, total_bytes=16 * GIB)


@pytest.mark.parametrize("prefix", ["E:", "E: ", ""])
def test_udev_database_and_udevadm_output_are_read_alike(prefix: str) -> None:
    text = udev_text(4, prefix=prefix)
    assert looks_like_udev_dmi(text)
    found = parse_udev_dmi(text)
    assert found.complete
    assert (found.vendor, found.product, len(found.devices)) == ("Maker", "Model", 4)
    layout = analyse_memory(found)
    assert (layout.channels.value, layout.mts.value, layout.type.value) == (2, 5600, "DDR5")


def test_a_record_cut_at_16_kib_is_recognised_and_its_last_slot_dropped() -> None:
    text = udev_text(60, pad=40)
    kept = 0
    lines = []
    for line in text.splitlines():
        kept += len(line.removeprefix("E:")) + 1 if "MEMORY_" in line else 0
        if kept > 16384:
            break
        lines.append(line)
    found = parse_udev_dmi("\n".join(lines))
    last = max(int(line.split("_")[2]) for line in lines if "MEMORY_DEVICE_" in line)
    assert not found.complete
    assert len(found.devices) == last


def test_a_short_record_of_an_old_systemd_is_complete() -> None:
    assert parse_udev_dmi(udev_text(2, total=False)).complete


def test_an_empty_slot_of_udev_has_no_size_property() -> None:
    text = udev_text(1) + "E:MEMORY_DEVICE_1_PRESENT=0\nE:MEMORY_DEVICE_1_LOCATOR=DIMM 1\n"
    assert parse_udev_dmi(text).devices[1].size_bytes == 0


def test_a_virtual_machines_record_without_memory_is_refused_with_the_reason() -> None:
    with pytest.raises(RigError, match="virtual machine"):
        parse_udev_dmi("E:ID_VENDOR=QEMU\n")


@pytest.mark.parametrize(
    ("device", "kind"),
    [
        (MemoryDevice(type_unrecognised=True, data_bits=64, total_bits=80, rated_mts=4800), "DDR5"),
        (MemoryDevice(type_unrecognised=True, data_bits=64, rated_mts=4800, form_factor="SODIMM"), "DDR5"),
        (MemoryDevice(type_unrecognised=True, data_bits=64, rated_mts=6400, form_factor="Other"), "LPDDR5"),
        (MemoryDevice(type_unrecognised=True, data_bits=32, rated_mts=6400), "LPDDR5"),
        (MemoryDevice(type_unrecognised=True, data_bits=32, rated_mts=3733), None),
        (MemoryDevice(type_unrecognised=False, data_bits=64, rated_mts=4800, form_factor="DIMM"), None),
        (MemoryDevice(type="DDR4", rated_mts=5000), "DDR4"),
    ],
)
def test_types_newer_than_the_writer_are_inferred(device: MemoryDevice, kind: str | None) -> None:
    assert infer_type(device) == kind


def test_dmidecode_text_and_table_agree() -> None:
    assert looks_like_dmidecode(FRAMEWORK)
    found = parse_dmidecode(FRAMEWORK)
    assert found.display_name == "Framework Laptop 13 (AMD Ryzen 7040Series)"
    assert found.processors[0].threads == 16
    assert [(d.locator, d.bank, d.size_bytes, d.configured_mts) for d in found.devices] == [
        ("DIMM 0", "P0 CHANNEL A", 16 * GIB, 5600),
        ("DIMM 0", "P0 CHANNEL B", 16 * GIB, 5600),
    ]


def test_units_and_field_names_of_old_dmidecode() -> None:
    text = (
        "Handle 0x0011, DMI type 17, 34 bytes\nMemory Device\n\tSize: 8192 MB\n\tLocator: A1\n"
        "\tType: DDR4\n\tSpeed: 2400 MHz\n\tConfigured Clock Speed: 2133 MHz\n\tData Width: 64 bits\n"
    )
    (device,) = parse_dmidecode(text).devices
    assert (device.size_bytes, device.rated_mts, device.configured_mts) == (8 * GIB, 2400, 2133)


def test_text_that_was_pasted_with_other_indentation_is_read_alike() -> None:
    whole = parse_dmidecode(FRAMEWORK)
    block = "".join(f"    {line}" for line in FRAMEWORK.expandtabs(4).splitlines(keepends=True))
    flat = "".join(line.lstrip() or "\n" for line in FRAMEWORK.splitlines(keepends=True))
    assert parse_dmidecode(block).devices == parse_dmidecode(flat).devices == whole.devices
    assert parse_dmidecode(block).product == whole.product


@pytest.mark.parametrize("maker", ["QEMU", "VMware Virtual RAM"])
def test_modules_made_by_a_hypervisor_are_made_up(maker: str) -> None:
    device = MemoryDevice("DIMM 0", size_bytes=GIB, type="DDR4", configured_mts=4800, manufacturer=maker)
    layout = analyse_memory(DmiRecords("only type 17", devices=(device,)), max_channels_per_socket=2)
    assert "virtual machine" in layout.bandwidth_bytes_per_s.source


def test_a_dmidecode_banner_alone_is_refused_with_a_next_step() -> None:
    with pytest.raises(RigError, match="as root"):
        parse_dmidecode("# dmidecode 3.5\nScanning /dev/mem for entry point.\n")
