"""The inverse question: what a budget, or a list of parts, is best spent on when no model is named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from advisor.comparison import Comparison, Scenario, compare
from advisor.core.candidates import Floats, Ints
from advisor.core.estimate import estimate
from advisor.core.memory import kv_bytes
from advisor.core.question import Question
from advisor.core.score import fit_part, score
from advisor.core.search import best_option, front
from advisor.core.whatif import WhatIfError
from advisor.knowledge import Knowledge, load_knowledge
from advisor.pipeline import estimate_all, machine_for
from advisor.upgrade.ask import Tell
from advisor.upgrade.matched import figures, without_matched
from advisor.upgrade.options import Devices, Option, Space, space_of, speed_bounds
from advisor.upgrade.parts import Parts
from advisor.upgrade.reach import space_for
from probes.types import Rig, RigError

WORTH = 0.5
"""Smaller changes are listed from this share of what the best one gains."""
STEP = 1.05
"""A larger change is listed when it gains at least this factor over the last one listed."""
TOP = 10
"""The gain is that of the mean score of so many lineages of models, the best ones."""
_NOTICEABLE = 0.05
"""Points of the score that are no gain."""
MOST = 150
"""Options that are evaluated; of more, those with most bandwidth and memory for their price."""
_FLOOR = 1e-3
_PROBES = 8
"""Options, from the weakest to the strongest, that are looked at with all models."""
_SHORTLIST = 3 * TOP
"""Lineages that are kept of each of them: with the others all further options are told apart."""
_LOOSE = 2.5
"""Points of the score that its bound is usually above it, at most."""


@dataclass(frozen=True, slots=True)
class SpendResult:
    """The answer to ``upgrade`` without a goal.

    ``comparison`` holds the rig as it is and then the listed options, smallest or cheapest first; the
    last is the best.  It lines up no models, only rankings.
    """

    rig: Rig
    question: Question
    parts: Parts
    budget: float | None
    options: tuple[Option, ...]
    comparison: Comparison
    considered: int
    evaluated: int
    notes: tuple[str, ...]


def best_spent(
    rig: Rig,
    question: Question,
    parts: Parts,
    *,
    budget: float | None = None,
    most_cards: int | None = None,
    knowledge: Knowledge | None = None,
    tell: Tell = lambda _: None,
) -> SpendResult:
    """The changes that raise the scores of the best models most.

    Args:
        rig: the present one.
        question: context, users, use and the rest.
        parts: what can be bought.
        budget: what it may cost; the parts have to have prices.
        most_cards: slots for cards, those that are taken included.
        knowledge: candidates to use instead of the whole catalog.
        tell: hears of progress, and ends the search by raising.
    """
    known = knowledge or load_knowledge()
    parts = without_matched(rig, parts)
    notes = list(parts.notes)
    options = space_for(rig, parts, budget=budget, most_cards=most_cards, notes=notes)
    options += [
        Option((m,)) for m in parts.machines if budget is None or (m.price is not None and m.price <= budget)
    ]
    space = space_of(options, by_price=parts.prices is not None)
    tell(f"{len(space.options):,} changes")
    search = TopScores(rig, question, known, tell)
    listed = _listed(space, Devices(rig, parts, space.options, question), search) if options else []
    chosen = tuple(space.options[i] for i in listed)
    scenarios = [Scenario("now", rig, ()), *(option.scenario(rig) for option in chosen)]
    return SpendResult(
        rig,
        question,
        parts,
        budget,
        chosen,
        compare(scenarios, question, models=(), knowledge=known, estimated=(search.present,)),
        len(space.options),
        search.evaluated,
        tuple(notes),
    )


def _listed(space: Space, devices: Devices, search: TopScores) -> list[int]:
    """The best option, and before it the smaller ones that gain at least ``WORTH`` of what it gains."""
    kept = _promising(space, devices)
    by_strength = sorted(kept, key=lambda i: _strength(devices, space.options[i]))
    every = max((len(kept) - 1) // (_PROBES - 1), 1)
    search.shorten([space.options[i] for i in by_strength[::-every]])
    bounds = np.zeros(len(space.options))
    bounds[kept] = search.most(devices, [space.options[i] for i in kept]) - search.now

    def gain(i: int) -> float:
        return search.value(space.options[i]) - search.now

    best = best_option(bounds, gain)
    if best is None or gain(best) < _NOTICEABLE:
        return []
    return front(bounds, space.groups, gain, WORTH * gain(best), step=STEP)


def _strength(devices: Devices, option: Option) -> float:
    """Bandwidth times memory over all devices of a rig: only an order."""
    found = (devices.found[i] for i in devices.members(option))
    return sum(device.effective_bandwidth * device.usable_bytes for device in found)


def _promising(space: Space, devices: Devices) -> list[int]:
    """The options to look at: those that no smaller one matches, and of very many the strongest."""
    few = len(space.options) <= 4 * MOST
    kept = _undominated(space, devices) if few else list(range(len(space.options)))
    if len(kept) <= MOST:
        return kept
    strengths = {i: _strength(devices, space.options[i]) for i in kept}
    records: list[int] = []
    for i in kept:  # by rising size or price
        if not records or strengths[i] > strengths[records[-1]]:
            records.append(i)
    others = sorted(set(kept) - set(records), key=lambda i: -strengths[i])
    return sorted([*records[-MOST:], *others][:MOST])


def _undominated(space: Space, devices: Devices) -> list[int]:
    """Options that no smaller or cheaper one matches in everything: memory, and card by card."""
    numbers = np.array([figures(device) for device in devices.found])
    better: NDArray[np.bool_] = np.all(numbers[:, None, :] >= numbers[None, :, :], axis=2)
    kept: list[tuple[int, list[int]]] = []
    for i, option in enumerate(space.options):
        own = devices.members(option)
        if not any(_covers(better, other, own) for _, other in kept):
            kept.append((i, own))
    return [i for i, _ in kept]


def _covers(better: NDArray[np.bool_], other: Sequence[int], own: Sequence[int]) -> bool:
    """Whether every device of ``own`` has one of its own in ``other`` that is at least as good."""
    if len(other) < len(own):
        return False
    free = list(other)
    for device in own:
        match = next((f for f in free if better[f, device]), None)
        if match is None:
            return False
        free.remove(match)
    return True


class TopScores:
    """The mean score of the best lineages on a rig, over those candidates that can be among them."""

    def __init__(self, rig: Rig, question: Question, known: Knowledge, tell: Tell = lambda _: None) -> None:
        self.rig, self.question, self.known, self.tell = rig, question, known, tell
        self.present = estimate_all(rig, question, known)
        scores = self.present[1]
        c = known.candidates
        heads = [model.variant_of or model.id for model in c.models]
        number = {head: n for n, head in enumerate(dict.fromkeys(heads))}
        self._lineage = np.array([number[head] for head in heads])[c.model_of]
        best = self._by_lineage(scores.score, self._lineage)
        self.now = float(best.mean())
        case = question.use_case
        # Neither quality nor context depends on the rig; every other part of the score is below 1.
        logs = case.weight_quality * np.log(np.clip(scores.quality_part, _FLOOR, 1.0))
        logs = logs + case.weight_context * np.log(np.clip(scores.context, _FLOOR, 1.0))
        self._logs = logs
        rows = np.flatnonzero(100 * np.exp(logs) > best[-1])
        # Models of a lineage share their shape: the best one of each quantization stands for all.
        order = rows[np.argsort(-logs[rows], kind="stable")]
        _, first = np.unique(self._lineage[order] * len(c.quants) + c.quant_of[order], return_index=True)
        self._all_quality = scores.quality
        self._take(order[np.sort(first)])
        self._values: dict[tuple[object, ...], float] = {}
        self._most: dict[tuple[object, ...], Floats] = {}

    @property
    def evaluated(self) -> int:
        return len(self._values)

    def _by_lineage(self, scores: Floats, lineage: Ints) -> Floats:
        """The best scores of ``TOP`` lineages, falling."""
        best = np.zeros(max(int(self._lineage.max()) + 1, TOP))
        np.maximum.at(best, lineage, scores)
        return np.sort(best)[::-1][:TOP]

    def shorten(self, options: Sequence[Option]) -> None:
        """Keep only lineages that are among the best ``_SHORTLIST`` with one of the options."""
        own = self._lineage[self._rows]
        kept: set[int] = set()
        for option in options:
            scores = self._scores(option)
            if scores is not None:
                best = np.zeros(int(self._lineage.max()) + 1)
                np.maximum.at(best, own, scores)
                kept |= set(np.argsort(-best, kind="stable")[:_SHORTLIST].tolist())
        if kept:
            self._take(self._rows[np.isin(own, sorted(kept))])

    def _take(self, rows: Ints) -> None:
        self._rows = rows
        self._quality = self._all_quality[rows]
        self.candidates = self.known.candidates.take(rows)

    def most(self, devices: Devices, options: Sequence[Option]) -> Floats:
        """The mean with each of the options at most: at the bound of its speed, without any prefill, and
        with all memory as one [options]."""
        c, q, case = self.candidates, self.question, self.question.use_case
        speed = speed_bounds(devices, options, c, q, self.known.efficiencies)
        capacity = np.array([devices.room_bytes(option) for option in options])
        size = sum(a.sum(axis=1) for a in (c.dense, c.experts, c.head)) + kv_bytes(c, q)
        free = np.clip(1.0 - size / np.maximum(capacity, 1.0)[:, None], 0.0, 1.0)
        prefill = case.ttft_target_s / (case.ttft_target_s + 1.0 / np.maximum(speed, _FLOOR**9))
        decode = speed / (speed + case.decode_target_tokens_per_s)
        logs = self._logs[self._rows] + case.weight_fit * np.log(fit_part(free))
        for part, weight in ((decode, case.weight_decode), (prefill, case.weight_prefill)):
            logs = logs + weight * np.log(np.clip(part, _FLOOR, 1.0))
        scores = np.where(speed > 0, 100 * np.exp(logs), 0.0)
        self._most = {_key(option): each for option, each in zip(options, scores, strict=True)}
        lineage = self._lineage[self._rows]
        return np.array([self._by_lineage(each, lineage).mean() for each in scores])

    def value(self, option: Option) -> float:
        """The mean with an option; where it is below that of now, at least the truth."""
        key = _key(option)
        if key not in self._values:
            self.tell(f"{len(self._values)} changes tried with the best models")
            self._values[key] = self._value(option, self._most.get(key))
        return self._values[key]

    def _value(self, option: Option, most: Floats | None) -> float:
        """Those first that can be among the best by their bounds ``most``; then those that still can."""
        lineage = self._lineage[self._rows]
        if most is None:
            found = self._scores(option)
            return 0.0 if found is None else float(self._by_lineage(found, lineage).mean())
        scores = np.zeros(len(most))
        first = most > self._by_lineage(most, lineage)[-1] - _LOOSE
        found = self._scores(option, np.flatnonzero(first))
        if found is None:
            return 0.0
        scores[first] = found
        rest = ~first & (most > self._by_lineage(scores, lineage)[-1])
        if rest.any():
            scores[rest] = self._scores(option, np.flatnonzero(rest))
        return float(self._by_lineage(scores, lineage).mean())

    def _scores(self, option: Option, rows: Ints | None = None) -> Floats | None:
        """Scores of all candidates, or of some; ``None`` where the option cannot be made."""
        try:
            machine = machine_for(option.scenario(self.rig).rig, self.question)
        except (WhatIfError, RigError):
            return None
        if not len(self.candidates):
            return None
        some = self.candidates if rows is None else self.candidates.take(rows)
        table = estimate(some, machine, self.question, self.known.efficiencies)
        return score(table, self._quality if rows is None else self._quality[rows]).score


def _key(option: Option) -> tuple[object, ...]:
    return option.edits, option.parts[0].value
