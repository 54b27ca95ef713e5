"""The goal language: ``llama 3.3 70b@Q4_K_M>=10tok/s``."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

EXAMPLE = "llama 3.3 70b@Q4_K_M>=10tok/s"
MOST_TOKENS_PER_S = 1e6

_GOAL = re.compile(r"^(?P<what>.*?)\s*(?:>=|=>|≥)\s*(?P<speed>.*)$", re.DOTALL)
_SPEED = re.compile(
    r"^(?P<number>\d+(?:\.\d+)?|\.\d+)\s*(?:tok(?:en)?s?\s*/\s*s(?:ec)?|t/s|tps|tok(?:en)?s?)?$",
    re.IGNORECASE,
)


class UpgradeError(ValueError):
    """What was asked of the upgrade search cannot be answered.  The text says why and what to write."""


class GoalError(UpgradeError):
    """A goal cannot be read.  The text says how to write it."""


@dataclass(frozen=True, slots=True)
class GoalText:
    """What a goal names, nothing looked up yet: a model, perhaps a quantization, tokens/s of one user."""

    model: str
    quant: str | None
    tokens_per_s: float


def parse_goal(text: str) -> GoalText:
    """A goal from ``MODEL[@QUANT]>=N[tok/s]``.

    Raises:
        GoalError: it cannot be read.
    """
    found = _GOAL.match(text.strip())
    if not found:
        wrong = next((sign for sign in ("<=", "<", ">", "==", "=") if sign in text), None)
        why = (
            f"a goal is reached from below, with >= and not {wrong}" if wrong else "it has no >= with a speed"
        )
        raise GoalError(f"cannot read the goal {text!r}: {why}; write for example {EXAMPLE!r}")
    speed = _SPEED.match(found["speed"].strip())
    if not speed:
        raise GoalError(
            f"cannot read the goal {text!r}: {found['speed'].strip()!r} is no speed in tok/s; "
            f"write for example {EXAMPLE!r}"
        )
    tokens_per_s = float(speed["number"])
    if not 0 < tokens_per_s <= MOST_TOKENS_PER_S or not math.isfinite(tokens_per_s):
        raise GoalError(
            f"the goal {text!r} asks for {tokens_per_s:g} tok/s: write a speed above 0 and up to "
            f"{MOST_TOKENS_PER_S:,.0f}"
        )
    model, at, quant = found["what"].rpartition("@")
    if not at:
        model, quant = found["what"], ""
    if not model.strip():
        raise GoalError(f"the goal {text!r} names no model; write for example {EXAMPLE!r}")
    if at and not quant.strip():
        raise GoalError(f"the goal {text!r} names no quantization behind the @; leave the @ out for any")
    return GoalText(model.strip(), quant.strip() or None, tokens_per_s)
