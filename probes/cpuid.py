"""Instruction sets through CPUID, where the system has no file that lists them (Windows).

py-cpuinfo runs a few machine instructions in a child process, which takes about a second: it is asked
only where nothing else tells, and a failure is a reason, not an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from probes.cpu_names import isa_of
from probes.types import Fact, unknown


def isa_from_cpuid(get_info: Callable[[], Mapping[str, Any]] | None = None) -> Fact[tuple[str, ...]]:
    """The instruction sets that matter here.

    Args:
        get_info: what to ask instead of ``cpuinfo.get_cpu_info`` (tests).
    """
    try:
        flags = (get_info or _cpuinfo())().get("flags")
    except ImportError:
        return unknown("py-cpuinfo is not installed")
    except Exception as error:  # it parses what it finds and may stumble over anything
        return unknown(f"py-cpuinfo failed: {type(error).__name__}")
    if not isinstance(flags, list | tuple) or not flags:
        return unknown("py-cpuinfo found no flags")
    isa = isa_of([str(flag) for flag in flags])
    return Fact(isa, "CPUID through py-cpuinfo", "reported") if isa else unknown("no flag that matters")


def _cpuinfo() -> Callable[[], Mapping[str, Any]]:
    import cpuinfo

    ask: Callable[[], Mapping[str, Any]] = cpuinfo.get_cpu_info
    return ask
