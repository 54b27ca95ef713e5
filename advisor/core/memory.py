"""Bytes a placement has to hold besides weights: KV cache, state and scratch buffers."""

from __future__ import annotations

import numpy as np

from advisor.core.candidates import Candidates, Floats
from advisor.core.question import Question

_WINDOW_PAD = 256
_ACTIVATION_COPIES = 5
"""Live F32 activations of one micro-batch in units of the hidden size, besides the logits: read off
llama-fit-params output for 22 models (18-40 MiB at a micro-batch of 512 beyond logits and mask)."""


def kv_bytes(c: Candidates, q: Question) -> Floats:
    """KV cache and recurrent state that llama.cpp reserves, in bytes [n].

    Full layers hold context x users cells; window layers min(context, window + micro-batch),
    padded to 256, per user; states are per sequence and always F32.
    """
    per_element = q.kv_bytes_per_element
    cells = np.minimum(q.context, c.window + q.ubatch)
    padded = np.ceil(cells / _WINDOW_PAD) * _WINDOW_PAD
    window_cells = np.minimum(padded, np.maximum(q.context, cells))
    elements = c.full_elements * q.context + np.where(c.window > 0, c.window_elements * window_cells, 0.0)
    return (elements * per_element + c.state_bytes) * q.users


def kv_read_bytes(c: Candidates, q: Question, depth: float) -> Floats:
    """Bytes of cache and state that one decode step of one user reads at ``depth`` tokens [n]."""
    elements = c.full_elements * depth + c.window_elements * np.minimum(depth, c.window)
    return elements * q.kv_bytes_per_element + c.state_bytes


def compute_buffer_bytes(c: Candidates, q: Question) -> Floats:
    """Scratch of one device that runs the whole graph, in bytes [n].

    Logits of a micro-batch in F32, the attention mask in F16 over the context (flash attention) or
    the scores of all heads in F32 (without), and a few activations.  MLA without absorbed latents
    in flight needs the latent per query head over a micro-batch as well.
    """
    ubatch = min(q.ubatch, q.context)
    logits = ubatch * c.vocab * 4
    mask = ubatch * float(q.context) * q.users * 2
    activations = ubatch * c.hidden * 4 * _ACTIVATION_COPIES
    latent = c.mla_heads * ubatch * 576 * 4 * 2
    return logits + mask + activations + latent
