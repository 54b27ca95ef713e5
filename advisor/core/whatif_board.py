"""What-if edits of CPU and board: what the present memory does there, and what it cannot."""

from __future__ import annotations

from dataclasses import replace

from advisor.core.changes import GIB, Lookups, SetBoard, WhatIfError, is_soldered, own_memory
from advisor.core.whatif_memory import bandwidth_of, refuse_soldered, unmeasured
from catalog.types import CpuFamily
from probes.types import CpuInfo, Fact, MemoryInfo, Rig, unknown


def set_board(rig: Rig, board: SetBoard, family: CpuFamily | None, catalog: Lookups) -> tuple[Rig, list[str]]:
    """Another board for the same CPU; memory of another kind has to come with it."""
    refuse_soldered(rig, family, catalog)
    name, memory = rig.cpu.name.value or "this CPU", rig.memory
    if family is None:
        raise WhatIfError(
            "a board needs to know the CPU's family, which was not recognised; "
            "describe the new machine with 'rig --cpu NAME --ram MODULES' instead"
        )
    types = catalog.types_of(family)
    if board.kind not in types:
        raise WhatIfError(f"{name} takes {' or '.join(types)}, not {board.kind}; nearest: board {types[0]}")
    most = (family.slots_per_channel or 0) * family.channels * (rig.cpu.sockets.value or 1)
    if board.slots is not None and (board.slots < 1 or (most and board.slots > most)):
        nearest = max(1, min(board.slots, most or board.slots))
        raise WhatIfError(
            f"boards for {family.name} have 1 to {most or 'a few'} slots, not {board.slots}; "
            f"nearest: board {board.kind} {nearest} slots"
        )
    present = memory.type.value
    if board.keeps_memory and present is not None and present != board.kind:
        rate = family.max_mts if board.kind == types[0] else catalog.kind_of(board.kind).jedec_floor_mts
        raise WhatIfError(
            f"a {board.kind} board does not take the present {present} modules; change the memory in the "
            f"same scenario: board {board.kind}, ram 2x16GB:{board.kind}-{rate}"
        )
    if board.slots is not None and board.keeps_memory and len(memory.modules) > board.slots:
        raise WhatIfError(
            f"{len(memory.modules)} present modules do not fit {board.slots} slots; "
            f"nearest: board {board.kind} {len(memory.modules)} slots"
        )
    slots: Fact[int] = unknown("the new board's slots were not given")
    if board.slots is not None:
        slots = Fact(board.slots, f"what-if: board {board.kind} {board.slots} slots", "derived")
    memory = replace(memory, slots=slots, advice=())
    if not board.keeps_memory:
        memory = replace(memory, type=Fact(board.kind, f"what-if: board {board.kind}", "derived"), modules=())
    return replace(rig, memory=memory), [f"a {board.kind} board for {name}: its slots and lanes count"]


def _off_its_board(rig: Rig, old: CpuFamily | None, new: CpuFamily) -> Rig:
    """The rig without what was known of its board, where the CPU is of another family."""
    if old is not None and old.name == new.name:
        return rig
    why = "another board: its slots are not known"
    return replace(
        rig,
        memory=replace(rig.memory, slots=unknown(why), max_channels=unknown(why), advice=()),
    )


def set_cpu(
    rig: Rig,
    cpu: CpuInfo,
    families: tuple[CpuFamily | None, CpuFamily],
    catalog: Lookups,
    keeps_memory: bool,
) -> tuple[Rig, list[str]]:
    """Another CPU; the present modules move with it where its boards take them."""
    old_family, family = families
    chip = next((a.name.value for a in rig.accelerators if a.unified.value and own_memory(a, catalog)), None)
    soldered = is_soldered(rig.memory.type.value)
    if chip is not None or soldered:
        raise WhatIfError(
            f"{chip or 'a machine with soldered memory'} keeps its CPU; compare with another machine "
            "instead: rank --rig on 'rig --cpu NAME --ram SIZE'"
        )
    if family.slots_per_channel == 0:
        raise WhatIfError(
            f"{cpu.name.value} comes on a board with its memory, not in a socket; compare with that machine: "
            f"rank --rig on 'rig --cpu \"{cpu.name.value}\" --ram SIZE'"
        )
    kind = rig.memory.type.value
    remarks = [f"CPU changed to {cpu.name.value}: needs a board for it"]
    if cpu.physical_cores.value is None:
        remarks.append(f"{cpu.name.value} is not in the CPU list: its memory is known, its core count is not")
    rig = _off_its_board(rig, old_family, family)
    integrated = [a for a in rig.accelerators if a.unified.value]
    if integrated:
        remarks.append(
            f"{integrated[0].name.value or 'the integrated GPU'} is part of the old CPU and goes with it; "
            "a GPU of the new one is not counted"
        )
        rig = replace(rig, accelerators=tuple(a for a in rig.accelerators if not a.unified.value))
    memory = rig.memory
    if not keeps_memory:
        memory = replace(
            memory,
            type=unknown("the new board's memory comes with it"),
            **unmeasured("not measured with this CPU"),
            modules=(),
        )
        return replace(rig, cpu=cpu, memory=memory), remarks
    types = catalog.types_of(family)
    if kind is not None and kind not in types:
        raise WhatIfError(
            f"{family.name} takes {' or '.join(types)}, and the present memory is {kind}; "
            f"change the memory in the same scenario: --cpu … --ram 2x32GB:{types[0]}-{family.max_mts}"
        )
    sockets = cpu.sockets.value or 1
    _refuse_too_much(memory, cpu, family, sockets)
    remarks += _module_remarks(memory, old_family, cpu, family, catalog)
    modules = len(memory.modules)
    mts = memory.mts.value
    if modules and mts and kind:
        available = family.channels * sockets
        channels = min(modules, available)
        if channels < available:
            remarks.append(
                f"the {modules} present module(s) use {channels} of {available} memory channels: "
                f"{channels / available:.0%} of the bandwidth {cpu.name.value} can have"
            )
        limit = family.max_mts_2dpc if modules > available else None
        if limit is None and kind == types[0] and family.platform in ("server", "arm-server"):
            limit = family.max_mts  # desktops may overclock, servers do not
        new_mts = min(mts, limit) if limit else mts
        if new_mts < mts:
            remarks.append(f"the present modules run at {new_mts} MT/s there instead of {mts}")
        source = f"what-if: present modules on {family.name}"
        memory = replace(
            memory,
            channels=Fact(channels, source, "derived"),
            mts=Fact(new_mts, source, "derived"),
            bandwidth_bytes_per_s=bandwidth_of(channels, new_mts, source),
            **unmeasured("not measured with this CPU"),
        )
    else:
        memory = replace(memory, **unmeasured("not measured with this CPU"))
        remarks.append("present modules unknown: bandwidth kept as it was")
    return replace(rig, cpu=cpu, memory=memory), remarks


def _refuse_too_much(memory: MemoryInfo, cpu: CpuInfo, family: CpuFamily, sockets: int) -> None:
    """Raise where the present modules are more than the new CPU takes."""
    total = sum(m.size_bytes for m in memory.modules) or memory.total_bytes.value or 0
    if family.max_memory_bytes and total > family.max_memory_bytes * sockets:
        most = family.max_memory_bytes * sockets / GIB
        raise WhatIfError(
            f"{cpu.name.value} takes at most {most:g} GB, and {total / GIB:.0f} GB are present; "
            "change the memory in the same scenario: --cpu … --ram …"
        )


def _module_remarks(
    memory: MemoryInfo, old: CpuFamily | None, cpu: CpuInfo, new: CpuFamily, catalog: Lookups
) -> list[str]:
    """Whether the present modules are of the buffering that the new CPU's boards take."""
    if old is None or not memory.modules:
        return []
    example = f"--cpu … --ram {new.channels}x16GB:{catalog.types_of(new)[0]}-{new.max_mts}"
    if catalog.unbuffered_only(old) and catalog.registered_only(new):
        return [
            f"{cpu.name.value} needs registered modules (RDIMM): the present ones will not work in its "
            f"board; for others: {example}"
        ]
    if catalog.registered_only(old) and catalog.unbuffered_only(new):
        return [
            f"{cpu.name.value} needs unbuffered modules (UDIMM): the present ones are registered and will "
            f"not work in its board; for others: {example}"
        ]
    return []
