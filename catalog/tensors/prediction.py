"""Multi-token-prediction layers that a GGUF file holds beside the layers that decode."""

from __future__ import annotations

from catalog.tensors.base import TableBuilder, UnsupportedArchitectureError
from catalog.tensors.hybrid import qwen_prediction
from catalog.tensors.transformer import BLUEPRINTS, attention_part, ffn_part
from catalog.types import LayerKind, Model, Role, Tensor

_IN_EVERY_FILE = frozenset({"glm4_moe", "mimo_v2"})
"""Architectures whose converter always keeps these layers; of others there are separate files with them."""

_QWEN = frozenset({"qwen3_next", "qwen3_5", "qwen3_5_moe", "qwen3_5_moe_text"})


def prediction_params(model: Model) -> int | None:
    """Parameters of the prediction layers that a checkpoint may hold beside what decodes.

    ``None`` where the layers are not understood.
    """
    tensors = prediction_tensors(model)
    return sum(tensor.n_elements for tensor in tensors) if tensors else None


def prediction_tensors(model: Model) -> tuple[Tensor, ...]:
    """Tensors of the prediction layers that a file of the model may hold; empty if they are not understood.

    A checkpoint of the Qwen3.5 line has one layer, with a projection of twice the width and three norms of
    its own; embedding and head are those of the model.
    """
    if model.architecture in _QWEN:
        t = TableBuilder(model)
        t.layer = model.n_layers
        qwen_prediction(t, model.n_layers)
        t.matrix("nextn.eh_proj", Role.FFN, 2 * model.hidden_size, model.hidden_size)
        for name in ("enorm", "hnorm", "shared_head_norm"):
            t.norm(f"nextn.{name}", model.hidden_size)
        return tuple(t.tensors)
    return mtp_tensors(model)


def mtp_tensors(model: Model) -> tuple[Tensor, ...]:
    """Tensors of the prediction layers that every file of the model holds; empty for most models.

    Plain decoding does not load them, but they count in the size of the file, and their number moves
    the layers that get more bits.
    """
    extra_layers = model.extra.get("num_nextn_predict_layers", 0)
    if model.architecture not in _IN_EVERY_FILE or not extra_layers:
        return ()
    t = TableBuilder(model)
    for i in range(model.n_layers, model.n_layers + extra_layers):
        t.layer = i
        if model.architecture == "mimo_v2":
            _mimo_layer(t)
        else:
            _glm_layer(t, i)
    return tuple(t.tensors)


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


def _mimo_layer(t: TableBuilder) -> None:
    """A layer with a window and a dense feed-forward part, whatever the others have."""
    d = t.model.hidden_size
    attention_part(t, BLUEPRINTS[t.model.architecture], LayerKind.WINDOW)
    ffn_part(t, BLUEPRINTS[t.model.architecture], 0)
    t.matrix("nextn.eh_proj", Role.FFN, 2 * d, d)
    t.norm("nextn.enorm", d)
    t.norm("nextn.hnorm", d)
    t.norm("layer_output_norm", d)
