"""The fit of prefill: the same rows, priors and solver as decoding, on the measured prompt speeds."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from advisor.fitting.parameters import DeviceClass, Floats
from advisor.fitting.prefill_model import PromptModel
from advisor.fitting.prefill_observations import PromptObservations, observe_prompts
from advisor.fitting.prefill_parameters import PromptLayout
from advisor.fitting.prefill_tables import PromptTables, prompt_groups
from advisor.fitting.solve import Fit, fit_all, leave_out
from advisor.fitting.spread import fit_spread
from advisor.validation.speed import Answerable
from catalog.efficiency import Efficiencies

NOISE = 0.12
"""Residual of ln(speed) from which the loss grows linearly: prompt speeds of one device and model vary
more with build and settings than decode speeds do."""
FOLDS = 10


@dataclass(frozen=True)
class PromptResult:
    """A fit of prefill to all rows."""

    observations: PromptObservations
    layout: PromptLayout
    model: PromptModel
    fit: Fit


@dataclass(frozen=True)
class PromptFolds:
    """Residuals ln(predicted / measured) of every row under fits that have not seen all [rows]."""

    unseen_model: Floats
    unseen_device: Floats
    unseen_class: Floats


def fitted_prompts(rows: Sequence[tuple[str, Answerable]], efficiencies: Efficiencies) -> PromptResult:
    """Fit the parameters of prefill to the rows that have a prompt speed."""
    observations = observe_prompts(rows, efficiencies, prompt_groups())
    layout = PromptLayout(tuple(sorted({e.device_class for e in observations.entries})), observations.groups)
    model = PromptModel(observations, layout)
    return PromptResult(observations, layout, model, fit_all(model, NOISE))


def device_groups(result: PromptResult, folds: int = FOLDS) -> list[str]:
    """Groups of devices that are left out together [rows]: ``folds`` of them, 0 for one per device."""
    devices = result.observations.device
    return [name if not folds else f"part {zlib.crc32(name.encode()) % folds}" for name in devices]


def cross_validated_prompts(
    result: PromptResult, progress: Callable[[str], None] = lambda _: None, device_folds: int = FOLDS
) -> PromptFolds:
    """Leave out models on devices, devices, and classes of devices in turn."""
    observations, model, theta = result.observations, result.model, result.fit.theta
    first: dict[int, DeviceClass] = {}
    for entry in observations.entries:
        first.setdefault(entry.row, entry.device_class)
    names = [case.model.id for case in observations.cases]
    pairs = zip(observations.device, names, strict=True)
    parts = [f"part {zlib.crc32(f'{device}|{name}'.encode()) % FOLDS}" for device, name in pairs]
    classes = [f"{first[i].kind} {first[i].architecture}" for i in range(len(observations))]

    def without(groups: Sequence[str]) -> Floats:
        return leave_out(model, theta, groups, progress, NOISE)

    return PromptFolds(
        unseen_model=without(parts),
        unseen_device=without(device_groups(result, device_folds)),
        unseen_class=without(classes),
    )


def prompt_tables(
    result: PromptResult, folds: PromptFolds | None = None, spread: Mapping[str, Any] | None = None
) -> PromptTables:
    """What ships of a fit of prefill; with the spread of the folds, or a given one."""
    if folds is not None:
        spread = fit_spread(
            result.observations.features, folds.unseen_model, folds.unseen_device, folds.unseen_class
        )
    return PromptTables(result.layout, result.fit.theta, spread)
