"""Hyper-connections: several residual streams that each part of a layer mixes into one and back.

A full mixer maps all streams to its coefficients: how to read them, how to write them and, where it has a
third group, how to mix them among themselves.  A low-rank mixer (Qwen3.8-Flash-Next) gates the streams
through a bottleneck and takes the place of the norm before the part.
"""

from __future__ import annotations

from catalog.tensors.base import TableBuilder
from catalog.types import Role


def streams(t: TableBuilder) -> int:
    """Number of residual streams."""
    return t.model.extra.get("hc_mult", 0)


def mixer(t: TableBuilder, part: str, *, mixes_streams: bool = True) -> None:
    """The mixer before ``part`` (``attn`` or ``ffn``): weights, offsets and one scale per group."""
    n = streams(t)
    coefficients = (2 + n) * n if mixes_streams else 2 * n
    t.matrix(f"hc_{part}_fn", Role.ATTENTION, n * t.model.hidden_size, coefficients)
    t.add(f"hc_{part}_base.weight", Role.ATTENTION, coefficients)
    t.add(f"hc_{part}_scale.weight", Role.ATTENTION, 3 if mixes_streams else 2)


def head_mixer(t: TableBuilder) -> None:
    """The mixer that makes one stream of all before the final norm."""
    n = streams(t)
    t.matrix("output_hc_fn", Role.HEAD, n * t.model.hidden_size, n)
    t.add("output_hc_base.weight", Role.HEAD, n)
    t.add("output_hc_scale.weight", Role.HEAD, 1)


def low_rank_mixer(t: TableBuilder, prefix: str, role: Role, *, injects: bool = True) -> None:
    """A norm of all streams, a bottleneck down and up, and how to write the result back."""
    width = streams(t) * t.model.hidden_size
    rank = t.model.extra.get("hc_lowrank", 0)
    t.norm(f"{prefix}_norm", width, role=role)
    t.matrix(f"{prefix}_down", role, width, rank)
    t.matrix(f"{prefix}_up", role, rank, width)
    if injects:
        t.matrix(f"{prefix}_inject", role, width, streams(t))
