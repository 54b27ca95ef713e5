"""The ways to spread a model's layers over devices."""

from __future__ import annotations

from enum import IntEnum


class Strategy(IntEnum):
    """How the layers are spread.  The order breaks ties in speed."""

    ACCELERATOR = 0
    """Everything on the GPUs (or in unified memory)."""
    EXPERTS_IN_RAM = 1
    """Attention, shared experts and cache on the GPUs; the routed experts of the first layers in RAM
    (llama.cpp's ``--n-cpu-moe``)."""
    LAYERS_SPLIT = 2
    """The last layers and the head on the GPUs, the first layers on the CPU (llama.cpp's ``-ngl``)."""
    CPU = 3
    """Everything in RAM."""
    TENSOR_PARALLEL = 4
    """Every layer shared out over equal GPUs that work side by side.  Only where it is asked for, or
    where a runtime does it: llama.cpp splits by layers unless told otherwise."""
    KV_IN_RAM = 5
    """All weights on the GPUs; the cache in RAM, and attention on the CPU (llama.cpp's ``-nkvo``)."""


SPLIT = (Strategy.EXPERTS_IN_RAM, Strategy.LAYERS_SPLIT, Strategy.KV_IN_RAM)
"""Strategies in which a token's work lies both on a GPU and in RAM."""
