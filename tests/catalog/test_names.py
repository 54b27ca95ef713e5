"""Finding entries by a person's spelling, on model-like names of this test's own."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.names import Entry, NameIndex, resolve, tokens
from catalog.types import LookupFailedError

OPTIONAL = ("instruct", "it", "meta", "openai")
IGNORABLE = ("instruct", "gguf", "it")


def entry(name: str, *aliases: str, weight: float = 0.0) -> Entry[str]:
    return Entry(name, name, aliases, weight=weight)


MODELS = (
    entry("Llama-3.1-8B-Instruct", "meta-llama/Llama-3.1-8B-Instruct", "llama3.1:8b", weight=9),
    entry("Llama-3.1-8B", "meta-llama/Llama-3.1-8B", weight=1),
    entry("Llama-3.1-70B-Instruct", "meta-llama/Llama-3.1-70B-Instruct", weight=5),
    entry("Llama-3.3-70B-Instruct", weight=5),
    entry("Qwen3-30B-A3B", "Qwen/Qwen3-30B-A3B", weight=5),
    entry("Qwen3-Coder-30B-A3B-Instruct", "Qwen/Qwen3-Coder-30B-A3B-Instruct", weight=6),
    entry("Qwen3-8B", weight=3),
    entry("Qwen3-0.6B"),
    entry("Qwen3-80B-Next"),
    entry("gpt-oss-20b", "openai/gpt-oss-20b"),
    entry("gpt-oss-120b", "openai/gpt-oss-120b"),
    entry("DeepSeek-R1", "deepseek-ai/DeepSeek-R1"),
    entry("DeepSeek-R1-Distill-Qwen-32B"),
    entry("Mixtral-8x7B-Instruct-v0.1"),
    entry("gemma-3-4b-it"),
    entry("gemma-3-27b-it"),
    entry("Phi-4"),
    entry("Phi-4-mini-instruct"),
)
INDEX = NameIndex("model", MODELS, optional=OPTIONAL, ignorable=IGNORABLE)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("llama 3.1 8b", "Llama-3.1-8B-Instruct"),
        ("llama3.1 8b", "Llama-3.1-8B-Instruct"),
        ("llama 3.1 8", "Llama-3.1-8B-Instruct"),
        ("llama3.1:8b", "Llama-3.1-8B-Instruct"),
        ("LLAMA-3.1-8B", "Llama-3.1-8B"),
        ("Llama-3.1-8B-Instruct", "Llama-3.1-8B-Instruct"),
        ("llama 3.1 8b instruct", "Llama-3.1-8B-Instruct"),
        ("meta-llama/Llama-3.1-8B-Instruct", "Llama-3.1-8B-Instruct"),
        ("meta-llama/Llama-3.1-8B", "Llama-3.1-8B"),
        ("unsloth/Llama-3.1-8B-Instruct-GGUF", "Llama-3.1-8B-Instruct"),
        ("llama 3.3", "Llama-3.3-70B-Instruct"),
        ("qwen3 30b a3b", "Qwen3-30B-A3B"),
        ("qwen3 30b", "Qwen3-30B-A3B"),
        ("qwen 3 30b-a3b", "Qwen3-30B-A3B"),
        ("qwen3 coder", "Qwen3-Coder-30B-A3B-Instruct"),
        ("qwen3-coder:30b", "Qwen3-Coder-30B-A3B-Instruct"),
        ("qwen3 8b", "Qwen3-8B"),
        ("qwen3 80", "Qwen3-80B-Next"),
        ("qwen3 0.6b", "Qwen3-0.6B"),
        ("gpt-oss 20b", "gpt-oss-20b"),
        ("gptoss20b", "gpt-oss-20b"),
        ("gpt oss:120b", "gpt-oss-120b"),
        ("openai/gpt-oss-20b", "gpt-oss-20b"),
        ("deepseek r1", "DeepSeek-R1"),
        ("deep seek r1", "DeepSeek-R1"),
        ("r1 distill", "DeepSeek-R1-Distill-Qwen-32B"),
        ("mixtral", "Mixtral-8x7B-Instruct-v0.1"),
        ("mixtral 8x7b", "Mixtral-8x7B-Instruct-v0.1"),
        ("gemma3 27b", "gemma-3-27b-it"),
        ("gemma 3 4b it", "gemma-3-4b-it"),
        ("phi4", "Phi-4"),
        ("phi-4 mini", "Phi-4-mini-instruct"),
        ("gpt-oss 20b instruct", "gpt-oss-20b"),
    ],
)
def test_a_spelling_finds_its_model(query: str, expected: str) -> None:
    assert INDEX.resolve(query) == expected


@pytest.mark.parametrize(
    ("query", "ambiguous"),
    [
        ("llama 3.1", True),
        ("llama", True),
        ("gpt-oss", True),
        ("gemma", True),
        ("qwen3 3b", False),
        ("llama 3 8b", False),
        ("llama 3.1 80b", False),
        ("phi 5", False),
        ("instruct", False),
        ("", False),
        ("!?", False),
    ],
)
def test_what_is_not_one_model_is_refused(query: str, ambiguous: bool) -> None:
    with pytest.raises(LookupFailedError) as caught:
        INDEX.resolve(query)
    assert caught.value.ambiguous is ambiguous
    if ambiguous:
        assert len(caught.value.candidates) > 1


def test_the_most_preferred_candidate_is_listed_first() -> None:
    with pytest.raises(LookupFailedError) as caught:
        INDEX.resolve("llama 3.1")
    assert caught.value.candidates[0] == "Llama-3.1-8B-Instruct"


def test_a_slip_is_answered_with_near_names() -> None:
    with pytest.raises(LookupFailedError) as caught:
        INDEX.resolve("gpt-os-120b")
    assert caught.value.candidates[0] == "gpt-oss-120b"
    assert "nearest names: gpt-oss-120b" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("RTX4090 Laptop", ("rtx", "4090", "laptop")),
        ("7900xtx", ("7900", "xtx")),
        ("M3Max 40-core", ("m3", "max", "40", "core")),
        ("A6000", ("a6000",)),
        ("Qwen3-30B-A3B", ("qwen", "3", "30b", "a3b")),
        ("24 GB", ("24gb",)),
        ("24GiB", ("24gb",)),
        ("Intel(R) Core(TM) i9-12900K", ("intel", "core", "i9", "12900", "k")),
        ("Llama 3.1", ("llama", "3.1")),
        ("8060S", ("8060", "s")),
    ],
)
def test_names_split_at_letters_and_digits(text: str, expected: tuple[str, ...]) -> None:
    assert tokens(text) == expected


def test_equal_candidates_are_decided_by_weight() -> None:
    entries = (Entry("Big Card", 1, weight=1.0), Entry("Card Big", 2, weight=2.0))
    assert resolve("card", "big card now", entries, ignorable=("now",)) == 2


def test_the_module_function_answers_for_the_sequence_it_is_given() -> None:
    first, second = (entry("alpha 1"),), (entry("beta 2"),)
    assert resolve("thing", "alpha", first) == "alpha 1"
    assert resolve("thing", "beta", second) == "beta 2"
    assert resolve("thing", "alpha 1", first) == "alpha 1"


@given(st.text(max_size=60))
def test_any_text_is_found_or_refused_with_the_typed_error(text: str) -> None:
    found: str | None = None
    with contextlib.suppress(LookupFailedError):
        found = INDEX.resolve(text)
    assert found is None or found in {model.name for model in MODELS}


@given(st.sampled_from(MODELS).flatmap(lambda model: st.permutations(tokens(model.name))))
def test_the_order_of_words_and_their_case_do_not_matter(words: list[str]) -> None:
    assert INDEX.resolve(" ".join(words).upper()) == INDEX.resolve(" ".join(sorted(words)))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_every_name_and_alias_resolves_to_its_own_entry(model: Entry[str]) -> None:
    for name in (model.name, *model.aliases):
        assert INDEX.resolve(name) == model.name
        assert INDEX.resolve(f"  {name.upper()} ") == model.name
