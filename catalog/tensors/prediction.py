"""Multi-token-prediction layers: what a checkpoint holds beside the layers that decode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from catalog.tensors.base import TableBuilder, UnsupportedArchitectureError
from catalog.tensors.compressed import deepseek_v4_prediction
from catalog.tensors.hybrid import qwen_prediction
from catalog.tensors.hyper import low_rank_mixer, streams
from catalog.tensors.indexed import glm5_next_prediction, hy_v4_prediction, qwen4_exp_prediction
from catalog.tensors.latent import sparse_deepseek_layer
from catalog.tensors.mamba import ling_prediction
from catalog.tensors.transformer import BLUEPRINTS, attention_part, ffn_part
from catalog.types import LayerKind, Model, Role, Tensor

_IN_EVERY_FILE = frozenset({"glm4_moe", "mimo_v2"})
"""Architectures whose converter always keeps these layers; of others there are separate files with them."""


def prediction_params(model: Model) -> int | None:
    """Parameters of the prediction layers that a checkpoint may hold beside what decodes.

    ``None`` where the layers are not understood.
    """
    tensors = prediction_tensors(model)
    return sum(tensor.n_elements for tensor in tensors) if tensors else None


def prediction_tensors(model: Model) -> tuple[Tensor, ...]:
    """Tensors of the prediction layers of a checkpoint, all of role ``PREDICTION``; empty where there are
    none or they are not understood.

    Raises:
        UnsupportedArchitectureError: a shape field of the layers is missing.
    """
    t = TableBuilder(model)
    if model.architecture in ("deepseek_v4", "deepseek_v41"):
        deepseek_v4_prediction(t)
    elif model.architecture in _LAYERS:
        for i in range(model.n_layers, model.n_layers + _layers_of(model)):
            t.layer = i
            _LAYERS[model.architecture](t, i)
    return tuple(replace(tensor, role=Role.PREDICTION) for tensor in t.tensors)


def mtp_tensors(model: Model) -> tuple[Tensor, ...]:
    """Tensors of the prediction layers that every file of the model holds; empty for most models.

    Plain decoding does not load them, but they count in the size of the file, and their number moves
    the layers that get more bits.
    """
    return prediction_tensors(model) if model.architecture in _IN_EVERY_FILE else ()


def _layers_of(model: Model) -> int:
    return model.extra.get("num_nextn_predict_layers", int(model.architecture in _ONE_LAYER))


def _projection(t: TableBuilder, *, norms: tuple[str, ...] = ("enorm", "hnorm", "shared_head_norm")) -> None:
    """What joins the next token's embedding to the state, and norms; embedding and head are the model's."""
    d = t.model.hidden_size
    t.matrix("nextn.eh_proj", Role.FFN, 2 * d, d)
    for name in norms:
        t.norm(f"nextn.{name}", d)


def _with_projection(layer: Callable[[TableBuilder, int], None]) -> Callable[[TableBuilder, int], None]:
    def build(t: TableBuilder, i: int) -> None:
        layer(t, i)
        _projection(t)

    return build


def _qwen4_layer(t: TableBuilder, _: int) -> None:
    """Norms over all streams, and a mixer of its own before the head."""
    qwen4_exp_prediction(t)
    _projection(t, norms=("enorm",))
    t.norm("nextn.hnorm", streams(t) * t.model.hidden_size)
    low_rank_mixer(t, "nextn.hc_head", Role.HEAD, injects=False)


def _glm_layer(t: TableBuilder, i: int) -> None:
    """A layer like the others, with copies of embedding and head."""
    model = t.model
    d = model.hidden_size
    if set(model.layers) != {LayerKind.FULL}:
        raise UnsupportedArchitectureError(model, "its prediction layers are not understood")
    plan = BLUEPRINTS[model.architecture]
    attention_part(t, plan, LayerKind.FULL)
    ffn_part(t, plan, i)
    t.matrix("nextn.eh_proj", Role.FFN, 2 * d, d)
    t.matrix("nextn.embed_tokens", Role.EMBEDDING, d, model.vocab_size)
    t.norm("nextn.enorm", d)
    t.norm("nextn.hnorm", d)
    t.matrix("nextn.shared_head_head", Role.HEAD, d, model.vocab_size)
    t.norm("nextn.shared_head_norm", d)


def _mimo_layer(t: TableBuilder, _: int) -> None:
    """A layer with a window and a dense feed-forward part, whatever the others have."""
    d = t.model.hidden_size
    attention_part(t, BLUEPRINTS[t.model.architecture], LayerKind.WINDOW)
    ffn_part(t, BLUEPRINTS[t.model.architecture], 0)
    t.matrix("nextn.eh_proj", Role.FFN, 2 * d, d)
    t.norm("nextn.enorm", d)
    t.norm("nextn.hnorm", d)
    t.norm("layer_output_norm", d)


_LAYERS: dict[str, Callable[[TableBuilder, int], None]] = {
    "glm4_moe": _glm_layer,
    "mimo_v2": _mimo_layer,
    "qwen3_next": _with_projection(qwen_prediction),
    "qwen3_5": _with_projection(qwen_prediction),
    "qwen3_5_moe": _with_projection(qwen_prediction),
    "qwen3_5_moe_text": _with_projection(qwen_prediction),
    "qwen4_exp": _qwen4_layer,
    "glm5_next": _with_projection(glm5_next_prediction),
    "hy_v4": _with_projection(hy_v4_prediction),
    "bailing_hybrid": _with_projection(ling_prediction),
    "deepseek_v32": _with_projection(sparse_deepseek_layer),
    "glm_moe_dsa": _with_projection(sparse_deepseek_layer),
}
_ONE_LAYER = frozenset(
    {"qwen3_next", "qwen3_5", "qwen3_5_moe", "qwen3_5_moe_text", "qwen4_exp", "glm5_next", "hy_v4"}
)
"""Architectures whose checkpoints hold one layer that their shape does not mention."""
