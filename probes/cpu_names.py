"""CPU names and instruction-set flags as /proc/cpuinfo and lscpu spell them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from probes.dmi import clean

X86_FLAGS = (
    *("sse4_2", "avx", "avx2", "fma", "f16c", "avx512f", "avx512_vnni", "avx512_bf16", "avx_vnni"),
    *("avx512_fp16", "amx_tile", "amx_int8", "amx_bf16", "amx_fp16"),
)
ARM_FLAGS = ("neon", "asimd", "asimddp", "i8mm", "bf16", "sve", "sve2", "sme", "sme2")
"""The flags that CPU back ends of language-model runtimes have kernels for, in Linux spelling."""

_CORE_NAMES = {
    0x41: {
        0xC09: "Cortex-A9",
        0xD03: "Cortex-A53",
        0xD04: "Cortex-A35",
        0xD05: "Cortex-A55",
        0xD07: "Cortex-A57",
        0xD08: "Cortex-A72",
        0xD09: "Cortex-A73",
        0xD0A: "Cortex-A75",
        0xD0B: "Cortex-A76",
        0xD0C: "Neoverse-N1",
        0xD0D: "Cortex-A77",
        0xD40: "Neoverse-V1",
        0xD41: "Cortex-A78",
        0xD42: "Cortex-A78AE",
        0xD44: "Cortex-X1",
        0xD46: "Cortex-A510",
        0xD47: "Cortex-A710",
        0xD48: "Cortex-X2",
        0xD49: "Neoverse-N2",
        0xD4B: "Cortex-A78C",
        0xD4D: "Cortex-A715",
        0xD4E: "Cortex-X3",
        0xD4F: "Neoverse-V2",
        0xD80: "Cortex-A520",
        0xD81: "Cortex-A720",
        0xD82: "Cortex-X4",
        0xD84: "Neoverse-V3",
        0xD85: "Cortex-X925",
        0xD87: "Cortex-A725",
        0xD8E: "Neoverse-N3",
    },
    0x48: {0xD01: "Kunpeng-920"},
    0x4E: {0x003: "Denver 2", 0x004: "Carmel", 0x010: "Olympus"},
    0x51: {0x001: "Oryon"},
    0x61: {
        0x022: "Icestorm (M1)",
        0x023: "Firestorm (M1)",
        0x024: "Icestorm (M1 Pro)",
        0x025: "Firestorm (M1 Pro)",
        0x028: "Icestorm (M1 Max)",
        0x029: "Firestorm (M1 Max)",
        0x032: "Blizzard (M2)",
        0x033: "Avalanche (M2)",
    },
    0xC0: {0xAC3: "Ampere-1", 0xAC4: "Ampere-1a"},
}
"""Implementer and part number of the main ID register (MIDR_EL1), as Linux lists them in
arch/arm64/include/asm/cputype.h."""


def isa_of(flags: Iterable[str]) -> tuple[str, ...]:
    """The flags worth knowing, in a fixed order.

    x86 and ARM are kept apart: ``sme`` is matrix arithmetic on ARM and memory encryption on AMD.
    """
    have = {flag.casefold() for flag in flags}
    known = ARM_FLAGS if have & {"asimd", "neon"} else X86_FLAGS
    return tuple(flag for flag in known if flag in have)


def tidy_brand(text: str) -> str | None:
    """A brand string without filler spaces; ``None`` for the placeholders of virtual and ARM machines."""
    tidy = clean(text)
    if not tidy or tidy.casefold() in ("unknown", "not specified", "-", "undefined", "0"):
        return None
    return tidy


def core_name(implementer: int, part: int) -> str | None:
    """Name of an ARM core by its register numbers."""
    return _CORE_NAMES.get(implementer, {}).get(part)


def arm_name(parts: Iterable[tuple[int, int]], device: str | None) -> str | None:
    """Name of an ARM CPU: the device's, with its kinds of cores ("Raspberry Pi 5 Model B (Cortex-A76)")."""
    kinds: list[str] = []
    for implementer, part in parts:
        name = core_name(implementer, part)
        if name is not None and name not in kinds:
            kinds.append(name)
    cores = " + ".join(sorted(kinds, reverse=True))
    if device and cores:
        return f"{device} ({cores})"
    return device or cores or None


def parse_hex(text: str | None) -> int | None:
    """``0xd0c`` as a number, ``None`` for anything else."""
    match = re.fullmatch(r"0x([0-9A-Fa-f]{1,8})", (text or "").strip())
    return None if match is None else int(match[1], 16)
