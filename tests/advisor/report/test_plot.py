from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.report.plot import (
    COLOURS,
    MARKERS,
    Axis,
    Band,
    Guide,
    Series,
    axis_over,
    chart,
    tick_label,
)

SVG = "{http://www.w3.org/2000/svg}"


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)


def texts(svg: str) -> list[str]:
    return ["".join(node.itertext()) for node in parsed(svg).iter(f"{SVG}text")]


def test_a_chart_has_its_title_axes_ticks_legend_and_counts() -> None:
    svg = chart(
        "Speed over context",
        axis_over("context, tokens", [0, 32_768], zero=True),
        axis_over("tokens/s", [5, 120], log=True),
        [Series("RTX 4090", [(0, 120), (32_768, 40)], line=True, note="2 points"), Series("CPU", [(0, 5)])],
        subtitle="an example",
        guides=[Guide([(0, 20), (32_768, 20)], "reading speed")],
    )
    shown = texts(svg)
    for wanted in ("Speed over context", "an example", "context, tokens", "tokens/s", "RTX 4090", "2 points"):
        assert wanted in shown
    assert {"0", "10k", "20k", "30k", "10", "20", "50", "100", "reading speed"} <= set(shown)


def test_series_differ_in_colour_and_in_shape() -> None:
    assert len(set(COLOURS)) == len(COLOURS) == len(set(MARKERS))
    axis = Axis("x", 0, 1)
    svg = chart("t", axis, axis, [Series(str(n), [(0.5, 0.5)]) for n in range(3)])
    drawn = [node for node in parsed(svg).iter(f"{SVG}path") if node.get("fill-opacity")]
    assert len({node.get("fill") for node in drawn}) == 3
    assert len({re.sub(r"^M[^m]*", "", node.get("d", "")) for node in drawn}) == 3


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (1, 100, ["1", "2", "5", "10", "20", "50", "100"]),
        (0.01, 1e6, ["0.01", "0.1", "1", "10", "100", "1k", "10k", "100k", "1M"]),
    ],
)
def test_logarithmic_ticks_thin_out_over_many_decades(low: float, high: float, labels: list[str]) -> None:
    ticks = Axis("x", low, high, log=True).ticks()
    assert [label for _, label in ticks if label] == labels
    assert len(ticks) > len(labels)  # lines between them


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [(0, 10, ["0", "2", "4", "6", "8", "10"]), (0, 0.5, ["0", "0.1", "0.2", "0.3", "0.4", "0.5"])],
)
def test_linear_ticks_are_round(low: float, high: float, labels: list[str]) -> None:
    assert [label for _, label in Axis("x", low, high).ticks()] == labels


def test_an_axis_ends_at_round_numbers_around_all_values() -> None:
    axis = axis_over("x", [3.3, 870], log=True)
    assert (axis.low, axis.high) == (2, 1000)
    assert axis.place(axis.low) == 0
    assert axis.place(axis.high) == pytest.approx(1)
    axis = axis_over("x", [12, 97], zero=True)
    assert (axis.low, axis.high) == (0, 100)


def test_points_without_a_place_are_left_out() -> None:
    axis = Axis("x", 1, 100, log=True)
    svg = chart("t", axis, axis, [Series("s", [(0, 5), (math.nan, 5), (math.inf, 5), (-1, 5), (10, 10)])])
    (marks,) = [node for node in parsed(svg).iter(f"{SVG}path") if node.get("fill-opacity")]
    assert marks.get("d", "").count("M") == 1


def test_markup_in_names_is_text() -> None:
    axis = Axis("<x> & \x00", 0, 1)
    svg = chart("</svg><script>", axis, axis, [Series('"a" <b>', [(0.5, 0.5)])])
    assert "</svg><script>" in texts(svg)
    assert '"a" <b>' in texts(svg)


def test_the_same_input_draws_the_same_picture() -> None:
    axis = Axis("x", 0, 1)
    drawn = {
        chart("t", axis, axis, [Series("s", [(0.1, 0.2)])], bands=[Band([(0, 0), (1, 1)])]) for _ in "ab"
    }
    assert len(drawn) == 1


def test_labels_of_ticks_are_short() -> None:
    assert [tick_label(v) for v in (0.05, 2, 2000, 1.5e6, 3e9)] == ["0.05", "2", "2k", "1.5M", "3G"]


_NUMBERS = st.floats(allow_nan=True, allow_infinity=True)


@given(st.lists(st.tuples(_NUMBERS, _NUMBERS), max_size=8), st.booleans(), st.text(max_size=8))
@settings(max_examples=200, deadline=None)
def test_any_numbers_and_names_give_a_well_formed_picture(
    points: list[tuple[float, float]], log: bool, name: str
) -> None:
    sane = [(x, y) for x, y in points if all(1e-12 < abs(v) < 1e12 for v in (x, y))]
    x, y = (axis_over("a", [p[at] for p in sane], log=log) for at in (0, 1))
    svg = chart(name, x, y, [Series(name, points, line=True)], guides=[Guide(points, name)], subtitle=name)
    assert parsed(svg).tag == f"{SVG}svg"
    assert "nan" not in svg.replace(name, "")
