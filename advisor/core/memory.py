"""Bytes a placement has to hold besides weights: KV cache, state and scratch buffers."""

from __future__ import annotations

import numpy as np

from advisor.core.candidates import Candidates, Floats
from advisor.core.kv import CELL_PAD, padded
from advisor.core.question import KV_TYPES, Question
from advisor.core.runtime_cache import element_bytes, runtime_kv_bytes
from advisor.core.runtimes import RUNTIME
from advisor.core.scratch import COLUMNS, LIVE_ACTIVATIONS

_COLUMN = {name: i for i, name in enumerate(COLUMNS)}


def kv_bytes(c: Candidates, q: Question) -> Floats:
    """KV cache and recurrent state that the runtime reserves, in bytes [n].

    That of llama.cpp and what runs its engine:

    Full layers hold context x users cells; window layers min(context, window + micro-batch),
    padded to 256, per user.  With one unified cache a window layer holds min(context x users,
    window x users + micro-batch) cells in all.  Entries that stand for several tokens take one cell per
    ratio, padded to 256; llama.cpp keeps them per sequence and, with a unified cache, sizes each for the
    context of all.  States are per sequence and always F32.  Of the others: ``runtime_cache``.
    """
    if RUNTIME[q.runtime].cache != "llama.cpp":
        return runtime_kv_bytes(c, q)
    sequence = padded(q.context)
    full = float(sequence * q.users)
    shares = q.unified_kv & ~c.per_sequence
    window = _window_cells(c, q) * np.where(shares, 1, q.users)
    whole = sequence * (q.users if q.unified_kv else 1)
    fine = _entry_cells(whole, c.fine_ratio) * q.users
    coarse = _entry_cells(whole, c.coarse_ratio) * q.users
    key, value = KV_TYPES[q.kv_type], KV_TYPES[q.value_type]
    size = (c.full_elements * full + c.window_elements * window) * key
    size = size + (c.fine_elements * fine + c.coarse_elements * coarse) * key
    if value != key:
        values = _of(c, "full_value_elements") * full + _of(c, "window_value_elements") * window
        size = size + values * (value - key)
    if not q.flash_attention:
        size = size + (_of(c, "value_padding") * full + _of(c, "window_value_padding") * window) * value
    return np.asarray(size + c.state_bytes * q.users)


def kv_read_bytes(c: Candidates, q: Question, depth: float) -> Floats:
    """Bytes of cache and state that one decode step of one user reads at ``depth`` tokens [n].

    Of layers with an indexer it reads the chosen tokens only, if the flash attention kernels run.
    """
    limit = c.read_tokens if q.flash_attention else np.where(c.read_chosen, np.inf, c.read_tokens)
    seen = np.minimum(depth, limit)
    key, value = element_bytes(q.runtime, q.kv_type), element_bytes(q.runtime, q.value_type)
    size = (c.read_elements * seen).sum(axis=1) * key + (c.read_values * seen).sum(axis=1) * (value - key)
    return np.asarray(size + c.state_bytes)


def compute_buffer_bytes(c: Candidates, q: Question) -> Floats:
    """Scratch of one device that runs the whole graph, in bytes [n].

    tokens x (activations + masks + the largest of the logits, the feed-forward part and attention).  Delta
    nets hold the states of all sequences twice instead, where that is more.
    Masks hold 2 bytes per token and cell with flash attention, 4 without; without it attention adds
    one F32 score per head and cell, and for latents their values in the type of the cache.  What fits
    where freed memory lies costs nothing further: logits where the masks and the batch given as
    embeddings lay, scores of latent attention where parts of its query lay.
    """
    cells = float(padded(q.context) * (q.users if q.unified_kv else 1))
    tokens = min(q.ubatch, padded(q.context) * q.users)
    window = _window_cells(c, q)
    mask_bytes = 2 if q.flash_attention else 4
    full_masks, window_masks = _of(c, "full_masks"), _of(c, "window_masks")
    chosen = _of(c, "index_layers") * np.minimum(_of(c, "index_top"), cells) * 4
    masks = (full_masks * cells + window_masks * window) * mask_bytes + chosen
    compressed = c.fine_elements > 0
    fine = np.where(compressed, _entry_cells(int(cells), c.fine_ratio), 0.0)
    coarse = np.where(c.coarse_elements > 0, _entry_cells(int(cells), c.coarse_ratio), 0.0)
    masks = masks + (2 * fine + coarse) * mask_bytes
    scored = np.where(compressed, fine, cells)
    attention = (_of(c, "attention") + _of(c, "index_scores") * scored) * 4
    live = _of(c, "activations") * 4 + masks
    copied: Floats | float = 0.0
    if not q.flash_attention:
        scores = np.maximum(_of(c, "full_score_heads") * cells, _of(c, "window_score_heads") * window)
        attention = attention + np.where(scores > _of(c, "freed_query"), scores, 0.0) * 4
        live = live + _of(c, "value_indices") * 8
        streams = 1 if q.unified_kv else q.users
        copied = _of(c, "latent_values") * cells * streams * KV_TYPES[q.kv_type]
    logits = _of(c, "logits") * 4
    logits = np.where(logits > masks + _of(c, "activations") * 4 / LIVE_ACTIVATIONS, logits, 0.0)
    peak = np.maximum(logits, _of(c, "feed_forward") * 4)
    states = (2 * _of(c, "layer_state") * q.users + _of(c, "delta_net") * tokens) * 4
    attention = np.maximum(attention * tokens + copied, states)
    return np.asarray(live * tokens + np.maximum(peak * tokens, attention))


def _entry_cells(tokens: int, ratio: Floats) -> Floats:
    """Cells of entries that stand for ``ratio`` tokens each, padded [n]."""
    return np.asarray(np.ceil(np.ceil(tokens / ratio) / CELL_PAD) * CELL_PAD)


def _window_cells(c: Candidates, q: Question) -> Floats:
    """Cells of a window layer: of one sequence, or of all with a unified cache [n]."""
    together = np.where(c.per_sequence, 1, q.users if q.unified_kv else 1)
    reserved = np.minimum(padded(q.context) * together, c.window * together + q.ubatch)
    return np.where(c.window > 0, np.ceil(reserved / CELL_PAD) * CELL_PAD, 0.0)


def _of(c: Candidates, name: str) -> Floats:
    return np.asarray(c.scratch[:, _COLUMN[name]])
