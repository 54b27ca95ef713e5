"""Tensors of a projector file (mmproj): the encoders and what maps their output to the text model.

The file is a GGUF file of its own.  Names, shapes and types are those of llama.cpp's conversion.  Every image
encoder here is a vision transformer that differs from the others in a few parts, which ``_STYLES`` lists;
the one encoder of sound is Gemma 4's conformer.  Convolutional encoders have no table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from catalog.encoders import Encoder

Named = Iterator[tuple[str, tuple[int, ...]]]

CHANNELS = 3
"""Colours of a pixel."""


@dataclass(frozen=True, slots=True)
class ProjectorTensor:
    """One tensor of a projector file; ``shape`` in GGUF order, the row length first."""

    name: str
    shape: tuple[int, ...]

    @property
    def n_elements(self) -> int:
        n = 1
        for d in self.shape:
            n *= d
        return n


@dataclass(frozen=True, slots=True)
class _Style:
    """What the layers of one kind of encoder have."""

    projector: Callable[[Encoder, int], Named]
    norm_bias: bool = True
    qkv_bias: bool = True
    out_bias: bool = True
    ffn_bias: bool = True
    fused: bool = False
    """One tensor for query, key and value."""
    gated: bool = False
    patch_bias: bool = True
    frames: int = 1
    """Slabs of the patch embedding, one per frame of a pair."""
    frames_summed: bool = False
    """The checkpoint has a slab per frame, the file their sum."""
    class_token: bool = False
    pre_norm: bool = False
    post_norm: bool = True
    layer_scale: bool = False
    qk_norm: bool = False
    sandwich_norms: bool = False
    """A norm behind attention and feed-forward part as well (Gemma 4)."""


def _linear(name: str, inputs: int, outputs: int, bias: bool = True) -> Named:
    yield f"{name}.weight", (inputs, outputs)
    if bias:
        yield f"{name}.bias", (outputs,)


def _norm(name: str, width: int, bias: bool = True) -> Named:
    yield f"{name}.weight", (width,)
    if bias:
        yield f"{name}.bias", (width,)


def _merged(e: Encoder) -> int:
    """Width of the patches that the projector joins."""
    return e.width * e.merge * e.merge


def _gemma3(e: Encoder, hidden: int) -> Named:
    yield "mm.input_projection.weight", (hidden, e.width)
    yield "mm.soft_emb_norm.weight", (e.width,)


def _gemma4(e: Encoder, hidden: int) -> Named:
    yield from _linear("mm.input_projection", e.width, hidden, bias=False)
    if e.standardized:
        yield "v.std_bias", (e.width,)
        yield "v.std_scale", (e.width,)
    if e.audio_layers:
        yield from _conformer(e, hidden)


def _conformer(e: Encoder, hidden: int) -> Named:
    """Gemma 4's encoder of sound; the clipping limits of its matrices (four numbers each) are left out."""
    d = e.audio_width
    first, second = 128, 32
    yield "a.conv1d.0.weight", (3, 3, 1, first)
    yield "a.conv1d.0.norm.weight", (first,)
    yield "a.conv1d.1.weight", (3, 3, first, second)
    yield "a.conv1d.1.norm.weight", (second,)
    yield from _linear("a.input_projection", second * 32, d, bias=False)
    for i in range(e.audio_layers):
        at = f"a.blk.{i}"
        for ffn in ("", "_1"):
            yield from _linear(f"{at}.ffn_up{ffn}", d, 4 * d, bias=False)
            yield from _linear(f"{at}.ffn_down{ffn}", 4 * d, d, bias=False)
            yield from _norm(f"{at}.ffn_norm{ffn}", d, bias=False)
            yield from _norm(f"{at}.ffn_post_norm{ffn}", d, bias=False)
        for part in ("q", "k", "v", "out", "k_rel"):
            yield from _linear(f"{at}.attn_{part}", d, d, bias=False)
        yield f"{at}.per_dim_scale.weight", (first,)
        yield from _linear(f"{at}.conv_pw1", d, 2 * d, bias=False)
        yield from _linear(f"{at}.conv_pw2", d, d, bias=False)
        yield f"{at}.conv_dw.weight", (5, d)
        for norm in ("conv_norm", "norm_conv", "attn_pre_norm", "attn_post_norm", "ln2"):
            yield from _norm(f"{at}.{norm}", d, bias=False)
    yield from _linear("a.pre_encode.out", d, e.audio_output)
    yield from _linear("mm.a.input_projection", e.audio_output, hidden, bias=False)


def _gemma4_unified(e: Encoder, hidden: int) -> Named:
    """Gemma 4 12B: one matrix for patches and one for sound instead of encoders."""
    pixels = CHANNELS * e.patch * e.patch
    yield from _norm("v.patch_norm.1", pixels)
    yield from _norm("v.patch_norm.2", e.width)
    yield from _norm("v.patch_norm.3", e.width)
    yield from _linear("mm.input_projection", e.width, hidden, bias=False)
    yield from _linear("mm.a.input_projection", e.audio_width, hidden, bias=False)


def _two_layers(e: Encoder, hidden: int) -> Named:
    """Qwen 2 to 3.8: two layers over the joined patches; Qwen3-VL has more of them for inner layers."""
    yield from _linear("mm.0", _merged(e), _merged(e))
    yield from _linear("mm.2", _merged(e), hidden)
    for i in range(e.deepstack):
        yield from _norm(f"v.deepstack.{i}.norm", _merged(e))
        yield from _linear(f"v.deepstack.{i}.fc1", _merged(e), _merged(e))
        yield from _linear(f"v.deepstack.{i}.fc2", _merged(e), hidden)


def _pixtral(e: Encoder, hidden: int) -> Named:
    if e.merge > 1:
        yield "mm.input_norm.weight", (e.width,)
        yield "mm.patch_merger.weight", (_merged(e), e.width)
    yield from _linear("mm.1", e.width, hidden, bias=e.projector_bias)
    yield from _linear("mm.2", hidden, hidden, bias=e.projector_bias)


def _internvl(e: Encoder, hidden: int) -> Named:
    yield from _norm("mm.model.mlp.0", _merged(e))
    yield from _linear("mm.model.mlp.1", _merged(e), hidden)
    yield from _linear("mm.model.mlp.3", hidden, hidden)


def _kimi(e: Encoder, hidden: int) -> Named:
    yield from _norm("mm.input_norm", e.width)
    yield from _linear("mm.1", _merged(e), _merged(e))
    yield from _linear("mm.2", _merged(e), hidden)


def _llama4(e: Encoder, hidden: int) -> Named:
    inner = e.projector_width
    yield from _linear("mm.model.mlp.1", _merged(e), inner, bias=False)
    yield from _linear("mm.model.mlp.2", inner, inner, bias=False)
    yield from _linear("mm.model.fc", inner, hidden, bias=False)


def _glm4v(e: Encoder, hidden: int) -> Named:
    inner = e.projector_width
    yield "mm.patch_merger.weight", (e.merge, e.merge, e.width, hidden)
    yield "mm.patch_merger.bias", (hidden,)
    yield from _linear("mm.model.fc", hidden, hidden, bias=False)
    yield from _norm("mm.post_norm", hidden)
    yield from _linear("mm.gate", hidden, inner, bias=False)
    yield from _linear("mm.up", hidden, inner, bias=False)
    yield from _linear("mm.down", inner, hidden, bias=False)
    yield from _norm("v.norm_embd", e.width, bias=False)


def _lfm2(e: Encoder, hidden: int) -> Named:
    if e.projector_norm:
        yield from _norm("mm.input_norm", _merged(e))
    yield from _linear("mm.1", _merged(e), e.projector_width)
    yield from _linear("mm.2", e.projector_width, hidden)


def _idefics3(e: Encoder, hidden: int) -> Named:
    yield from _linear("mm.model.fc", _merged(e), hidden, bias=False)


def _muse_glimmer(e: Encoder, hidden: int) -> Named:
    inner = e.projector_width
    yield from _linear("mm.0", _merged(e), inner, bias=False)
    yield from _linear("mm.1", inner, inner, bias=False)
    yield from _linear("mm.2", inner, hidden, bias=False)


def _step3(e: Encoder, hidden: int) -> Named:
    """Two convolutions halve the grid and double the width twice."""
    for i in range(2):
        narrow = e.width << i
        yield f"mm.{i}.weight", (3, 3, narrow, 2 * narrow)
        yield f"mm.{i}.bias", (2 * narrow,)
    yield from _linear("mm.model.fc", 4 * e.width, hidden, bias=False)


def _minicpmv(e: Encoder, hidden: int) -> Named:
    """A resampler: fixed queries attend to all patches."""
    yield "resampler.query", (hidden, 64)
    yield from _linear("resampler.kv", e.width, hidden, bias=False)
    for part in ("q", "k", "v", "out"):
        yield from _linear(f"resampler.attn.{part}", hidden, hidden)
    for part in ("q", "kv", "post"):
        yield from _norm(f"resampler.ln_{part}", hidden)
    yield from _linear("resampler.proj", hidden, hidden, bias=False)


def _phi3v(e: Encoder, hidden: int) -> Named:
    yield "v.global_separator", (_merged(e),)
    yield "v.row_separator", (_merged(e),)
    yield from _linear("mm.0", _merged(e), e.projector_width)
    yield from _linear("mm.2", e.projector_width, hidden)


def _aya(e: Encoder, hidden: int) -> Named:
    """A gated layer: half of its outputs multiply the other half."""
    yield from _norm("mm.input_norm", _merged(e))
    yield from _linear("mm.1", _merged(e), e.projector_width)
    yield from _linear("mm.2", e.projector_width // 2, hidden)


_STYLES = {
    "gemma3": _Style(_gemma3),
    "gemma4": _Style(
        _gemma4,
        norm_bias=False,
        qkv_bias=False,
        out_bias=False,
        ffn_bias=False,
        gated=True,
        patch_bias=False,
        post_norm=False,
        qk_norm=True,
        sandwich_norms=True,
    ),
    "qwen2vl": _Style(_two_layers, patch_bias=False, frames=2),
    "qwen2.5vl": _Style(_two_layers, norm_bias=False, gated=True, patch_bias=False, frames=2),
    "qwen3vl": _Style(_two_layers, fused=True, frames=2),
    "pixtral": _Style(
        _pixtral,
        norm_bias=False,
        qkv_bias=False,
        out_bias=False,
        ffn_bias=False,
        gated=True,
        patch_bias=False,
        pre_norm=True,
        post_norm=False,
    ),
    "internvl": _Style(_internvl, class_token=True, post_norm=False, layer_scale=True),
    "internvl-6b": _Style(
        _internvl,
        norm_bias=False,
        qkv_bias=False,
        class_token=True,
        post_norm=False,
        layer_scale=True,
        qk_norm=True,
    ),
    "kimivl": _Style(_kimi),
    "kimik25": _Style(_kimi, fused=True),
    "llama4": _Style(_llama4, patch_bias=False, class_token=True, pre_norm=True),
    "glm4v": _Style(
        _glm4v,
        norm_bias=False,
        qkv_bias=False,
        out_bias=False,
        ffn_bias=False,
        fused=True,
        gated=True,
        frames=2,
    ),
    "lfm2": _Style(_lfm2),
    "idefics3": _Style(_idefics3),
    "gemma4-unified": _Style(_gemma4_unified, post_norm=False),
    "muse-glimmer": _Style(_muse_glimmer, patch_bias=False, pre_norm=True, frames_summed=True),
    "step3": _Style(_step3, fused=True, patch_bias=False, pre_norm=True, post_norm=False, layer_scale=True),
    "minicpmv": _Style(_minicpmv),
    "phi3v": _Style(_phi3v, patch_bias=False, class_token=True, pre_norm=True),
    "aya": _Style(_aya),
}


def projector_table(encoder: Encoder, hidden_size: int) -> tuple[ProjectorTensor, ...]:
    """All tensors of the projector file of a text model ``hidden_size`` wide."""
    style = _STYLES[encoder.kind]
    named = (*_stem(encoder, style), *_layers(encoder, style), *style.projector(encoder, hidden_size))
    return tuple(ProjectorTensor(name, shape) for name, shape in named)


def checkpoint_params(encoder: Encoder, hidden_size: int) -> int:
    """Parameters of the encoders as the published total counts them."""
    table = projector_table(encoder, hidden_size)
    extra = CHANNELS * encoder.patch**2 * encoder.width if _STYLES[encoder.kind].frames_summed else 0
    return sum(tensor.n_elements for tensor in table) + extra


def _stem(e: Encoder, style: _Style) -> Named:
    for i in range(style.frames):
        name = "v.patch_embd.weight" + (f".{i}" if i else "")
        yield name, (e.patch, e.patch, CHANNELS, e.width)
    if style.patch_bias:
        yield "v.patch_embd.bias", (e.width,)
    if style.class_token:
        yield "v.class_embd", (e.width,)
    if e.positions:
        yield "v.position_embd.weight", (e.width, e.positions)
    if style.pre_norm:
        yield from _norm("v.pre_ln", e.width, style.norm_bias)
    if style.post_norm:
        yield from _norm("v.post_ln", e.width, style.norm_bias)


def _layers(e: Encoder, style: _Style) -> Named:
    for i in range(e.layers):
        at = f"v.blk.{i}"
        yield from _norm(f"{at}.ln1", e.width, style.norm_bias)
        yield from _norm(f"{at}.ln2", e.width, style.norm_bias)
        if style.sandwich_norms:
            yield from _norm(f"{at}.attn_post_norm", e.width, bias=False)
            yield from _norm(f"{at}.ffn_post_norm", e.width, bias=False)
        if style.fused:
            yield from _linear(f"{at}.attn_qkv", e.width, 3 * e.width, style.qkv_bias)
        else:
            for part in "qkv":
                yield from _linear(f"{at}.attn_{part}", e.width, e.width, style.qkv_bias)
        yield from _linear(f"{at}.attn_out", e.width, e.width, style.out_bias)
        if style.qk_norm:
            width = e.head_dim or e.width
            yield from _norm(f"{at}.attn_q_norm", width, bias=False)
            yield from _norm(f"{at}.attn_k_norm", width, bias=False)
        if style.gated:
            yield from _linear(f"{at}.ffn_gate", e.width, e.ffn, style.ffn_bias)
        yield from _linear(f"{at}.ffn_up", e.width, e.ffn, style.ffn_bias)
        yield from _linear(f"{at}.ffn_down", e.ffn, e.width, style.ffn_bias)
        if style.layer_scale:
            yield f"{at}.ls1.weight", (e.width,)
            yield f"{at}.ls2.weight", (e.width,)
