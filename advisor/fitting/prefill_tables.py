"""What the fit of prefill writes into the document that ships."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from advisor.core.spread import KINDS, SITUATIONS
from advisor.fitting.parameters import DeviceClass, Floats
from advisor.fitting.prefill_parameters import PROMPT_COEFFICIENTS, PROMPT_NUMBERS, PromptLayout
from advisor.fitting.spread import LEVELS

DIGITS = 4
"""Significant digits of what ships."""


def rounded(value: float) -> float:
    """A value at ``DIGITS`` significant digits."""
    return float(f"{value:.{DIGITS}g}")


def prompt_groups() -> tuple[str, ...]:
    """Names of the groups of weight formats that share their cost on prompts."""
    constants = json.loads(resources.files("catalog").joinpath("data/constants.json").read_text("utf-8"))
    return tuple(sorted({*constants["format_groups"].values(), *constants["prompt_format_groups"].values()}))


@dataclass(frozen=True)
class PromptTables:
    """Fitted logarithms of prefill, and how wide its intervals are."""

    layout: PromptLayout
    theta: Floats
    spread: Mapping[str, Any] | None = None

    @classmethod
    def of_priors(cls, classes: Sequence[DeviceClass]) -> PromptTables:
        """The medians of the priors."""
        layout = PromptLayout(tuple(classes), prompt_groups())
        return cls(layout, layout.prior_mean)

    def values(self, own: DeviceClass) -> dict[str, float]:
        """The coefficients of a class, as its row has them."""
        return {
            name: rounded(float(self.layout.coefficient(self.theta, name, [own])[0]))
            for name in PROMPT_COEFFICIENTS
        }

    def number(self, name: str) -> float:
        """A number that all classes share, as it ships."""
        return rounded(self.layout.number(self.theta, name))

    def sections(self) -> dict[str, Any]:
        """The document's sections about prefill."""
        layout, theta = self.layout, self.theta
        return {
            "prompt": {name: self.number(name) for name in PROMPT_NUMBERS if not name.startswith("isa/")},
            "prompt_format_costs": {
                engine or "*": {
                    group: rounded(layout.format_cost(theta, "cost", group, engine))
                    for group in layout.groups
                }
                for engine in (*layout.engines, None)
            },
            "prompt_format_growth_per_year": {
                group: rounded(layout.number(theta, f"growth/{group}")) for group in layout.groups
            },
            "prefill_spread_log": self.spread or UNKNOWN_SPREAD,
        }


UNKNOWN_SPREAD: Mapping[str, Any] = {
    level: {
        "kinds": dict.fromkeys(KINDS, 0.3),
        "situations": dict.fromkeys(SITUATIONS, 1.0),
        "engines": {},
    }
    for level in LEVELS
}
