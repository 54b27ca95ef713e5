"""The answer of the upgrade search as plain values: what the list in the app, CSV and Markdown show.

Imports nothing heavy: ``upgrade_answer`` makes these from a search.
"""

from __future__ import annotations

from dataclasses import dataclass

from advisor.report.format import gib, gib_unit

TOP_MODELS = 3
"""Models of a ranking that stand for it."""
VERDICTS = {"sure": "sure", "likely": "likely", "possible": "possible", "no": "missed"}


@dataclass(frozen=True, slots=True)
class Held:
    """What a model takes of one kind of memory."""

    pool: str
    used_bytes: float
    usable_bytes: float

    def text(self) -> str:
        """``42.2 of 46.0 GiB VRAM``."""
        return f"{gib(self.used_bytes)} of {gib_unit(self.usable_bytes)} {self.pool}"


@dataclass(frozen=True, slots=True)
class GoalFacts:
    """One goal on one rig.  Speeds and what binds are ``None`` where the model does not fit."""

    model: str
    quant: str
    any_quant: bool
    """Whether the goal names no quantization."""
    wanted_tokens_per_s: float
    tokens_per_s: float | None
    low_tokens_per_s: float | None
    high_tokens_per_s: float | None
    ttft_s: float | None
    verdict: str
    probability: float
    margin: float
    """Speed relative to the goal."""
    factor: float | None
    """Speed relative to that of the present rig; ``None`` where it does not fit there."""
    gained_tokens_per_s: float
    bound: str | None
    bound_share: float | None
    held: tuple[Held, ...]
    missing_bytes: float
    helps: tuple[str, ...]
    """What would make it faster, most first."""
    finer_quant: str | None
    finer_tokens_per_s: float | None

    @property
    def verdict_text(self) -> str:
        """``sure``, ``likely 73 %``, ``missed``, ``does not fit``."""
        if self.tokens_per_s is None:
            return "does not fit"
        word = VERDICTS[self.verdict]
        return f"{word} {self.probability * 100:.0f} %" if self.verdict in ("likely", "possible") else word


@dataclass(frozen=True, slots=True)
class TopModel:
    """One of the best models of a ranking."""

    name: str
    quant: str
    tokens_per_s: float
    low_tokens_per_s: float
    high_tokens_per_s: float
    score: float


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the answer: the rig as it is, a change of it, or another machine."""

    kind: str
    """``now``, ``change``, ``machine``, or ``nearest`` where nothing reaches the goal."""
    place: int
    name: str
    parts: int
    price: float | None
    watts: float | None
    room_bytes: float
    """Memory of all devices that models can use."""
    more_bytes: float
    """The same, above that of the present rig."""
    goals: tuple[GoalFacts, ...]
    gained_per_100: float | None
    """Tokens/s gained per 100 units of money, of the goal that is met by least."""
    gained_per_100_w: float | None
    top: tuple[TopModel, ...]
    """Without a goal: the best models of the ranking."""
    fitting: int
    unlocked: tuple[str, ...]
    lost: tuple[str, ...]
    edits: str
    """In the language of what-if; empty for the rig as it is."""
    remarks: tuple[str, ...]

    @property
    def worst(self) -> GoalFacts | None:
        """The goal that is missed by most, or met by least."""
        return min(self.goals, key=lambda goal: goal.margin, default=None)

    @property
    def speed(self) -> GoalFacts | TopModel | None:
        """What its speed is told by: its worst goal, or the best model."""
        return self.worst or (self.top[0] if self.top else None)


@dataclass(frozen=True, slots=True)
class Answer:
    """All of it.  ``changes`` are by size or price, other machines after them."""

    goals: tuple[str, ...]
    """Each in words: model, quantizations, speed."""
    now: Change
    changes: tuple[Change, ...]
    nearest: Change | None
    reached_now: bool
    currency: str | None
    prices_file: str | None
    prices_date: str | None
    within_budget: bool
    considered: int
    evaluated: int
    notes: tuple[str, ...]

    @property
    def priced(self) -> bool:
        return self.prices_file is not None

    @property
    def money(self) -> str:
        """The currency, or what stands for it."""
        return self.currency or "of your money"

    @property
    def listed(self) -> tuple[Change, ...]:
        """What can be chosen: the changes, or the nearest."""
        return self.changes or ((self.nearest,) if self.nearest else ())
