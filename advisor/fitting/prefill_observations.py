"""Observations of prefill: rows with a measured prompt speed as the work that the estimator counts.

A row becomes an entry per device that works.  Work whose weights lie in RAM beside a GPU becomes two:
done by the CPU, and by the first GPU with the weights streamed; the faster one counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from advisor.core.estimate import estimate, placement_of
from advisor.core.machine import Device
from advisor.core.prefill import BY_TYPE, PromptWork, prompt_work
from advisor.core.spread import is_deep_prompt
from advisor.fitting.observed import class_of, full_clock, joined_formats, run_features, stacked
from advisor.fitting.parameters import DeviceClass, Floats, Ints
from advisor.fitting.spread import Features, features_of
from advisor.validation.conditions import LLAMA_CPP
from advisor.validation.speed import Answerable, prefill_row
from catalog.efficiency import Efficiencies

SHORTEST_PROMPT = 128
"""Tokens of a prompt below which launches and the reading of weights hide what products reach."""


@dataclass(frozen=True, slots=True)
class PromptEntry:
    """One device of one row."""

    row: int
    device_class: DeviceClass
    bandwidth: float
    cap: float
    product_rate: float
    """FLOP/s at which products peak; a CPU's cores times 1e9."""
    shader_rate: float
    """FP32 FLOP/s; for a CPU ``product_rate``."""
    power_share: float
    isa: str
    emulates_dot: bool
    """As ``Device`` has them."""
    link: float
    """Bytes/s at which the weights arrive; infinite where they lie on the device."""


@dataclass(frozen=True)
class PromptObservations:
    """All rows of the fit of prefill, flat: one element per entry or per row."""

    ids: tuple[str, ...]
    cases: tuple[Answerable, ...]
    log_speed: Floats
    """ln of the measured tokens/s of all prompts [rows]."""
    tokens: Floats
    entries: tuple[PromptEntry, ...]
    row_of: Ints
    work: PromptWork
    groups: tuple[str, ...]
    years: Floats
    unfused: NDArray[np.bool_]
    sync_s: Floats
    sync_bandwidth: Floats
    on_cpu: Ints
    """Entries that have an alternative,"""
    over_link: Ints
    """and the alternatives: the same work with the weights streamed."""
    device: tuple[str, ...]
    features: Features

    def __len__(self) -> int:
        return len(self.ids)


def is_prompt_row(row: Answerable) -> bool:
    """Whether a row says how fast llama.cpp or a fork works through a prompt."""
    case = row.case
    return (
        case.engine in LLAMA_CPP
        and bool(case.measured_prefill_tokens_per_s)
        and dict(case.labels).get("quality") == "measured"
        and row.question.prompt >= SHORTEST_PROMPT
    )


def observe_prompts(
    rows: Sequence[tuple[str, Answerable]], efficiencies: Efficiencies, groups: tuple[str, ...]
) -> PromptObservations:
    """Count the work of every row with a measured prompt speed.

    Args:
        rows: answerable rows with their ids.
        efficiencies: of any fit; they order the GPUs, and give what links take.
        groups: the format groups, in the order of the result.
    """
    ids: list[str] = []
    kept: list[Answerable] = []
    entries: list[PromptEntry] = []
    works: list[PromptWork] = []
    speeds, tokens, years, unfused, sync, device, features = [], [], [], [], [], [], []
    on_cpu, over_link = [], []
    for name, answer in rows:
        if not is_prompt_row(answer):
            continue
        case = prefill_row(answer, efficiencies)
        measured = case.case.measured_prefill_tokens_per_s
        assert measured is not None
        machine, q = case.machine, case.question
        table = estimate(case.candidates, machine, q, efficiencies, only=case.strategy)
        placement = placement_of(table, 0, case.strategy)
        work = prompt_work(case.candidates, placement, q, q.users)
        working = [d for d in range(len(machine.devices)) if work.launches[0, d] > 0]
        if not working:
            continue
        row = len(ids)

        def add(d: int, by: Device, link: float = np.inf, *, row: int = row, work: PromptWork = work,
                case: Answerable = case) -> None:  # fmt: skip
            entries.append(_entry(row, by, link, efficiencies))
            works.append(_one(work, d, case.candidates.types, groups, efficiencies))
            years.append(efficiencies.years_behind(case.question.runtime_year))
            unfused.append(not case.question.flash_attention)
            sync.append((case.machine.sync_s, case.machine.sync_bandwidth))

        for d in working:
            add(d, machine.devices[d])
            if machine.devices[d].kind == "cpu" and machine.gpus:
                on_cpu.append(len(entries) - 1)
                add(d, machine.gpus[0], machine.gpus[0].host_link)
                over_link.append(len(entries) - 1)
        first = machine.devices[working[0]]
        ids.append(name)
        kept.append(case)
        speeds.append(np.log(measured))
        tokens.append(q.prompt * q.users)
        device.append(first.name)
        features.append(run_features(case, table, placement.strategy, first, deep=is_deep_prompt(q)))
    both = np.array(sync, dtype=np.float64).reshape(-1, 2)
    return PromptObservations(
        ids=tuple(ids),
        cases=tuple(kept),
        log_speed=np.array(speeds),
        tokens=np.array(tokens, dtype=np.float64),
        entries=tuple(entries),
        row_of=np.array([e.row for e in entries], dtype=np.int64),
        work=stacked(works),
        groups=groups,
        years=np.array(years),
        unfused=np.array(unfused, dtype=bool),
        sync_s=both[:, 0],
        sync_bandwidth=both[:, 1],
        on_cpu=np.array(on_cpu, dtype=np.int64),
        over_link=np.array(over_link, dtype=np.int64),
        device=tuple(device),
        features=features_of(features),
    )


def _entry(row: int, device: Device, link: float, efficiencies: Efficiencies) -> PromptEntry:
    cpu = device.kind == "cpu"
    clock = full_clock(device)
    return PromptEntry(
        row=row,
        device_class=class_of(device, efficiencies),
        bandwidth=device.bandwidth / device.slowed_to,
        power_share=device.power_share,
        isa=device.isa,
        cap=device.cap,
        product_rate=clock if cpu else efficiencies.product_rate(device.architecture, clock),
        shader_rate=clock if cpu else efficiencies.shader_rate(device.architecture, clock),
        emulates_dot=device.emulates_dot,
        link=link,
    )


def _one(
    work: PromptWork, d: int, types: tuple[str, ...], groups: tuple[str, ...], efficiencies: Efficiencies
) -> PromptWork:
    """The work of one device, with the formats joined to their groups."""
    join = joined_formats(types, groups, efficiencies.prompt_format_group)
    own = {}
    for f in fields(work):
        value = getattr(work, f.name)
        if f.name in BY_TYPE:
            own[f.name] = value @ join
        else:
            own[f.name] = value[:, d : d + 1] if value.shape[1] > 1 else value
    return PromptWork(**own)
