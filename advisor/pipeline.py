"""The pipeline: catalog and Rig in, ranking, explanation and comparison out.

This is the one place that loads data and calls the core in order; the command line and the terminal
app both go through it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, cast

import numpy as np

from advisor.core.alike import grouped
from advisor.core.alternatives import Alternative, alternatives, forced
from advisor.core.build_machine import build_machine
from advisor.core.candidates import Candidates, Floats, assemble, build_candidates
from advisor.core.commands import commands_for
from advisor.core.estimate import (
    EstimateTable,
    bottleneck,
    decode_seconds_at,
    sensitivities,
)
from advisor.core.evidence import Evidence, evidence
from advisor.core.filter import parse_filter
from advisor.core.fit_context import estimate_fitting
from advisor.core.machine import Machine, Network
from advisor.core.placement_matrix import PlacementMatrix, placement_matrix
from advisor.core.question import Question
from advisor.core.ranking import Ranking, rank
from advisor.core.remedies import Remedies, remedies
from advisor.core.roofline import Roofline, roofline
from advisor.core.runtime_commands import Commands
from advisor.core.runtimes import RUNTIME
from advisor.core.score import Scores, score
from advisor.runtime_rig import machine_on, one_node, rig_on
from catalog.efficiency import Efficiencies, load_efficiencies
from catalog.hardware import find_accelerator, match_cpu_family
from catalog.models import load_models
from catalog.quality import model_quality, quality_score, quant_loss
from catalog.types import CpuFamily, Link, LookupFailedError, Model, Role
from probes.types import AcceleratorInfo, Rig

if TYPE_CHECKING:
    from catalog.quality import Quality, Use

RANKED_QUANTS = (
    "BF16",
    "Q8_0",
    "Q6_K",
    "Q5_K_M",
    "Q4_K_M",
    "IQ4_XS",
    "Q3_K_M",
    "IQ3_XXS",
    "Q2_K",
    "IQ2_M",
    "IQ2_XXS",
)
"""What packagers publish for nearly every model; ``explain`` lists all file types."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """The catalog as the estimator needs it: candidates and their qualities.

    ``quality`` [use case][n] is in 0..1 and includes the loss of the quantization.
    """

    candidates: Candidates
    efficiencies: Efficiencies
    quant_factor: Floats
    by_use: dict[str, Floats] = field(default_factory=dict, compare=False)
    """Qualities already worked out, by use case."""

    def quality(self, use: str) -> Floats:
        """Quality [n] for a use case."""
        if use not in self.by_use:
            scores = [quality_score(m, use=_use(use)) / 100 for m in self.candidates.models]
            per_model = np.array(scores, dtype=np.float64)
            self.by_use[use] = np.asarray(per_model[self.candidates.model_of] * self.quant_factor)
        return self.by_use[use]


def quant_factors(candidates: Candidates) -> Floats:
    """Quality kept by the quantization of each candidate [n]."""
    bits = (candidates.file_bytes * 8 / np.maximum(candidates.total_params, 1)).tolist()
    models = candidates.models
    sizes = [round(np.log2(max(m.total_params, 1)) * 4) for m in models]
    natives = [native_file_type(m) for m in models]
    cached: dict[tuple[str, int, int, str | None], float] = {}
    out = np.ones(len(candidates))
    pairs = zip(candidates.model_of.tolist(), candidates.quant_of.tolist(), bits, strict=True)
    for i, (m, q, bits_per_weight) in enumerate(pairs):
        quant = candidates.quants[q]
        if quant in _LOSSLESS or quant == natives[m]:
            continue
        key = (quant, round(bits_per_weight * 50), sizes[m], models[m].native_quant)
        if key not in cached:
            loss = quant_loss(bits_per_weight, quant, models[m].total_params, models[m].native_quant)
            cached[key] = loss.quality_factor
        out[i] = cached[key]
    return out


def _use(name: str) -> Use:
    """The catalog's name of a use case; ``Question`` has checked that it is one."""
    return cast("Use", name)


_LOSSLESS = ("F32", "F16", "BF16")
_NATIVE_FILE_TYPES = {"MXFP4": "MXFP4_MOE"}


def native_file_type(model: Model) -> str | None:
    """The GGUF file type that keeps a model's published format, where there is one.

    FP8 and INT4 checkpoints have none: packagers expand and quantize them like 16 bit ones.
    """
    return _NATIVE_FILE_TYPES.get(model.native_quant or "")


@cache
def load_knowledge(quants: tuple[str, ...] = RANKED_QUANTS) -> Knowledge:
    """All estimated models of the catalog with the given quantizations, read once.

    A model published in a format of its own (gpt-oss: MXFP4) is offered in that format only:
    quantizing it again loses quality and saves nothing.
    """
    from catalog.weight_table import load_weight_table

    models = tuple(m for m in load_models() if m.not_estimated_because is None)
    table = load_weight_table()
    names = list(table.models)
    by_id = {m.id: i for i, m in enumerate(models)}
    new_model = np.array([by_id.get(name, -1) for name in names], dtype=np.int64)
    wanted = np.array([q in quants for q in table.quants])
    own = [native_file_type(models[i]) if i >= 0 else None for i in new_model.tolist()]
    native = np.array([[q == name for q in table.quants] for name in own])
    has_native = np.array([name is not None for name in own])
    keep_pair = np.where(has_native[:, None], native, wanted[None, :]) & (new_model >= 0)[:, None]
    kept = table.rows(keep_pair)
    pair_rank = np.full(keep_pair.shape, -1, dtype=np.int64)
    present = np.zeros(keep_pair.shape, dtype=bool)
    present[kept.model_index, kept.quant_index] = True
    rows, columns = np.nonzero(present)
    pair_rank[rows, columns] = np.arange(len(rows))
    pair = pair_rank[kept.model_index, kept.quant_index]
    role_of = [Role(r) for r in table.roles]
    used, type_of = np.unique(kept.type_index, return_inverse=True)
    bytes_by_role = {role: np.zeros((len(rows), len(used))) for role in Role}
    for r, role in enumerate(role_of):
        of_role = kept.role_index == r
        bytes_by_role[role][pair[of_role], type_of[of_role]] = kept.bytes[of_role]
    candidates = assemble(
        models,
        tuple(table.quants),
        tuple(table.types[t] for t in used),
        new_model[rows],
        columns.astype(np.int64),
        bytes_by_role,
    )
    return Knowledge(grouped(candidates), load_efficiencies(), quant_factors(candidates))


def knowledge_for(question: Question) -> Knowledge:
    """All models in the formats that the question's runtime loads."""
    runtime = RUNTIME[question.runtime]
    return load_knowledge() if runtime.weights == "gguf" else _format_knowledge(runtime.name)


@cache
def _format_knowledge(runtime: str) -> Knowledge:
    """All estimated models in the formats of a runtime other than GGUF, counted live, once."""
    from advisor.runtime_weights import format_candidates

    models = [m for m in load_models() if m.not_estimated_because is None]
    candidates, kept = format_candidates(RUNTIME[runtime], models, ranked=True)
    return Knowledge(grouped(candidates), load_efficiencies(), np.array(kept))


def knowledge_of_model(model: Model, question: Question) -> Knowledge:
    """One model in all formats that the question's runtime loads.

    Raises:
        LookupFailedError: the runtime cannot load it.
    """
    runtime = RUNTIME[question.runtime]
    if runtime.weights == "gguf":
        return knowledge_of(model)
    from advisor.runtime_weights import check_runs, format_candidates

    check_runs(runtime, model)
    candidates, kept = format_candidates(runtime, [model], ranked=False)
    return Knowledge(candidates, load_efficiencies(), np.array(kept))


def knowledge_of(model: Model, quants: Iterable[str] | None = None) -> Knowledge:
    """One model with the given quantizations, or with all file types, counted live."""
    from catalog.mixing import FILE_TYPES
    from catalog.weights import weights_for

    names = tuple(quants) if quants is not None else tuple(FILE_TYPES)
    candidates = build_candidates([(model, q, weights_for(model, q)) for q in names])
    return Knowledge(candidates, load_efficiencies(), quant_factors(candidates))


def cpu_family(rig: Rig) -> CpuFamily | None:
    """The catalog's family of a rig's CPU, if it is recognised."""
    name = rig.cpu.name.value
    return match_cpu_family(name) if name else None


def machine_of(rig: Rig, efficiencies: Efficiencies | None = None, cpu_engine: str = "cpu") -> Machine:
    """The rig as numbers; with the shipped efficiencies unless others are given."""
    shares = tuple(_power_share(info) for info in rig.accelerators)
    return build_machine(rig, efficiencies or load_efficiencies(), cpu_family(rig), cpu_engine, shares)


def machine_for(rig: Rig, question: Question) -> Machine:
    """The rig as numbers, as the question's runtime uses it.

    Raises:
        UnsuitedRigError: the runtime runs on nothing that the rig has.
        RigError: the rig lacks what nothing can be said without.
    """
    runtime = RUNTIME[question.runtime]
    used, notes = rig_on(rig, runtime)
    machine = machine_on(machine_of(used, cpu_engine=runtime.cpu_engine), runtime, notes)
    node = one_node(used) if runtime.binds_to_node else None
    if node is not None:
        machine = replace(machine, node=machine_of(node, cpu_engine=runtime.cpu_engine))
    if not runtime.engine_with_ram_only or not machine.gpus:
        return machine
    names = {gpu.name for gpu in machine.gpus}
    plain = [info for info in rig.accelerators if info.name.value in names]
    return replace(machine, whole=machine_of(replace(rig, accelerators=tuple(plain))))


def _power_share(info: AcceleratorInfo) -> float:
    """Power limit of an accelerator relative to its maker's; 1 where either is unknown."""
    limit, name = info.power_limit_w.value, info.name.value
    if not limit or not name:
        return 1.0
    try:
        own = find_accelerator(name).tdp_w
    except LookupFailedError:
        return 1.0
    return min(limit / own, 1.0) if own else 1.0


@dataclass(frozen=True, slots=True)
class RankingResult:
    """A ranking with what it was asked of."""

    rig: Rig
    ranking: Ranking
    filter_text: str


def estimate_all(rig: Rig, question: Question, knowledge: Knowledge) -> tuple[EstimateTable, Scores]:
    """Estimates and scores of all candidates on a rig."""
    table = estimate_fitting(
        knowledge.candidates, machine_for(rig, question), question, knowledge.efficiencies
    )
    return table, score(table, knowledge.quality(question.use))


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


def rank_rig(
    rig: Rig, question: Question, filter_text: str = "", knowledge: Knowledge | None = None
) -> RankingResult:
    """Rank all models on a rig.

    Raises:
        FilterError: the filter text cannot be understood.
        UnsuitedRigError: the question's runtime runs on nothing that the rig has.
    """
    accept = parse_filter(filter_text) if filter_text.strip() else None
    rig_on(rig, RUNTIME[question.runtime])  # what does not run here is said before anything is counted
    table, scores = estimate_all(rig, question, knowledge or knowledge_for(question))
    return RankingResult(rig, rank(table, scores, accept), filter_text)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why one model runs as it does: ``row`` of ``table`` is the one explained.

    ``by_depth`` maps cached tokens to decode tokens/s at the same placement.
    """

    rig: Rig
    table: EstimateTable
    scores: Scores
    row: int
    quality: Quality
    bottleneck: str
    bottleneck_share: float
    sensitivities: dict[str, float]
    by_depth: tuple[tuple[int, float], ...]
    launch_command: str | None
    benchmark_command: str | None
    commands: Commands | None = None
    """The same with what they leave open; ``None`` where nothing fits."""
    alternatives: tuple[Alternative, ...] = ()
    """Every placement of the runtime: the chosen one, then the others, fastest first, and why they lost."""
    remedies: Remedies | None = None
    """What would make it fit, or fit the GPUs as a whole; ``None`` where it does."""
    matrix: PlacementMatrix | None = None
    """All quantizations in all placements."""
    roofline: Roofline | None = None
    """Of the device that the step mostly waits for; ``None`` where nothing fits."""
    evidence: Evidence | None = None
    """What the interval rests on; ``None`` where nothing fits."""

    @property
    def model(self) -> Model:
        return self.table.candidates.model(self.row)

    @property
    def quant(self) -> str:
        return self.table.candidates.quant(self.row)


def resolve_quant(text: str, model: Model | None = None, question: Question | None = None) -> str:
    """The GGUF file type of that name, upper or lower case, with dashes or underscores; the format where
    the question's runtime loads others.

    Raises:
        LookupFailedError: there is none; the text lists the nearest.
    """
    if model is not None and question is not None and RUNTIME[question.runtime].weights != "gguf":
        from advisor.runtime_weights import resolve_format

        return resolve_format(RUNTIME[question.runtime], model, text)
    from difflib import get_close_matches

    from catalog.mixing import FILE_TYPES

    wanted = text.strip().upper().replace("-", "_")
    if wanted in FILE_TYPES:
        return wanted
    near = tuple(get_close_matches(wanted, list(FILE_TYPES), n=6, cutoff=0.4)) or tuple(FILE_TYPES)
    raise LookupFailedError("quantization", text, near, False)


def explain(
    rig: Rig, question: Question, model: Model, quant: str | None = None, machine: Machine | None = None
) -> Explanation:
    """Explain one model with one quantization, or with its best one.

    Raises:
        LookupFailedError: the quantization is unknown, or the model is listed but not estimated.
    """
    if model.not_estimated_because is not None:
        raise LookupFailedError("estimate", f"{model.name} ({model.not_estimated_because})", (), False)
    knowledge = knowledge_of_model(model, question)
    names = [knowledge.candidates.quant(i) for i in range(len(knowledge.candidates))]
    table = estimate_fitting(
        knowledge.candidates,
        machine or machine_for(rig, question),
        question,
        knowledge.efficiencies,
        beside=True,
    )
    scores = score(table, knowledge.quality(question.use))
    if quant is not None:
        row = names.index(resolve_quant(quant, model, question))
    else:
        offered = [i for i, name in enumerate(names) if is_offered(model, name, question)] or list(
            range(len(names))
        )
        row = max(offered, key=lambda i: (bool(table.fits[i]), scores.score[i], -table.missing_bytes[i]))
    label, share = bottleneck(table, row)
    fits = bool(table.fits[row])
    context = int(table.context[row])
    depths = sorted({0, question.depth, context // 2, context})
    commands = commands_for(table, row) if fits else None
    tried = forced(table, knowledge.efficiencies)
    return Explanation(
        rig=rig,
        table=table,
        scores=scores,
        row=row,
        quality=model_quality(model, use=_use(question.use)),
        bottleneck=label,
        bottleneck_share=share,
        sensitivities=sensitivities(table, row, knowledge.efficiencies),
        by_depth=tuple((d, 1.0 / decode_seconds_at(table, row, d, knowledge.efficiencies)) for d in depths),
        launch_command=commands.launch if commands else None,
        benchmark_command=commands.benchmark if commands else None,
        commands=commands,
        alternatives=alternatives(table, row, tried),
        remedies=remedies(table, row, knowledge.efficiencies),
        matrix=placement_matrix(table, tried),
        roofline=roofline(table, row, knowledge.efficiencies) if fits else None,
        evidence=evidence(table, row, knowledge.efficiencies) if fits else None,
    )


def is_offered(model: Model, quant: str, question: Question) -> bool:
    """Whether packagers publish a model with this quantization: in its own format where it has one."""
    runtime = RUNTIME[question.runtime]
    if runtime.weights != "gguf":
        from advisor.runtime_weights import labels_for

        return quant in labels_for(runtime, model, ranked=True)
    native = native_file_type(model)
    return quant == native if native else quant in RANKED_QUANTS


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


def compare(
    scenarios: Sequence[Scenario],
    question: Question,
    models: Sequence[Model] | None = None,
    top: int = 12,
    knowledge: Knowledge | None = None,
    present: tuple[EstimateTable, Scores] | None = None,
) -> Comparison:
    """Rank every scenario and line up the models.

    Args:
        scenarios: the present rig first.
        question: asked of all of them.
        models: models to compare; by default the best ``top`` of all scenarios together.
        top: how many, if ``models`` is not given.
        knowledge: candidates to use instead of the whole catalog.
        present: the estimates of the present rig, where they are known already.
    """
    known = knowledge or knowledge_for(question)
    results, folded = [], []
    for n, scenario in enumerate(scenarios):
        if present is not None and not n:
            table, scores = present
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
