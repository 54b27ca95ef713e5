"""What an estimate says of every candidate."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advisor.core.candidates import Candidates, Floats
from advisor.core.machine import Machine
from advisor.core.placement import Strategy
from advisor.core.question import Question
from advisor.core.spread import Z80


@dataclass(frozen=True, slots=True)
class EstimateTable:
    """Estimates of all candidates on one machine for one question.

    Arrays are [n] or [n, devices] or [n, devices, terms].  ``strategy`` is -1 where nothing fits;
    the other values of such a row describe the placement that misses by least.
    ``decode_s`` is one step for all users; a user sees 1 / decode_s tokens per second.
    """

    candidates: Candidates
    machine: Machine
    question: Question
    strategy: NDArray[np.int64]
    terms: Floats
    decode_s: Floats
    prefill_s: Floats
    spread_log: Floats
    prefill_spread_log: Floats
    dense_layers: Floats
    expert_layers: Floats
    head: Floats
    weight_bytes: Floats
    kv_bytes: Floats
    compute_bytes: Floats
    missing_bytes: Floats
    parallel: Floats
    """Devices that work side by side on every layer."""
    tried: tuple[tuple[Strategy, Floats, Floats], ...]
    """For every strategy: step time [n] (infinite where it does not fit) and missing bytes [n].  Empty
    where candidates are estimated for others like them: a ranking does not say why placements lost."""
    reduced_context: Floats | None = None
    """Tokens per user where a shorter context was allowed [n]; ``None``: that of the question."""
    bound_to_node: NDArray[np.bool_] | None = None
    """Rows whose run is bound to one NUMA node [n]; ``None``: no row's."""

    def __len__(self) -> int:
        return len(self.candidates)

    @property
    def context(self) -> Floats:
        """Tokens reserved per user [n]."""
        if self.reduced_context is None:
            return np.full(len(self.candidates), float(self.question.context))
        return self.reduced_context

    @property
    def one_node(self) -> NDArray[np.bool_]:
        """Whether the run is bound to one NUMA node [n]."""
        if self.bound_to_node is None:
            return np.zeros(len(self.candidates), dtype=bool)
        return self.bound_to_node

    @property
    def fits(self) -> NDArray[np.bool_]:
        return self.strategy >= 0

    @property
    def tokens_per_s(self) -> Floats:
        """Decode speed that one user sees (UTPS) [n]."""
        return 1.0 / self.decode_s

    @property
    def low_tokens_per_s(self) -> Floats:
        """Lower end of the 80 % interval [n]."""
        return self.tokens_per_s * np.exp(-Z80 * self.spread_log)

    @property
    def high_tokens_per_s(self) -> Floats:
        """Upper end of the 80 % interval [n]."""
        return self.tokens_per_s * np.exp(Z80 * self.spread_log)

    @property
    def low_prefill_s(self) -> Floats:
        """Shorter end of the 80 % interval of the prefill [n]."""
        return self.prefill_s * np.exp(-Z80 * self.prefill_spread_log)

    @property
    def high_prefill_s(self) -> Floats:
        """Longer end of it [n]."""
        return self.prefill_s * np.exp(Z80 * self.prefill_spread_log)

    @property
    def ttft_s(self) -> Floats:
        """Time to first token: prefill and one step [n]."""
        return self.prefill_s + self.decode_s

    @property
    def ttft_spread_log(self) -> Floats:
        """Standard deviation of ln(measured / predicted) of the time to first token [n]: of its two parts,
        by their share in it."""
        prefill, step = self.prefill_s * self.prefill_spread_log, self.decode_s * self.spread_log
        return np.asarray(np.hypot(prefill, step) / self.ttft_s)

    def ttft_at(self, row: int) -> tuple[float, float, float]:
        """Time to first token of one row with the ends of its interval: (expected, low, high) seconds."""
        prefill, step = float(self.prefill_s[row]), float(self.decode_s[row])
        time = prefill + step
        apart = prefill * float(self.prefill_spread_log[row]), step * float(self.spread_log[row])
        factor = math.exp(Z80 * math.hypot(*apart) / time)
        return time, time / factor, time * factor

    def speeds_at(self, row: int) -> tuple[float, float, float]:
        """Decode speed of one row with the ends of its interval: (expected, low, high) tokens/s."""
        speed = 1.0 / float(self.decode_s[row])
        factor = math.exp(Z80 * float(self.spread_log[row]))
        return speed, speed / factor, speed * factor

    @property
    def used_bytes(self) -> Floats:
        """Weights, cache and buffers per device [n, devices]."""
        return self.weight_bytes + self.kv_bytes + self.compute_bytes


def for_each(candidates: Candidates, table: EstimateTable) -> EstimateTable:
    """The estimates of all candidates from those of the distinct ones."""
    assert candidates.alike is not None
    row_of = candidates.alike.row_of
    values = {field.name: getattr(table, field.name) for field in fields(table)}
    changed: dict[str, Any] = {
        name: value[row_of] for name, value in values.items() if isinstance(value, np.ndarray)
    }
    return replace(table, candidates=candidates, tried=(), **changed)
