"""The edit language of what-if: ``ram 2x32GB:DDR5-6000, add-gpu RTX 3090``.

Resolves names through the catalog and applies the edits; used by the command line and the app.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from advisor.comparison import Partner, Scenario
from advisor.core.changes import Change, Lookups, SetBoard, SetCpu, SetRam, WhatIfError
from advisor.core.whatif import (
    AddGpu,
    AddRam,
    CheckPower,
    RemoveGpu,
    ReplaceGpu,
    SetChannels,
    SetEcc,
    SetPower,
    SetRatedSpeed,
    SetSpeed,
    apply_changes,
)
from advisor.links import host_link, link_change
from advisor.other_machine import file_rig, machine_rig, partner_of
from advisor.pipeline import cpu_family
from catalog.hardware import find_accelerator, find_cpu_family, memory_kind, memory_types
from catalog.types import CpuFamily, LookupFailedError
from probes.hypothetical import accelerator_facts, cpu_facts
from probes.spec_limits import needs_registered, takes_unbuffered_only
from probes.spec_memory import Processor, module_memory
from probes.specs import parse_gpu_spec
from probes.types import MemoryInfo, Rig
from probes.unified import share_of_ram

EXAMPLES: Mapping[str, str] = {
    "ram": "ram 2x32GB:DDR5-6000",
    "mts": "mts 6400",
    "xmp": "xmp on",
    "channels": "channels 2",
    "board": "board DDR5 4 slots",
    "cpu": "cpu Ryzen 9 9950X",
    "add-gpu": "add-gpu RTX 3090",
    "replace-gpu": "replace-gpu RTX 5090",
    "remove-gpu": "remove-gpu 1",
    "link": "link pcie4x4 for gpu 2",
    "power": "power 1 250",
    "psu": "psu 850",
    "ecc": "ecc off",
    "machine": "machine M3 Ultra 512GB",
    "rig": "rig other.json",
    "second": "second other.json over ethernet10",
    "name": "name bigger",
}
"""Every verb with an example."""
VERBS = tuple(EXAMPLES)
_WHOLE_MACHINES = ("machine", "rig")
_VIRTUAL = "this is a virtual machine: memory and cards are its host's to change"


def parse_scenario(text: str, rig: Rig) -> Scenario:
    """A scenario from edits joined by commas.

    Raises:
        WhatIfError: an unknown verb, a missing value, or an impossible change.
        RigError, LookupFailedError: a specification or name that cannot be resolved.
    """
    edits = [split_edit(part) for part in text.split(",") if part.strip().lstrip("-")]
    if not edits:
        raise WhatIfError(f"no change given; for example: {EXAMPLES['ram']}")
    return make_scenario(edits, rig)


def split_edit(text: str) -> tuple[str, str]:
    """Verb and value of one edit.

    Raises:
        WhatIfError: the verb is unknown or has no value.
    """
    words = text.strip().lstrip("-").split(None, 1)
    verb = words[0].lower() if words else ""
    if verb not in VERBS:
        raise _unknown_verb(verb)
    if len(words) < 2:
        raise WhatIfError(f"{verb} needs a value, for example: {EXAMPLES[verb]}")
    return verb, words[1].strip()


def _printable(text: str) -> str:
    """Without control characters, which no part is named with and which would break an answer's line."""
    return "".join(c if c.isprintable() else " " for c in text)


def make_scenario(edits: Sequence[tuple[str, str]], rig: Rig) -> Scenario:
    """Apply (verb, value) edits to a rig; the scenario is named after them unless one names it."""
    edits = [(verb, _printable(value)) for verb, value in edits]
    names = [value.strip() for verb, value in edits if verb == "name"]
    if names and not names[-1]:
        raise WhatIfError(f"a scenario's name is not empty; for example: {EXAMPLES['name']}")
    rest = [(verb, value) for verb, value in edits if verb != "name"]
    if not rest:
        raise WhatIfError(f"a scenario needs a change beside its name; for example: {EXAMPLES['ram']}")
    title = names[-1] if names else ", ".join(f"{verb} {value}" for verb, value in rest)
    base, said = _base(rest, rig)
    changes = [_change(verb, value) for verb, value in rest if verb not in (*_WHOLE_MACHINES, "second")]
    edited = apply_changes(base, _in_order(changes), cpu_family(base), LOOKUPS)
    partner, more = _partner(rest, edited.rig)
    return Scenario(
        name=title,
        rig=replace(edited.rig, name=title),
        remarks=(*said, *edited.remarks, *more),
        partner=partner,
        edits=tuple(rest),
    )


def _base(edits: Sequence[tuple[str, str]], rig: Rig) -> tuple[Rig, tuple[str, ...]]:
    """The rig that edits apply to: the present one, or a whole other machine."""
    others = [(verb, value) for verb, value in edits if verb in _WHOLE_MACHINES]
    if not others:
        virtual = rig.system.virtualization.value not in (None, "none")
        return rig, (_VIRTUAL,) if virtual else ()
    if len(others) > 1:
        raise WhatIfError(
            f"a scenario is one machine: {others[0][0]} {others[0][1]}; put the other into its own (--or)"
        )
    verb, value = others[0]
    other = machine_rig(value) if verb == "machine" else file_rig(value)
    return other, ("another machine instead of this one", *other.notes)


def _partner(edits: Sequence[tuple[str, str]], rig: Rig) -> tuple[Partner | None, tuple[str, ...]]:
    wanted = [value for verb, value in edits if verb == "second"]
    if not wanted:
        return None, ()
    if len(wanted) > 1:
        raise WhatIfError("more than one further machine is not modelled; nearest: one second")
    return partner_of(wanted[0], rig)


def _in_order(changes: Sequence[Change]) -> list[Change]:
    """CPU and board before the memory that is chosen for them; the rest as given."""
    frames = [c for c in changes if isinstance(c, SetCpu | SetBoard)]
    rams = [c for c in changes if isinstance(c, SetRam)]
    others = [c for c in changes if not isinstance(c, SetCpu | SetBoard | SetRam)]
    frames.sort(key=lambda c: isinstance(c, SetBoard))
    if rams:
        frames = [replace(c, keeps_memory=False) for c in frames]
    elif not frames:
        return list(changes)
    return [*frames, *rams, *others]


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


def _tdp_w(gpu: str) -> float | None:
    try:
        return find_accelerator(gpu, any_memory=True).tdp_w
    except LookupFailedError:
        return None


LOOKUPS = Lookups(
    memory_of=_memory_of,
    kind_of=memory_kind,
    types_of=memory_types,
    own_memory=_own_memory,
    ram_share=share_of_ram,
    registered_only=needs_registered,
    unbuffered_only=takes_unbuffered_only,
    tdp_w=_tdp_w,
)
"""The shipped catalog, as edits need it."""


def _change(verb: str, value: str) -> Change:
    make = _MAKERS.get(verb)
    if make is None:
        raise _unknown_verb(verb)
    return make(value)


def _unknown_verb(verb: str) -> WhatIfError:
    near = difflib.get_close_matches(verb, VERBS, n=1, cutoff=0.5)
    nearest = f" (did you mean: {EXAMPLES[near[0]]}?)" if near else ""
    return WhatIfError(f"unknown change {verb!r}{nearest}; use one of: {', '.join(VERBS)}")


def _ram(value: str) -> Change:
    added = value.removeprefix("+")
    return AddRam(added.strip()) if added != value else SetRam(value)


def _board(value: str) -> Change:
    found = re.fullmatch(r"(\S+?)(?:[\s,]+(-?\d+)\s*(?:-?\s*slots?)?)?", value.strip(), re.IGNORECASE)
    if not found:
        raise WhatIfError(f"cannot read the board {value!r}; write for example: {EXAMPLES['board']}")
    try:
        kind = memory_kind(found[1].upper()).name
    except LookupFailedError as error:
        raise WhatIfError(f"the board {value!r}: {error}; write for example: {EXAMPLES['board']}") from error
    return SetBoard(kind, int(found[2]) if found[2] else None)


def _xmp(value: str) -> Change:
    if value.lower() != "on":
        raise WhatIfError("only 'xmp on' is known: the rate without it is the board's; nearest: mts 4800")
    return SetRatedSpeed()


def _cpu(value: str) -> Change:
    cpu, family = cpu_facts(value)
    return SetCpu(cpu, find_cpu_family(family))


def _gpu(value: str, make: type[AddGpu] | type[ReplaceGpu]) -> Change:
    wanted, over, link = value.partition(" over ")
    count, name = parse_gpu_spec(wanted)
    return make(accelerator_facts(name), count, host_link(link) if over else None)


def _power(value: str) -> Change:
    found = re.fullmatch(r"(?:(?:gpu\s+)?(-?\d+)\s+)?(-?\d+(?:\.\d+)?)\s*w?", value.strip(), re.IGNORECASE)
    if not found:
        raise WhatIfError(f"cannot read the power limit {value!r}; write for example: {EXAMPLES['power']}")
    return SetPower(float(found[2]), int(found[1]) if found[1] else None)


def _psu(value: str) -> Change:
    found = re.fullmatch(r"(-?\d+(?:\.\d+)?)\s*w?", value.strip(), re.IGNORECASE)
    if not found:
        raise WhatIfError(f"cannot read the power supply {value!r}; write for example: {EXAMPLES['psu']}")
    return CheckPower(float(found[1]))


def _ecc(value: str) -> Change:
    found = re.fullmatch(r"(on|off)(?:\s+(?:for\s+)?gpu\s+(-?\d+))?", value.strip(), re.IGNORECASE)
    if not found:
        raise WhatIfError(f"cannot read ecc {value!r}; write for example: {EXAMPLES['ecc']}")
    return SetEcc(found[1].lower() == "on", int(found[2]) if found[2] else None)


def _whole(verb: str, value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise WhatIfError(f"{verb} needs a whole number, not {value!r}") from None


_MAKERS: Mapping[str, Callable[[str], Change]] = {
    "ram": _ram,
    "mts": lambda value: SetSpeed(_whole("mts", value)),
    "xmp": _xmp,
    "channels": lambda value: SetChannels(_whole("channels", value)),
    "board": _board,
    "cpu": _cpu,
    "add-gpu": lambda value: _gpu(value, AddGpu),
    "replace-gpu": lambda value: _gpu(value, ReplaceGpu),
    "remove-gpu": lambda value: RemoveGpu(_whole("remove-gpu", value)),
    "link": link_change,
    "power": _power,
    "psu": _psu,
    "ecc": _ecc,
}
