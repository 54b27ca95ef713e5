"""What a change brings one model: speed, waiting, memory and limit, before and after."""

from __future__ import annotations

import math
from dataclasses import dataclass

from advisor.core.estimate import EstimateTable, bottleneck
from advisor.core.spread import Z80


@dataclass(frozen=True, slots=True)
class Delta:
    """From one estimate to another of the same model; speeds in tokens/s of one user.

    ``low`` and ``high`` end the 80 % interval of ``tokens_per_s``, with the errors of the two estimates
    taken as independent: where the same device does the work before and after they are in part the same,
    and the interval is wider than it needs to be.
    """

    ratio: float
    tokens_per_s: float
    low_tokens_per_s: float
    high_tokens_per_s: float
    ttft_s: float
    memory_bytes: float
    limit_before: str
    limit_after: str

    @property
    def limit_stays(self) -> bool:
        return self.limit_before == self.limit_after


def delta_between(before: EstimateTable, row_before: int, after: EstimateTable, row_after: int) -> Delta:
    """The change from one row to another.  A step that takes the same time has not changed at all."""
    old, new = (1 / float(t.decode_s[r]) for t, r in ((before, row_before), (after, row_after)))
    change = new - old
    half = Z80 * math.hypot(
        old * float(before.spread_log[row_before]), new * float(after.spread_log[row_after])
    )
    if math.isclose(new, old, rel_tol=1e-9):
        change = half = 0.0
    return Delta(
        ratio=new / old if change else 1.0,
        tokens_per_s=change,
        low_tokens_per_s=change - half,
        high_tokens_per_s=change + half,
        ttft_s=float(after.ttft_s[row_after] - before.ttft_s[row_before]),
        memory_bytes=float(after.used_bytes[row_after].sum() - before.used_bytes[row_before].sum()),
        limit_before=bottleneck(before, row_before)[0],
        limit_after=bottleneck(after, row_after)[0],
    )
