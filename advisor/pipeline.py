"""The pipeline: catalog and Rig in, ranking out.

The command line and the terminal app both go through here, and through ``advisor.explanation`` and
``advisor.comparison``, which load data and call the core in order in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from advisor.core.build_machine import build_machine
from advisor.core.estimate import (
    EstimateTable,
)
from advisor.core.filter import parse_filter
from advisor.core.fit_context import estimate_fitting
from advisor.core.machine import Machine
from advisor.core.question import Question
from advisor.core.ranking import Ranking, rank
from advisor.core.runtimes import RUNTIME
from advisor.core.score import Scores, score
from advisor.knowledge import Knowledge, knowledge_for
from advisor.runtime_rig import machine_on, one_node, rig_on
from catalog.efficiency import Efficiencies, load_efficiencies
from catalog.hardware import find_accelerator, match_cpu_family
from catalog.types import CpuFamily, LookupFailedError
from probes.types import AcceleratorInfo, Rig


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
