"""Solving the fit: robust least squares in the logarithm of speed, with priors, and folds by device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from advisor.fitting.parameters import Floats, Layout

NOISE = 0.1
"""Residual of ln(speed) from which the loss grows linearly: people who measured one device and model differ
by a median of 15 % between the fastest and the slowest.  Chosen, like the spreads of the priors, by
leaving devices out."""


class Fittable(Protocol):
    """A model with parameters in a layout and a measured value per row."""

    @property
    def layout(self) -> Layout:
        """Where the parameters stand, and their priors."""

    @property
    def measured(self) -> Floats:
        """ln of the measured speed [rows]."""

    def log_speed(self, theta: Floats) -> Floats:
        """ln of the predicted speed [rows]."""

    def jacobian(self, theta: Floats) -> Floats:
        """d ln(speed) / d theta [rows, parameters]."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Fitted logarithms and what they leave."""

    theta: Floats
    residuals: Floats
    """ln(predicted / measured) [rows]."""


def solve(
    model: Fittable,
    rows: NDArray[np.bool_],
    start: Floats | None = None,
    steps: int = 60,
    noise: float = NOISE,
) -> Floats:
    """The most plausible parameters for the rows: pseudo-Huber loss of r = (predicted - measured) / noise,
    plus ((theta - prior mean) / prior spread)^2.

    Gauss-Newton steps on the reweighted squares (weight 1 / sqrt(1 + r^2)), damped until they help; the
    priors keep the normal equations well conditioned.
    """
    from scipy.linalg import cho_factor, cho_solve
    from scipy.sparse import csr_array

    mean, spread = model.layout.prior_mean, model.layout.prior_spread
    measured = model.measured[rows]
    precision = 1 / spread**2

    def residual(theta: Floats) -> Floats:
        return np.asarray((model.log_speed(theta)[rows] - measured) / noise)

    def cost(theta: Floats, r: Floats) -> float:
        return float((np.sqrt(1 + r**2) - 1).sum() + 0.5 * (precision * (theta - mean) ** 2).sum())

    theta = mean.copy() if start is None else start.copy()
    r = residual(theta)
    now, damping, idle = cost(theta, r), _DAMPING, 0
    for _ in range(steps):
        slopes = model.jacobian(theta)[rows] / noise
        weight = 1 / np.sqrt(1 + r**2)
        gradient = slopes.T @ (weight * r) + precision * (theta - mean)
        # A row depends on few of the parameters.
        rooted = csr_array(slopes * np.sqrt(weight)[:, None])
        normal = np.asarray((rooted.T @ rooted).toarray())
        normal[np.diag_indices_from(normal)] += precision
        gained = 0.0
        while damping < _GIVE_UP:
            damped = normal.copy()
            damped[np.diag_indices_from(damped)] *= 1 + damping
            candidate = theta - cho_solve(cho_factor(damped), gradient)
            r_new = residual(candidate)
            new = cost(candidate, r_new)
            if np.isfinite(new) and new < now:
                gained = now - new
                theta, r, now = candidate, r_new, new
                damping = max(damping / 5, 1e-9)
                break
            damping *= 4
        idle = idle + 1 if gained < _GAIN else 0
        if idle == _PATIENCE or damping >= _GIVE_UP:
            break
    return theta


_DAMPING = 1e-3
_GIVE_UP = 1e6
_GAIN = 0.02
"""In units of the loss, of which a typical row has about one."""
_PATIENCE = 3
"""Steps that gain less than that in a row before the search ends."""


def fit_all(model: Fittable, noise: float = NOISE) -> Fit:
    """The fit on all rows."""
    theta = solve(model, np.ones(len(model.measured), dtype=bool), noise=noise)
    return Fit(theta, model.log_speed(theta) - model.measured)


def leave_out(
    model: Fittable,
    start: Floats,
    groups: Sequence[str],
    progress: Callable[[str], None] = lambda _: None,
    noise: float = NOISE,
) -> Floats:
    """Residuals of every row under a fit that has seen no row of its group [rows]."""
    names = np.array(groups)
    out = np.zeros(len(names))
    for name in sorted(set(groups)):
        held = names == name
        theta = solve(model, ~held, start, noise=noise)
        out[held] = (model.log_speed(theta) - model.measured)[held]
        progress(name)
    return out
