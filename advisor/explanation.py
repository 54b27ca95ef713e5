"""Why one model runs as it does on a rig."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.core.alternatives import Alternative, alternatives, forced
from advisor.core.commands import commands_for
from advisor.core.estimate import (
    EstimateTable,
    bottleneck,
    decode_seconds_at,
    sensitivities,
)
from advisor.core.evidence import Evidence, evidence
from advisor.core.fit_context import estimate_fitting
from advisor.core.machine import Machine
from advisor.core.placement_matrix import PlacementMatrix, placement_matrix
from advisor.core.question import Question
from advisor.core.remedies import Remedies, remedies
from advisor.core.roofline import Roofline, roofline
from advisor.core.runtime_commands import Commands
from advisor.core.score import Scores, score
from advisor.knowledge import is_offered, knowledge_of_model, resolve_quant, use_case
from advisor.pipeline import machine_for
from catalog.quality import model_quality
from catalog.types import LookupFailedError, Model
from probes.types import Rig

if TYPE_CHECKING:
    from catalog.quality import Quality


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
        quality=model_quality(model, use=use_case(question.use)),
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
