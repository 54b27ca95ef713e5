from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.core.filter import Filterable, FilterError, parse_filter


def row(**changes: object) -> Filterable:
    values: dict[str, object] = {
        "text": "qwen3-32b qwen/qwen3-32b qwen qwen3",
        "quant": "Q4_K_M",
        "fit": "full",
        "license": "apache-2.0",
        "architecture": "qwen3",
        "flags": frozenset({"dense", "instruct", "tools"}),
        "numbers": {"params": 32.8, "tok": 35.0, "ctx": 40_960.0, "ttft": None},
    }
    return Filterable(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ("qwen", True),
        ("QWEN 32b", True),
        ("llama", False),
        ("-llama", True),
        ("-qwen", False),
        ("params<40", True),
        ("params<32.8", False),
        ("params<=32.8", True),
        ("params>40", False),
        ("-params>40", True),
        ("quant:q4", True),
        ("quant:q8", False),
        ("fit:full tok>20", True),
        ("fit:offload", False),
        ("ctx>=32k", True),
        ("ctx>=64k", False),
        ("is:dense", True),
        ("is:moe", False),
        ("license:apache", True),
        ("qwen params<40 quant:q4 fit:full tok>20 -coder", True),
    ],
)
def test_terms_must_all_hold(text: str, expected: bool) -> None:
    assert parse_filter(text)(row()) is expected


def test_an_unknown_number_satisfies_no_comparison_either_way() -> None:
    assert not parse_filter("ttft<1000")(row())
    assert not parse_filter("ttft>0")(row())


@pytest.mark.parametrize(
    ("text", "position", "hint"),
    [
        ("qwen parms<40", 5, "params"),
        ("params<", 0, "params<8"),
        ("params<many", 0, "params<8"),
        ("fit:maybe", 0, "full"),
        ("is:mo", 0, "moe"),
        ("colour:red", 0, "quant"),
        ("quant:", 0, "q4"),
    ],
)
def test_errors_name_the_place_and_what_would_be_right(text: str, position: int, hint: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter(text)
    assert caught.value.position == position
    assert hint in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text(max_size=40))
def test_any_text_is_a_filter_or_a_filter_error(text: str) -> None:
    try:
        predicate = parse_filter(text)
    except FilterError:
        return
    assert predicate(row()) in (True, False)


def test_a_field_that_these_rows_lack_is_refused_with_the_reason() -> None:
    with pytest.raises(FilterError, match="tok is not known here: rank first") as caught:
        parse_filter("qwen -tok>3", {"tok": "rank first"})
    assert caught.value.position == 6
    assert parse_filter("qwen params<40", {"tok": "rank first"})(row())
