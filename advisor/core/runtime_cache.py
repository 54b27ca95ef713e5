"""The cache of a model under each runtime: the same tokens, different reservations.

llama.cpp reserves the context at start; Ollama runs the same engine.  vLLM hands out pages of 16
tokens and gives layers of all kinds pages of one size.  MLX grows the cache as tokens come and rotates
the layers with a window.
"""

from __future__ import annotations

import numpy as np

from advisor.core.candidates import Candidates, Floats
from advisor.core.kv import CacheShape, cache_shape, padded
from advisor.core.question import KV_TYPES, Question
from advisor.core.runtimes import RUNTIME
from catalog.memory_model import runtime_number
from catalog.types import LayerKind, Model

CACHE_RUNTIMES = ("llama.cpp", "ollama", "vllm", "mlx")
"""Runtimes whose cache is modelled."""

GGUF_RUNTIMES = ("llama.cpp", "ollama")
"""Those of them that load GGUF files."""

_BITS = {"q8_0": 8, "q4_0": 4}
_SCALE_AND_BIAS_BITS = 32
_HALF = 2.0


def kv_bytes_for_runtime(
    model: Model,
    runtime: str,
    context: int,
    users: int = 1,
    kv_type: str = "f16",
    ubatch: int = 512,
) -> float:
    """Bytes of cache and state that a runtime holds for ``users`` sequences of ``context`` tokens.

    vLLM and MLX have no llama.cpp block formats: vLLM's ``q8_0`` stands for 1 byte per element
    (FP8), MLX's ``q8_0`` and ``q4_0`` for 8 and 4 bits in groups of 64.  MLX does not quantize
    rotating caches.

    Raises:
        ValueError: the runtime is not modelled, or has no such cache type.
    """
    if runtime not in CACHE_RUNTIMES:
        raise ValueError(f"the cache of {runtime!r} is not modelled; use one of: {', '.join(CACHE_RUNTIMES)}")
    element = element_bytes(runtime, kv_type)
    shape = cache_shape(model)
    if runtime == "vllm":
        return _paged(model, shape, context, element) * users
    if runtime == "mlx":
        return _growing(shape, context, element) * users
    return (shape.stored_elements(context, ubatch) * element + shape.state_bytes) * users


def runtime_kv_bytes(c: Candidates, q: Question) -> Floats:
    """The same for all candidates under the question's runtime, where that is not llama.cpp's cache [n].

    ExLlama reserves pages of 256 tokens for all layers alike.
    """
    runtime = RUNTIME[q.runtime]
    element = element_bytes(q.runtime, q.kv_type)
    if runtime.cache == "exllama":
        cells = padded(q.context)
        size = (c.full_elements + c.window_elements) * cells
        size = size + c.fine_elements * np.ceil(cells / c.fine_ratio)
        size = size + c.coarse_elements * np.ceil(cells / c.coarse_ratio)
        return np.asarray((size * element + c.state_bytes) * q.users)
    of_model = np.zeros(len(c.models))
    for index in np.unique(c.model_of).tolist():
        of_model[index] = kv_bytes_for_runtime(
            c.models[index], runtime.cache, q.context, q.users, q.kv_type, q.ubatch
        )
    return np.asarray(of_model[c.model_of])


def element_bytes(runtime: str, kv_type: str) -> float:
    """Bytes of one cached element of a type by its llama.cpp name; ExLlama quantizes in groups of 32 with a
    scale of 16 bit each, as ggml does.

    Raises:
        ValueError: the runtime has no such type.
    """
    ggml = runtime in RUNTIME and RUNTIME[runtime].cache in ("llama.cpp", "exllama")
    if (runtime in GGUF_RUNTIMES or ggml) and kv_type in KV_TYPES:
        return KV_TYPES[kv_type]
    if kv_type in ("f16", "bf16"):
        return _HALF
    if runtime == "vllm" and kv_type == "q8_0":
        return 1.0
    if runtime == "mlx" and kv_type in _BITS:
        return (_BITS[kv_type] + _SCALE_AND_BIAS_BITS / runtime_number("mlx", "quant_group")) / 8
    raise ValueError(f"{runtime} has no cache type {kv_type!r}")


def _paged(model: Model, shape: CacheShape, context: int, element: float) -> float:
    """Pages of one size for all layers.

    Layers of a kind are split into groups of as many layers as the rarest kind has, the last group
    padded.  A group of full layers holds all tokens; a group of window layers the window and one
    batch, and one block more; a layer with a state holds its state in whole pages.
    """
    block = runtime_number("vllm", "block_tokens")
    if shape.fine_elements:
        return _entries(shape, -(-context // block) * block, shape.window, element)
    shared = model.extra.get("num_kv_shared_layers", 0)
    own = model.layers[: len(model.layers) - shared]
    n_full = sum(own.count(k) for k in (LayerKind.FULL, LayerKind.PARALLEL_SSM, LayerKind.LATENT))
    n_window = own.count(LayerKind.WINDOW)
    n_state = sum(own.count(k) for k in (LayerKind.LINEAR, LayerKind.SSM, LayerKind.PARALLEL_SSM))
    full_blocks = -(-context // block)
    reach = min(shape.window - 1 + runtime_number("vllm", "batched_tokens"), context)
    window_blocks = min(-(-reach // block) + 1, full_blocks)
    per_full = shape.full_elements / n_full if n_full else 0.0
    per_window = shape.window_elements / n_window if n_window else 0.0
    page = block * max(per_full, per_window) * element
    if n_full and n_window:
        group = min(n_full, n_window)
        full_layers = -(-n_full // group) * group
        window_layers = -(-n_window // group) * group
        size = page * (full_layers * full_blocks + window_layers * window_blocks)
    else:
        size = page * (n_full * full_blocks + n_window * window_blocks)
    if not n_state or not page:
        return size + shape.state_bytes
    # Attention pages grow until one holds a layer's state, and every state takes such a page.
    state_page = -(-shape.state_bytes / n_state // page) * page
    tokens = round(state_page / page) * block
    full_pages = -(-context // tokens)
    return n_full * full_pages * state_page + n_state * state_page


def _growing(shape: CacheShape, context: int, element: float) -> float:
    """Steps of 256 tokens for full layers; window layers keep the window and one prompt chunk."""
    step = runtime_number("mlx", "growth_tokens")
    chunk = runtime_number("mlx", "prefill_tokens")
    cells = -(-context // step) * step
    rotating = min(context, shape.window + chunk - 1) if shape.window else 0
    if shape.fine_elements:
        return _entries(shape, cells, rotating, element)
    return (
        shape.full_elements * cells * element + shape.window_elements * rotating * _HALF + shape.state_bytes
    )


def _entries(shape: CacheShape, tokens: int, window: int, element: float) -> float:
    """A cache of windows and compressed entries without reservations: how vLLM and MLX group its pages is not
    modelled."""
    stored = shape.full_elements * tokens + shape.window_elements * min(tokens, window)
    stored += shape.fine_elements * -(-tokens // shape.fine_ratio)
    stored += shape.coarse_elements * -(-tokens // shape.coarse_ratio)
    return stored * element + shape.state_bytes
