"""Rigs side by side: what each scenario runs, and what it unlocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from advisor.core.estimate import (
    EstimateTable,
    sensitivities,
)
from advisor.core.fit_context import estimate_fitting
from advisor.core.machine import Machine, Network
from advisor.core.question import Question
from advisor.core.ranking import Ranking, rank
from advisor.core.score import Scores, score
from advisor.knowledge import Knowledge, knowledge_for
from advisor.pipeline import estimate_all, machine_for, machine_of
from catalog.types import Link, Model
from probes.types import Rig


@dataclass(frozen=True, slots=True)
class Partner:
    """A second machine and the network that joins it to the first."""

    rig: Rig
    link: Link


@dataclass(frozen=True, slots=True)
class Scenario:
    """One column of a comparison: a named rig and what was said about its making.

    ``edits`` are the (verb, value) pairs that made it.
    """

    name: str
    rig: Rig
    remarks: tuple[str, ...]
    partner: Partner | None = None
    edits: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ComparedModel:
    """One model on all scenarios; entries are ``None`` where it does not fit.

    ``rows`` are the rows of each scenario's table with the model's best quantization there;
    ``same_quant_rows`` keep the quantization that is best on the first scenario.
    """

    model: Model
    rows: tuple[int | None, ...]
    same_quant_rows: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Scenarios side by side; the first is the rig as it is."""

    scenarios: tuple[Scenario, ...]
    rankings: tuple[Ranking, ...]
    editions: tuple[Ranking, ...]
    """The same with every edition of a model in a row of its own."""
    models: tuple[ComparedModel, ...]
    unlocked: tuple[tuple[Model, ...], ...]
    """For every scenario: heads of lineages that fit there and not on the first."""
    lost: tuple[tuple[Model, ...], ...]
    sensitivities: tuple[dict[int, dict[str, float]], ...]
    """For every scenario: d ln(tokens/s) / d ln(parameter) of the compared rows."""


def network_of(link: Link) -> Network:
    """A link between machines as the estimator needs it: its payload, or its line rate where unknown."""
    rate = link.usable_gbs or link.bandwidth_gbs
    return Network(link.name, rate * 1e9, link.latency_us / 1e6 if link.latency_us is not None else None)


def estimate_scenario(
    scenario: Scenario,
    question: Question,
    knowledge: Knowledge,
    tweak: Callable[[Machine], Machine] | None = None,
) -> EstimateTable:
    """Estimates of all candidates on a scenario's rig, and on the second machine where there is one.

    ``tweak`` changes this machine's numbers before.
    """
    partner = scenario.partner
    here = machine_for(scenario.rig, question)
    here = tweak(here) if tweak else here
    if partner is None:
        return estimate_fitting(knowledge.candidates, here, question, knowledge.efficiencies)
    from advisor.core.second_machine import estimate_joined

    there, network = machine_of(partner.rig), network_of(partner.link)
    return estimate_joined(knowledge.candidates, here, there, network, question, knowledge.efficiencies)


def compare(
    scenarios: Sequence[Scenario],
    question: Question,
    models: Sequence[Model] | None = None,
    top: int = 12,
    knowledge: Knowledge | None = None,
    estimated: Sequence[tuple[EstimateTable, Scores]] = (),
) -> Comparison:
    """Rank every scenario and line up the models.

    Args:
        scenarios: the present rig first.
        question: asked of all of them.
        models: models to compare; by default the best ``top`` of all scenarios together.
        top: how many, if ``models`` is not given.
        knowledge: candidates to use instead of the whole catalog.
        estimated: the estimates of the first scenarios, where they are known already.
    """
    known = knowledge or knowledge_for(question)
    results, folded = [], []
    for n, scenario in enumerate(scenarios):
        if n < len(estimated):
            table, scores = estimated[n]
        elif scenario.partner is None:
            table, scores = estimate_all(scenario.rig, question, known)
        else:
            table = estimate_scenario(scenario, question, known)
            scores = score(table, known.quality(question.use))
        results.append(rank(table, scores, fold=False))
        folded.append(rank(table, scores))
    best = [{r.table.candidates.model(i).id: int(i) for i in r.rows.tolist()} for r in results]
    if models is None:
        chosen: dict[str, Model] = {}
        for place in range(max(len(r) for r in folded)):
            for r in folded:
                if place < len(r) and len(chosen) < top:
                    i = int(r.rows[place])
                    if r.table.fits[i]:
                        chosen.setdefault(r.table.candidates.model(i).id, r.table.candidates.model(i))
        models = list(chosen.values())
    compared = []
    for model in models:
        rows = tuple(
            b[model.id] if model.id in b and r.table.fits[b[model.id]] else None
            for b, r in zip(best, results, strict=True)
        )
        base = next((row for row in rows if row is not None), None)
        same = tuple(base if base is not None and r.table.fits[base] else None for r in results)
        compared.append(ComparedModel(model, rows, same))
    by_id = {m.id: m for m in known.candidates.models}

    def heads(ranking: Ranking) -> dict[str, Model]:
        """Heads of the lineages that have a model that fits, best first."""
        fit = [ranking.table.candidates.model(i) for i in ranking.rows.tolist() if ranking.table.fits[i]]
        return {m.variant_of or m.id: by_id.get(m.variant_of or m.id, m) for m in fit}

    fitting = [heads(r) for r in folded]
    now = fitting[0]
    return Comparison(
        scenarios=tuple(scenarios),
        rankings=tuple(folded),
        editions=tuple(results),
        models=tuple(compared),
        unlocked=tuple(tuple(m for i, m in f.items() if i not in now) for f in fitting),
        sensitivities=tuple(
            _sensitivities_of(ranking, known, [(m.rows[i], m.same_quant_rows[i]) for m in compared])
            for i, ranking in enumerate(results)
        ),
        lost=tuple(tuple(m for i, m in now.items() if i not in f) for f in fitting),
    )


def _sensitivities_of(
    ranking: Ranking, known: Knowledge, rows: Sequence[tuple[int | None, ...]]
) -> dict[int, dict[str, float]]:
    wanted = {row for pair in rows for row in pair if row is not None}
    return {row: sensitivities(ranking.table, row, known.efficiencies) for row in sorted(wanted)}
