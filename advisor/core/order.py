"""Orders of the ranking other than merit: by any column, with unknown values last.

Names and labels are there before any estimate is: this module does not import NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from advisor.core.candidates import Floats
    from advisor.core.ranking import Ranking

Key = float | str | None
_FITS = ("full", "offload", "cpu", "none")


@dataclass(frozen=True, slots=True)
class Order:
    """One order.  ``descending`` is its natural direction; ``keys`` gives a value per row of a ranking."""

    label: str
    descending: bool
    keys: Callable[[Ranking], list[Key]]


def _array(
    values: Callable[[Ranking], Floats], *, of_what_fits: bool = False
) -> Callable[[Ranking], list[Key]]:
    """A number of the table; unknown for what does not fit, where it makes no sense for that."""

    def keys(ranking: Ranking) -> list[Key]:
        found: list[Key] = list(values(ranking)[ranking.rows].tolist())
        if of_what_fits:
            fits = ranking.table.fits[ranking.rows].tolist()
            found = [key if fit else None for key, fit in zip(found, fits, strict=True)]
        return found

    return keys


def _fit(ranking: Ranking) -> list[Key]:
    from advisor.core.ranking import fit_name

    return [float(_FITS.index(fit_name(ranking.table, row))) for row in ranking.rows.tolist()]


def _context(ranking: Ranking) -> list[Key]:
    lengths = [ranking.table.candidates.model(row).context_length for row in ranking.rows.tolist()]
    return [float(n) if n else None for n in lengths]


ORDERS: Mapping[str, Order] = {
    "score": Order("Score", True, _array(lambda r: r.scores.score, of_what_fits=True)),
    "speed": Order("tok/s", True, _array(lambda r: r.table.tokens_per_s, of_what_fits=True)),
    "memory": Order("GiB", False, _array(lambda r: r.table.used_bytes.sum(axis=1))),
    "params": Order("Params", True, _array(lambda r: r.table.candidates.total_params)),
    "ttft": Order("TTFT", False, _array(lambda r: r.table.ttft_s, of_what_fits=True)),
    "name": Order(
        "Model", False, lambda r: [r.table.candidates.model(i).name.lower() for i in r.rows.tolist()]
    ),
    "quant": Order(
        "Quant",
        True,
        _array(lambda r: r.table.candidates.file_bytes / r.table.candidates.total_params),
    ),
    "fit": Order("Fit", False, _fit),
    "active": Order(
        "Active",
        False,
        lambda r: [float(r.table.candidates.model(i).active_params) for i in r.rows.tolist()],
    ),
    "context": Order("Context", True, _context),
}
"""By name; in the order in which the app goes through them."""


def positions(ranking: Ranking, name: str, reverse: bool = False) -> list[int]:
    """Positions in ``ranking.rows`` in another order: what fits, then what does not.

    Ties and unknown values keep the order of merit.  What does not fit has no score: by score it
    stays in the order of what it is short of.
    """
    order = ORDERS[name]
    keys = order.keys(ranking)
    fits = ranking.table.fits[ranking.rows].tolist()
    descending = order.descending != reverse
    found: list[int] = []
    for part in (True, False):
        of_part = [i for i, fit in enumerate(fits) if fit is part]
        known = [i for i in of_part if keys[i] is not None]
        known.sort(key=lambda i: keys[i], reverse=descending)  # type: ignore[arg-type,return-value]
        found += known
        found += [i for i in of_part if keys[i] is None]
    return found


def ordered(ranking: Ranking, name: str, reverse: bool = False) -> Ranking:
    """The same ranking in another order; every row keeps its place by merit."""
    order = positions(ranking, name, reverse)
    return replace(
        ranking,
        rows=ranking.rows[order],
        variants=tuple(ranking.variants[i] for i in order),
        places=tuple(ranking.places[i] for i in order),
    )
