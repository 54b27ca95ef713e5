"""Charts in characters: no wider than asked, curves where they belong, gaps where nothing fits."""

from __future__ import annotations

import pytest

from advisor.report.plot import Axis
from advisor.report.terminal_chart import TerminalCurve, TerminalMark, letter, terminal_chart

X = Axis("x, s", 0, 10)
Y = Axis("y, tokens/s", 0, 10)
RISING = TerminalCurve([(v, v) for v in range(11)])


def body(lines: list[str], bar: str) -> list[str]:
    return [line.split(bar, 1)[1] for line in lines if bar in line]


@pytest.mark.parametrize("columns", [20, 40, 80, 132])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_no_line_is_wider_than_asked(columns: int, ascii_only: bool) -> None:
    band = [(max(v - 2, 0), v + 2) for v in range(11)]
    lines = terminal_chart(X, Y, [TerminalCurve(RISING.points, band)], columns=columns, ascii_only=ascii_only)
    assert max(map(len, lines)) <= columns
    assert all(line.isascii() for line in lines) is ascii_only


def test_a_rising_curve_goes_from_the_lower_left_to_the_upper_right() -> None:
    rows = body(terminal_chart(X, Y, [RISING], columns=40, rows=10, ascii_only=True), "|")
    assert len(rows) == 10
    first = [row.index("a") for row in rows]
    assert first == sorted(first, reverse=True)
    assert rows[-1][0] == "a"
    assert rows[0].rstrip().endswith("a")


def test_braille_is_finer_than_letters() -> None:
    rows = body(terminal_chart(X, Y, [RISING], columns=40, rows=10), "│")
    assert any(0x2800 < ord(ch) < 0x2900 for row in rows for ch in row)


def test_a_point_that_is_none_breaks_the_line() -> None:
    whole = TerminalCurve([(0, 5), (5, 5), (10, 5)])
    broken = TerminalCurve([(0, 5), None, (10, 5)])
    counts = [
        "".join(body(terminal_chart(X, Y, [curve], columns=40, ascii_only=True), "|")).count("a")
        for curve in (whole, broken)
    ]
    assert counts[1] == 2 < counts[0]


def test_the_interval_is_shaded_between_its_ends_only() -> None:
    curve = TerminalCurve([(0, 5), (10, 5)], [(4, 6), (4, 6)])
    rows = body(terminal_chart(X, Y, [curve], columns=40, rows=11, ascii_only=True), "|")
    shaded = [at for at, row in enumerate(rows) if "." in row]
    assert shaded == [4, 6]  # of 0 to 10 from the top; the line itself lies on 5


def test_curves_are_told_apart_by_letters_at_their_own_place() -> None:
    curves = [
        TerminalCurve([(0, 2), (10, 2)], mark_x=0.0),
        TerminalCurve([(0, 8), (10, 8)], mark_x=10.0),
    ]
    rows = body(terminal_chart(X, Y, curves, columns=40, rows=11), "│")
    marked = {ch: (r, c) for r, row in enumerate(rows) for c, ch in enumerate(row) if ch in "ab"}
    assert marked["a"][1] == 0
    assert marked["b"][1] > 30
    assert marked["b"][0] < marked["a"][0]
    assert letter(0) == "a"


def test_axes_carry_their_titles_with_units_and_round_ticks() -> None:
    lines = terminal_chart(X, Y, [RISING], columns=60)
    assert "y, tokens/s" in lines[0]
    assert lines[-1].endswith("x, s")
    assert [label for label in ("0", "2", "4", "6", "8", "10") if label in lines[-2].split()] == [
        "0", "2", "4", "6", "8", "10",
    ]  # fmt: skip


def test_a_logarithmic_axis_spaces_factors_evenly() -> None:
    x = Axis("x", 1, 100, log=True)
    curve = TerminalCurve([(1, 5), None, (10, 5), None, (100, 5)])
    rows = body(terminal_chart(x, Y, [curve], columns=45, ascii_only=True), "|")
    (row,) = [row for row in rows if "a" in row]
    at = [i for i, ch in enumerate(row) if ch == "a"]
    assert at[1] - at[0] == pytest.approx(at[2] - at[1], abs=1)


def test_marks_stand_at_their_points_and_step_aside_where_they_would_collide() -> None:
    x, y = Axis("GiB", 0, 100), Axis("tok/s", 0, 40)
    marks = [TerminalMark(50, 20, "1"), TerminalMark(50, 20, "2"), TerminalMark(100, 40, "10")]
    for ascii_only in (False, True):
        goal = TerminalCurve([(0, 10), (100, 10)], name="-" if ascii_only else "")
        lines = terminal_chart(x, y, [goal], columns=64, rows=9, ascii_only=ascii_only, marks=marks)
        assert max(len(line) for line in lines) <= 64
        inside = [line.partition("|" if ascii_only else "│")[2] for line in lines[1:10]]
        assert inside[0].rstrip().endswith("10"), "the last name is whole"
        middle = inside[4]
        assert middle.index("1") == round(0.5 * (len(inside[0]) - 1))
        assert middle.index("2") > middle.index("1") + 1
        assert not any(letter in "".join(inside) for letter in "ab"), "a named curve has no letter"
