"""The printed llama.cpp flags say the placement that was estimated."""

from __future__ import annotations

import shlex

import pytest

from advisor.core.question import Question
from advisor.explanation import Explanation, explain
from catalog.models import find_model
from probes.hypothetical import hypothetical_rig

ONE = hypothetical_rig(["RTX 4090"], "2x32GB:DDR5-6000", "Ryzen 9 7950X")
TWO = hypothetical_rig(["2x RTX 3090"], "4x32GB:DDR4-3200", "Ryzen 9 5950X")
NONE = hypothetical_rig([], "2x32GB:DDR5-6000", "Ryzen 9 7950X")


def flags(command: str | None) -> dict[str, str]:
    assert command is not None
    words = shlex.split(command)
    return {w: words[i + 1] for i, w in enumerate(words[:-1]) if w.startswith("-")}


def explained(rig: object, model: str, quant: str, question: Question | None = None) -> Explanation:
    return explain(rig, question or Question(), find_model(model), quant)  # type: ignore[arg-type]


def test_everything_on_one_gpu_counts_the_output_as_a_layer() -> None:
    e = explained(ONE, "llama 3.1 8b", "Q4_K_M")
    assert flags(e.launch_command)["-ngl"] == "33"
    assert "-ts" not in flags(e.launch_command)


def test_two_gpus_get_whole_layers_and_the_output_goes_with_the_last() -> None:
    e = explained(TWO, "llama 3.3 70b", "Q4_K_M")
    launch, bench = flags(e.launch_command), flags(e.benchmark_command)
    first, second = (int(x) for x in launch["-ts"].split(","))
    assert launch["-ngl"] == "81"
    assert first + second == 81
    held = e.table.dense_layers[e.row]
    assert [first, second - 1] == held[:2].astype(int).tolist()
    assert bench["-ts"] == f"{first}/{second}"


def test_a_dense_split_puts_the_output_on_the_gpu_first() -> None:
    e = explained(ONE, "llama 3.3 70b", "Q4_K_M")
    on_gpu = int(e.table.dense_layers[e.row, 0])
    assert e.table.head[e.row, 0] == 1
    assert flags(e.launch_command)["-ngl"] == str(on_gpu + 1)
    assert 0 < on_gpu < 80


def test_experts_of_leading_layers_overflow_and_dense_first_layers_count() -> None:
    e = explained(ONE, "glm 4.5 air", "Q4_K_M")
    in_ram = int(e.table.expert_layers[e.row, -1])
    launch = flags(e.launch_command)
    assert launch["-ngl"] == str(e.model.n_layers + 1)
    assert launch["--n-cpu-moe"] == str(in_ram + e.model.first_dense_layers)


def test_on_two_gpus_the_layers_without_experts_lie_on_the_first() -> None:
    e = explained(TWO, "glm 4.5 air", "Q4_K_M")
    table, row = e.table, e.row
    in_ram = table.expert_layers[row, -1]
    assert in_ram > 0
    light = in_ram + e.model.first_dense_layers
    first, second = table.dense_layers[row, :2]
    assert first > second
    assert table.expert_layers[row, 0] == pytest.approx(max(first - light, 0))
    assert table.expert_layers[row, 1] == pytest.approx(second - max(light - first, 0))
    assert (table.used_bytes[row, :2] <= table.machine.devices[0].usable_bytes).all()


def test_the_cpu_alone_needs_no_gpu_flags() -> None:
    assert "-ngl" not in flags(explained(NONE, "llama 3.1 8b", "Q4_K_M").launch_command)


def test_a_quantized_cache_turns_flash_attention_on() -> None:
    e = explained(ONE, "llama 3.1 8b", "Q4_K_M", Question(kv_type="q8_0"))
    for command in (e.launch_command, e.benchmark_command):
        assert flags(command)["-fa"] in ("on", "1")
        assert flags(command)["-ctv"] == "q8_0"


def test_several_users_are_measured_by_the_batched_benchmark() -> None:
    e = explained(ONE, "llama 3.1 8b", "Q4_K_M", Question(users=8, context=4096))
    assert e.benchmark_command is not None
    assert e.benchmark_command.startswith("llama-batched-bench")
    assert flags(e.benchmark_command)["-npl"] == "8"
    assert flags(e.launch_command)["-c"] == str(8 * 4096)
