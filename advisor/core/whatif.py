"""What-if: edits of a Rig.  The answer is the same pipeline on the edited Rig.

Edits keep to what the platform can take: channels and official speeds come from the CPU's family,
and what cannot be known (slots of an unknown board) is said, not assumed.
"""

from __future__ import annotations

from collections.abc import Sequence

from advisor.core.changes import (
    AddGpu,
    AddRam,
    Change,
    CheckPower,
    Edited,
    HostLink,
    Lookups,
    RemoveGpu,
    ReplaceGpu,
    SetBoard,
    SetChannels,
    SetCpu,
    SetEcc,
    SetHostLink,
    SetNvlink,
    SetPower,
    SetRam,
    SetRatedSpeed,
    SetSpeed,
    WhatIfError,
)
from advisor.core.whatif_board import set_board, set_cpu
from advisor.core.whatif_gpu import (
    add_gpus,
    check_power,
    draw_remarks,
    remove_gpu,
    replace_gpus,
    set_ecc,
    set_host_link,
    set_nvlink,
    set_power,
)
from advisor.core.whatif_memory import add_ram, set_channels, set_ram, set_rated_speed, set_speed
from catalog.types import CpuFamily
from probes.types import Rig

__all__ = [
    "AddGpu",
    "AddRam",
    "Change",
    "CheckPower",
    "Edited",
    "HostLink",
    "Lookups",
    "RemoveGpu",
    "ReplaceGpu",
    "SetBoard",
    "SetChannels",
    "SetCpu",
    "SetEcc",
    "SetHostLink",
    "SetNvlink",
    "SetPower",
    "SetRam",
    "SetRatedSpeed",
    "SetSpeed",
    "WhatIfError",
    "apply_changes",
]


def apply_changes(
    rig: Rig,
    changes: Sequence[Change],
    family: CpuFamily | None,
    catalog: Lookups,
) -> Edited:
    """Apply changes in order.

    Args:
        rig: the rig to start from.
        changes: edits, applied one after the other.
        family: the present CPU's family, if it was recognised.
        catalog: what has to be looked up.

    Raises:
        WhatIfError, RigError: a change is impossible.
    """
    remarks: list[str] = []
    checks = [change for change in changes if isinstance(change, CheckPower)]
    for change in [*(c for c in changes if not isinstance(c, CheckPower)), *checks]:
        rig, said = _apply(rig, change, family, catalog)
        if isinstance(change, SetCpu):
            family = change.family
        remarks += said
    if not checks and any(isinstance(change, AddGpu | ReplaceGpu) for change in changes):
        remarks += draw_remarks(rig)
    return Edited(rig, tuple(dict.fromkeys(remarks)))


def _apply(rig: Rig, change: Change, family: CpuFamily | None, catalog: Lookups) -> tuple[Rig, list[str]]:
    match change:
        case SetRam(spec):
            return set_ram(rig, spec, family, catalog)
        case AddRam(spec):
            return add_ram(rig, spec, family, catalog)
        case SetSpeed(mts):
            return set_speed(rig, mts, family, catalog)
        case SetRatedSpeed():
            return set_rated_speed(rig, family, catalog)
        case SetChannels(channels):
            return set_channels(rig, channels, family, catalog)
        case SetBoard():
            return set_board(rig, change, family, catalog)
        case SetCpu(cpu, new_family, keeps_memory):
            return set_cpu(rig, cpu, (family, new_family), catalog, keeps_memory)
        case AddGpu(gpu, count, link):
            return add_gpus(rig, gpu, count, link, family)
        case ReplaceGpu(gpu, count, link):
            return replace_gpus(rig, gpu, count, link, family)
        case RemoveGpu(number):
            return remove_gpu(rig, number)
        case SetHostLink(link, which):
            return set_host_link(rig, link, which)
        case SetNvlink(name, rate):
            return set_nvlink(rig, name, rate)
        case SetPower(watts, which):
            return set_power(rig, watts, which, catalog)
        case SetEcc(on, which):
            return set_ecc(rig, on, which)
        case CheckPower(watts):
            return check_power(rig, watts, catalog)
