"""Cores, caches and NUMA nodes of Windows: the buffer of ``GetLogicalProcessorInformationEx``.

The records are SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX (winnt.h), 64-bit layout: relationship and size, then
a union.  Processors are numbered 64 x group + bit.
"""

from __future__ import annotations

import ctypes
import struct
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from probes.cpu_names import isa_of
from probes.types import Cache, CpuInfo, Fact, NumaNode, unknown
from probes.unknowns import unknown_cpu

SOURCE = "GetLogicalProcessorInformationEx"

_CORE, _NUMA, _CACHE, _PACKAGE, _ALL = 0, 1, 2, 3, 0xFFFF
_INSTRUCTION = 1
_MAX_BYTES = 16 * 1024**2

_X86_FEATURES = {38: "sse4_2", 39: "avx", 40: "avx2", 41: "avx512f"}
_ARM_FEATURES = {43: "asimddp", 46: "sve", 47: "sve2", 66: "i8mm", 68: "bf16", 70: "sme", 71: "sme2"}
"""``PF_…_AVAILABLE`` numbers of IsProcessorFeaturePresent (winnt.h)."""
_ARM_NEON = 19
"""``PF_ARM_NEON_INSTRUCTIONS_AVAILABLE``: set on ARM only."""


@dataclass(frozen=True, slots=True)
class _Record:
    kind: int
    body: bytes


def _records(data: bytes) -> Iterator[_Record]:
    place = 0
    while place + 8 <= len(data):
        kind, size = struct.unpack_from("<II", data, place)
        if size < 8 or place + size > len(data):
            return  # cut off or damaged: what came before counts
        yield _Record(kind, data[place + 8 : place + size])
        place += size


def _processors(body: bytes, count_at: int) -> frozenset[int]:
    """The processors of the group masks whose number stands at ``count_at``."""
    if len(body) < count_at + 2:
        return frozenset()
    # Windows before 20H2 leaves the number of groups of caches and nodes 0: one mask then.
    count = max(1, struct.unpack_from("<H", body, count_at)[0])
    found: set[int] = set()
    for i in range(count):
        place = count_at + 2 + i * 16
        place = (place + 7) // 8 * 8 if i == 0 and (count_at + 2) % 8 else place
        if place + 10 > len(body):
            break
        mask, group = struct.unpack_from("<QH", body, place)
        found |= {group * 64 + bit for bit in range(64) if mask >> bit & 1}
    return frozenset(found)


def cpu_from_records(data: bytes) -> CpuInfo:
    """Everything but the name and the instruction sets; unknown where the buffer does not tell."""
    cores: list[tuple[int, frozenset[int]]] = []
    caches: Counter[tuple[int, int]] = Counter()
    nodes: list[NumaNode] = []
    packages = 0
    for record in _records(data):
        body = record.body
        if record.kind == _CORE and len(body) >= 24:
            cores.append((body[1], _processors(body, 22)))
        elif record.kind == _PACKAGE and len(body) >= 24:
            packages += 1
        elif record.kind == _CACHE and len(body) >= 32:
            size, kind = struct.unpack_from("<II", body, 4)
            if size and kind != _INSTRUCTION and 0 < body[0] < 10:
                caches[body[0], size] += 1
        elif record.kind == _NUMA and len(body) >= 24:
            number = struct.unpack_from("<I", body, 0)[0]
            nodes.append(NumaNode(number, _cpu_list(_processors(body, 22)), None))
    if not cores:
        return unknown_cpu(f"{SOURCE} lists no cores")
    logical = len(frozenset().union(*(members for _, members in cores)))
    best = max(kind for kind, _ in cores)
    fast = sum(kind == best for kind, _ in cores)
    hybrid = fast < len(cores)
    threads = max((len(members) for _, members in cores), default=0)
    return replace(
        unknown_cpu(f"not in {SOURCE}"),
        sockets=Fact(packages, SOURCE, "reported") if packages else unknown("no packages listed"),
        physical_cores=Fact(len(cores), SOURCE, "reported"),
        logical_cores=Fact(logical, SOURCE, "reported") if logical else unknown("no processor masks"),
        threads_per_core=Fact(threads, SOURCE, "derived") if threads else unknown("no processor masks"),
        performance_cores=Fact(fast, f"{SOURCE}: efficiency class {best}", "derived")
        if hybrid
        else unknown("one efficiency class"),
        efficiency_cores=Fact(len(cores) - fast, f"{SOURCE}: lower efficiency classes", "derived")
        if hybrid
        else unknown("one efficiency class"),
        caches=tuple(
            Cache(level, size, count)
            for (level, size), count in sorted(caches.items(), key=lambda item: (item[0][0], -item[0][1]))
        ),
        numa=tuple(sorted(nodes, key=lambda node: node.node)),
    )


def _cpu_list(cpus: frozenset[int]) -> str:
    """``0-3,8`` as the Linux kernel writes it."""
    parts: list[str] = []
    ordered = sorted(cpus)
    for i, cpu in enumerate(ordered):
        if i and ordered[i - 1] == cpu - 1:
            start = parts[-1].partition("-")[0]
            parts[-1] = f"{start}-{cpu}"
        else:
            parts.append(str(cpu))
    return ",".join(parts)


def processor_records(kernel: Any | None = None) -> bytes:
    """The buffer from the system; empty where it gives none.  ``kernel`` is ``kernel32`` or a stand-in."""
    kernel = kernel or _kernel32()
    if kernel is None:
        return b""
    size = ctypes.c_uint32(0)
    kernel.GetLogicalProcessorInformationEx(_ALL, None, ctypes.byref(size))  # fails, and says how large
    if not 8 <= size.value <= _MAX_BYTES:
        return b""
    buffer = ctypes.create_string_buffer(size.value)
    if not kernel.GetLogicalProcessorInformationEx(_ALL, buffer, ctypes.byref(size)):
        return b""
    return buffer.raw[: size.value]


def isa_from_features(kernel: Any | None = None) -> Fact[tuple[str, ...]]:
    """The instruction sets that ``IsProcessorFeaturePresent`` knows: no VNNI, BF16 or AMX on x86."""
    kernel = kernel or _kernel32()
    if kernel is None:
        return unknown("not Windows")
    ask: Callable[[int], int] = kernel.IsProcessorFeaturePresent
    arm = bool(ask(_ARM_NEON))
    table = _ARM_FEATURES if arm else _X86_FEATURES
    flags = {name for number, name in table.items() if ask(number)} | ({"asimd", "neon"} if arm else set())
    isa = isa_of(flags)
    return Fact(isa, "IsProcessorFeaturePresent", "reported") if isa else unknown("no feature reported")


def _kernel32() -> Any | None:
    platform: str = sys.platform
    if platform != "win32":
        return None
    return getattr(ctypes, "windll").kernel32  # noqa: B009 - exists on Windows only
