"""Curves of speed as a terminal chart, SVG, JSON, CSV and a plain table."""

from __future__ import annotations

from advisor.curves import Curve, CurvePoint, Curves
from advisor.report import format as f
from advisor.report.documents import Document, number, question_document
from advisor.report.model_summary import model_summary
from advisor.report.plot import COLOURS, Axis, Band, Guide, Series, axis_over, chart
from advisor.report.table import Column, csv_table, shorten, text_table
from advisor.report.terminal_chart import ROWS, TerminalCurve, letter, terminal_chart
from advisor.report.text import FIT_GLYPHS

_X_TITLES = {
    "ram-bandwidth": "RAM bandwidth, GB/s",
    "context": "context, tokens, all of them in the cache",
    "users": "simultaneous users",
    "quant": "size of the file, GiB",
}
_X_KEYS = {
    "ram-bandwidth": "ram_bandwidth_gb_per_s",
    "context": "context_tokens",
    "users": "users",
    "quant": "file_gib",
}
_LOG_X = ("ram-bandwidth", "context", "users")
_Y_TITLE = "decode speed of one user, tokens/s"
_LOG_FROM = 30.0
"""Speeds that differ by more than this factor are drawn on a logarithmic axis."""
_NAN = float("nan")
_LEGEND_WIDTH = 34


def _title(c: Curves) -> str:
    return f"{c.model.name}{f' {c.quant}' if c.quant else ''}"


def _axes(c: Curves) -> tuple[Axis, Axis]:
    points = [point for curve in c.curves for point in curve.points]
    fitting = [p for p in points if p.tokens_per_s is not None] or points
    ends = [v for p in points for v in (p.low_tokens_per_s, p.high_tokens_per_s) if v is not None]
    log = bool(ends) and max(ends) / min(ends) > _LOG_FROM
    xs = [p.x for p in fitting]
    if c.over in _LOG_X and min(xs) < max(xs):
        x = Axis(_X_TITLES[c.over], min(xs), max(xs), log=True)
    else:
        x = axis_over(_X_TITLES[c.over], xs, zero=True)
    return x, axis_over(_Y_TITLE, ends, log=log, zero=not log)


def _interval(point: CurvePoint) -> tuple[float, float] | None:
    low, high = point.low_tokens_per_s, point.high_tokens_per_s
    return None if low is None or high is None else (low, high)


def curves_svg(c: Curves) -> str:
    """The picture: a line per scenario, its 80 % interval as a band, the rigs' own place marked."""
    x, y = _axes(c)
    bands = [
        band
        for at, curve in enumerate(c.curves)
        for run in _runs(curve)
        for band in [_band(run, COLOURS[at % len(COLOURS)])]
    ]
    places = sorted({curve.now_x for curve in c.curves if curve.now_x is not None})
    guides = [
        Guide([(place, y.low), (place, y.high)], f"{place:.4g}")
        for place in places
        if c.over == "ram-bandwidth"
    ]
    series = [
        Series(
            shorten(curve.scenario, _LEGEND_WIDTH),
            [(p.x, p.tokens_per_s if p.tokens_per_s is not None else _NAN) for p in curve.points],
            line=True,
            note="" if any(p.tokens_per_s for p in curve.points) else "does not fit",
        )
        for curve in c.curves
    ]
    return chart(
        f"{_title(c)} over {_X_TITLES[c.over].partition(',')[0]}",
        x,
        y,
        series,
        subtitle=f"{c.question.use}, KV {c.question.kv_type}; bands: 80 % intervals",
        bands=bands,
        guides=guides,
        size=(1040, 640),
    )


def _runs(curve: Curve) -> list[list[CurvePoint]]:
    """Neighbouring points that fit."""
    runs: list[list[CurvePoint]] = [[]]
    for point in curve.points:
        if point.tokens_per_s is None:
            runs.append([])
        else:
            runs[-1].append(point)
    return [run for run in runs if len(run) > 1]


def _band(run: list[CurvePoint], colour: str) -> Band:
    limits = [(p.x, *(_interval(p) or (_NAN, _NAN))) for p in run]
    upper = [(x, high) for x, _, high in limits]
    lower = [(x, low) for x, low, _ in reversed(limits)]
    return Band([*upper, *lower], colour, 0.2)


def curves_text(c: Curves, *, columns: int = 80, ascii_only: bool = False) -> str:
    """The chart in characters, its legend, and the numbers."""
    lines = curves_chart(c, columns=columns, ascii_only=ascii_only)
    return "\n".join([*lines, "", _table(c, columns)])


def curves_chart(
    c: Curves, *, columns: int = 80, rows: int | None = None, ascii_only: bool = False
) -> list[str]:
    """The chart and its legend without the numbers, as lines; ``rows`` are those inside the frame."""
    lines = [shorten(f"{_title(c)}  over {_X_TITLES[c.over]}", columns)]
    if any(p.tokens_per_s is not None for curve in c.curves for p in curve.points):
        x, y = _axes(c)
        drawn = [
            TerminalCurve(
                [None if p.tokens_per_s is None else (p.x, p.tokens_per_s) for p in curve.points],
                [_interval(p) for p in curve.points],
                curve.now_x if c.over == "ram-bandwidth" else None,
            )
            for curve in c.curves
        ]
        lines += terminal_chart(x, y, drawn, columns=columns, rows=rows or ROWS, ascii_only=ascii_only)
    else:
        lines.append("it fits nowhere: try another quantization, a smaller context, or another rig")
    for at, curve in enumerate(c.curves):
        own = f"  now at {curve.now_x:.4g}" if curve.now_x is not None else ""
        lines.append(shorten(f"{letter(at)} {curve.scenario}{own}", columns))
    lines.append(shorten(f"shaded: 80 % intervals; KV {c.question.kv_type}, {c.question.use}", columns))
    return lines


def _table(c: Curves, columns: int) -> str:
    """Speeds with their intervals; more scenarios than fit side by side are listed one below the other."""
    heads = [letter(at) for at in range(len(c.curves))]
    first = Column(_X_TITLES[c.over].partition(", all")[0])
    rows = [
        [_row_label(c, n), *(_cell(curve.points[n]) for curve in c.curves)]
        for n in range(len(c.curves[0].points))
    ]
    table = text_table([first, *(Column(f"{head}: tok/s", right=True) for head in heads)], rows)
    if max(len(line) for line in table.split("\n")) <= columns:
        return table
    parts = []
    for at, curve in enumerate(c.curves):
        cells = [[_row_label(c, n), _cell(point)] for n, point in enumerate(curve.points)]
        parts.append(text_table([first, Column(f"{heads[at]}: tok/s", right=True)], cells))
    return "\n\n".join(parts)


def _row_label(c: Curves, n: int) -> str:
    point = c.curves[0].points[n]
    return f"{point.x:.2f}  {point.label}" if c.over == "quant" else point.label


def _cell(point: CurvePoint) -> str:
    interval = _interval(point)
    if point.tokens_per_s is None or interval is None:
        return "○ does not fit"
    return f"{FIT_GLYPHS[point.fit]} {f.speed(point.tokens_per_s)} [{f.speed_range(*interval)}]"


def curves_document(c: Curves) -> Document:
    """``plot --json``."""
    return {
        "schema": "rig-advice/plot/1",
        "over": c.over,
        "x_key": _X_KEYS[c.over],
        "model": model_summary(c.model),
        "quant": c.quant,
        "question": question_document(c.question),
        "curves": [
            {
                "scenario": curve.scenario,
                "now_x": number(curve.now_x),
                "points": [
                    {
                        "x": number(p.x),
                        "quant": p.quant,
                        "fit": p.fit,
                        "decode_tokens_per_s": number(p.tokens_per_s),
                        "decode_low_tokens_per_s": number(p.low_tokens_per_s),
                        "decode_high_tokens_per_s": number(p.high_tokens_per_s),
                        "ttft_s": number(p.ttft_s),
                        "bottleneck": p.bottleneck,
                    }
                    for p in curve.points
                ],
            }
            for curve in c.curves
        ],
    }


def curves_csv(c: Curves) -> str:
    """One row per point, with the names and units of the JSON."""
    titles = [
        "scenario", _X_KEYS[c.over], "quant", "fit", "decode_tokens_per_s", "decode_low_tokens_per_s",
        "decode_high_tokens_per_s", "ttft_s", "bottleneck",
    ]  # fmt: skip
    rows = [
        [curve["scenario"], p["x"], *(p[title] for title in titles[2:])]
        for curve in curves_document(c)["curves"]
        for p in curve["points"]
    ]
    return csv_table(titles, rows)
