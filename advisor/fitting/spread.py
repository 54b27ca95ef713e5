"""Intervals from residuals that the fit has not seen: how wide, and what makes them wider.

ln(measured / predicted) is taken to spread around 0 with

    spread = kind x engine x (depth) x (several devices) x (batch) x (unseen device or unseen class)

where every factor is fitted so that 80 % of the residuals lie within 1.2816 spreads: quantile
regression of ln |residual|.  Factors of engines are drawn towards 1.  Rows whose device was in the fit
under other models give the first factors; rows of left-out devices and left-out classes the last two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from advisor.core.spread import KINDS, Z80
from advisor.fitting.parameters import Floats

_SHRINKAGE = 0.3
"""Prior spread of the logarithm of an engine's factor."""
_FACTOR_SPREAD = 0.7
"""Prior spread of the logarithms of the other factors."""
_FLOOR = 0.005
"""Residuals below half a per cent are no evidence of more precision than that."""
_SMOOTH = 0.05


@dataclass(frozen=True, slots=True)
class Features:
    """What the width of a row's interval depends on [rows]."""

    kind: tuple[str, ...]
    engine: tuple[str, ...]
    """``vendor|engine`` of the device that does most."""
    deep: Floats
    several: Floats
    batch: Floats


def fit_spread(features: Features, seen: Floats, unseen: Floats, unseen_class: Floats) -> dict[str, object]:
    """The factors.

    Args:
        seen: residuals of rows whose device was in the fit with other models.
        unseen: residuals under fits without the row's device.
        unseen_class: residuals under fits without the row's class of device.
    """
    kinds = [k for k in KINDS if k in features.kind]
    engines = sorted(set(features.engine))
    columns = [np.array([k == kind for k in features.kind], dtype=np.float64) for kind in kinds]
    columns += [features.deep, features.several, features.batch]
    columns += [np.array([e == engine for e in features.engine], dtype=np.float64) for engine in engines]
    matrix = np.stack(columns, axis=1)
    mean = np.array([np.log(0.1)] * len(kinds) + [0.0] * (3 + len(engines)))
    width = np.array([2.0] * len(kinds) + [_FACTOR_SPREAD] * 3 + [_SHRINKAGE] * len(engines))
    theta = _quantile_regression(matrix, seen, mean, width)
    base = matrix @ theta
    one = np.ones((len(seen), 1))
    further = [
        float(_quantile_regression(one, residuals, np.zeros(1), np.ones(1), base)[0])
        for residuals in (unseen, unseen_class)
    ]
    values = [_rounded(v) for v in np.exp(theta)]
    n = len(kinds)
    return {
        "kinds": _kinds(dict(zip(kinds, values[:n], strict=True))),
        "deep": values[n],
        "several_devices": values[n + 1],
        "batch": values[n + 2],
        "engines": dict(zip(engines, values[n + 3 :], strict=True)),
        "unseen_device": _rounded(max(float(np.exp(further[0])), 1.0)),
        "unseen_class": _rounded(max(float(np.exp(further[1])), float(np.exp(further[0])), 1.0)),
    }


def _kinds(found: Mapping[str, float]) -> dict[str, float]:
    """Every kind: one without rows is as wide as the widest, and an assumed RAM is never narrower."""
    widest = max(found.values())
    out = {kind: found.get(kind, widest) for kind in KINDS}
    for base in ("cpu", "split"):
        out[f"{base}_assumed_ram"] = max(out[f"{base}_assumed_ram"], out[base])
    return out


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")


def _quantile_regression(
    matrix: Floats, residuals: Floats, mean: Floats, width: Floats, offset: Floats | None = None
) -> Floats:
    """Coefficients b with 80 % of ln |residual| below ln(1.2816) + offset + matrix b.

    Minimises the smoothed pinball loss with a normal prior, from the prior's mean.
    """
    from scipy.optimize import minimize

    target = np.log(np.maximum(np.abs(residuals), _FLOOR)) - np.log(Z80)
    if offset is not None:
        target = target - offset

    def loss(b: Floats) -> tuple[float, Floats]:
        gap = target - matrix @ b
        # pinball: 0.8 gap above, -0.2 gap below, rounded off near 0
        value = 0.8 * gap + _SMOOTH * np.logaddexp(0.0, -gap / _SMOOTH)
        slope = 0.8 - 1 / (1 + np.exp(np.clip(gap / _SMOOTH, -500, 500)))
        prior = (b - mean) / width
        return float(value.sum() + 0.5 * (prior**2).sum()), -matrix.T @ slope + prior / width

    return np.asarray(minimize(loss, mean, jac=True, method="L-BFGS-B").x)


def coverage(residuals: Floats, spread: Floats) -> float:
    """Share of the residuals within the 80 % interval."""
    return float(np.mean(np.abs(residuals) <= Z80 * spread))


def features_of(rows: Sequence[tuple[str, str, bool, bool, bool]]) -> Features:
    """Features from (kind, engine, deep, several, batch) per row."""
    kind, engine, deep, several, batch = zip(*rows, strict=True)
    return Features(
        tuple(kind),
        tuple(engine),
        np.array(deep, dtype=np.float64),
        np.array(several, dtype=np.float64),
        np.array(batch, dtype=np.float64),
    )
