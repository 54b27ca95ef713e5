"""/proc/cpuinfo as facts: one block per logical CPU, other fields on ARM than on x86."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from probes.cpu_names import arm_name, isa_of, parse_hex, tidy_brand


@dataclass(frozen=True, slots=True)
class CpuinfoFacts:
    """What the text says; ``None`` where it does not."""

    name: str | None
    logical: int
    sockets: int | None
    physical: int | None
    isa: tuple[str, ...] | None
    arm: bool
    amd_model: tuple[int, int] | None = None
    """Family and model of an AMD CPU: the number of core chiplets follows from them."""
    threads_per_core: int | None = None
    virtual: bool = False
    """The hypervisor bit is set."""


def _blocks(text: str) -> tuple[list[dict[str, str]], dict[str, str]]:
    """The block of each processor, and the fields of blocks that are not a processor's (ARM trailer)."""
    processors: list[dict[str, str]] = []
    common: dict[str, str] = {}
    current: dict[str, str] = {}

    def close() -> None:
        if current.get("processor", "").isdigit():
            processors.append(dict(current))
        else:
            common.update(current)
        current.clear()

    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if not line.strip():
            close()
        elif colon:
            name = key.strip()
            if name == "processor" and "processor" in current:
                close()
            # Old ARM kernels print a "Processor" line with the name before the first block.
            current.setdefault(name, value.strip())
    close()
    return processors, common


def _distinct(processors: list[dict[str, str]], *keys: str) -> int | None:
    found = {tuple(p.get(k) for k in keys) for p in processors}
    return None if any(None in item for item in found) else len(found) or None


def _brand(processors: list[dict[str, str]], common: Mapping[str, str], device: str | None) -> str | None:
    first = processors[0] if processors else {}
    parts = []
    for processor in processors:
        implementer = parse_hex(processor.get("CPU implementer", common.get("CPU implementer")))
        part = parse_hex(processor.get("CPU part", common.get("CPU part")))
        if implementer is not None and part is not None:
            parts.append((implementer, part))
    brand = tidy_brand(first.get("model name", ""))
    if parts:
        # 32-bit ARM kernels put "ARMv7 Processor rev 4 (v7l)" where x86 has the brand.
        model = device or tidy_brand(common.get("Model", "")) or tidy_brand(common.get("Hardware", ""))
        return arm_name(parts, model) or brand or tidy_brand(common.get("Processor", ""))
    return brand or tidy_brand(common.get("cpu", first.get("cpu", "")))


def parse_cpuinfo(text: str, device: str | None = None) -> CpuinfoFacts:
    """The facts of ``/proc/cpuinfo``.

    Args:
        text: its content.
        device: board or product name from elsewhere, put before the core names of an ARM CPU.
    """
    processors, common = _blocks(text)
    arm = any("CPU part" in p or "CPU implementer" in p for p in (*processors, common))
    flags: set[str] | None = None
    for block in (*processors, common):
        words = block.get("flags", block.get("Features"))
        if words is not None:
            flags = set(words.split()) if flags is None else flags & set(words.split())
    sockets = _distinct(processors, "physical id")
    return CpuinfoFacts(
        name=_brand(processors, common, device),
        logical=len(processors),
        sockets=sockets,
        physical=_distinct(processors, "physical id", "core id"),
        isa=None if flags is None else isa_of(flags),
        arm=arm,
        virtual=bool(flags and "hypervisor" in flags),
        amd_model=_amd_model(processors[0]) if processors else None,
        threads_per_core=_threads_per_core(processors[0]) if processors else None,
    )


def _amd_model(block: Mapping[str, str]) -> tuple[int, int] | None:
    if block.get("vendor_id") not in ("AuthenticAMD", "HygonGenuine"):
        return None
    family, model = block.get("cpu family", ""), block.get("model", "")
    return (int(family), int(model)) if family.isdecimal() and model.isdecimal() else None


def _threads_per_core(block: Mapping[str, str]) -> int | None:
    """``siblings`` / ``cpu cores``: of the first processor, which on hybrids is a performance core's."""
    siblings, cores = block.get("siblings", ""), block.get("cpu cores", "")
    if not (siblings.isdecimal() and cores.isdecimal()) or int(cores) < 1 or int(siblings) % int(cores):
        return None
    return int(siblings) // int(cores) or None
