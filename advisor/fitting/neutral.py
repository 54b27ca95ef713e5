"""Efficiencies before any fit: the medians of the priors, as the document that the app reads."""

from __future__ import annotations

import json
from importlib import resources

from advisor.fitting.parameters import DeviceClass, Layout
from advisor.fitting.tables import document
from catalog.efficiency import Efficiencies, read_efficiencies

_ANY = (
    DeviceClass("gpu", "*", "*", "*", "*"),
    DeviceClass("cpu", "cpu", "*", "*", "*"),
)


def constants_text() -> str:
    """The hand-kept part of the efficiencies."""
    return resources.files("catalog").joinpath("data/constants.json").read_text("utf-8")


def format_groups() -> tuple[str, ...]:
    """Names of the groups of weight formats that share their costs."""
    return tuple(sorted(set(json.loads(constants_text())["format_groups"].values())))


def neutral_efficiencies(newest_year: float) -> Efficiencies:
    """The medians of the priors for every class."""
    layout = Layout(_ANY, format_groups())
    fitted = document(layout, layout.prior_mean, {}, newest_year=newest_year)
    return read_efficiencies(json.dumps(fitted), constants_text())
