"""Observations: measurement rows as the work that the estimator counts for them.

A row becomes one ``Work`` entry per device that works; entries of all rows lie behind each other, and
``row_of`` says which row an entry belongs to.  Weight formats are joined to their groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from advisor.core.estimate import estimate, placement_of
from advisor.core.machine import Device
from advisor.core.placement import SPLIT, Strategy
from advisor.core.spread import DEEP
from advisor.core.step import Work, step_work
from advisor.fitting.observed import class_of, full_clock, joined_formats, run_features, stacked
from advisor.fitting.parameters import MEASURED, DeviceClass, Floats, Ints
from advisor.fitting.spread import Features, features_of
from advisor.validation.speed import Answerable
from catalog.efficiency import Efficiencies, format_group


@dataclass(frozen=True, slots=True)
class Entry:
    """One device of one row."""

    row: int
    device_class: DeviceClass
    eta_class: DeviceClass
    """The class that the share of the bandwidth is of: measured RAM has one of its own."""
    bandwidth: float
    unit_clock: float
    """Units times clock at full power; a CPU's cores times 1e9."""
    flops: float
    """FP16 rate; for a CPU ``unit_clock``."""
    power_share: float
    isa: str
    """As ``Device`` has them."""
    cap: float
    """Bytes/s that reads reach at most."""
    threads: float
    """Of a CPU; 0 for a GPU."""
    shares_memory: bool
    inline_ecc: bool
    emulates_dot: bool
    """As ``Device`` has them."""
    split: bool
    """Whether the device is a CPU that works beside a GPU."""


@dataclass(frozen=True)
class Observations:
    """All rows of the fit, flat: arrays with one element per entry or per row."""

    ids: tuple[str, ...]
    cases: tuple[Answerable, ...]
    log_speed: Floats
    """ln of the measured tokens/s of all users [rows]."""
    users: Floats
    entries: tuple[Entry, ...]
    row_of: Ints
    work: Work
    """Counts [entries, 1, …]; bytes by format group."""
    groups: tuple[str, ...]
    years: Floats
    unfused: NDArray[np.bool_]
    device: tuple[str, ...]
    """What is left out together in cross-validation [rows]: the accelerator, else the CPU."""
    features: Features
    """What the width of an interval depends on."""
    link_bandwidth: Floats
    """Bytes/s of the slowest link between GPUs."""

    def __len__(self) -> int:
        return len(self.ids)


def observe(
    answerable: Sequence[tuple[str, Answerable]], neutral: Efficiencies, groups: tuple[str, ...]
) -> Observations:
    """Count the work of every row with a measured speed.

    Args:
        answerable: rows with their ids.
        neutral: efficiencies before any fit; they order the GPUs and are otherwise not used.
        groups: the format groups, in the order of the result.
    """
    ids: list[str] = []
    kept: list[Answerable] = []
    entries: list[Entry] = []
    works: list[Work] = []
    speeds, users, years, unfused, device, sync, features = [], [], [], [], [], [], []
    group_of: Mapping[str, str] = neutral.raw["format_groups"]
    for name, case in answerable:
        measured = case.case.measured_tokens_per_s
        if not measured or measured <= 0:
            continue
        table = estimate(case.candidates, case.machine, case.question, neutral, only=case.strategy)
        row = len(ids)
        placement = placement_of(table, 0, case.strategy)
        work = step_work(case.candidates, case.machine, placement, case.question, case.question.depth)
        working = [d for d in range(len(case.machine.devices)) if _is_working(work, d)]
        if not working:
            continue
        for d in working:
            entries.append(_entry(row, case, case.machine.devices[d], placement.strategy, neutral))
            works.append(_one(work, d, case.candidates.types, groups, group_of))
            years.append(neutral.years_behind(case.question.runtime_year))
            unfused.append(not case.question.flash_attention)
            sync.append(case.machine.sync_bandwidth / neutral.number("link", "sync_share"))
        ids.append(name)
        kept.append(case)
        speeds.append(np.log(measured))
        users.append(case.question.users)
        first = case.machine.devices[working[0]]
        device.append(first.name)
        features.append(
            run_features(case, table, placement.strategy, first, deep=case.question.depth >= DEEP)
        )
    return Observations(
        ids=tuple(ids),
        cases=tuple(kept),
        log_speed=np.array(speeds),
        users=np.array(users, dtype=np.float64),
        entries=tuple(entries),
        row_of=np.array([e.row for e in entries], dtype=np.int64),
        work=stacked(works),
        groups=groups,
        years=np.array(years),
        unfused=np.array(unfused, dtype=bool),
        device=tuple(device),
        features=features_of(features),
        link_bandwidth=np.array(sync),
    )


def _is_working(work: Work, d: int) -> bool:
    return bool(work.launches[0, d] > 0 or work.read_bytes[0, d] > 0)


def _entry(row: int, case: Answerable, device: Device, strategy: Strategy, neutral: Efficiencies) -> Entry:
    cpu = device.kind == "cpu"
    own = class_of(device, neutral)
    measured = cpu and case.machine.ram_bandwidth_basis == "measured"
    return Entry(
        row=row,
        device_class=own,
        eta_class=replace(own, family=MEASURED, architecture=MEASURED) if measured else own,
        bandwidth=device.bandwidth / device.slowed_to,
        unit_clock=full_clock(device),
        flops=full_clock(device) if cpu else device.flops / device.slowed_to,
        power_share=device.power_share,
        isa=device.isa,
        cap=device.cap,
        threads=device.cores if cpu else 0.0,
        shares_memory=device.shares_memory,
        inline_ecc=device.inline_ecc,
        emulates_dot=device.emulates_dot,
        split=cpu and strategy in SPLIT,
    )


def _one(
    work: Work, d: int, types: tuple[str, ...], groups: tuple[str, ...], group_of: Mapping[str, str]
) -> Work:
    join = joined_formats(types, groups, lambda kind: format_group(group_of, kind))

    def part(a: Floats) -> Floats:
        return np.asarray(a[:, d : d + 1])

    return Work(
        dense_bytes=work.dense_bytes @ join,
        dense_share=part(work.dense_share),
        head_bytes=work.head_bytes @ join,
        head_share=part(work.head_share),
        expert_bytes=work.expert_bytes @ join,
        expert_share=part(work.expert_share),
        kv_bytes=part(work.kv_bytes),
        attention_macs=part(work.attention_macs),
        latent_macs=part(work.latent_macs),
        launches=part(work.launches),
        host_share=part(work.host_share),
        tokens=work.tokens,
        expert_tokens=work.expert_tokens,
        dense_params=part(work.dense_params),
        expert_params=part(work.expert_params),
        touched_params=part(work.touched_params),
        gpu_hops=part(work.gpu_hops),
        host_hops=part(work.host_hops),
        syncs=part(work.syncs),
        sync_bytes=part(work.sync_bytes),
    )
