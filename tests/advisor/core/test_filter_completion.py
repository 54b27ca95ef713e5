"""Completions of a filter: what is offered, and that all of it can be understood."""

from __future__ import annotations

import pytest

from advisor.core.filter import FITS, FLAGS, NUMBER_FIELDS, TEXT_FIELDS, parse_filter
from advisor.core.filter_completion import EXAMPLES, Vocabulary, complete

WORDS = Vocabulary(
    quants=("Q4_K_M", "Q8_0"),
    licenses=("apache-2.0", "mit"),
    architectures=("qwen3", "llama"),
    words=("Qwen3", "Mistral"),
)


def offered(text: str) -> list[str]:
    return [c.text for c in complete(text, WORDS)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("qwen ", []),
        ("to", ["tok>"]),
        ("qwen -to", ["qwen -tok>"]),
        ("tok>", ["tok>20"]),
        ("tok>3", []),
        ("ctx<", ["ctx<32k"]),
        ("qw", ["qwen3"]),
        ("q", ["quality>", "quant:", "qwen3"]),
        ("fit:", [f"fit:{name}" for name in FITS]),
        ("is:de", ["is:dense"]),
        ("-is:moe", []),
        ("quant:q4-k", ["quant:q4_k_m"]),
        ("license:a", ["license:apache-2.0"]),
        ("arch:l", ["arch:llama"]),
        ("nothing", []),
        ("speed:", []),
    ],
)
def test_what_is_offered(text: str, expected: list[str]) -> None:
    assert offered(text) == expected


@pytest.mark.parametrize("name", [*NUMBER_FIELDS, *TEXT_FIELDS])
def test_every_field_is_found_by_its_beginning_with_its_meaning(name: str) -> None:
    found = {c.term.rstrip("<>=:"): c.meaning for c in complete(name[:-1], WORDS, most=20)}
    assert found[name] == {**NUMBER_FIELDS, **TEXT_FIELDS}[name]


def test_every_value_that_is_offered_can_be_understood() -> None:
    for text in (*EXAMPLES.values(), *(f"fit:{f}" for f in FITS), *(f"is:{f}" for f in FLAGS)):
        parse_filter(text)
    for field in TEXT_FIELDS:
        for completion in complete(f"{field}:", WORDS):
            parse_filter(completion.text)
    assert set(EXAMPLES) == set(NUMBER_FIELDS)


def test_taking_a_completion_never_changes_what_was_typed_before() -> None:
    for text in ("qwen params<40 fi", "MoE -lic", "  tok>20 qua"):
        for completion in complete(text, WORDS):
            assert completion.text.startswith(text[: text.rindex(" ") + 1])
