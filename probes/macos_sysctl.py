"""What ``sysctl`` says of a Mac: CPU, caches, instruction sets, memory, the GPU's wired limit.

Read by everybody.  ``iogpu.wired_limit_mb`` is 0 where the system's default holds, not a limit of zero.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from probes.cpu_names import X86_FLAGS, isa_of, tidy_brand
from probes.types import Cache, CpuInfo, Fact, MemoryInfo, SystemInfo, unknown
from probes.unknowns import unknown_cpu, unknown_memory, unknown_system

SOURCE = "sysctl"

KEYS = (
    *("hw", "machdep.cpu", "iogpu", "debug.iogpu", "kern.hv_vmm_present", "kern.osproductversion"),
    *("vm.swapusage", "vm.page_free_count", "vm.page_purgeable_count", "vm.pagesize"),
)
"""The names to ask for; older systems lack some, which costs an exit status of 1."""

_ARM_FEATURES = {
    "FEAT_DotProd": "asimddp",
    "FEAT_I8MM": "i8mm",
    "FEAT_BF16": "bf16",
    "FEAT_SVE": "sve",
    "FEAT_SVE2": "sve2",
    "FEAT_SME": "sme",
    "FEAT_SME2": "sme2",
}
_X86_FEATURES = {
    "SSE4.2": "sse4_2",
    "AVX1.0": "avx",
    "AVX2": "avx2",
    "FMA": "fma",
    "F16C": "f16c",
    "AVX512F": "avx512f",
    "AVX512VNNI": "avx512_vnni",
}
_MULTIPLES = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}


def looks_like_sysctl(text: str) -> bool:
    """Whether the text is macOS ``sysctl`` output."""
    return bool(
        re.search(
            r"^(hw\.(memsize|perflevel\d|physicalcpu|nperflevels)|machdep\.cpu\.)\S{0,80}[ \t]*[:=]",
            text,
            re.M,
        )
    )


def parse_sysctl(text: str) -> dict[str, str]:
    """Names and values of ``name: value`` (or ``name = value``) lines; the first of each name."""
    values: dict[str, str] = {}
    for name, value in re.findall(r"^([a-z][\w.]{0,120})[ \t]*[:=][ \t]*(\S.*)?$", text, re.MULTILINE):
        values.setdefault(name, value.strip())
    return values


def _number(values: Mapping[str, str], *names: str) -> int | None:
    for name in names:
        text = values.get(name, "")
        if text.isascii() and text.isdigit() and len(text) < 20:
            return int(text)
    return None


def cpu_from_sysctl(values: Mapping[str, str]) -> CpuInfo:
    """The CPU: perflevel 0 is the fastest kind of core, whatever its name (Performance, Super)."""
    nowhere = "not in sysctl"
    levels = _number(values, "hw.nperflevels") or 1
    counts = [_number(values, f"hw.perflevel{i}.physicalcpu") for i in range(min(levels, 8))]
    per_level = [c for c in counts if c]
    physical = _number(values, "hw.physicalcpu", "hw.physicalcpu_max", "machdep.cpu.core_count")
    threads = [_number(values, f"hw.perflevel{i}.logicalcpu") for i in range(min(levels, 8))]
    logical = _number(values, "hw.logicalcpu", "hw.logicalcpu_max", "machdep.cpu.thread_count")
    if physical is None and per_level and len(per_level) == levels:
        physical = sum(per_level)
    if logical is None and all(threads):
        logical = sum(t for t in threads if t)
    name = tidy_brand(values.get("machdep.cpu.brand_string", ""))
    sockets = _number(values, "hw.packages") or (1 if name and name.startswith("Apple") else None)
    hybrid = levels > 1 and len(per_level) == levels
    isa = _isa(values)
    return replace(
        unknown_cpu(nowhere),
        name=Fact(name, SOURCE, "reported") if name else unknown(nowhere),
        sockets=Fact(sockets, SOURCE, "reported") if sockets else unknown(nowhere),
        physical_cores=Fact(physical, SOURCE, "reported") if physical else unknown(nowhere),
        logical_cores=Fact(logical, SOURCE, "reported") if logical else unknown(nowhere),
        threads_per_core=Fact(max(1, logical // physical), SOURCE, "derived")
        if logical and physical
        else unknown(nowhere),
        isa=Fact(isa, SOURCE, "reported") if isa else unknown(nowhere),
        performance_cores=Fact(per_level[0], f"{SOURCE}: perflevel 0", "reported")
        if hybrid
        else unknown("one kind of core"),
        efficiency_cores=Fact(sum(per_level[1:]), f"{SOURCE}: the other perflevels", "reported")
        if hybrid
        else unknown("one kind of core"),
        caches=_caches(values, levels),
    )


def _isa(values: Mapping[str, str]) -> tuple[str, ...]:
    found = {flag for name, flag in _ARM_FEATURES.items() if values.get(f"hw.optional.arm.{name}") == "1"}
    if found or values.get("hw.optional.arm64") == "1":
        return isa_of({*found, "asimd", "neon"})
    words = f"{values.get('machdep.cpu.features', '')} {values.get('machdep.cpu.leaf7_features', '')}".upper()
    flags = {flag for name, flag in _X86_FEATURES.items() if name in words.split()}
    flags |= {f for f in X86_FLAGS if values.get(f"hw.optional.{f.replace('_', '')}") == "1"}
    if values.get("hw.optional.avx2_0") == "1":
        flags.add("avx2")
    return isa_of(flags)


def _caches(values: Mapping[str, str], levels: int) -> tuple[Cache, ...]:
    found = []
    for i in range(min(levels, 8)):
        cores = _number(values, f"hw.perflevel{i}.physicalcpu")
        first, second = (_number(values, f"hw.perflevel{i}.{k}") for k in ("l1dcachesize", "l2cachesize"))
        sharing = _number(values, f"hw.perflevel{i}.cpusperl2") or 1
        if cores and first:
            found.append(Cache(1, first, cores))
        if cores and second:
            found.append(Cache(2, second, -(-cores // sharing)))
    if not found:  # Intel: one size each, L1 and L2 per core
        physical, packages = _number(values, "hw.physicalcpu"), _number(values, "hw.packages") or 1
        for level, name, count in (
            (1, "hw.l1dcachesize", physical),
            (2, "hw.l2cachesize", physical),
            (3, "hw.l3cachesize", packages),
        ):
            size = _number(values, name)
            if size and count:
                found.append(Cache(level, size, count))
    return tuple(sorted(found, key=lambda c: (c.level, -c.size_bytes)))


def memory_from_sysctl(values: Mapping[str, str]) -> MemoryInfo:
    """RAM: its size, and what is free of it."""
    nowhere = "not in sysctl"
    size = _number(values, "hw.memsize")
    page = _number(values, "hw.pagesize", "vm.pagesize")
    free = _number(values, "vm.page_free_count")
    total: Fact[int] = Fact(size, SOURCE, "reported") if size else unknown(nowhere)
    available: Fact[int] = unknown(nowhere)
    if page and free and size and free * page <= size:
        purgeable = _number(values, "vm.page_purgeable_count") or 0
        available = Fact(min(size, (free + purgeable) * page), f"{SOURCE}: free pages", "derived")
    return replace(
        unknown_memory(nowhere), total_bytes=total, installed_bytes=total, available_bytes=available
    )


def system_from_sysctl(values: Mapping[str, str]) -> SystemInfo:
    """The system: model, virtual or not, swap."""
    nowhere = "not in sysctl"
    virtual = values.get("kern.hv_vmm_present")
    model = values.get("hw.model", "")
    swap = re.search(r"total\s*=\s*(\d{1,9}(?:\.\d{1,3})?)([KMGT]?)", values.get("vm.swapusage", ""))
    state: Fact[str] = unknown(nowhere)
    if virtual == "1" or model.startswith("VirtualMac"):
        state = Fact("Apple Virtualization", SOURCE, "reported")
    elif virtual == "0":
        state = Fact("none", SOURCE, "reported")
    return replace(
        unknown_system(nowhere),
        os=Fact("macos", SOURCE, "derived"),
        virtualization=state,
        container=Fact("none", SOURCE, "derived"),
        product=Fact(model[:80], SOURCE, "reported") if model else unknown(nowhere),
        swap_bytes=Fact(int(float(swap[1]) * _MULTIPLES[swap[2]]), SOURCE, "reported")
        if swap
        else unknown(nowhere),
    )


def wired_limit_bytes(values: Mapping[str, str]) -> int | None:
    """The limit that was set on memory wired for the GPU; ``None`` where the system's default holds."""
    megabytes = _number(values, "iogpu.wired_limit_mb")
    if megabytes:
        return megabytes * 1024**2
    size = _number(values, "debug.iogpu.wired_limit")
    return size or None
