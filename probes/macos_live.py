"""This Mac: ``system_profiler`` for chip, GPU cores, modules and drives, ``sysctl`` for everything else."""

from __future__ import annotations

import json
from dataclasses import replace

from probes.commands import run
from probes.gpu import GpuProbe
from probes.macos import MacFindings, mac_from_sysctl, mac_from_system_profiler
from probes.macos_storage import SECTIONS as STORAGE_SECTIONS
from probes.macos_sysctl import KEYS, looks_like_sysctl, parse_sysctl, wired_limit_bytes
from probes.types import Fact, RigError
from probes.unknowns import first_known

SECTIONS = ("SPHardwareDataType", "SPMemoryDataType", "SPDisplaysDataType", *STORAGE_SECTIONS)
_FOLDERS = ("/usr/sbin", "/sbin")


def probe_mac(timeout_s: float = 10.0) -> MacFindings:
    """What either command tells; a note for each that does not.

    Raises:
        RigError: neither tells anything.
    """
    notes: list[str] = []
    profiler = run(["system_profiler", "-json", *SECTIONS], timeout_s, _FOLDERS)
    found: list[MacFindings] = []
    try:
        if profiler.text:
            found.append(mac_from_system_profiler(json.loads(profiler.text)))
        else:
            notes.append(f"{profiler.reason}: GPU cores, memory modules and kinds of drives are not known.")
    except (ValueError, RecursionError, RigError):
        notes.append("`system_profiler -json` prints something else than expected; it is not used.")
    output = run(["sysctl", *KEYS], 5.0, _FOLDERS)
    values = parse_sysctl(output.text) if looks_like_sysctl(output.text) else {}
    if values:
        found.append(mac_from_sysctl(values))
    else:
        notes.append(
            f"{output.reason or '`sysctl` prints something else than expected'}: caches are not known."
        )
    if not found:
        raise RigError(" ".join(notes))
    return _joined(found, values, notes)


def _joined(found: list[MacFindings], values: dict[str, str], notes: list[str]) -> MacFindings:
    """The findings as one: ``system_profiler`` (first) for the GPU, ``sysctl`` for the CPU's details."""
    first, last = found[0], found[-1]
    gpus = first.gpus if first.gpus.accelerators or first.gpus.notes else last.gpus
    limit = wired_limit_bytes(values)
    if limit is not None:
        share = Fact(limit, "sysctl iogpu.wired_limit_mb", "reported")
        cards = tuple(replace(g, vram_bytes=share) if g.unified.value else g for g in gpus.accelerators)
        gpus = replace(gpus, accelerators=cards)
    return MacFindings(
        system=first_known((last.system,), first.system),
        cpu=first_known((first.cpu,), last.cpu),
        memory=first_known((last.memory,), first.memory),
        gpus=GpuProbe(gpus.accelerators, (*gpus.notes, *notes)),
        volumes=first.volumes,
    )
