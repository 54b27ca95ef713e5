"""Windows from recorded answers: DXGI objects, the registry, processor records, PowerShell's JSON.

Shapes: DXGI_ADAPTER_DESC1 and the places in the interfaces' tables from dxgi.h (Microsoft documentation of
IDXGIFactory1 and IDXGIAdapter1); SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX from winnt.h; the registry values
from the documentation of display drivers (HardwareInformation.qwMemorySize).  The values are synthetic.
"""

from __future__ import annotations

import ctypes
import json
import struct
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from probes import dxgi, probe, windows_cpu, windows_live
from probes.capture import Findings
from probes.capture_json import read_json_capture
from probes.commands import Output
from probes.types import Cache
from probes.unknowns import unknown_cpu, unknown_memory, unknown_system
from probes.windows_adapters import (
    adapters_from_list,
    adapters_from_registry,
    gpus_from_adapters,
    with_registry,
)

GIB = 1024**3
MIB = 1024**2

# --- DXGI ------------------------------------------------------------------------------------

ADAPTERS = (
    ("NVIDIA GeForce RTX 4060", 0x10DE, 0x2882, 0xA1, 8388608000 // 1, 0),
    ("AMD Radeon(TM) 780M Graphics", 0x1002, 0x15BF, 0xC2, 512 * MIB, 0),
    ("Microsoft Basic Render Driver", 0x1414, 0x8C, 0, 0, 2),
)


class FakeDxgi:
    """``dxgi.dll``: COM objects are pointers to tables of functions, as the real ones are."""

    def __init__(self, adapters: Sequence[tuple[str, int, int, int, int, int]], result: int = 0) -> None:
        self.adapters = adapters
        self.result = result
        self.released: list[str] = []
        self._kept: list[Any] = []
        hresult = ctypes.c_int32

        def enumerate_one(_this: int, index: int, out: int) -> int:
            if index >= len(self.adapters):
                return -2005270526  # DXGI_ERROR_NOT_FOUND
            ctypes.cast(out, ctypes.POINTER(ctypes.c_void_p))[0] = self._adapter(index)
            return 0

        kind = ctypes.CFUNCTYPE(hresult, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p)
        self._factory = self._object({12: kind(enumerate_one), 2: self._release("factory")})

    def _release(self, name: str) -> Any:
        def release(_this: int) -> int:
            self.released.append(name)
            return 0

        return ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)(release)

    def _object(self, methods: dict[int, Any]) -> int:
        table = (ctypes.c_void_p * 16)()
        for place, method in methods.items():
            table[place] = ctypes.cast(method, ctypes.c_void_p).value
        instance = ctypes.pointer(ctypes.c_void_p(ctypes.addressof(table)))
        self._kept += [table, instance, *methods.values()]
        return ctypes.addressof(instance.contents)

    def _adapter(self, index: int) -> int:
        name, vendor, device, revision, memory, flags = self.adapters[index]

        def describe(_this: int, out: int) -> int:
            description = ctypes.cast(out, ctypes.POINTER(dxgi.AdapterDescription))[0]
            for i, code in enumerate(struct.unpack(f"<{len(name)}H", name.encode("utf-16-le"))):
                description.description[i] = code
            description.vendor_id, description.device_id, description.revision = vendor, device, revision
            description.dedicated_video_memory, description.shared_system_memory = memory, 16 * GIB
            description.luid_low, description.flags = index, flags
            return 0

        kind = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p)
        return self._object({10: kind(describe), 2: self._release(name)})

    def CreateDXGIFactory1(self, _iid: Any, out: Any) -> int:
        if self.result == 0:
            out._obj.value = self._factory
        return self.result


def test_dxgi_lists_present_cards_with_all_of_their_memory_and_releases_them() -> None:
    library = FakeDxgi(ADAPTERS)
    found = dxgi.adapters(library)
    assert [(a.name, a.vendor, a.pci_id, a.revision) for a in found] == [
        ("NVIDIA GeForce RTX 4060", "NVIDIA", "2882", "A1"),
        ("AMD Radeon(TM) 780M Graphics", "AMD", "15BF", "C2"),
    ]
    assert library.released == [*(a[0] for a in ADAPTERS), "factory"]
    card, integrated = gpus_from_adapters(found).accelerators
    assert card.vram_bytes.value == 8388608000
    assert card.vram_bytes.source == "dxgi"
    assert card.bandwidth_bytes_per_s.value == pytest.approx(272e9)
    assert integrated.unified.value is True
    assert not integrated.vram_bytes.known  # 512 MiB is what the firmware sets aside, not what it may use


@pytest.mark.parametrize("library", [FakeDxgi(ADAPTERS, result=-2147467259), FakeDxgi(())])
def test_a_dxgi_that_refuses_or_lists_nothing_gives_no_adapters(library: FakeDxgi) -> None:
    assert dxgi.adapters(library) == ()


def test_recorded_dxgi_adapters_are_a_capture() -> None:
    record = {
        "Description": "Intel(R) Arc(TM) A770 Graphics",
        "VendorId": 0x8086,
        "DeviceId": 0x56A0,
        "Revision": 8,
        "DedicatedVideoMemory": 16 * GIB - 300 * MIB,
        "SharedSystemMemory": 16 * GIB,
        "Flags": 0,
    }
    findings = Findings()
    read_json_capture(json.dumps([record]), findings)
    (gpu,) = findings.gpus[0].accelerators
    assert gpu.bandwidth_bytes_per_s.value == pytest.approx(560e9)
    assert gpu.vram_bytes.value == 16 * GIB - 300 * MIB


# --- registry --------------------------------------------------------------------------------

CLASS_KEY = (
    r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}"
)
EXPORT = rf"""Windows Registry Editor Version 5.00

[{CLASS_KEY}]
"Class"="Display"

[{CLASS_KEY}\0000]
"DriverDesc"="NVIDIA GeForce GTX 960"
"MatchingDeviceId"="pci\\ven_10de&dev_1401"
"HardwareInformation.MemorySize"=dword:fff00000
"HardwareInformation.qwMemorySize"=hex(b):00,00,00,00,01,00,00,00

[{CLASS_KEY}\0001]
"DriverDesc"="AMD Radeon RX 7900 XTX"
"MatchingDeviceId"="PCI\\VEN_1002&DEV_744C&REV_C8"
"HardwareInformation.qwMemorySize"=hex:00,00,00,\
  00,06,00,00,00

[{CLASS_KEY}\0002]
"DriverDesc"="Microsoft Remote Display Adapter"
"""
QUERY = rf"""
{CLASS_KEY}\0000
    DriverDesc    REG_SZ    AMD Radeon RX 7900 XTX
    MatchingDeviceId    REG_SZ    PCI\VEN_1002&DEV_744C&REV_C8
    HardwareInformation.qwMemorySize    REG_QWORD    0x600000000
"""


@pytest.mark.parametrize("text", [EXPORT, QUERY])
def test_the_registry_has_64_bit_sizes_as_number_or_bytes(text: str) -> None:
    card = adapters_from_registry(text)[-1]
    assert (card.name, card.pci_id, card.revision) == ("AMD Radeon RX 7900 XTX", "744C", "C8")
    assert card.memory_bytes == 24 * GIB


def test_cards_that_were_removed_fill_nothing_in() -> None:
    keys = adapters_from_registry(EXPORT)
    assert [k.name for k in keys] == ["NVIDIA GeForce GTX 960", "AMD Radeon RX 7900 XTX"]
    present = gpus_from_adapters(a for a in adapters_from_list("AMD Radeon RX 7900 XTX|4293918720"))
    assert present.accelerators[0].vram_bytes.confidence == "table"  # 32 bits: not believed
    (card,) = with_registry(present.accelerators, keys)
    assert (card.vram_bytes.value, card.vram_bytes.source) == (24 * GIB, "registry")


class FakeRegistry:
    """``winreg``: keys by number, values by name."""

    HKEY_LOCAL_MACHINE = object()

    def __init__(self, keys: dict[str, dict[str, Any]]) -> None:
        self.keys = keys

    @contextmanager
    def OpenKey(self, _root: object, path: str) -> Iterator[dict[str, Any]]:
        number = path.rpartition("\\")[2]
        if number not in self.keys:
            raise FileNotFoundError(path)
        yield self.keys[number]

    def QueryValueEx(self, key: dict[str, Any], name: str) -> tuple[Any, int]:
        if name not in key:
            raise FileNotFoundError(name)
        return key[name], 11


def test_the_live_registry_is_read_key_by_key() -> None:
    registry = FakeRegistry(
        {
            "0000": {"DriverDesc": "Intel(R) UHD Graphics 770", "MatchingDeviceId": r"PCI\VEN_8086&DEV_4680"},
            "0002": {
                "DriverDesc": "NVIDIA GeForce RTX 3090",
                "MatchingDeviceId": r"PCI\VEN_10DE&DEV_2204",
                "HardwareInformation.qwMemorySize": (24 * GIB).to_bytes(8, "little"),
            },
        }
    )
    assert [(a.name, a.memory_bytes) for a in windows_live.registry_adapters(registry)] == [
        ("Intel(R) UHD Graphics 770", None),
        ("NVIDIA GeForce RTX 3090", 24 * GIB),
    ]


# --- processors ------------------------------------------------------------------------------


def group(mask: int, number: int = 0) -> bytes:
    return struct.pack("<QH6x", mask, number)


def record(kind: int, body: bytes) -> bytes:
    return struct.pack("<II", kind, 8 + len(body)) + body


def core(mask: int, efficiency: int, smt: bool, number: int = 0) -> bytes:
    return record(0, struct.pack("<BB20xH", smt, efficiency, 1) + group(mask, number))


def cache(level: int, size: int, kind: int, mask: int) -> bytes:
    return record(2, struct.pack("<BBHII18xH", level, 8, 64, size, kind, 1) + group(mask))


HYBRID = b"".join(
    [
        *(core(0b11 << 2 * i, 1, True) for i in range(2)),
        *(core(1 << (4 + i), 0, False) for i in range(4)),
        *(cache(1, 48 * 1024, 2, 0b11 << 2 * i) for i in range(2)),
        cache(1, 32 * 1024, 1, 0b11),
        cache(2, 2 * MIB, 0, 0b11110000),
        cache(3, 24 * MIB, 0, 0xFF),
        record(1, struct.pack("<I18xH", 0, 0) + group(0xFF)),
        record(3, struct.pack("<BB20xH", 0, 0, 1) + group(0xFF)),
        record(4, b"\0" * 40),
    ]
)


def test_processor_records_tell_cores_kinds_caches_and_nodes() -> None:
    cpu = windows_cpu.cpu_from_records(HYBRID)
    assert (cpu.sockets.value, cpu.physical_cores.value, cpu.logical_cores.value) == (1, 6, 8)
    assert (cpu.performance_cores.value, cpu.efficiency_cores.value) == (2, 4)
    assert cpu.threads_per_core.value == 2
    assert cpu.caches == (Cache(1, 48 * 1024, 2), Cache(2, 2 * MIB, 1), Cache(3, 24 * MIB, 1))
    assert [(n.node, n.cpus) for n in cpu.numa] == [(0, "0-7")]


def test_processor_groups_count_beyond_64() -> None:
    cpu = windows_cpu.cpu_from_records(b"".join(core(1 << i, 0, False, g) for g in (0, 1) for i in range(64)))
    assert (cpu.physical_cores.value, cpu.logical_cores.value) == (128, 128)
    assert not cpu.performance_cores.known


@pytest.mark.parametrize("cut", range(0, len(HYBRID), 7))
def test_records_that_are_cut_off_never_raise(cut: int) -> None:
    cpu = windows_cpu.cpu_from_records(HYBRID[:cut])
    assert cpu.physical_cores.value is None or cpu.physical_cores.value <= 6


class FakeKernel:
    """``kernel32``: the calls that are used, with recorded answers."""

    def __init__(
        self, records: bytes = HYBRID, features: Sequence[int] = (38, 39, 40), table: bytes = b""
    ) -> None:
        self.records = records
        self.features = features
        self.table = table

    def GetLogicalProcessorInformationEx(self, _kind: int, buffer: Any, size: Any) -> int:
        room, size._obj.value = size._obj.value, len(self.records)
        if buffer is None or room < len(self.records):
            return 0
        ctypes.memmove(buffer, self.records, len(self.records))
        return 1

    def IsProcessorFeaturePresent(self, number: int) -> int:
        return int(number in self.features)

    def GetSystemFirmwareTable(self, _provider: int, _table: int, buffer: Any, size: int) -> int:
        if buffer is not None and size >= len(self.table):
            ctypes.memmove(buffer, self.table, len(self.table))
        return len(self.table)


def test_the_kernel_is_asked_twice_for_its_records() -> None:
    assert windows_cpu.processor_records(FakeKernel()) == HYBRID
    assert windows_cpu.processor_records(FakeKernel(b"")) == b""


@pytest.mark.parametrize(
    ("features", "isa"),
    [
        ((38, 39, 40, 41), ("sse4_2", "avx", "avx2", "avx512f")),
        ((19, 43, 66, 68), ("neon", "asimd", "asimddp", "i8mm", "bf16")),
        ((), None),
    ],
)
def test_features_of_the_processor(features: tuple[int, ...], isa: tuple[str, ...] | None) -> None:
    assert windows_cpu.isa_from_features(FakeKernel(features=features)).value == isa


def test_the_firmware_table_keeps_its_header() -> None:
    table = struct.pack("<BBBBI", 0, 3, 4, 0, 6) + b"\x7f\x04\x00\x00\x00\x00"
    assert windows_live.firmware_table(FakeKernel(table=table)) == table
    assert windows_live.firmware_table(FakeKernel(table=b"")) is None


# --- together --------------------------------------------------------------------------------

VIDEO = json.dumps(
    {
        "Name": "NVIDIA GeForce RTX 3090",
        "AdapterRAM": 4293918720,
        "PNPDeviceID": r"PCI\VEN_10DE&DEV_2204&SUBSYS_87D51043&REV_A1\4&SERIAL",
    }
)


def test_without_dxgi_powershell_lists_and_the_registry_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = FakeRegistry(
        {
            "0000": {
                "DriverDesc": "NVIDIA GeForce RTX 3090",
                "MatchingDeviceId": r"PCI\VEN_10DE&DEV_2204",
                "HardwareInformation.qwMemorySize": 24 * GIB - MIB,
            }
        }
    )
    keys = windows_live.registry_adapters(registry)
    monkeypatch.setattr(windows_live, "registry_adapters", lambda: keys)
    monkeypatch.setattr(windows_live, "run", lambda *_, **__: Output(VIDEO))
    found = windows_live.probe_windows()
    (gpu,) = found.gpus.accelerators
    assert (gpu.vram_bytes.value, gpu.vram_bytes.source) == (24 * GIB - MIB, "registry")
    assert gpu.bandwidth_bytes_per_s.value == pytest.approx(936e9, rel=0.01)


@pytest.mark.parametrize(
    ("output", "says"),
    [
        (Output("", "`powershell` is not installed"), "not installed"),
        (Output("", "`powershell` did not answer within 15 s", timed_out=True), "did not answer"),
        (Output("garbage \x00\x01"), "something else"),
        (Output("[" * 100_000), "something else"),
        (Output("", "`powershell` printed nothing (exit status 1)"), "exit status 1"),
    ],
)
def test_powershell_missing_hanging_talking_nonsense_or_failing(
    output: Output, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows_live, "run", lambda *_, **__: output)
    found = windows_live.probe_windows()
    assert found.gpus.accelerators == ()
    assert any(says in note for note in found.gpus.notes)


class Broken:
    """A library whose every call raises."""

    def __getattr__(self, name: str) -> Any:
        raise OSError(f"{name}: access violation")


class Nonsense:
    """A library whose every call returns garbage and fills in nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_: 0x7FFFFFFF


@pytest.mark.parametrize("kernel", [Nonsense(), FakeKernel(b"\xff" * 512, (), b"\xff" * 64)])
def test_a_kernel_that_answers_nonsense_is_unknown(kernel: Any) -> None:
    assert not windows_cpu.cpu_from_records(windows_cpu.processor_records(kernel)).physical_cores.known


@pytest.mark.parametrize("what", ["firmware_table", "registry_adapters"])
def test_each_library_that_breaks_costs_its_own_facts(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise OSError("access violation reading 0x0")

    monkeypatch.setattr(windows_live, what, broken)
    monkeypatch.setattr(windows_live, "run", lambda *_, **__: Output(VIDEO))
    found = windows_live.probe_windows()
    assert [g.name.value for g in found.gpus.accelerators] == ["NVIDIA GeForce RTX 3090"]
    assert any("cannot be read (OSError)" in note for note in found.gpus.notes)


def test_a_broken_dxgi_falls_back_to_powershell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dxgi, "descriptions", lambda _library: iter(Broken().descriptions()))
    monkeypatch.setattr(windows_live, "run", lambda *_, **__: Output(VIDEO))
    found = windows_live.probe_windows()
    assert [g.name.value for g in found.gpus.accelerators] == ["NVIDIA GeForce RTX 3090"]


def test_the_windows_step_of_the_probe_joins_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(windows_live, "firmware_table", lambda: None)
    monkeypatch.setattr(windows_cpu, "_kernel32", lambda: FakeKernel(features=(38, 39, 40)))
    monkeypatch.setattr(dxgi, "descriptions", lambda _library: dxgi_descriptions())
    monkeypatch.setattr("probes.cpuid._cpuinfo", Broken)
    monkeypatch.setattr(windows_live, "run", lambda *_, **__: Output("", "`powershell` is not installed"))
    result = probe._desktop(unknown_system("test"), unknown_cpu("test"), unknown_memory("test"))
    assert result is not None
    _, cpu, _, gpus, volumes = result
    assert "not installed" in volumes.reason
    assert cpu.physical_cores.value == 6
    assert cpu.isa.value == ("sse4_2", "avx", "avx2")
    assert [g.name.value for g in gpus.accelerators] == [
        "NVIDIA GeForce RTX 4060",
        "AMD Radeon(TM) 780M Graphics",
    ]


def dxgi_descriptions() -> Iterator[dxgi.AdapterDescription]:
    return _DESCRIPTIONS(FakeDxgi(ADAPTERS))


_DESCRIPTIONS = dxgi.descriptions
