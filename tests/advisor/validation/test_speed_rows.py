"""The shipped measurements as cases: how many are answered, and what a case carries."""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest

from advisor.core.placement import Strategy
from advisor.validation import validate_files
from advisor.validation.cases import Case
from advisor.validation.files import read_file
from advisor.validation.slices import labels_of
from catalog.measurements import FOLDER
from catalog.models import find_model
from catalog.weights import weights_for

GIB = 1024**3


@cache
def cases() -> dict[str, Case | str]:
    return {
        name: case
        for file in ("gpu.csv", "cpu_hybrid.csv")
        for name, case in read_file(FOLDER / file, None)[1]
    }


def case(name: str) -> Case:
    found = cases()[name]
    assert isinstance(found, Case), found
    return found


def label(name: str, key: str) -> str | None:
    found = case(name)
    return dict(labels_of(found, find_model(found.model))).get(key)


def test_nine_of_ten_published_rows_get_an_answer() -> None:
    results = validate_files([FOLDER / "gpu.csv", FOLDER / "cpu_hybrid.csv"], None)
    status = Counter(row.status for file in results for row in file.rows)
    assert status["ok"] >= 0.9 * status.total()
    assert all(row.reason for file in results for row in file.rows if row.status != "ok")


def test_only_measured_rows_that_no_rule_leaves_out_are_in_a_case() -> None:
    for found in cases().values():
        if isinstance(found, Case):
            labels = dict(found.labels)
            assert ("case" in labels) == (labels["quality"] == "measured")


def test_every_case_of_the_published_table_has_rows() -> None:
    found = Counter(dict(c.labels).get("case") for c in cases().values() if isinstance(c, Case))
    for name in (
        "one GPU or unified memory, dense",
        "one GPU or unified memory, MoE",
        "depth of 8k and more",
        "several GPUs",
        "CPU only, known RAM",
        "CPU only, unknown RAM",
        "partly in RAM, known RAM",
        "partly in RAM, unknown RAM",
        "batch > 1",
        "batch > 1, other runtimes",
    ):
        assert found[name] >= 5, name


def test_a_tensor_parallel_row_of_another_runtime() -> None:
    tensor = case("G1459")  # vLLM, AutoRound INT4 on four RTX 3090 capped at 220 W
    assert (tensor.engine, tensor.parallel, tensor.power_limit_w) == ("vllm", "tensor", 220.0)
    assert tensor.rig is not None
    gpus = tensor.rig.accelerators
    assert [gpu.backend.value for gpu in gpus] == ["vllm"] * 4
    assert {gpu.power_limit_w.value for gpu in gpus} == {220.0}
    assert tensor.weights is not None
    assert 13e9 < sum(tensor.weights.values()) < 22e9
    assert tensor.measured_tokens_per_s == pytest.approx(80.0)  # 12.5 ms between tokens


def test_a_row_of_experts_in_ram() -> None:
    hybrid = case("ch0740")
    assert hybrid.strategy is Strategy.EXPERTS_IN_RAM
    # 55 layers with experts and the three dense ones before them: llama.cpp counts from the first layer
    assert hybrid.question.cpu_expert_layers == 58
    assert hybrid.engine == "ik_llama"
    assert hybrid.rig is not None
    memory = hybrid.rig.memory
    assert memory.bandwidth_bytes_per_s.value == pytest.approx(358.4e9)
    assert (memory.type.value, memory.mts.value, memory.channels.value) == ("DDR5", 5600, 8)


def test_units_behind_a_slash_are_no_size_of_ram() -> None:
    rig = case("ch0676").rig  # notes: 460.8 GB/s
    assert rig is not None
    total = rig.memory.total_bytes.value
    assert total is not None
    assert total > 1000 * GIB
    modules = case("ch0684").rig  # notes: 12x64GB
    assert modules is not None
    assert modules.memory.total_bytes.value == 768 * GIB


def test_a_run_pinned_to_one_of_two_sockets_has_one() -> None:
    rig = case("ch0011").rig
    assert rig is not None
    assert rig.cpu.sockets.value == 1


def test_a_virtual_machine_is_one() -> None:
    rig = case("ch0133").rig
    assert rig is not None
    assert rig.system.virtualization.value == "vm"


def test_with_a_cuda_build_prompts_of_a_cpu_run_are_not_the_cpus() -> None:
    assert case("ch0112").measured_prefill_tokens_per_s is None
    assert case("ch0133").measured_prefill_tokens_per_s is not None


def test_memory_size_decides_between_cards_of_one_name() -> None:
    rig = case("ch0011").rig
    assert rig is not None
    assert {gpu.name.value for gpu in rig.accelerators} == {"NVIDIA Tesla P100 PCIe 16GB"}


def test_depth_that_is_the_prompt_itself_leaves_the_cache_empty_for_it() -> None:
    assert case("G2045").question.cached_tokens == 0
    assert case("G1981").question.cached_tokens == 8192


def test_conditions_reach_the_question() -> None:
    assert case("G0468").question.flash_attention
    quantized = next(c for c in cases().values() if isinstance(c, Case) and c.question.kv_type == "q4_0")
    assert quantized.engine == "vulkan"
    assert label("ch0094", "backend") == "cpu"
    assert not case("ch0091").question.flash_attention


def test_a_hand_made_mix_without_a_size_takes_the_published_one() -> None:
    mix = case("G2021")  # UD-IQ2_XXS of Qwen3.6-27B
    plain = sum(weights_for(find_model(mix.model), "IQ2_XXS").values())
    assert mix.tensor_bytes is not None
    assert 1.0 < mix.tensor_bytes / plain < 1.1


def test_slices_of_a_row() -> None:
    wanted = {
        "vendor": "NVIDIA",
        "arch": "ampere vllm",
        "backend": "vllm",
        "llama.cpp family": "no",
        "type": "dense",
        "size": "20-40B",
        "quant": "AutoRound 4-bit g128",
        "bits": "4",
        "depth": "under 2k",
        "batch": "1",
        "devices": "several",
        "split": "tensor",
        "placement": "GPU",
        "quality": "secondary",
        "case": None,
    }
    assert {key: label("G1459", key) for key in wanted} == wanted


def test_what_cannot_be_answered_says_why() -> None:
    assert cases()["ch0550"] == "speculative decoding is not modelled"
    assert "pruned" in str(cases()["G1527"])
    assert "Apple M4 Max" in str(cases()["G0294"])
    assert "shape" in str(cases()["G1996"])
