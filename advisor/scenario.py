"""The edit language of what-if: ``ram 2x32GB:DDR5-6000, add-gpu RTX 3090``.

Resolves names through the catalog and applies the edits; used by the command line and the app.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from advisor.core.whatif import (
    AddGpu,
    Change,
    Lookups,
    RemoveGpu,
    ReplaceGpu,
    SetChannels,
    SetCpu,
    SetLink,
    SetRam,
    SetSpeed,
    WhatIfError,
    apply_changes,
)
from advisor.pipeline import Scenario, cpu_family
from catalog.hardware import find_accelerator, find_cpu_family, load_links, memory_kind, memory_types
from catalog.types import CpuFamily, LookupFailedError
from probes.hypothetical import accelerator_facts, cpu_facts
from probes.spec_limits import needs_registered, takes_unbuffered_only
from probes.spec_memory import Processor, module_memory
from probes.specs import parse_gpu_spec
from probes.types import AcceleratorInfo, Fact, MemoryInfo, PcieLink, Rig
from probes.unified import share_of_ram

VERBS = ("ram", "mts", "channels", "add-gpu", "replace-gpu", "remove-gpu", "cpu", "link")
_PCIE = re.compile(r"^pcie\s*-?(\d(?:\.\d)?)\s*x\s*(\d+)$", re.IGNORECASE)


def parse_scenario(text: str, rig: Rig) -> Scenario:
    """A scenario from edits joined by commas.

    Raises:
        WhatIfError: an unknown verb, a missing value, or an impossible change.
        RigError, LookupFailedError: a specification or name that cannot be resolved.
    """
    edits = []
    for part in text.split(","):
        words = part.strip().lstrip("-").split(None, 1)
        if not words:
            continue
        verb = words[0].lower()
        if verb not in VERBS:
            raise WhatIfError(f"unknown change {verb!r}; use one of: {', '.join(VERBS)}")
        if len(words) < 2:
            raise WhatIfError(f"{verb} needs a value, for example: {_EXAMPLES[verb]}")
        edits.append((verb, words[1].strip()))
    if not edits:
        raise WhatIfError(f"no change given; for example: {_EXAMPLES['ram']}")
    return make_scenario(edits, rig)


_EXAMPLES = {
    "ram": "ram 2x32GB:DDR5-6000",
    "mts": "mts 6400",
    "channels": "channels 2",
    "add-gpu": "add-gpu RTX 3090",
    "replace-gpu": "replace-gpu RTX 5090",
    "remove-gpu": "remove-gpu 1",
    "cpu": "cpu Ryzen 9 9950X",
    "link": "link nvlink",
}


def make_scenario(edits: Sequence[tuple[str, str]], rig: Rig) -> Scenario:
    """Apply (verb, value) edits to a rig; the scenario is named after them."""
    changes = [_change(verb, value) for verb, value in edits]
    edited = apply_changes(rig, _ram_after_cpu(changes), cpu_family(rig), LOOKUPS)
    name = ", ".join(f"{verb} {value}" for verb, value in edits)
    return Scenario(name, replace(edited.rig, name=name), edited.remarks)


def _ram_after_cpu(changes: Sequence[Change]) -> list[Change]:
    """A CPU swap with new memory is one step: the memory is chosen for the new CPU."""
    cpus = [c for c in changes if isinstance(c, SetCpu)]
    rams = [c for c in changes if isinstance(c, SetRam)]
    if not (cpus and rams):
        return list(changes)
    others = [c for c in changes if not isinstance(c, SetCpu | SetRam)]
    return [*(replace(c, keeps_memory=False) for c in cpus), *rams, *others]


def _memory_of(spec: str, name: str, family: CpuFamily | None, sockets: int) -> tuple[MemoryInfo, list[str]]:
    notes: list[str] = []
    processor = Processor(name, sockets, None, family) if family else None
    return module_memory(spec, processor, notes), notes


def _own_memory(gpu: str) -> bool:
    """Whether a GPU is part of a chip that is sold with its memory, as opposed to using a board's modules."""
    try:
        card = find_accelerator(gpu, any_memory=True)
    except LookupFailedError:
        return False
    return card.unified and card.memory_type != "system"


LOOKUPS = Lookups(
    _memory_of, memory_kind, memory_types, _own_memory, share_of_ram, needs_registered, takes_unbuffered_only
)
"""The shipped catalog, as edits need it."""


def _change(verb: str, value: str) -> Change:
    match verb:
        case "ram":
            return SetRam(value)
        case "mts":
            return SetSpeed(_whole(verb, value))
        case "channels":
            return SetChannels(_whole(verb, value))
        case "add-gpu" | "replace-gpu":
            count, name = parse_gpu_spec(value)
            make = AddGpu if verb == "add-gpu" else ReplaceGpu
            return make(accelerator_facts(name), count)
        case "remove-gpu":
            return RemoveGpu(_whole(verb, value))
        case "cpu":
            cpu, family = cpu_facts(value)
            return SetCpu(cpu, find_cpu_family(family))
        case "link":
            return _link(value)
    raise WhatIfError(f"unknown change {verb!r}; use one of: {', '.join(VERBS)}")


def _whole(verb: str, value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise WhatIfError(f"{verb} needs a whole number, not {value!r}") from None


def _link(value: str) -> SetLink:
    pcie = _PCIE.match(value.strip())
    if pcie:
        link = PcieLink(float(pcie.group(1)), int(pcie.group(2)))
        fact = Fact(link, f"what-if: {value}", "derived")
        return SetLink(value, lambda gpu: replace(gpu, pcie=fact))
    if value.lower().startswith("nvlink"):
        rates = {link.name.lower(): link.bandwidth_gbs for link in load_links()}
        wanted = [rate for name, rate in sorted(rates.items()) if name.startswith(value.lower())]
        if not wanted:
            raise WhatIfError(f"no link is called {value!r}; known: {', '.join(sorted(rates))}")
        speed = Fact(wanted[0] * 1e9, f"what-if: {value}", "table")

        def connect(gpu: AcceleratorInfo) -> AcceleratorInfo:
            return replace(gpu, nvlink_bytes_per_s=speed)

        return SetLink(value, connect)
    raise WhatIfError(f"unknown link {value!r}; write nvlink, or a PCIe link such as pcie5x16")
