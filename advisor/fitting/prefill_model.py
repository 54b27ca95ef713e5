"""From parameters to predicted prompt speeds: the estimator's own formula on all observations at once."""

from __future__ import annotations

import numpy as np

from advisor.core.build_machine import REFERENCE_SHADER
from advisor.core.prefill import PromptRates, prompt_terms
from advisor.fitting.model import coefficient, index_of, isa_columns, isa_factors, log_costs
from advisor.fitting.parameters import Floats, Ints
from advisor.fitting.prefill_observations import PromptObservations
from advisor.fitting.prefill_parameters import PROMPT_COEFFICIENTS, PROMPT_NUMBERS, PromptLayout

_STEP = 1e-4
"""Step of the numerical derivative in a logarithm."""


class PromptModel:
    """Predictions of prefill for observations under a layout of parameters."""

    def __init__(self, observations: PromptObservations, layout: PromptLayout) -> None:
        """Look up, once, which parameters every entry uses."""
        self.observations = observations
        self.layout = layout
        entries = observations.entries
        self._own = index_of(layout, [e.device_class for e in entries])
        self._engine = np.array([layout.engines.index(e.device_class.engine) for e in entries])

        def column(name: str) -> Floats:
            return np.array([[getattr(e, name)] for e in entries], dtype=np.float64)

        self._bandwidth, self._cap, self._link = column("bandwidth"), column("cap"), column("link")
        self._product, self._shader = column("product_rate"), column("shader_rate")
        self._emulates_dot = column("emulates_dot") > 0
        self._log_power = np.log(column("power_share"))
        self._isa = isa_columns([e.isa for e in entries])
        self._is_cpu = self._own.is_cpu[:, None] > 0

    @property
    def measured(self) -> Floats:
        """ln of the measured tokens/s [rows]."""
        return self.observations.log_speed

    def _costs(self, theta: Floats) -> Floats:
        seen, slots = self.observations, self.layout.slots
        logs = log_costs(self.layout, theta, "cost", seen.groups, self._engine)
        growth = np.array([theta[slots[f"growth/{group}"].start] for group in seen.groups])
        return np.asarray(np.exp(logs + growth * seen.years[:, None])[:, None, :])

    def rates(self, theta: Floats) -> PromptRates:
        """What the devices of all entries reach."""
        value = {name: coefficient(self.layout, theta, name, self._own) for name in PROMPT_COEFFICIENTS}
        number = {name: float(np.exp(theta[self.layout.slots[name].start])) for name in PROMPT_NUMBERS}
        seen = self.observations
        share = value["prompt_matrix_share"]
        limited_to = np.exp(self._log_power * number["power_exponent"])
        reached = limited_to * isa_factors(self.layout, theta, self._isa)
        product, shader = self._product * reached, self._shader * reached
        aged = value["prompt_growth_per_year"] ** -seen.years[:, None]
        unfused = np.where(seen.unfused[:, None], value["prompt_unfused_cost"], 1.0)
        plain = np.where(self._is_cpu, share * product, shader)
        same = np.ones_like(aged)
        emulation = np.where(self._emulates_dot, number["emulated_dot_cost"], 1.0)
        return PromptRates(
            dense_rate=share * product * aged,
            cost=self._costs(theta),
            expert_rate=value["prompt_expert_share"] * plain * aged / emulation,
            expert_tile=value["prompt_expert_tile"],
            expert_start_s=value["prompt_expert_start_s"] * np.sqrt(REFERENCE_SHADER / shader),
            attention_rate=share * value["prompt_attention_share"] * shader * aged / unfused,
            latent_cost=same * number["latent_cost"],
            memory_bandwidth=np.minimum(self._bandwidth * limited_to * number["memory_share"], self._cap),
            state_passes=value["prompt_state_passes"],
            activation_passes=value["prompt_activation_passes"],
            launch_s=value["prompt_launch_s"],
            pipeline_gain=same * number["pipeline_gain"],
            link_bandwidth=self._link * number["link_share"],
            sync_s=seen.sync_s[:, None],
            sync_bandwidth=seen.sync_bandwidth[:, None],
            dense_p=number["dense_p"],
            expert_p=number["expert_p"],
        )

    def _seconds(self, theta: Floats) -> Floats:
        return np.asarray(prompt_terms(self.observations.work, self.rates(theta)).sum(axis=(1, 2)))

    def _counts(self, seconds: Floats) -> Floats:
        """1 for entries that count, 0 for the slower one of two alternatives."""
        seen = self.observations
        out = np.ones(len(seconds))
        streams = seconds[seen.over_link] < seconds[seen.on_cpu]
        out[np.where(streams, seen.on_cpu, seen.over_link)] = 0.0
        return out

    def log_speed(self, theta: Floats) -> Floats:
        """ln of the predicted tokens/s of all prompts [rows]."""
        seen, seconds = self.observations, self._seconds(theta)
        total = np.bincount(seen.row_of, seconds * self._counts(seconds), minlength=len(seen))
        return np.asarray(np.log(seen.tokens / total))

    def jacobian(self, theta: Floats) -> Floats:
        """d ln(speed) / d theta [rows, parameters], by one difference per slot (see ``Model``)."""
        seen, base = self.observations, self._seconds(theta)
        counts = self._counts(base)
        total = np.bincount(seen.row_of, base * counts, minlength=len(seen))
        out = np.zeros((len(seen), self.layout.size))
        for name, slot in self.layout.slots.items():
            moved = theta.copy()
            moved[slot.start : slot.start + slot.count] += _STEP
            slope = -(self._seconds(moved) - base) * counts / _STEP / total[seen.row_of]
            # The root of one kind of devices does not move entries of the other.
            np.add.at(out, (seen.row_of, slot.start + self._column(name)), slope)
        return out

    def _column(self, name: str) -> Ints:
        coefficient_name, _, level = name.rpartition("/")
        if level == "engine":
            return self._own.engine if coefficient_name in PROMPT_COEFFICIENTS else self._engine
        if level in ("family", "architecture"):
            return np.asarray(getattr(self._own, level))
        return np.zeros(len(self._engine), dtype=np.int64)
