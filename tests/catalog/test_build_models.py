from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.build.model_lineage import (
    Lineage,
    best_shape,
    difference,
    read_lineage,
    shapes_to_try,
)
from catalog.build.model_rows import family_of, layer_letters, sources_of, spread, to_model
from catalog.build.model_selection import Selected, fold_key, select, stage_of
from catalog.build.models import apply_overrides, compress, explain_gap, to_line
from catalog.models import expand_layers, load_models, parse_models

RULES: dict[str, Any] = {
    "publishers": {"Maker": "Maker Inc.", "Other": "Other"},
    "display_names": {"tuner": "Tuner"},
    "finetunes": ["tuner/Maker-8B-tuned"],
    "include": [],
    "unsupported": [],
    "reuploads": ["Mirror/"],
    "exclude": [["-judge", "a judge"]],
    "fold": {"Maker/Model-8B-32K": "Maker/Model-8B"},
    "context_length": [["Maker/Model-8B", 8192, "card"]],
    "native_quant": [["Maker/", "FP8", "card"]],
    "set": [],
    "add": [],
    "mtp_architectures": [["mtp_arch"], "card"],
    "gap_reasons": {},
    "refused": {},
    "vision_params": {},
    "active_notes": [],
    "total_parts": [],
    "lineage": Lineage({}, frozenset()),
}


def row(identifier: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": identifier,
        "name": identifier.split("/")[1],
        "architecture": "llama",
        "verified": "exact",
        "arch_confidence": "config_json",
        "hf_downloads_30d": 100_000,
        "gguf_repos": [],
        "modality": ["text"],
        "license": None,
        "release_date": None,
        "base_or_instruct": "instruct/chat or unspecified",
        "published_total_params": 1000,
        "n_layers": 4,
        "source": "llmfit",
        **fields,
    }


def ids(rows: list[dict[str, Any]]) -> dict[str, tuple[str, ...]]:
    return {str(s.row["id"]): s.folded for s in select(rows, RULES).models}


def test_base_and_instruct_fold_into_the_instruct_row() -> None:
    assert ids([row("Maker/Model-8B"), row("Maker/Model-8B-Instruct", hf_downloads_30d=1)]) == {
        "Maker/Model-8B-Instruct": ("Maker/Model-8B",)
    }


def test_a_reupload_folds_into_the_original_even_if_it_is_more_popular() -> None:
    chosen = ids(
        [row("Maker/Model-8B", hf_downloads_30d=30_000), row("Mirror/Model-8B", hf_downloads_30d=10**6)]
    )
    assert chosen == {"Maker/Model-8B": ("Mirror/Model-8B",)}


def test_a_reupload_without_its_original_is_left_out() -> None:
    selection = select([row("Mirror/Model-8B")], RULES)
    assert selection.models == ()
    assert selection.left_out == {"Mirror/Model-8B": "only a re-upload is known"}


def test_folding_follows_the_reviewed_list() -> None:
    assert ids([row("Maker/Model-8B"), row("Maker/Model-8B-32K")]) == {
        "Maker/Model-8B": ("Maker/Model-8B-32K",)
    }


def test_excluded_unknown_and_unpopular_rows_are_left_out_with_a_reason() -> None:
    rows = [
        row("Maker/X-judge"),
        row("nobody/Y"),
        row("Maker/Z", hf_downloads_30d=10),
        row("tuner/Maker-8B-tuned"),
    ]
    selection = select(rows, RULES)
    assert [s.row["id"] for s in selection.models] == ["tuner/Maker-8B-tuned"]
    assert set(selection.left_out) == {"Maker/X-judge", "nobody/Y", "Maker/Z"}
    assert selection.left_out["Maker/X-judge"] == "a judge"


def test_missing_licence_date_and_files_come_from_the_folded_rows() -> None:
    rows = [
        row("Maker/Model-8B-Instruct", gguf_repos=["a/b"]),
        row("Maker/Model-8B", license="mit", release_date="2025-01-02", gguf_repos=["c/d", "a/b"]),
    ]
    chosen = select(rows, RULES).models[0]
    assert (chosen.license, chosen.release_date, chosen.gguf_repos) == ("mit", "2025-01-02", ("a/b", "c/d"))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("a/Qwen3-4B", "a/Qwen3-4B-Base", True),
        ("a/Meta-Llama-3-8B", "a/Llama-3-8B-Instruct-hf", True),
        ("a/Qwen3-4B", "a/Qwen3-4B-Instruct-2507", False),
        ("a/Qwen3-4B-Instruct-2507", "a/Qwen3-4B-Thinking-2507", False),
        ("a/Qwen2.5-7B", "a/Qwen2.5-Coder-7B", False),
    ],
)
def test_fold_keys(one: str, other: str, same: bool) -> None:
    assert (fold_key(one) == fold_key(other)) is same


def test_stage_is_read_from_the_name_first() -> None:
    assert stage_of(row("a/M-Base-Instruct", base_or_instruct="base")) == "instruct"
    assert stage_of(row("a/M-Base")) == "base"
    assert stage_of(row("a/M")) == "instruct"


@pytest.mark.parametrize(
    ("fields", "letters"),
    [
        ({}, "FFFF"),
        ({"kv_lora_rank": 512}, "MMMM"),
        ({"layer_types": "SSSF"}, "SSSF"),
        ({"layer_types": "LLLF", "architecture": "qwen3_5"}, "LLLF"),
        ({"layer_types": "LLLF", "architecture": "jamba"}, "RRRF"),
        ({"layer_types": "LLF", "architecture": "kimi_linear", "kv_lora_rank": 512}, "LLM"),
        ({"layer_types": "CCCF", "architecture": "llama4"}, "SSSF"),
        ({"layer_types": "VVFV", "architecture": "lfm2_vl"}, "CCFC"),
        ({"layer_types": "HH", "architecture": "falcon_h1"}, "PP"),
        ({"hybrid_override_pattern": "ME*-", "architecture": "nemotron_h"}, "R-F-"),
        ({"layer_types": "??", "kv_lora_rank": 512}, "MM"),
        ({"layer_types": "SSPQ", "architecture": "deepseek_v4"}, ""),
        ({"layer_types": "FXF"}, ""),
    ],
)
def test_layer_letters(fields: dict[str, Any], letters: str) -> None:
    assert layer_letters(row("a/M", **fields)) == (letters, None)


def test_layers_of_unknown_order_are_spread_and_say_so() -> None:
    counts = {"full_attention": 4, "linear_attention": 36}
    letters, remark = layer_letters(row("a/M", architecture="granitemoehybrid", layer_types_count=counts))
    assert [i for i, letter in enumerate(letters) if letter == "F"] == [5, 15, 25, 35]
    assert letters.count("R") == 36
    assert remark is not None
    assert "evenly" in remark


@given(st.integers(1, 30), st.integers(1, 60))
def test_spreading_keeps_the_counts(few: int, many: int) -> None:
    letters = spread({"F": few, "V": few + many})
    assert (letters.count("F"), letters.count("V")) == (few, few + many)


@given(st.text(alphabet="FSMLRCP-", max_size=80))
def test_layer_codes_round_trip(letters: str) -> None:
    assert expand_layers(compress(letters)) == letters


@given(
    st.text(alphabet="FSL", min_size=1, max_size=6), st.integers(2, 12), st.text(alphabet="FSL", max_size=5)
)
def test_codes_of_repeating_layers_round_trip(group: str, times: int, rest: str) -> None:
    letters = group * times + rest
    assert expand_layers(compress(letters)) == letters
    assert len(compress(letters)) <= len(letters)


def model(**fields: Any) -> Any:
    chosen = Selected(row("Maker/Model-8B", **fields), (), None, None, ())
    return to_model(chosen, RULES)[0]


def test_a_model_takes_context_and_native_format_from_the_rules() -> None:
    made = model(context_length=4096, num_nextn_predict_layers=1, attention_k_eq_v=True)
    assert (made.context_length, made.native_quant, made.organization) == (8192, "FP8", "Maker Inc.")
    assert made.extra == {"num_nextn_predict_layers": 1, "attention_k_eq_v": 1}


def test_a_list_of_dense_and_routed_layers_becomes_a_number() -> None:
    made = model(moe_layer_step=[0, 0, 1, 1], n_experts=8)
    assert (made.first_dense_layers, made.moe_layer_step) == (2, 1)


BIG = {"published_total_params": 10_000_000_000, "hidden_size": 1000, "vocab_size": 100_000}


@pytest.mark.parametrize(
    ("fields", "counted", "begins"),
    [
        ({}, 10_000_000_000, "exact"),
        ({}, 9_999_000_000, "within 0.1 %: 1,000,000 fewer counted"),
        ({"tied_embeddings": True}, 9_900_000_000, "exact: the published total stores the tied head"),
        ({"modality": ["text", "vision"]}, 9_600_000_000, "text part only"),
        ({"num_nextn_predict_layers": 1}, 9_700_000_000, "published total holds 300,000,000 more"),
        ({"architecture": "mtp_arch"}, 9_700_000_000, "published total holds 300,000,000 more"),
        ({"arch_confidence": "partial_config"}, 9_800_000_000, "200,000,000 fewer counted (2.0 %)"),
        ({"published_total_params": None, "shape_reason": "measured"}, 1, "measured"),
    ],
)
def test_gaps_that_have_an_explanation(fields: dict[str, Any], counted: int, begins: str) -> None:
    fields = {**BIG, **fields}
    said = explain_gap(model(**fields), row("Maker/Model-8B", **fields), counted, RULES)
    assert said is not None
    assert said.startswith(begins)


@pytest.mark.parametrize(
    ("fields", "counted"),
    [
        ({}, 9_800_000_000),
        ({"arch_confidence": "partial_config"}, 9_500_000_000),
        ({"modality": ["text", "vision"]}, 11_000_000_000),
        ({"modality": ["text", "vision"]}, 6_000_000_000),
        ({"num_nextn_predict_layers": 1}, 9_000_000_000),
        ({"published_total_params": None}, 1),
    ],
)
def test_gaps_without_an_explanation(fields: dict[str, Any], counted: int) -> None:
    fields = {**BIG, **fields}
    assert explain_gap(model(**fields), row("Maker/Model-8B", **fields), counted, RULES) is None


def test_overrides_correct_copy_and_add_rows() -> None:
    rows = [row("Maker/A", hidden_size=1, n_layers=2), row("Maker/B", hidden_size=3, n_layers=4)]
    rules = {
        **RULES,
        "set": [{"ids": ["Maker/A"], "fields": {"shape_of": "Maker/B", "hidden_size": 5}, "source": "x"}],
        "add": [{"id": "Maker/C", "like": "Maker/B", "fields": {"license": "mit"}, "source": "y"}],
    }
    made = {r["id"]: r for r in apply_overrides(rows, rules)}
    assert (made["Maker/A"]["hidden_size"], made["Maker/A"]["n_layers"]) == (5, 4)
    assert (made["Maker/C"]["n_layers"], made["Maker/C"]["license"], made["Maker/C"]["name"]) == (
        4,
        "mit",
        "C",
    )
    assert rows[0]["hidden_size"] == 1


def test_an_override_of_an_unknown_row_fails() -> None:
    with pytest.raises(KeyError):
        apply_overrides([], {**RULES, "set": [{"ids": ["Maker/A"], "fields": {}, "source": "x"}]})


def test_a_line_reads_back_as_the_same_model() -> None:
    models = load_models()
    assert parse_models("\n".join(to_line(m) for m in models)) == models


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("Llama-3.1-8B-Instruct", "Llama 3.1"),
        ("Qwen3-Coder-30B-A3B-Instruct", "Qwen3 Coder"),
        ("Qwen3.6-27B", "Qwen3.6"),
        ("gemma-3n-E4B-it", "Gemma 3n"),
        ("DeepSeek-R1-Distill-Qwen-7B", "DeepSeek R1 distilled"),
        ("Mistral-Small-3.1-24B-Instruct-2503", "Mistral Small"),
        ("SOLAR-10.7B-Instruct-v1.0", "SOLAR"),
    ],
)
def test_families(name: str, family: str) -> None:
    assert family_of(name) == family


def test_variants_are_rows_of_their_own_with_their_reuploads() -> None:
    lineage = read_lineage(
        {"Maker/Model-8B-Instruct": {"base": ["Maker/Model-8B"], "finetune": ["me/Tuned"]}}
    )
    rows = [
        row("Maker/Model-8B-Instruct"),
        row("Maker/Model-8B", hf_downloads_30d=1),
        row("Mirror/Model-8B", gguf_repos=["g/h"]),
        row("me/Tuned", hf_downloads_30d=1),
    ]
    chosen = {str(s.row["id"]): s for s in select(rows, {**RULES, "lineage": lineage}).models}
    assert set(chosen) == {"Maker/Model-8B-Instruct", "Maker/Model-8B", "me/Tuned"}
    base = chosen["Maker/Model-8B"]
    assert (base.variant_of, base.variant_kind) == ("Maker/Model-8B-Instruct", "base")
    assert (base.folded, base.gguf_repos) == (("Mirror/Model-8B",), ("g/h",))
    assert chosen["me/Tuned"].variant_kind == "finetune"
    assert chosen["Maker/Model-8B-Instruct"].variant_of is None


@pytest.mark.parametrize(
    ("heads", "message"),
    [
        ({"a/A": {"cousin": ["a/B"]}}, "unknown kind"),
        ({"a/A": {"base": ["a/C"]}, "a/B": {"base": ["a/C"]}}, "two heads"),
        ({"a/A": {"base": ["a/B"]}, "a/B": {"base": ["a/C"]}}, "a head and a variant"),
    ],
)
def test_a_lineage_that_contradicts_itself_is_refused(heads: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_lineage(heads)


def test_a_variant_tries_the_shape_of_its_head_first() -> None:
    head = row("Maker/A", hidden_size=64, vocab_size=1000, tied_embeddings=True, release_date="2024-01-01")
    own = row("me/B", hidden_size=32, vocab_size=1002, tied_embeddings=False, published_total_params=7)
    tried = shapes_to_try(own, head)
    assert [r["hidden_size"] for r in tried] == [64, 64, 64, 64, 32, 32]
    assert {r["id"] for r in tried} == {"me/B"}
    assert {r["published_total_params"] for r in tried} == {7}
    assert tried[3]["vocab_size"] == 1002
    assert tried[0]["release_date"] is None


def test_the_best_shape_is_exact_before_it_is_explained() -> None:
    rows = [row("a/A", n=i) for i in range(3)]
    said = {0: "text part only: more", 1: "exact: the published total stores the head twice", 2: "exact"}
    assert best_shape(rows, lambda r: said[r["n"]]) is rows[2]
    assert best_shape(rows[:2], lambda r: said[r["n"]]) is rows[1]
    assert best_shape(rows, lambda _: None) is None


def test_what_differs_from_the_head_is_told() -> None:
    one, other = model(vocab_size=1000, tied_embeddings=True), model(vocab_size=1002, tied_embeddings=False)
    assert difference(one, one) is None
    assert difference(other, one) == (
        "shape differs from its head: vocabulary 1002, not 1000; tied embeddings no, not yes"
    )


def test_the_source_of_a_row_says_what_was_corrected_and_by_whom() -> None:
    fields = {"license": "mit", "head_dim": 64, "n_layers": 2}
    (made,) = apply_overrides(
        [row("Maker/Model-8B")],
        {
            **RULES,
            "set": [
                {"ids": ["Maker/Model-8B"], "fields": fields, "source": "the card, hub/{id}"},
                {"ids": ["Maker/Model-8B"], "fields": {"release_date": "2026-01-02"}, "source": "a blog"},
            ],
            "add": [],
        },
    )
    rules = {**RULES, "context_length": [["Model", 8192, "the paper"]], "native_quant": []}
    assert sources_of(made, rules) == (
        "llmfit; licence, shape: the card, hub/Maker/Model-8B; date: a blog; context: the paper"
    )


def test_layouts_that_only_the_published_total_gives_away() -> None:
    models = {m.id: m for m in load_models()}
    layers = {
        "moonshotai/Kimi-Linear-48B-A3B-Instruct": "LLLM" * 6 + "LLM",
        "JetBrains/Mellum2-12B-A2.5B-Instruct": "SSSF" * 7,
        "CohereLabs/North-Mini-Code-1.0": "FSSS" * 12 + "F",
    }
    assert {identifier: models[identifier].layers for identifier in layers} == layers
    windows = {"arcee-ai/Trinity-Mini": 2048, "LGAI-EXAONE/K-EXAONE-236B-A23B": 128}
    assert {identifier: models[identifier].sliding_window for identifier in windows} == windows
    assert round(models["Qwen/Qwen3.8-2.4T-A95B"].active_params / 1e9) == 95
