"""The roofline as sentences, as characters, as SVG and as JSON."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from advisor.report import format as f
from advisor.report.plot import Axis, Guide, Point, Series, axis_over, chart
from advisor.report.terminal_chart import TerminalCurve, terminal_chart

if TYPE_CHECKING:
    from advisor.core.roofline import Dot, Roofline
    from advisor.explanation import Explanation

_BINDS = {"memory": "memory bandwidth", "compute": "arithmetic"}
_SAMPLES = 48
ROOF_NAMES = {"s": "specified", "d": "reached decoding", "p": "reached with the prompt"}
"""Letters of the lines."""


def dot_letter(dot: Dot) -> str:
    """``D``: decoding for one user, ``U``: for all users asked for, ``P``: the prompt."""
    if dot.kind == "prompt":
        return "P"
    return "D" if dot.users == 1 else "U"


def dot_name(dot: Dot) -> str:
    """``decode, 8 users``."""
    if dot.kind == "prompt":
        return f"prompt of {dot.tokens:,.0f} tokens"
    return f"decode, {dot.users} user{'s' if dot.users > 1 else ''}"


def head_text(r: Roofline) -> str:
    """The device and its specified roofs."""
    peak = f", {f.tflops(r.flops)} FP16" if r.flops else ""
    share = "" if r.step_share > 0.995 else f", {f.percent(r.step_share)} of the step"
    where = " (RAM)" if r.device_kind == "cpu" else ""
    return f"{r.device}{where}{share}: {f.gbs(r.bandwidth)} {r.basis}{peak}"


def dot_text(r: Roofline, dot: Dot) -> str:
    """Where one run lies and which roof binds it."""
    memory = dot.memory_s >= dot.compute_s
    reached = f.gbs(dot.reached_bandwidth) if memory else f.flop_rate(dot.ceiling_flop_per_s)
    roof = f"{_BINDS['memory' if memory else 'compute']}, {reached} with these formats"
    text = (
        f"{dot_name(dot)}: {_intensity(dot.intensity)} FLOP per byte read, {f.flop_rate(dot.flop_per_s)}; "
        f"×{dot.below_roof:.2f} the time of its roof ({roof})"
    )
    if dot.bound_by == "overhead":
        text += ": launches and hand-overs take longer than either"
    if dot.kind == "decode" and r.step_share > 0.995:
        most = f.speed(r.tokens_per_s(dot, dot.roof_flop_per_s) / dot.users)
        text += f"; on the roof {most} tok/s" + (" for each" if dot.users > 1 else "")
    return text


def _intensity(value: float) -> str:
    return f"{value:,.0f}" if value >= 9.95 else f"{value:.1f}"


def elsewhere_text(r: Roofline) -> str:
    """What is said where the prompt has no dot; empty where it has one."""
    return (
        "the prompt has no dot: a GPU works on it, with the weights sent to it" if r.prompt_elsewhere else ""
    )


def roofline_lines(r: Roofline) -> list[str]:
    """The roofline in sentences, the first for the device."""
    dots = [f"{dot_letter(dot)} {dot_text(r, dot)}" for dot in r.dots]
    return [head_text(r), *dots, *filter(None, [elsewhere_text(r)])]


# ------------------------------------------------------------------------------------------- pictures


_ROOM = 3
"""Factor by which the picture goes below the lowest dot and left of the leftmost, so that roofs are seen."""


def _axes(r: Roofline) -> tuple[Axis, Axis]:
    ceilings = [(d.ceiling_flop_per_s, d.reached_bandwidth) for d in r.dots]
    ceilings += [(r.flops, r.bandwidth)] if r.flops else []
    known = [(rate, bandwidth) for rate, bandwidth in ceilings if math.isfinite(rate)]
    places = [*(d.intensity for d in r.dots), *(rate / bandwidth for rate, bandwidth in known)]
    rates = [*(d.flop_per_s for d in r.dots), *(rate for rate, _ in known)]
    x = axis_over("FLOP per byte read", [min(places) / _ROOM, *places], log=True)
    return x, axis_over("TFLOP/s", [rate / 1e12 for rate in (min(rates) / _ROOM, *rates)], log=True)


def _line(roof: Callable[[float], float], x: Axis, y: Axis) -> list[Point | None]:
    """A roof at many intensities, where it lies inside the picture."""
    found: list[Point | None] = []
    for n in range(_SAMPLES + 1):
        at = x.low * (x.high / x.low) ** (n / _SAMPLES)
        rate = roof(at) / 1e12
        found.append((at, rate) if y.low <= rate <= y.high else None)
    return found


def roofs(r: Roofline) -> dict[str, Callable[[float], float]]:
    """FLOP/s over intensity by letter: as specified, and as reached by the first run of each kind."""
    found: dict[str, Callable[[float], float]] = {"s": r.specified_at}
    for dot in r.dots:
        found.setdefault("d" if dot.kind == "decode" else "p", dot.roof_at)
    return found


def roofline_chart(r: Roofline, *, columns: int, rows: int = 12, ascii_only: bool = False) -> list[str]:
    """The picture as lines no wider than ``columns``."""
    x, y = _axes(r)
    curves = [TerminalCurve(_line(roof, x, y), name=name) for name, roof in roofs(r).items()]
    curves += [
        TerminalCurve([(dot.intensity, dot.flop_per_s / 1e12)], name=dot_letter(dot)) for dot in r.dots
    ]
    return terminal_chart(x, y, curves, columns=columns, rows=rows, ascii_only=ascii_only)


def legend_text(r: Roofline) -> str:
    """What the letters of the lines stand for."""
    return "roofs: " + ", ".join(f"{name} {ROOF_NAMES[name]}" for name in roofs(r))


def roofline_svg(e: Explanation) -> str:
    """The picture as SVG; empty where nothing fits."""
    r = e.roofline
    if r is None:
        return ""
    x, y = _axes(r)
    series = [
        Series(
            dot_name(dot),
            [(dot.intensity, dot.flop_per_s / 1e12)],
            note=f"×{dot.below_roof:.2f} the roof's time",
        )
        for dot in r.dots
    ]
    guides = [
        Guide([p for p in _line(roof, x, y) if p], ROOF_NAMES[name], dashed=name == "s")
        for name, roof in roofs(r).items()
    ]
    return chart(f"{e.model.name} {e.quant}", x, y, series, subtitle=head_text(r), guides=guides)


# ------------------------------------------------------------------------------------------- JSON


def roofline_fields(r: Roofline | None) -> dict[str, Any] | None:
    """The roofline as JSON."""
    if r is None:
        return None
    return {
        "device": r.device,
        "device_kind": r.device_kind,
        "step_share": _number(r.step_share),
        "bandwidth_bytes_per_s": _number(r.bandwidth),
        "bandwidth_basis": r.basis,
        "fp16_flop_per_s": _number(r.flops),
        "prompt_elsewhere": r.prompt_elsewhere,
        "dots": [
            {
                "kind": dot.kind,
                "users": dot.users,
                "tokens": int(dot.tokens),
                "flop": _number(dot.flops),
                "read_bytes": int(dot.read_bytes),
                "flop_per_byte": _number(dot.intensity),
                "flop_per_s": _number(dot.flop_per_s),
                "time_s": _number(dot.seconds),
                "memory_s": _number(dot.memory_s),
                "compute_s": _number(dot.compute_s),
                "overhead_s": _number(max(dot.fixed_s, 0.0)),
                "devices_side_by_side": _number(dot.side_by_side),
                "bound_by": dot.bound_by,
                "times_the_roof": _number(dot.below_roof),
                "reached_bytes_per_s": _number(dot.reached_bandwidth),
                "ceiling_flop_per_s": _number(dot.ceiling_flop_per_s),
            }
            for dot in r.dots
        ],
    }


def _number(value: float | None) -> float | None:
    from advisor.report.documents import number

    return number(value)
