from __future__ import annotations

import pytest

from advisor.report import format as f
from advisor.report.table import Column, csv_table, markdown_table, shorten, text_table, width


@pytest.mark.parametrize(
    ("value", "text"),
    [(128.4, "128"), (35.2, "35"), (9.96, "10"), (3.21, "3.2"), (0.994, "0.99"), (0.45, "0.45")],
)
def test_speeds_have_two_to_three_digits(value: float, text: str) -> None:
    assert f.speed(value) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(8192, "8k"), (131_072, "128k"), (1_048_576, "1M"), (1000, "1000"), (40_960, "40k")],
)
def test_token_counts_are_powers_of_two(count: int, text: str) -> None:
    assert f.tokens(count) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.05, "50 ms"), (0.82, "0.8 s"), (12.2, "12 s"), (210, "3.5 min"), (7600, "2.1 h")]
)
def test_durations_choose_their_unit(value: float, text: str) -> None:
    assert f.seconds(value) == text


def test_text_tables_align_numbers_right_and_leave_no_trailing_blanks() -> None:
    table = text_table((Column("name"), Column("n", right=True)), [("a", "5"), ("long", "123")])
    assert table == "name    n\na       5\nlong  123"


def test_markdown_escapes_the_bar() -> None:
    assert "a\\|b" in markdown_table((Column("x"),), [("a|b",)])


def test_csv_leaves_unknown_empty() -> None:
    assert csv_table(("a", "b"), [(1, None)]) == "a,b\n1,"


def test_wide_characters_count_twice_and_cut_text_ends_in_an_ellipsis() -> None:
    assert width("模型") == 4
    assert shorten("abcdef", 4) == "abc…"
    assert width(shorten("模型模型", 5)) <= 5
