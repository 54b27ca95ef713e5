"""What the estimator knows of the models: their quantizations, sizes and qualities, from the catalog."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, cast

import numpy as np

from advisor.core.alike import grouped
from advisor.core.candidates import Candidates, Floats, assemble, build_candidates
from advisor.core.question import Question
from advisor.core.runtimes import RUNTIME
from catalog.efficiency import Efficiencies, load_efficiencies
from catalog.file_sizes import native_file_type
from catalog.models import load_models
from catalog.quality import quality_score, quant_loss
from catalog.types import LookupFailedError, Model, Role

if TYPE_CHECKING:
    from catalog.quality import Use


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


_LOSSLESS = ("F32", "F16", "BF16")


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
            scores = [quality_score(m, use=use_case(use)) / 100 for m in self.candidates.models]
            per_model = np.array(scores, dtype=np.float64)
            self.by_use[use] = np.asarray(per_model[self.candidates.model_of] * self.quant_factor)
        return self.by_use[use]


def use_case(name: str) -> Use:
    """The catalog's name of a use case; ``Question`` has checked that it is one."""
    return cast("Use", name)


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


def is_offered(model: Model, quant: str, question: Question) -> bool:
    """Whether packagers publish a model with this quantization: in its own format where it has one."""
    runtime = RUNTIME[question.runtime]
    if runtime.weights != "gguf":
        from advisor.runtime_weights import labels_for

        return quant in labels_for(runtime, model, ranked=True)
    native = native_file_type(model)
    return quant == native if native else quant in RANKED_QUANTS
