"""What can be asked of the upgrade search, as text, and its answer: for the command line and the app.

Imports nothing heavy: the app's state holds what was asked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.core.goals import EXAMPLE, UpgradeError

if TYPE_CHECKING:
    from advisor.core.estimate import EstimateTable
    from advisor.core.question import Question
    from advisor.upgrade.outcome import Goal
    from advisor.upgrade.prices import PriceList
    from advisor.upgrade.reach import UpgradeResult
    from advisor.upgrade.spend import SpendResult
    from probes.types import Rig

Tell = Callable[[str], None]
"""Hears what the search is doing; what it raises ends the search."""

FIELDS = ("goal", "parts", "cards", "slots", "budget", "prices")
"""The options of ``upgrade`` that say what is searched."""

LEAST_BITS = 4.0
"""Bits per weight from which a quantization is taken for a goal that names none."""


class AskedError(UpgradeError):
    """One of the ``FIELDS`` is wrong (or none of them, then ``field`` is empty)."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of one search; without goals it is what the parts are best spent on."""

    goals: tuple[str, ...] = ()
    """Each ``MODEL[@QUANT]>=N``; all have to hold."""
    parts: str | None = None
    cards: str | None = None
    slots: int | None = None
    budget: float | None = None
    prices: str | None = None
    """Path of a price file."""

    def options(self) -> list[str]:
        """As the command line writes it."""
        words: list[str] = []
        for goal in self.goals:
            words += ["--goal", goal]
        for field in FIELDS[1:]:
            value = getattr(self, field)
            if value is not None:
                words += [f"--{field}", f"{value:.10g}" if isinstance(value, float) else str(value)]
        return words


@dataclass(frozen=True, slots=True)
class Understood:
    """What was asked, looked up as far as it can be without the rig."""

    asked: Asked
    goals: tuple[Goal, ...]
    prices: PriceList | None


@contextmanager
def _about(field: str) -> Iterator[None]:
    """Errors inside are about this field."""
    from advisor.core.whatif import WhatIfError
    from catalog.types import LookupFailedError
    from probes.types import RigError

    try:
        yield
    except (UpgradeError, WhatIfError, RigError, LookupFailedError) as error:
        raise AskedError(field, str(error)) from error


def asked_of(words: Sequence[str]) -> Asked:
    """The inverse of ``Asked.options``.

    Raises:
        AskedError: there is another option among them, or a number that is none.
    """
    goals: list[str] = []
    rest: dict[str, str] = {}
    for name, value in zip(words[::2], words[1::2], strict=False):
        if name == "--goal":
            goals.append(value)
        elif name.removeprefix("--") in FIELDS:
            rest[name.removeprefix("--")] = value
        else:
            known = ", ".join(f"--{field}" for field in FIELDS)
            raise AskedError("", f"{name!r} says nothing about an upgrade; use one of: {known}")
    return Asked(
        goals=tuple(goals),
        parts=rest.get("parts"),
        cards=rest.get("cards"),
        slots=whole_number("slots", rest.get("slots", "")),
        budget=amount_of_money(rest.get("budget", "")),
        prices=rest.get("prices"),
    )


def whole_number(field: str, text: str) -> int | None:
    """A count of at least 1; ``None`` for nothing.  Raises ``AskedError``."""
    if not text.strip():
        return None
    if not text.strip().isdecimal() or int(text) < 1:
        raise AskedError(field, f"--{field} must be at least 1, not {text.strip()}")
    return int(text)


def amount_of_money(text: str) -> float | None:
    """A budget; ``None`` for nothing.  Raises ``AskedError``."""
    if not text.strip():
        return None
    try:
        return float(text)
    except ValueError:
        raise AskedError("budget", f"--budget must be a sum such as 1500, not {text.strip()!r}") from None


def understand(asked: Asked, question: Question) -> Understood:
    """Check what was asked and look goals and prices up, before any machine is looked at.

    Raises:
        AskedError: something is wrong; the text says what to write.
    """
    if question.runtime != "llama.cpp" or question.fit_context:
        raise AskedError(
            "",
            "upgrade searches for llama.cpp with the whole context; leave out --runtime and --fit-context",
        )
    named = asked.prices is not None or asked.parts is not None
    if not asked.goals and not named:
        raise AskedError(
            "",
            f"upgrade needs a goal, for example --goal '{EXAMPLE}'; or parts to choose from: "
            "--budget 1500 --prices prices.toml, or --parts 'RTX 3090, 2x48GB:DDR5-6000'",
        )
    if asked.slots is not None and asked.slots < 1:
        raise AskedError("slots", f"--slots must be at least 1, not {asked.slots}")
    _check_cards(asked.cards, named=named)
    from advisor.upgrade.outcome import read_goals
    from advisor.upgrade.prices import read_prices

    with _about("goal"):
        goals = read_goals(asked.goals)
    with _about("prices"):
        prices = read_prices(Path(asked.prices).expanduser()) if asked.prices is not None else None
    _check_budget(asked.budget, prices)
    return Understood(asked, goals, prices)


def _check_cards(cards: str | None, *, named: bool) -> None:
    if cards is None:
        return
    from difflib import get_close_matches

    from advisor.upgrade.parts import CARDS

    if cards not in CARDS:
        near = get_close_matches(cards, CARDS, n=1, cutoff=0.3) or list(CARDS)
        raise AskedError("cards", f"--cards {cards!r} is unknown; nearest: {', '.join(near)}")
    if named:
        raise AskedError("cards", "--cards chooses from the catalog; leave it out with --prices or --parts")


def _check_budget(budget: float | None, prices: PriceList | None) -> None:
    """Raise for a budget without prices, or of nothing."""
    if budget is None:
        return
    if not math.isfinite(budget) or budget <= 0:
        raise AskedError("budget", f"--budget must be a sum above 0, not {budget:g}")
    if prices is None:
        raise AskedError(
            "budget",
            "--budget needs prices, and none ship with us: --prices prices.toml (see upgrade --help)",
        )


def answer(
    understood: Understood, rig: Rig, question: Question, tell: Tell = lambda _: None
) -> UpgradeResult | SpendResult:
    """Search.

    Args:
        understood: from ``understand``.
        rig: the present one.
        question: context, users and the rest.
        tell: hears of progress, and ends the search by raising.

    Raises:
        AskedError: the rig does not take the parts, or they cannot be resolved.
    """
    from advisor.upgrade.parts import listed_parts, priced_parts
    from advisor.upgrade.reach import search, search_catalog
    from advisor.upgrade.spend import best_spent

    asked, prices = understood.asked, understood.prices
    parts = None
    if asked.parts is not None:
        with _about("parts"):
            parts = listed_parts(rig, asked.parts, prices)
    elif prices is not None:
        with _about("prices"):
            parts = priced_parts(rig, prices)
    goals, slots = understood.goals, asked.slots
    if parts is None:
        return search_catalog(rig, question, goals, cards=asked.cards, most_cards=slots, tell=tell)
    if goals:
        return search(rig, question, goals, parts, budget=asked.budget, most_cards=slots, tell=tell)
    return best_spent(rig, question, parts, budget=asked.budget, most_cards=slots, tell=tell)


_LADDER = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
"""Steps of a decade: what a speed is rounded to and stepped through."""


def next_speed(tokens_per_s: float, step: int) -> float:
    """The next round speed above (``step`` 1) or below (-1), in tokens/s."""
    speed = max(tokens_per_s, 0.1)
    decade = 10.0 ** math.floor(math.log10(speed))
    rounds = [float(f"{f * d:.3g}") for d in (decade / 10, decade, decade * 10) for f in _LADDER]
    if step > 0:
        return min(r for r in rounds if r > speed * (1 + 1e-9))
    return max(max(r for r in rounds if r < speed * (1 - 1e-9)), 0.1)


def sensible_speed(now_tokens_per_s: float | None, target_tokens_per_s: float) -> float:
    """A goal to begin with, in tokens/s: the use case's target (``UseCase``) where the model does not
    reach it yet, else the next round speed that is at least 15 % above the present one."""
    if now_tokens_per_s is None or now_tokens_per_s < target_tokens_per_s:
        return target_tokens_per_s
    return next_speed(now_tokens_per_s * 1.15 * (1 - 1e-6), 1)


def present_speed(table: EstimateTable, model_id: str) -> float | None:
    """Tokens/s of a model of a ranking with the quantization that a goal without one would take: the
    fastest that fits of those with ``LEAST_BITS``, 8 x bytes / parameters; ``None`` where none fits."""
    c = table.candidates
    number = next((n for n, model in enumerate(c.models) if model.id == model_id), None)
    if number is None:
        return None
    good = c.file_bytes * 8 >= LEAST_BITS * c.models[number].total_params
    speeds = table.tokens_per_s[(c.model_of == number) & table.fits & good]
    return float(speeds.max()) if len(speeds) else None
