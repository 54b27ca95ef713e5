"""One run of the fit: rows in, efficiencies and out-of-fold residuals out."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from advisor.core.spread import Z80
from advisor.fitting.model import Model
from advisor.fitting.neutral import format_groups, neutral_efficiencies
from advisor.fitting.observations import Observations, observe
from advisor.fitting.parameters import DeviceClass, Floats, Layout
from advisor.fitting.prefill import (
    PromptFolds,
    PromptResult,
    cross_validated_prompts,
    fitted_prompts,
    prompt_tables,
)
from advisor.fitting.prefill_tables import rounded
from advisor.fitting.solve import Fit, fit_all, leave_out
from advisor.fitting.spread import fit_spread
from advisor.fitting.tables import document
from advisor.validation.cases import Case, SkipRowError
from advisor.validation.conditions import LLAMA_CPP
from advisor.validation.files import read_file
from advisor.validation.quants import UnknownQuantError
from advisor.validation.speed import Answerable, answerable
from catalog.types import LookupFailedError
from probes.rigfile import load_rig
from probes.types import RigError

NEWEST_YEAR = 2026.5
"""Runtimes of the newest measurements; launches of older ones are longer."""
_FOLDS = 10


MEASUREMENTS = tuple(
    Path(__file__).parents[2] / "catalog" / "data" / "measurements" / name
    for name in ("gpu.csv", "cpu_hybrid.csv", "real_runs.csv")
)
RIG = MEASUREMENTS[-1].with_name("real_runs.rig.json")
"""The machine that the real runs were made on."""
Progress = Callable[[str], None]


def _quiet(_: str) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Result:
    """A fit to all rows."""

    observations: Observations
    layout: Layout
    model: Model
    fit: Fit
    prompts: PromptResult
    """The fit of prefill to the same rows."""
    skipped: Mapping[str, str]


@dataclass(frozen=True)
class Folds:
    """Residuals ln(predicted / measured) of every row under fits that have not seen all [rows]."""

    unseen_model: Floats
    """Without the row's model on its device."""
    unseen_device: Floats
    """Without the row's device."""
    unseen_class: Floats
    """Without the row's class of device."""
    prompts: PromptFolds
    """The same of prefill."""


def is_used(case: Case) -> bool:
    """Whether a row takes part: measured and not excluded; of runtimes other than llama.cpp also figures
    that are rounded or client timings, since there are few others."""
    quality = dict(case.labels).get("quality")
    return quality == "measured" or (quality == "secondary" and case.engine not in LLAMA_CPP)


def rows_of(paths: Iterable[Path]) -> tuple[list[tuple[str, Answerable]], dict[str, str]]:
    """The rows of measurement files that take part, and why others cannot be answered."""
    neutral = neutral_efficiencies(NEWEST_YEAR)
    found: list[tuple[str, Answerable]] = []
    skipped: dict[str, str] = {}
    rig = load_rig(RIG)
    for path in paths:
        for name, case in read_file(path, rig if path.name.startswith("real_runs") else None)[1]:
            if isinstance(case, str):
                skipped[name] = case
            elif case.rig is not None and is_used(case):
                try:
                    found.append((name, answerable(case, neutral)))
                except (SkipRowError, UnknownQuantError, LookupFailedError, RigError) as error:
                    skipped[name] = str(error)
    return found, skipped


def fitted(paths: Iterable[Path], progress: Progress = _quiet) -> Result:
    """Fit the parameters to the rows of measurement files."""
    rows, skipped = rows_of(paths)
    groups = format_groups()
    neutral = neutral_efficiencies(NEWEST_YEAR)
    observations = observe(rows, neutral, groups)
    classes = {e.device_class for e in observations.entries} | {e.eta_class for e in observations.entries}
    layout = Layout(tuple(sorted(classes)), groups)
    model = Model(observations, layout)
    progress(f"{len(observations)} rows, {len(layout.classes)} classes, {layout.size} parameters")
    prompts = fitted_prompts(rows, neutral)
    progress(f"{len(prompts.observations)} prompt rows, {prompts.layout.size} parameters")
    return Result(observations, layout, model, fit_all(model), prompts, skipped)


def cross_validated(result: Result, progress: Progress = _quiet) -> Folds:
    """Leave out models on devices, devices, and classes of devices in turn."""
    observations, model, theta = result.observations, result.model, result.fit.theta
    first: dict[int, DeviceClass] = {}
    for entry in observations.entries:
        first.setdefault(entry.row, entry.device_class)
    classes = [f"{first[i].kind} {first[i].architecture}" for i in range(len(observations))]
    models = [case.model.id for case in observations.cases]
    pairs = zip(observations.device, models, strict=True)
    parts = [f"part {zlib.crc32(f'{device}|{name}'.encode()) % _FOLDS}" for device, name in pairs]
    return Folds(
        unseen_model=leave_out(model, theta, parts, progress),
        unseen_device=leave_out(model, theta, observations.device, progress),
        unseen_class=leave_out(model, theta, classes, progress),
        prompts=cross_validated_prompts(result.prompts, progress, device_folds=0),
    )


def counts_of(observations: Observations) -> dict[DeviceClass, tuple[int, int]]:
    """Rows and devices behind each class."""
    rows: defaultdict[DeviceClass, set[int]] = defaultdict(set)
    devices: defaultdict[DeviceClass, set[str]] = defaultdict(set)
    for entry in observations.entries:
        for which in {entry.device_class, entry.eta_class}:
            rows[which].add(entry.row)
            devices[which].add(observations.device[entry.row])
    return {c: (len(rows[c]), len(devices[c])) for c in rows}


def measured_devices(observations: Observations) -> dict[str, list[str]]:
    """Names of the devices in the fit by engine."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for entry in observations.entries:
        machine = observations.cases[entry.row].machine
        for device in machine.devices:
            own = device.kind == entry.device_class.kind and device.backend == entry.device_class.engine
            if own:
                found[device.backend].add(device.name)
    return {engine: sorted(names) for engine, names in sorted(found.items())}


def efficiencies(
    result: Result, *, folds: Folds | None = None, shipped: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The document that ships; with the spreads of the folds, or those of a shipped document."""
    spread = shipped["spread_log"] if shipped else None
    prompt_spread = shipped["prefill_spread_log"] if shipped else None
    observations = result.observations
    if folds is not None:
        spread = fit_spread(
            observations.features, folds.unseen_model, folds.unseen_device, folds.unseen_class
        )
    devices = len(set(observations.device))
    fitted_document = document(
        result.layout,
        result.fit.theta,
        counts_of(observations),
        newest_year=NEWEST_YEAR,
        spread=spread,
        measured_devices=measured_devices(observations),
        prompt=prompt_tables(result.prompts, folds.prompts if folds else None, prompt_spread),
        source=(
            f"robust fit in the logarithm of speed to {len(observations):,} published measurements on "
            f"{devices} devices, with shrinkage to relatives (catalog/data/accuracy.md says how good it is)"
        ),
    )
    _add_spreads(fitted_document["classes"], result, folds, shipped)
    return fitted_document


_FEWEST = 5
"""Rows from which a class's own spread says something."""


def _add_spreads(
    classes: list[dict[str, Any]], result: Result, folds: Folds | None, shipped: Mapping[str, Any] | None
) -> None:
    """What rows of every class left when their model was not in the fit: 80 % quantile as a deviation."""
    known = {_key(row): row["spread_log"] for row in shipped["classes"]} if shipped else {}
    found: defaultdict[tuple[str, str, str], set[int]] = defaultdict(set)
    for entry in result.observations.entries:
        own = entry.device_class
        found[own.architecture, own.vendor, own.engine].add(entry.row)
    for row in classes:
        rows = sorted(found[_key(row)])
        if folds is None:
            row["spread_log"] = known.get(_key(row))
        elif len(rows) < _FEWEST:
            row["spread_log"] = None
        else:
            residuals = np.abs(folds.unseen_model[rows])
            row["spread_log"] = rounded(float(np.quantile(residuals, 0.8)) / Z80)


def _key(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["architecture"], row["vendor"], row["backend"]
