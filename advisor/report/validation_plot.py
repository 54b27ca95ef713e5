"""The picture of a validation: predicted against measured speed, both logarithmic."""

from __future__ import annotations

from collections.abc import Sequence

from advisor.report.format import percent
from advisor.report.plot import COLOURS, Band, Guide, Series, axis_over, chart
from advisor.validation import FileResult
from advisor.validation.slices import CASE
from advisor.validation.statistics import Pair, pair_of, statistics_of

_SPEEDS = {"tokens_per_s": "decode", "prefill_tokens_per_s": "prefill"}
_OTHER = "other rows"


def speed_plot(files: Sequence[FileResult], quantity: str, by: str = CASE) -> str | None:
    """An SVG of all answered rows, one marker per class; ``None`` if no row has such a speed.

    ``quantity`` is ``tokens_per_s`` or ``prefill_tokens_per_s``; ``by`` is what tells classes apart.
    """
    classes: dict[str, list[Pair]] = {}
    for file in files:
        for row in file.rows:
            pair = pair_of(row, quantity) if row.status == "ok" else None
            if pair is not None:
                classes.setdefault(dict(row.labels).get(by, _OTHER), []).append(pair)
    pairs = [pair for members in classes.values() for pair in members]
    if not pairs:
        return None
    speed = _SPEEDS[quantity]
    values = [value for pair in pairs for value in (pair.measured, pair.predicted)]
    x = axis_over(f"measured {speed} speed, tokens/s", values, log=True)
    y = axis_over(f"predicted {speed} speed, tokens/s", values, log=True)
    ends = (x.low, x.high)

    def times(factor: float) -> list[tuple[float, float]]:
        return [(end, end * factor) for end in ends]

    return chart(
        f"Predicted against measured {speed} speed",
        x,
        y,
        [
            Series(name, [(p.measured, p.predicted) for p in members], note=_rows(len(members)))
            for name, members in _ordered(classes)
        ],
        subtitle=_summary(files, quantity),
        bands=[Band([*times(1.25), *reversed(times(0.75))])],
        guides=[
            Guide(times(1.0), dashed=False),
            Guide(times(1.25), "±25 %"),
            Guide(times(0.75)),
            Guide(times(2.0), "2×"),
            Guide(times(0.5), "½×"),
        ],
        size=(1040, 720),
    )


def _rows(count: int) -> str:
    return f"{count} row{'' if count == 1 else 's'}"


def _ordered(classes: dict[str, list[Pair]]) -> list[tuple[str, list[Pair]]]:
    """The largest classes first; those beyond the colours, and rows of no class, together at the end."""
    named = sorted((c for c in classes if c != _OTHER), key=lambda c: (-len(classes[c]), c))
    room = len(COLOURS) - 1
    rest = [pair for name in named[room:] for pair in classes[name]] + classes.get(_OTHER, [])
    return [*((name, classes[name]) for name in named[:room]), *([(_OTHER, rest)] if rest else [])]


def _summary(files: Sequence[FileResult], quantity: str) -> str:
    everything = next(s for s in statistics_of(files) if not s.by and s.quantity == quantity)
    return (
        f"{_rows(everything.n)}: median error {100 * everything.median_error:.1f} %, "
        f"{percent(everything.within_25_percent)} within 25 %, "
        f"{percent(everything.off_by_2x)} off by more than 2×"
    )
