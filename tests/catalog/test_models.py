from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from datetime import date

import pytest

from catalog.build.model_lineage import KINDS
from catalog.build.model_selection import fold_key
from catalog.models import expand_layers, find_model, load_models, parse_models
from catalog.tensors import count_params, tensor_table
from catalog.types import CatalogError, LayerKind, Model

MODELS = load_models()
ESTIMATED = [model for model in MODELS if model.not_estimated_because is None]
HEADS = [model for model in ESTIMATED if model.variant_of is None]
BY_ID = {model.id: model for model in MODELS}


def shape(model: Model) -> tuple[object, ...]:
    return (
        model.architecture,
        model.hidden_size,
        model.layers,
        model.n_heads,
        model.n_kv_heads,
        model.ffn_size,
        model.vocab_size,
        model.n_experts,
        model.moe_ffn_size,
    )


def test_the_catalog_is_large_enough_and_stays_reviewable() -> None:
    assert len(MODELS) >= 700
    assert len(ESTIMATED) >= 650
    assert len(MODELS) <= 1200


def test_models_are_sorted_by_id() -> None:
    ids = [model.id.lower() for model in MODELS]
    assert ids == sorted(ids)


def test_no_id_name_or_alias_means_two_models() -> None:
    owners: dict[str, set[str]] = {}
    for model in MODELS:
        for name in (model.id, model.name, *model.aliases):
            owners.setdefault(name.casefold(), set()).add(model.id)
    assert {name: ids for name, ids in owners.items() if len(ids) > 1} == {}


def test_no_alias_is_listed_twice() -> None:
    assert [m.id for m in MODELS if len({a.casefold() for a in m.aliases}) != len(m.aliases)] == []


def test_every_estimated_model_has_a_tensor_table_with_the_shipped_counts() -> None:
    wrong = []
    for model in ESTIMATED:
        table = tensor_table(model)
        params = count_params(model, table)
        if (params.total, params.active) != (model.total_params, model.active_params):
            wrong.append((model.id, params.total, model.total_params, params.active, model.active_params))
        assert {t.layer for t in table if t.layer is not None} == set(range(model.n_layers)), model.id
    assert wrong == []


def test_counts_are_positive_and_active_is_a_part_of_total() -> None:
    assert [m.id for m in MODELS if not 0 < m.active_params <= m.total_params] == []
    assert [m.id for m in ESTIMATED if m.is_moe != (m.active_params < m.total_params)] == []


def test_a_count_that_misses_the_published_total_says_why() -> None:
    unexplained = []
    for model in ESTIMATED:
        if model.published_params is None:
            assert "no " in model.check, model.id
            continue
        gap = abs(model.total_params - model.published_params) / model.published_params
        if gap > 0.001 and not re.search(
            r"text part only|tied head|prediction layer|class defaults|: ", model.check
        ):
            unexplained.append((model.id, gap, model.check))
        if gap > 0.03:
            assert re.match(
                r"text part only|exact: the published|exact with parts|published total", model.check
            )
    assert unexplained == []


def test_nineteen_in_twenty_counts_are_exact_in_all_parts() -> None:
    exact = sum(model.check.startswith("exact") for model in ESTIMATED)
    assert exact >= 0.95 * len(ESTIMATED)


def test_a_model_without_an_estimate_is_never_called_checked() -> None:
    without = [m for m in MODELS if m.not_estimated_because]
    assert {m.check for m in without if not m.is_counted} == {"not counted"}
    # those that are counted lack a program that loads their files
    assert all("llama.cpp" in m.not_estimated_because for m in without if m.is_counted)


def test_licences_and_dates_are_text_or_unknown() -> None:
    for model in MODELS:
        assert model.license is None or model.license.strip() == model.license != ""
        assert model.release_date is None or date(2019, 1, 1) <= date.fromisoformat(model.release_date)


def test_layer_letters_are_layer_kinds() -> None:
    letters = {kind.value for kind in LayerKind}
    assert [m.id for m in MODELS if not set(m.layers) <= letters] == []


def test_windows_and_latent_ranks_are_given_where_layers_need_them() -> None:
    for model in ESTIMATED:
        windowed = {LayerKind.WINDOW, LayerKind.COMPRESSED, LayerKind.SUMMARY}.intersection(model.layers)
        assert (model.sliding_window is not None) == bool(windowed), model.id
        if LayerKind.LATENT in model.layers:
            assert min(model.kv_lora_rank, model.v_head_dim) > 0, model.id
            # the latents of GLM-5.3-Flash have no rotary part
            assert model.qk_rope_head_dim > 0 or model.architecture == "glm5_next", model.id
        elif LayerKind.FULL in model.layers or LayerKind.WINDOW in model.layers:
            assert model.n_heads >= model.n_kv_heads > 0, model.id
            assert model.head_dim > 0, model.id


def test_mixtures_of_experts_route_to_fewer_experts_than_they_have() -> None:
    for model in ESTIMATED:
        if model.n_experts:
            assert 0 < model.n_experts_active < model.n_experts, model.id
            assert model.moe_ffn_size > 0, model.id


def test_heads_are_not_hidden_size_over_heads_where_publishers_say_otherwise() -> None:
    assert find_model("GLM-4.5-Air").head_dim == 128
    assert find_model("Qwen3-0.6B").head_dim == 128
    assert find_model("Falcon-H1-7B-Instruct").head_dim == 128


REUPLOAD = re.compile(
    r"(?i)gguf|awq|gptq|\bfp8\b|bnb|mlx|4bit|8bit|int4|int8|w4a16|nvfp4|exl2|unsloth|redhatai"
)
JUNK = re.compile(
    r"(?i)tiny-random|embed|rerank|reward|judge|classifier|diffusion|encoder-|/opt-|gpt-neox|guard"
)


def test_reuploads_and_other_things_than_language_models_are_left_out() -> None:
    assert [m.id for m in MODELS if REUPLOAD.search(m.id) or JUNK.search(m.id)] == []


def test_rows_of_one_publisher_and_shape_are_different_releases() -> None:
    seen: dict[tuple[object, ...], list[Model]] = {}
    for model in HEADS:
        seen.setdefault((model.organization, shape(model)), []).append(model)
    for group in seen.values():
        keys = Counter(fold_key(model.id) for model in group)
        assert max(keys.values()) == 1, [model.id for model in group]
        # what is left of the name besides its size must differ: another version, date or purpose
        purposes = Counter(
            (re.sub(r"[-_]a?[\d.]+[bmt](?=[-_]|$)", "", fold_key(m.id)), m.release_date) for m in group
        )
        assert max(purposes.values()) == 1, [model.id for model in group]


def test_base_editions_are_variants_of_the_edition_that_people_run() -> None:
    model = find_model("Qwen3-8B-Base")
    assert (model.id, model.stage) == ("Qwen/Qwen3-8B-Base", "base")
    assert (model.variant_of, model.variant_kind) == ("Qwen/Qwen3-8B", "base")
    assert find_model("Llama-3.1-8B").id == "meta-llama/Llama-3.1-8B-Instruct"
    bare = find_model("meta-llama/Llama-3.1-8B")
    assert (bare.name, bare.variant_kind) == ("Llama-3.1-8B (base)", "base")
    assert find_model("NousResearch/Meta-Llama-3.1-8B") == bare
    assert find_model("starcoder2-3b").stage == "base"


def test_a_lineage_is_one_level_deep_and_its_head_ships() -> None:
    variants = [model for model in MODELS if model.variant_of]
    assert len(variants) >= 300
    for model in variants:
        assert model.variant_kind in KINDS, model.id
        head = BY_ID[model.variant_of or ""]
        assert head.variant_of is None, model.id
        assert (head.not_estimated_because is None) == (model.not_estimated_because is None), model.id
    assert {model.variant_kind for model in MODELS if not model.variant_of} == {None}


def test_variants_have_the_shape_of_their_head_or_say_what_differs() -> None:
    for model in ESTIMATED:
        if model.variant_of is None:
            assert "differs from its head" not in model.check, model.id
            continue
        head = BY_ID[model.variant_of]
        if shape(model) != shape(head):
            assert "shape differs from its head" in model.check, model.id
        # a pruned model has fewer experts, the others at most another vocabulary or a head of their own
        if model.variant_kind != "pruned":
            assert (model.hidden_size, model.n_layers) == (head.hidden_size, head.n_layers), model.id
            assert abs(model.total_params / head.total_params - 1) < 0.2, model.id


@pytest.mark.parametrize(
    ("variant", "head", "kind"),
    [
        ("ArliAI/gpt-oss-20b-Derestricted", "openai/gpt-oss-20b", "abliterated"),
        ("mlabonne/Qwen3-30B-A3B-abliterated", "Qwen/Qwen3-30B-A3B", "abliterated"),
        ("mlabonne/Qwen3-14B-abliterated", "Qwen/Qwen3-14B", "abliterated"),
        (
            "mlabonne/Meta-Llama-3.1-8B-Instruct-abliterated",
            "meta-llama/Llama-3.1-8B-Instruct",
            "abliterated",
        ),
        ("cerebras/Qwen3-Coder-REAP-25B-A3B", "Qwen/Qwen3-Coder-30B-A3B-Instruct", "pruned"),
        ("NousResearch/Hermes-3-Llama-3.1-8B", "meta-llama/Llama-3.1-8B-Instruct", "finetune"),
        ("Qwen/Qwen3-30B-A3B-Thinking-2507", "Qwen/Qwen3-30B-A3B", "thinking"),
        ("deepseek-ai/DeepSeek-V3-0324", "deepseek-ai/DeepSeek-V3", "refresh"),
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-14B", None, None),
        ("Qwen/Qwen2.5-Coder-7B-Instruct", None, None),
        ("Qwen/QwQ-32B", None, None),
    ],
)
def test_lineages(variant: str, head: str | None, kind: str | None) -> None:
    model = BY_ID[variant]
    assert (model.variant_of, model.variant_kind) == (head, kind)


@pytest.mark.parametrize(
    ("name", "tokens"),
    [
        ("Llama-3.2-3B-Instruct", 131072),
        ("Llama-3.2-1B-Instruct", 131072),
        ("Meta-Llama-3-8B-Instruct", 8192),
        ("Llama-3.1-8B-Instruct", 131072),
        ("gemma-3-4b-it", 131072),
        ("gemma-3-27b-it", 131072),
        ("gemma-3-1b-it", 32768),
        ("Llama-2-7b-chat", 4096),
        ("c4ai-command-r-v01", 131072),
        ("Qwen3-8B", 40960),
        ("gpt-oss-20b", 131072),
        ("DeepSeek-V3", 131072),
        ("DeepSeek-V2-Lite-Chat", 32768),
        ("LFM2-1.2B", 32768),
        ("internlm3-8b-instruct", 32768),
        ("Olmo-3-7B-Think-SFT", 65536),
        ("granite-8b-code-instruct-4k", 4096),
        ("OLMo-7B-0724-hf", 4096),
    ],
)
def test_context_lengths_are_the_published_ones(name: str, tokens: int) -> None:
    assert find_model(name).context_length == tokens


@pytest.mark.parametrize(
    ("name", "total", "active"),
    [
        ("Qwen3-0.6B", 596_049_920, 596_049_920),
        ("Llama-3.1-8B-Instruct", 8_030_261_248, 8_030_261_248),
        ("Mistral-7B-Instruct-v0.3", 7_248_023_552, 7_248_023_552),
        ("Qwen3-30B-A3B", 30_532_122_624, 3_353_032_704),
        ("gpt-oss-20b", 20_914_757_184, 4_187_440_704),
        ("gpt-oss-120b", 116_829_156_672, 5_711_982_912),
        ("DeepSeek-V2-Lite-Chat", 15_706_484_224, 2_661_150_208),
        ("gemma-3-27b-it", 27_009_002_240, 27_009_002_240),
        ("Ministral-3-14B-Instruct-2512", 13_506_073_600, 13_506_073_600),
        ("Qwen2.5-VL-3B-Instruct", 3_085_938_688, 3_085_938_688),
        ("Qwen2-VL-2B-Instruct", 1_543_714_304, 1_543_714_304),
    ],
)
def test_counts_of_well_known_models(name: str, total: int, active: int) -> None:
    model = find_model(name)
    assert (model.total_params, model.active_params) == (total, active)


# fmt: off
FAMILIES = [
    "Llama 2", "Llama 3", "Llama 3.1", "Llama 3.2", "Llama 3.3", "Llama 4", "Qwen2", "Qwen2.5",
    "Qwen2.5 Coder", "Qwen2.5 VL", "Qwen3", "Qwen3 Coder", "Qwen3 Next", "Qwen3 VL", "Qwen3.5",
    "Qwen3.6", "Qwen3.8", "QwQ", "Mistral 7B", "Mistral Small", "Mistral Nemo", "Ministral",
    "Devstral", "Magistral", "Mixtral", "Gemma 2", "Gemma 3", "Gemma 3n", "Gemma 4", "Phi-3",
    "Phi-3.5", "Phi-4", "gpt oss", "GLM-4", "GLM-4.5", "GLM-4.6", "GLM-4.7", "DeepSeek V2",
    "DeepSeek V3", "DeepSeek R1", "DeepSeek R1 distilled", "Kimi K2", "Granite 3", "Granite 4",
    "OLMo 2", "OLMo 3", "SmolLM2", "SmolLM3", "Nemotron", "EXAONE 4.0", "Hunyuan", "ERNIE 4.5",
    "MiniMax M2", "Seed OSS", "LFM2", "LFM2.5", "Falcon H1", "Falcon 3", "Yi 1.5", "internlm3",
    "starcoder2",
]
# fmt: on


def test_the_families_people_run_are_there() -> None:
    present = {model.family for model in ESTIMATED}
    assert [family for family in FAMILIES if family not in present] == []


def test_layer_codes_expand() -> None:
    assert expand_layers("2(3LF)2L") == "LLLFLLLFLL"
    assert expand_layers("28F") == "F" * 28
    assert expand_layers("") == ""
    assert expand_layers("RL-") == "RL-"


@pytest.mark.parametrize("text", ["{not json", '{"id": "a"}', '{"unknown_field": 1}'])
def test_a_broken_data_file_is_a_catalog_error(text: str) -> None:
    with pytest.raises(CatalogError, match=r"models\.jsonl is broken"):
        parse_models("# comment\n" + text + "\n")


def test_finding_a_model_does_not_import_numpy() -> None:
    code = "import sys, catalog.models as m; m.find_model('qwen3 8b'); sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
