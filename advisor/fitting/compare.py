"""Whether two efficiency documents say the same: equal but for the last digit of a number."""

from __future__ import annotations

import math

TOLERANCE = 2e-3
"""Relative.  Other processors sum in another order, which can move the last of four digits."""


def difference(shipped: object, found: object, where: str = "efficiencies.json") -> str | None:
    """The first place where the documents differ; ``None`` if they agree."""
    if isinstance(shipped, dict) and isinstance(found, dict):
        if list(shipped) != list(found):
            return f"{where}: other keys"
        return next(
            (gap for key in shipped if (gap := difference(shipped[key], found[key], f"{where}.{key}"))), None
        )
    if isinstance(shipped, list) and isinstance(found, list):
        if len(shipped) != len(found):
            return f"{where}: {len(found)} instead of {len(shipped)} entries"
        pairs = enumerate(zip(shipped, found, strict=True))
        return next((gap for i, (a, b) in pairs if (gap := difference(a, b, f"{where}[{i}]"))), None)
    if isinstance(shipped, float | int) and isinstance(found, float | int):
        return None if math.isclose(shipped, found, rel_tol=TOLERANCE) else f"{where}: {found} not {shipped}"
    return None if shipped == found else f"{where}: {found!r} not {shipped!r}"
