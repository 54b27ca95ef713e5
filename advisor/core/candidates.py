"""Candidates: every (model, quantization) pair as rows of NumPy arrays.

All byte arrays are float64 of shape [candidates, ggml types]; per-model facts are [candidates].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advisor.core.kv import CacheShape, Read, cache_shape
from advisor.core.scratch import COLUMNS, scratch_shape
from catalog.ngrams import ngram_params
from catalog.types import LayerKind, Model, Role

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Pairs of model and quantization with the bytes of every part."""

    models: tuple[Model, ...]
    quants: tuple[str, ...]
    types: tuple[str, ...]
    model_of: Ints
    quant_of: Ints
    embedding: Floats
    """Input embedding; looked up, not read. Stays in host memory on a rig with discrete GPUs."""
    head: Floats
    """Output matrix and final norm; the embedding once more where the two are tied."""
    dense: Floats
    """Attention, norms, dense FFN, shared experts and routers of all layers."""
    experts: Floats
    """Routed experts of all layers."""
    lookup_bytes: Floats
    """Per-layer embeddings [n]: looked up, held in host memory."""
    file_bytes: Floats
    layers: Floats
    expert_layers: Floats
    n_experts: Floats
    n_experts_active: Floats
    dense_tensors: Floats
    """Tensors of the layers outside the routed experts, norms and biases included."""
    expert_tensors: Floats
    """Stacked tensors of routed experts of all layers."""
    hidden: Floats
    vocab: Floats
    tied: Floats
    """1 where the head is the embedding."""
    dense_matmul_params: Floats
    """Parameters multiplied per token outside the routed experts (head included)."""
    expert_matmul_params: Floats
    """Parameters of the chosen routed experts, summed over layers."""
    total_params: Floats
    full_elements: Floats
    window_elements: Floats
    window: Floats
    state_bytes: Floats
    attention_width: Floats
    latent_attention_width: Floats
    window_attention_width: Floats
    fine_elements: Floats
    fine_ratio: Floats
    coarse_elements: Floats
    coarse_ratio: Floats
    per_sequence: NDArray[np.bool_]
    """Caches that are reserved once per sequence, whatever a unified cache would share."""
    read_elements: Floats
    """What a decoded token reads of the cache [n, ``READS``]: elements per token of the past,"""
    read_tokens: Floats
    """for at most that many tokens,"""
    read_values: Floats
    """how many of the elements are values,"""
    read_chosen: NDArray[np.bool_]
    """and whether the limit is an indexer's choice, which needs flash attention, and not a window."""
    scratch: Floats
    """What decides the compute buffer [n, ``scratch.COLUMNS``]."""
    model_context: Floats
    """Context length the model was trained for; 0 where unknown."""
    alike: Alike | None = None
    """Which candidates are estimated once for several; then the arrays in ``WIDE`` are empty here, and only
    those that are taken out have them.  ``None``: each is estimated by itself."""

    def __len__(self) -> int:
        return len(self.model_of)

    def model(self, i: int) -> Model:
        """The model of row ``i``."""
        return self.models[int(self.model_of[i])]

    def quant(self, i: int) -> str:
        """The quantization of row ``i``."""
        return self.quants[int(self.quant_of[i])]

    def take(self, rows: NDArray[Any]) -> Candidates:
        """The candidates at ``rows`` (indices or a mask), sharing models and names."""
        names = [f.name for f in fields(self) if f.name not in _SHARED]
        if self.alike is None:
            return replace(self, **{name: getattr(self, name)[rows] for name in names})
        first, row_of = self.alike.distinct, self.alike.row_of[rows]
        arrays = {
            name: getattr(first, name)[row_of] if name in WIDE else getattr(self, name)[rows]
            for name in names
        }
        return replace(self, **arrays, alike=None)


WIDE = (
    "embedding",
    "head",
    "dense",
    "experts",
    "read_elements",
    "read_tokens",
    "read_values",
    "read_chosen",
    "scratch",
)
"""Arrays with several numbers per candidate: four fifths of the memory."""
_SHARED = ("models", "quants", "types", "alike")


@dataclass(frozen=True, slots=True)
class Alike:
    """Candidates of which no estimate depends on which is meant: finetunes of one shape in one format."""

    distinct: Candidates
    """The first of each kind."""
    row_of: Ints
    """Its row, for every candidate [n]."""


READS = 5
"""Most parts that the reads of one cache fall into (DeepSeek V4.1)."""


def by_device(n: int, devices: int) -> Floats:
    """Zeros [n, devices], device by device in memory: what is worked out from them runs along the candidates
    and not along a handful of devices."""
    return np.zeros((n, devices), order="F")


def build_candidates(
    pairs: Sequence[tuple[Model, str, Mapping[tuple[Role, str], int]]],
) -> Candidates:
    """Candidates from explicit byte maps, one per (model, quant)."""
    models: list[Model] = []
    index: dict[str, int] = {}
    quants = tuple(dict.fromkeys(quant for _, quant, _ in pairs))
    types = tuple(sorted({t for _, _, weights in pairs for _, t in weights}))
    type_index = {t: i for i, t in enumerate(types)}
    quant_index = {q: i for i, q in enumerate(quants)}
    bytes_by_role = {role: np.zeros((len(pairs), max(len(types), 1))) for role in Role}
    model_of = np.zeros(len(pairs), dtype=np.int64)
    quant_of = np.zeros(len(pairs), dtype=np.int64)
    for row, (model, quant, weights) in enumerate(pairs):
        if model.id not in index:
            index[model.id] = len(models)
            models.append(model)
        model_of[row] = index[model.id]
        quant_of[row] = quant_index[quant]
        for (role, ggml_type), size in weights.items():
            bytes_by_role[role][row, type_index[ggml_type]] += size
    return assemble(tuple(models), quants, types, model_of, quant_of, bytes_by_role)


def assemble(
    models: tuple[Model, ...],
    quants: tuple[str, ...],
    types: tuple[str, ...],
    model_of: Ints,
    quant_of: Ints,
    bytes_by_role: Mapping[Role, Floats],
) -> Candidates:
    """Candidates from byte arrays [n, types] per role and the models they belong to."""
    shapes, scratch = _shapes(models)

    def per_model(values: Sequence[float]) -> Floats:
        return np.asarray(values, dtype=np.float64)[model_of]

    def per_shape(name: str) -> Floats:
        return per_model([getattr(shape, name) for shape in shapes])

    reads = [(*shape.reads, *[Read(0)] * (READS - len(shape.reads))) for shape in shapes]

    def per_read(name: str) -> Floats:
        return np.asarray([[getattr(r, name) for r in row] for row in reads], dtype=np.float64)[model_of]

    embedding = bytes_by_role[Role.EMBEDDING]
    stored_head = bytes_by_role[Role.HEAD]
    tied = per_model([m.tied_embeddings for m in models])[:, None]
    dense = bytes_by_role[Role.ATTENTION] + bytes_by_role[Role.FFN]
    experts = bytes_by_role[Role.EXPERTS]
    lookup = bytes_by_role[Role.PER_LAYER_EMBEDDING].sum(axis=1)
    expert_params = [_active_expert_params(m) for m in models]
    return Candidates(
        models=models,
        quants=quants,
        types=types,
        model_of=model_of,
        quant_of=quant_of,
        embedding=embedding,
        head=stored_head + embedding * tied,
        dense=dense,
        experts=experts,
        lookup_bytes=lookup,
        file_bytes=(embedding + stored_head + dense + experts).sum(axis=1) + lookup,
        layers=per_model([m.n_layers for m in models]),
        expert_layers=per_model([_expert_layers(m) for m in models]),
        n_experts=per_model([max(m.n_experts, 1) for m in models]),
        n_experts_active=per_model([m.n_experts_active if m.n_experts else 1 for m in models]),
        dense_tensors=per_model([m.dense_tensors or _TENSORS_PER_LAYER * m.n_layers for m in models]),
        expert_tensors=per_model([m.expert_tensors for m in models]),
        hidden=per_model([m.hidden_size for m in models]),
        vocab=per_model([m.vocab_size for m in models]),
        tied=per_model([float(m.tied_embeddings) for m in models]),
        dense_matmul_params=per_model(
            [
                max(m.active_params - e - _looked_up_params(m), 0)
                for m, e in zip(models, expert_params, strict=True)
            ]
        ),
        expert_matmul_params=per_model(expert_params),
        total_params=per_model([m.total_params for m in models]),
        full_elements=per_shape("full_elements"),
        window_elements=per_shape("window_elements"),
        window=per_shape("window"),
        state_bytes=per_shape("state_bytes"),
        attention_width=per_shape("attention_width"),
        latent_attention_width=per_shape("latent_attention_width"),
        window_attention_width=per_shape("window_attention_width"),
        fine_elements=per_shape("fine_elements"),
        fine_ratio=per_shape("fine_ratio"),
        coarse_elements=per_shape("coarse_elements"),
        coarse_ratio=per_shape("coarse_ratio"),
        per_sequence=per_shape("per_sequence").astype(np.bool_),
        read_elements=per_read("elements"),
        read_tokens=per_read("tokens"),
        read_values=per_read("value_elements"),
        read_chosen=per_read("chosen").astype(np.bool_),
        scratch=scratch[model_of],
        model_context=per_model([m.context_length or 0 for m in models]),
    )


_TENSORS_PER_LAYER = 9
"""Of a plain layer (four of attention, three of the feed-forward part, two norms): for a model whose
tensors were not counted."""

_SHAPE_FIELDS = attrgetter(
    "architecture",
    "layers",
    "hidden_size",
    "n_heads",
    "n_kv_heads",
    "head_dim",
    "ffn_size",
    "vocab_size",
    "sliding_window",
    "n_experts",
    "n_experts_active",
    "moe_ffn_size",
    "first_dense_layers",
    "kv_lora_rank",
    "qk_nope_head_dim",
    "qk_rope_head_dim",
    "v_head_dim",
    "context_length",
)
"""Everything that cache and scratch shapes depend on, besides ``extra``."""


def _shapes(models: Sequence[Model]) -> tuple[list[CacheShape], Floats]:
    """Cache shapes and scratch rows of all models; models of one shape share the work."""
    known: dict[object, tuple[CacheShape, list[float]]] = {}
    shapes, rows = [], []
    for model in models:
        key = (_SHAPE_FIELDS(model), tuple(model.extra.items()))
        if key not in known:
            cache = cache_shape(model)
            scratch = scratch_shape(model, cache)
            known[key] = (cache, [float(getattr(scratch, name)) for name in COLUMNS])
        shapes.append(known[key][0])
        rows.append(known[key][1])
    return shapes, np.asarray(rows, dtype=np.float64).reshape(len(models), len(COLUMNS))


def _expert_layers(model: Model) -> int:
    """Layers with routed experts: all but the dense first ones, every ``moe_layer_step``-th.

    Where mixers and FFNs are layers of their own (Nemotron-H), the FFN layers hold the experts.
    """
    if not model.is_moe:
        return 0
    if LayerKind.NONE in model.layers:
        return model.layers.count(LayerKind.NONE)
    step = max(model.moe_layer_step, 1)
    return model.n_layers // step - model.first_dense_layers // step


def _looked_up_params(model: Model) -> int:
    """Parameters that are looked up, not multiplied: the input embedding unless it is also the head,
    and per-layer embeddings."""
    embedding = 0 if model.tied_embeddings else model.vocab_size * model.hidden_size
    per_layer = model.extra.get("hidden_size_per_layer_input", 0)
    vocabulary = model.extra.get("vocab_size_per_layer_input", model.vocab_size)
    return embedding + per_layer * vocabulary * model.n_layers


def _active_expert_params(model: Model) -> int:
    """Parameters of the chosen routed experts: (total - active - n-gram tables) x k / (E - k)."""
    if not model.is_moe or model.n_experts <= model.n_experts_active:
        return 0
    idle = model.total_params - model.active_params - ngram_params(model)
    return round(idle * model.n_experts_active / (model.n_experts - model.n_experts_active))
