"""Charts as SVG text: axes with ticks, series of points or lines, bands, guides and a legend.

Pure: numbers in, one string out, the same for the same input.  Colours are told apart by people who do
not see all of them (Okabe and Ito's palette), and every series has a marker of its own shape.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

Point = tuple[float, float]

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8c564b", "#7f7f7f")
MARKERS = (
    "m-3,0a3,3 0 1,0 6,0a3,3 0 1,0 -6,0z",  # circle
    "m-2.7,-2.7h5.4v5.4h-5.4z",  # square
    "m0,-3.6l3.4,6h-6.8z",  # triangle
    "m0,-3.8l3.2,3.8l-3.2,3.8l-3.2,-3.8z",  # diamond
    "m0,3.6l3.4,-6h-6.8z",  # triangle, upside down
    "m-1.1,-3.3h2.2v2.2h2.2v2.2h-2.2v2.2h-2.2v-2.2h-2.2v-2.2h2.2z",  # plus
    "m-3.3,-1.6h6.6v3.2h-6.6z",  # lying bar
    "m-1.6,-3.3h3.2v6.6h-3.2z",  # standing bar
    "m-3.4,0l1.7,-3h3.4l1.7,3l-1.7,3h-3.4z",  # hexagon
)
"""Outlines in pixels relative to a point: as many as colours, so a series is known by either."""

_FONT = "DejaVu Sans, Verdana, Helvetica, sans-serif"
_LETTER = 0.6
"""Width of a letter as a share of the font size: generous, so that nothing overlaps."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: its title and range; ``log`` spaces it by factors, for positive values only."""

    title: str
    low: float
    high: float
    log: bool = False

    def place(self, value: float) -> float:
        """Where a value lies: 0 at the low end, 1 at the high one."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[tuple[float, str]]:
        """Ticks with a label, or with none where a line is enough."""
        return _log_ticks(self.low, self.high) if self.log else _linear_ticks(self.low, self.high)


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one kind.  ``line`` joins them in order; ``name`` stands in the legend with ``note``."""

    name: str
    points: Sequence[Point]
    line: bool = False
    marks: bool = True
    note: str = ""


@dataclass(frozen=True, slots=True)
class Band:
    """A shaded area, given by its outline, behind everything."""

    outline: Sequence[Point]
    colour: str = "#dfe7ee"
    opacity: float = 1.0


@dataclass(frozen=True, slots=True)
class Guide:
    """A thin line for comparison, labelled at its last point inside the chart."""

    points: Sequence[Point]
    label: str = ""
    dashed: bool = True


def axis_over(title: str, values: Iterable[float], *, log: bool = False, zero: bool = False) -> Axis:
    """An axis that holds all values, ended at round numbers; ``zero`` lets a linear one begin at 0."""
    known = [v for v in values if math.isfinite(v) and (v > 0 or not log)]
    low, high = (min(known), max(known)) if known else (1.0, 10.0)
    if log:
        return Axis(title, _round_factor(low, down=True), _round_factor(high, down=False), log=True)
    low = min(low, 0.0) if zero else low
    step = _nice_step((high - low) or abs(high) or 1.0)
    bottom, top = math.floor(low / step) * step, math.ceil(high / step) * step
    return Axis(title, bottom, top if top > bottom else bottom + step)


def chart(
    title: str,
    x: Axis,
    y: Axis,
    series: Sequence[Series],
    *,
    subtitle: str = "",
    bands: Sequence[Band] = (),
    guides: Sequence[Guide] = (),
    size: tuple[int, int] = (900, 620),
) -> str:
    """An SVG document.

    Points that are not finite, or that have no place on a logarithmic axis, are left out.
    """
    frame = _Frame(x, y, size, _legend_width(series), subtitle=bool(subtitle))
    body = [
        _text(frame.left, 24, title, 17, weight="bold"),
        _text(frame.left, 44, subtitle, 12, colour="#555555") if subtitle else "",
        '<g clip-path="url(#inside)">',
        *(frame.polygon(band) for band in bands),
        "</g>",
        *frame.axes(),
        '<g clip-path="url(#inside)">',
        *(frame.guide(guide) for guide in guides),
        *reversed([frame.series(one, at) for at, one in enumerate(series)]),  # the first lies on top
        "</g>",
        *(frame.guide_label(guide) for guide in guides if guide.label),
        *frame.legend(series),
    ]
    width, height = size
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" role="img" font-family="{_FONT}">',
            f"<title>{_plain(title)}</title>",
            f'<clipPath id="inside"><rect x="{frame.left}" y="{frame.top}" width="{frame.width}" '
            f'height="{frame.height}"/></clipPath>',
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
            *(part for part in body if part),
            "</svg>\n",
        ]
    )


class _Frame:
    """The area of the data inside the picture, and drawing in its coordinates."""

    def __init__(self, x: Axis, y: Axis, size: tuple[int, int], legend: int, *, subtitle: bool) -> None:
        self.x, self.y = x, y
        self.left, self.top = 78, 58 if subtitle else 40
        self.width = max(size[0] - self.left - 24 - legend, 120)
        self.height = max(size[1] - self.top - 56, 120)

    def at(self, point: Point) -> Point | None:
        """Pixels of a point, ``None`` where it has no place."""
        for value, axis in zip(point, (self.x, self.y), strict=True):
            if not math.isfinite(value) or (axis.log and value <= 0):
                return None
        right, up = self.x.place(point[0]), self.y.place(point[1])
        return self.left + right * self.width, self.top + (1 - up) * self.height

    def _path(self, points: Iterable[Point]) -> str:
        """Joined points; those that have no place leave a gap."""
        parts, pen = [], "M"
        for placed in map(self.at, points):
            if placed is None:
                pen = "M"
                continue
            parts.append(f"{pen}{_n(placed[0])},{_n(placed[1])}")
            pen = "L"
        return "".join(parts)

    def polygon(self, band: Band) -> str:
        opacity = f' fill-opacity="{_n(band.opacity)}"' if band.opacity < 1 else ""
        return f'<path d="{self._path(band.outline)}Z" fill="{band.colour}"{opacity}/>'

    def guide(self, guide: Guide) -> str:
        dashes = ' stroke-dasharray="5 4"' if guide.dashed else ""
        path = self._path(guide.points)
        return f'<path d="{path}" fill="none" stroke="#666666" stroke-width="1"{dashes}/>'

    def guide_label(self, guide: Guide) -> str:
        """The label where the guide leaves the frame, right of or above it."""
        leaving = self._leaves(guide.points)
        if leaving is None:
            return ""
        px, py = leaving
        if py <= self.top + 1:
            return _text(px, self.top - 4, guide.label, 11, anchor="middle", colour="#555555")
        return _text(px + 4, py + 4, guide.label, 11, colour="#555555")

    def _leaves(self, points: Sequence[Point]) -> Point | None:
        """The last point of a line inside the frame, on its border where the line goes on."""
        last: Point | None = None
        placed = [p for p in map(self.at, points) if p is not None]
        for (ax, ay), (bx, by) in pairwise(placed):
            low, high = 0.0, 1.0
            for start, change, smallest, largest in (
                (ax, bx - ax, self.left, self.left + self.width),
                (ay, by - ay, self.top, self.top + self.height),
            ):
                if change == 0:
                    low, high = (low, high) if smallest <= start <= largest else (1.0, 0.0)
                    continue
                ends = sorted(((smallest - start) / change, (largest - start) / change))
                low, high = max(low, ends[0]), min(high, ends[1])
            if low <= high:
                last = (ax + (bx - ax) * high, ay + (by - ay) * high)
        return last

    def series(self, one: Series, at: int) -> str:
        colour, marker = COLOURS[at % len(COLOURS)], MARKERS[at % len(MARKERS)]
        parts = []
        if one.line:
            path = self._path(one.points)
            parts.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.8"/>')
        if one.marks:
            placed = [p for p in map(self.at, one.points) if p is not None]
            path = "".join(f"M{_n(px)},{_n(py)}{marker}" for px, py in placed)
            opacity = "0.55" if len(placed) > 60 else "0.85"
            parts.append(f'<path d="{path}" fill="{colour}" fill-opacity="{opacity}"/>')
        return "\n".join(parts)

    def axes(self) -> list[str]:
        """The frame, grid lines, tick labels and titles."""
        left, top, right, bottom = self.left, self.top, self.left + self.width, self.top + self.height
        parts = []
        for value, label in self.x.ticks():
            px = _n(left + self.x.place(value) * self.width)
            parts.append(_line(px, _n(top), px, _n(bottom), strong=bool(label)))
            parts += [_text(float(px), bottom + 18, label, 12, anchor="middle")] if label else []
        for value, label in self.y.ticks():
            py = _n(top + (1 - self.y.place(value)) * self.height)
            parts.append(_line(_n(left), py, _n(right), py, strong=bool(label)))
            parts += [_text(left - 8, float(py) + 4, label, 12, anchor="end")] if label else []
        parts.append(
            f'<rect x="{left}" y="{top}" width="{self.width}" height="{self.height}" fill="none" '
            'stroke="#333333"/>'
        )
        parts.append(_text(left + self.width / 2, bottom + 42, self.x.title, 13, anchor="middle"))
        middle = top + self.height / 2
        turned = f' transform="rotate(-90 20 {_n(middle)})"'
        return [*parts, _text(20, middle, self.y.title, 13, anchor="middle", more=turned)]

    def legend(self, series: Sequence[Series]) -> list[str]:
        """Marker, name and note of each series, right of the chart."""
        parts, x = [], self.left + self.width + 52
        named = [(at, one) for at, one in enumerate(series) if one.name]
        for row, (at, one) in enumerate(named):
            y = self.top + 12 + row * 36
            colour, marker = COLOURS[at % len(COLOURS)], MARKERS[at % len(MARKERS)]
            if one.line:
                parts.append(f'<path d="M{x - 8},{y}h16" stroke="{colour}" stroke-width="1.8"/>')
            if one.marks:
                parts.append(f'<path d="M{x},{y}{marker}" fill="{colour}"/>')
            parts.append(_text(x + 14, y + 4, one.name, 12))
            parts += [_text(x + 14, y + 18, one.note, 11, colour="#666666")] if one.note else []
        return parts


def _legend_width(series: Sequence[Series]) -> int:
    widths = [max(len(s.name) * 12, len(s.note) * 11) * _LETTER for s in series if s.name]
    return round(max(widths) + 64) if widths else 0


def _line(x1: str, y1: str, x2: str, y2: str, *, strong: bool) -> str:
    colour = "#cccccc" if strong else "#eeeeee"
    return f'<path d="M{x1},{y1}L{x2},{y2}" stroke="{colour}" stroke-width="1"/>'


def _text(
    x: float,
    y: float,
    text: str,
    size: int,
    *,
    anchor: str = "start",
    colour: str = "#222222",
    weight: str = "normal",
    more: str = "",
) -> str:
    return (
        f'<text x="{_n(x)}" y="{_n(y)}" font-size="{size}" text-anchor="{anchor}" fill="{colour}" '
        f'font-weight="{weight}"{more}>{_plain(text)}</text>'
    )


def _plain(text: str) -> str:
    """Text for XML: marked-up characters escaped, control characters dropped (XML has none)."""
    return escape("".join(ch for ch in text if ch.isprintable()), quote=False)


def _n(value: float) -> str:
    """Pixels to a tenth, without a trailing zero; far outside the picture is far enough."""
    return f"{max(-1e5, min(1e5, value)):.1f}".removesuffix(".0")


# ------------------------------------------------------------------------------------------- ticks


def _nice_step(span: float, parts: int = 6) -> float:
    """1, 2, 2.5 or 5 times a power of ten that cuts a span into about so many parts."""
    rough = span / parts
    scale = 10.0 ** math.floor(math.log10(rough))
    return next((scale * m for m in (1, 2, 2.5, 5) if scale * m >= rough * 0.999), scale * 10)


def _linear_ticks(low: float, high: float) -> list[tuple[float, str]]:
    step = _nice_step(high - low)
    first = math.ceil(low / step - 1e-9)
    values = [(first + k) * step for k in range(math.floor((high - first * step) / step + 1e-9) + 1)]
    return [(value, tick_label(value)) for value in values]


def _log_ticks(low: float, high: float) -> list[tuple[float, str]]:
    """1 to 9 of each decade as lines; labelled: 1, 2, 5 of few decades, else powers of ten."""
    decades = math.log10(high / low)
    labelled = (1, 2, 5) if decades <= 4.5 else (1,)
    every = 1 if decades <= 9 else 3
    ticks = []
    for exponent in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1):
        for digit in range(1, 10) if decades <= 9 else (1,):
            value = digit * 10.0**exponent
            if low * 0.9999 <= value <= high * 1.0001:
                shown = digit in labelled and exponent % every == 0
                ticks.append((value, tick_label(value) if shown else ""))
    return ticks


def _round_factor(value: float, *, down: bool) -> float:
    """The next 1, 2 or 5 times a power of ten below or above a value."""
    scale = 10.0 ** math.floor(math.log10(value))
    steps = [scale * m for m in (1, 2, 5, 10, 20)]
    if down:
        return max(s for s in steps if s <= value * 0.999999 or s == scale) * (0.5 if scale >= value else 1)
    return min(s for s in steps if s > value)


def tick_label(value: float) -> str:
    """A number on an axis: ``0.5``, ``20``, ``2k``, ``1.5M``."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{value / limit:.4g}{unit}"
    return f"{value:.4g}"
