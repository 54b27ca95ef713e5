"""Intervals from residuals that the fit has not seen: how wide, and what makes them wider.

ln(measured / predicted) is taken to spread around 0 with

    spread = kind of run x engine x every situation that holds

where the factors are fitted so that 80 % of the residuals lie within 1.2816 spreads: quantile regression
of ln |residual|.  That is done three times: with the rows' models left out, their devices, and their
classes of devices; each time the factors are drawn towards those of the time before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from advisor.core.spread import KINDS, SITUATIONS, Z80, Flags
from advisor.fitting.parameters import Floats

LEVELS = ("seen", "unseen_device", "unseen_class")
"""How far a run is from the data; the tables of the document."""
Table = Mapping[str, Mapping[str, float]]
"""Factors by ``kinds``, ``situations`` and ``engines``."""

_KIND_WIDTHS = (2.0, 0.5, 0.5)
_SITUATION_WIDTHS = (0.7, 0.4, 0.3)
_ENGINE_WIDTHS = (0.4, 0.3, 0.2)
"""Prior spreads of the logarithms by level: of the first around no knowledge, of the others around the
level before."""
_UNDATED_WIDTH = 0.1
"""The few rows that do not tell the age of their runtime do not tell its settings either, which widens them
far more than age does: what they add is taken with reserve."""
_NEVER_NARROWER = ("undated", "virtual_machine")
_NEVER_WIDER = ("measured_ram",)
"""What lack of knowledge cannot do, and what knowledge cannot."""
_FLOOR = 0.005
"""Residuals below half a per cent are no evidence of more precision than that."""
_SMOOTH = 0.05


@dataclass(frozen=True, slots=True)
class Features:
    """What the width of a row's interval depends on [rows]."""

    kind: tuple[str, ...]
    engine: tuple[str, ...]
    """``vendor|engine`` of the device that does most."""
    situations: Flags
    """[rows, situations]"""

    def holds(self, situation: str) -> Flags:
        """Which rows a situation holds for [rows]."""
        return np.asarray(self.situations[:, SITUATIONS.index(situation)])


def fit_spread(
    features: Features, seen: Floats, unseen_device: Floats, unseen_class: Floats
) -> dict[str, Table]:
    """Factors for each of ``LEVELS``, from the residuals [rows] of fits that were that far away."""
    out: dict[str, Table] = {}
    table: Table | None = None
    for level, residuals in enumerate((seen, unseen_device, unseen_class)):
        table = _fit(features, residuals, level, table)
        out[LEVELS[level]] = table
    return out


def _fit(features: Features, residuals: Floats, level: int, nearer: Table | None) -> Table:
    kinds = [k for k in KINDS if k in features.kind]
    engines = sorted(set(features.engine))
    columns = [np.array([k == kind for k in features.kind]) for kind in kinds]
    columns += list(features.situations.T)
    columns += [np.array([e == engine for e in features.engine]) for engine in engines]
    matrix = np.stack(columns, axis=1).astype(np.float64)
    names = [("kinds", k) for k in kinds] + [("situations", s) for s in SITUATIONS]
    names += [("engines", e) for e in engines]
    typical = {"kinds": 0.1, "situations": 1.0, "engines": 1.0}
    mean = np.log([nearer[part][name] if nearer else typical[part] for part, name in names])
    widths = {"kinds": _KIND_WIDTHS, "situations": _SITUATION_WIDTHS, "engines": _ENGINE_WIDTHS}
    width = np.array([_UNDATED_WIDTH if name == "undated" else widths[part][level] for part, name in names])
    bounds = [
        (0.0 if name in _NEVER_NARROWER else None, 0.0 if name in _NEVER_WIDER else None) for _, name in names
    ]
    values = np.exp(_quantile_regression(matrix, residuals, mean, width, bounds))
    table: dict[str, dict[str, float]] = {part: {} for part in typical}
    for (part, name), value in zip(names, values.tolist(), strict=True):
        table[part][name] = _rounded(value)
    table["kinds"] = _kinds(table["kinds"])
    return table


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
    matrix: Floats,
    residuals: Floats,
    mean: Floats,
    width: Floats,
    bounds: Sequence[tuple[float | None, float | None]],
) -> Floats:
    """Coefficients b with 80 % of ln |residual| below ln(1.2816) + matrix b.

    Minimises the smoothed pinball loss with a normal prior, from the prior's mean.
    """
    from scipy.optimize import minimize

    target = np.log(np.maximum(np.abs(residuals), _FLOOR)) - np.log(Z80)

    def loss(b: Floats) -> tuple[float, Floats]:
        gap = target - matrix @ b
        # pinball: 0.8 gap above, -0.2 gap below, rounded off near 0
        value = 0.8 * gap + _SMOOTH * np.logaddexp(0.0, -gap / _SMOOTH)
        slope = 0.8 - 1 / (1 + np.exp(np.clip(gap / _SMOOTH, -500, 500)))
        prior = (b - mean) / width
        return float(value.sum() + 0.5 * (prior**2).sum()), -matrix.T @ slope + prior / width

    return np.asarray(minimize(loss, mean, jac=True, method="L-BFGS-B", bounds=list(bounds)).x)


def spread_of(tables: Mapping[str, Table], features: Features, level: int = 0) -> Floats:
    """The spread of every row at a distance from the data [rows], as ``advisor.core.spread`` has it."""
    out = np.zeros(len(features.kind))
    for name in LEVELS[: level + 1]:
        table = tables[name]
        own = np.array([table["kinds"][kind] for kind in features.kind])
        own = own * np.array([table["engines"].get(engine, 1.0) for engine in features.engine])
        factors = np.array([table["situations"][situation] for situation in SITUATIONS])
        out = np.maximum(out, own * np.where(features.situations, factors, 1.0).prod(axis=1))
    return out


def coverage(residuals: Floats, spread: Floats) -> float:
    """Share of the residuals within the 80 % interval."""
    return float(np.mean(np.abs(residuals) <= Z80 * spread))


def features_of(rows: Sequence[tuple[str, str, Flags]]) -> Features:
    """Features from (kind, engine, situations) per row."""
    kind, engine, situations = zip(*rows, strict=True)
    return Features(tuple(kind), tuple(engine), np.stack(situations))
