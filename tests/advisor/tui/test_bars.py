"""Bars: cells always add up, and nothing that is there is drawn as nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from advisor.tui.glyphs import ASCII, UNICODE
from advisor.tui.lines import width_of
from advisor.tui.widgets.bars import Segment, allocate, bar, slider

values = st.lists(
    st.floats(min_value=0, max_value=1e15, allow_nan=False) | st.just(0.0), min_size=1, max_size=8
)
widths = st.integers(min_value=1, max_value=200)


@given(values, widths)
def test_cells_of_a_full_bar_add_up_to_its_width(parts: list[float], width: int) -> None:
    cells = allocate(parts, width)
    assert sum(cells) == (width if any(p > 0 for p in parts) else 0)


@given(values, widths)
def test_every_part_above_zero_has_a_cell_and_no_other_part_has_one(parts: list[float], width: int) -> None:
    cells = allocate(parts, width)
    positive = [p > 0 for p in parts]
    if width >= sum(positive):
        assert [c > 0 for c in cells] == positive
    else:
        assert all(c <= p for c, p in zip(cells, positive, strict=True))


@given(values, widths)
def test_a_larger_part_never_has_fewer_cells(parts: list[float], width: int) -> None:
    cells = allocate(parts, width)
    for p, c in zip(parts, cells, strict=True):
        for q, e in zip(parts, cells, strict=True):
            # Two parts a hair apart may be rounded to either side.
            if p > q:
                assert c >= e - 1


@given(values, widths, st.floats(min_value=1, max_value=1e16))
def test_a_bar_on_a_larger_scale_stays_within_its_width(parts: list[float], width: int, total: float) -> None:
    cells = allocate(parts, width, total)
    assert 0 <= sum(cells) <= width


def test_shares_are_drawn_in_proportion() -> None:
    assert allocate([3, 1], 8) == [6, 2]
    assert allocate([1, 1, 1], 10) == [4, 3, 3]
    assert allocate([50], 10, total=100) == [5]


def test_values_that_are_no_numbers_are_left_out() -> None:
    assert allocate([float("nan"), float("inf"), 2.0], 5) == [0, 0, 5]


@given(st.integers(0, 11), st.integers(3, 40))
def test_slider_keeps_its_width(position: int, width: int) -> None:
    assert len(slider(position, 12, width, UNICODE)) == width


def test_segments_differ_by_character_and_not_only_by_colour() -> None:
    for glyphs in (UNICODE, ASCII):
        assert len(set(glyphs.fills.values())) == len(glyphs.fills)
        assert len(set(glyphs.fit.values())) == len(glyphs.fit)
        line = bar([Segment("weights", 2), Segment("ram", 1)], 9, glyphs)
        assert width_of(line) == 9
        assert "".join(text for text, _ in line) == glyphs.fills["weights"] * 6 + glyphs.fills["ram"] * 3
