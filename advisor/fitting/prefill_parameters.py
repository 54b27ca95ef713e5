"""The parameters of the fit of prefill: what is fitted, its units, its prior and how classes share it.

The same hierarchy as that of decoding (``parameters``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from advisor.fitting.parameters import CPU_CLOCKS, Coefficient, Floats, Layout, Prior, isa_priors

_ISA_SPREAD = 0.3
"""Products of prompts gain more from wide instruction sets than decoding does."""

PROMPT_COEFFICIENTS: Mapping[str, Coefficient] = {
    # Share of the rate of products that a prompt reaches (CPU: FLOP per core and nanosecond).
    "prompt_matrix_share": Coefficient({"gpu": Prior(0.3, 1.0), "cpu": Prior(110.0, 0.3)}, 0.3, 0.11, 0.24),
    # Share of the FP32 rate that gathered experts reach (CPU: of the products of dense weights).
    "prompt_expert_share": Coefficient({"gpu": Prior(1.0, 0.5), "cpu": Prior(1.0, 0.2)}, 0.0),
    # What attention reaches of the FP32 rate (CPU: of the same), relative to prompt_matrix_share.
    "prompt_attention_share": Coefficient({"gpu": Prior(1.5, 1.0), "cpu": Prior(0.1, 0.4)}, 0.2, 0.2),
    # Time of attention without a fused kernel relative to that with one.
    "prompt_unfused_cost": Coefficient({"gpu": Prior(2.0, 0.15), "cpu": Prior(0.33, 0.4)}, 0.3),
    # Tokens that an expert costs beside those it sees.
    "prompt_expert_tile": Coefficient({"gpu": Prior(20.0, 0.4), "cpu": Prior(4.0, 0.4)}, 0.0),
    # Seconds of a touched expert matrix beside its products.
    "prompt_expert_start_s": Coefficient({"gpu": Prior(8e-6, 0.6), "cpu": Prior(1e-8, 0.3)}, 0.3),
    # How often activations pass through memory per layer, and recurrent state per token.
    "prompt_activation_passes": Coefficient({"gpu": Prior(6.0, 0.7), "cpu": Prior(6.0, 0.7)}, 0.0),
    "prompt_state_passes": Coefficient({"gpu": Prior(0.1, 1.0), "cpu": Prior(0.1, 0.7)}, 0.3),
    # Seconds per tensor and micro-batch.
    "prompt_launch_s": Coefficient({"gpu": Prior(1.8e-5, 0.7), "cpu": Prior(1e-5, 0.7)}, 0.24),
    # Factor on products and attention for every year that the runtime is older.
    "prompt_growth_per_year": Coefficient({"gpu": Prior(1.06, 0.05), "cpu": Prior(1.15, 0.1)}, 0.0),
}

PROMPT_NUMBERS: Mapping[str, Prior] = {
    **isa_priors(_ISA_SPREAD),
    "memory_share": Prior(0.75, 0.1),
    "dense_p": Prior(2.5, 0.15),
    "expert_p": Prior(5.0, 0.15),
    "latent_cost": Prior(0.85, 0.5),
    "pipeline_gain": Prior(0.4, 0.4),
    "link_share": Prior(1.1, 0.2),
    "emulated_dot_cost": Prior(2.0, 0.3),
    "power_exponent": Prior(0.7, 0.3),
}
"""Numbers that all classes share: the share of the memory's bandwidth that streaming reaches, the exponents
of its soft maximum with computing, the time of a FLOP on latents, the share of a pipeline's gain,
what streaming from RAM reaches of the link, the time of experts where integer products need several
instructions, and the power of the power limit that rates go with."""

_FORMAT_SPREAD = 0.15
_ENGINE_FORMAT_SPREAD = 0.25
"""Spread of a format's cost around the reference format's, and of an engine's around that."""
_GROWTH_SPREAD = 0.25
"""Of the factor on a format's cost for every year that the runtime is older: kernels came one by one."""
_ENGINE_SPEEDS = {
    "prompt_matrix_share": {"ik_llama": 1.65},
    "prompt_attention_share": {"ik_llama": 7.0},
}
"""A fork's kernels on CPUs relative to llama.cpp's."""


@dataclass(frozen=True)
class PromptLayout(Layout):
    """Where every parameter of prefill stands."""

    coefficients: ClassVar[Mapping[str, Coefficient]] = PROMPT_COEFFICIENTS
    numbers: ClassVar[Mapping[str, Prior]] = PROMPT_NUMBERS

    def _format_definitions(self) -> Iterable[tuple[str, Floats, Floats]]:
        count = len(self.engines)
        for group in self.groups:
            yield f"cost/{group}", np.zeros(1), np.array([_FORMAT_SPREAD])
            yield f"cost/{group}/engine", np.zeros(count), np.full(count, _ENGINE_FORMAT_SPREAD)
            yield f"growth/{group}", np.zeros(1), np.array([_GROWTH_SPREAD])

    def _narrowing(self, level: str, count: int) -> Floats:
        return np.ones(count)

    def _offsets(self, name: str, level: str, count: int) -> Floats:
        out = np.zeros(count)
        if level == "architecture" and name == "prompt_matrix_share":
            clocks = [CPU_CLOCKS.get(c.architecture, 1.0) if c.kind == "cpu" else 1.0 for c in self.classes]
            out[:] = np.log(clocks)
        if level == "engine":
            known = _ENGINE_SPEEDS.get(name, {})
            out[:] = np.log([known.get(engine, 1.0) for _, engine in self.vendor_engines])
        return out
