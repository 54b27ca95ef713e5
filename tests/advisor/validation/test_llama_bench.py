from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from advisor.core.placement import Strategy
from advisor.validation import FileResult, validate_files
from advisor.validation.bench_text import read_bench
from advisor.validation.llama_bench import bench_cases
from advisor.validation.rows import Case
from probes.hypothetical import hypothetical_rig
from probes.types import Rig, RigError

FIXTURES = Path(__file__).parents[2] / "fixtures" / "llama_bench"

HEADER = (
    "build_number,cpu_info,gpu_info,backends,model_filename,model_type,model_size,model_n_params,"
    "n_threads,n_gpu_layers,n_cpu_moe,split_mode,tensor_split,type_k,type_v,flash_attn,n_prompt,n_gen,"
    "n_depth,avg_ts"
)
PLAIN = {
    "build_number": "8000",
    "cpu_info": "AMD Ryzen 9 7950X 16-Core Processor",
    "gpu_info": "NVIDIA GeForce RTX 4090",
    "backends": "CUDA",
    "model_filename": "models/Qwen3-30B-A3B-Q4_K_M.gguf",
    "model_type": "qwen3moe 30B.A3B Q4_K - Medium",
    "model_size": "18550000000",
    "model_n_params": "30532122624",
    "n_threads": "16",
    "n_gpu_layers": "99",
    "n_cpu_moe": "0",
    "split_mode": "layer",
    "tensor_split": "0.00",
    "type_k": "f16",
    "type_v": "f16",
    "flash_attn": "1",
    "n_prompt": "0",
    "n_gen": "128",
    "n_depth": "0",
    "avg_ts": "190.0",
}


def csv_of(*changes: dict[str, str]) -> str:
    rows = ({**PLAIN, **change} for change in changes)
    lines = [",".join(f'"{row[name]}"' for name in HEADER.split(",")) for row in rows]
    return "\n".join([HEADER, *lines])


def case_of(rig: Rig | None = None, **change: str) -> Case | str:
    found = bench_cases(csv_of(change), rig)
    assert found is not None
    ((_, case),) = found[1]
    return case


def the_case(rig: Rig | None = None, **change: str) -> Case:
    case = case_of(rig, **change)
    assert isinstance(case, Case), case
    return case


def result(name: str, rig: Rig | None = None) -> FileResult:
    return validate_files([FIXTURES / name], rig)[0]


@pytest.fixture(scope="module")
def small_server() -> Rig:
    return hypothetical_rig([], "2x16GB:DDR5-4800", "EPYC 9124")


@pytest.mark.parametrize("name", ["b11434.csv", "b11434.json", "b11434.jsonl", "b11434.md"])
def test_every_format_of_one_run_gives_the_same_predictions(name: str, small_server: Rig) -> None:
    rows = result(name, small_server).rows
    reference = result("b11434.csv", small_server).rows
    assert [row.status for row in rows] == ["ok"] * 4
    for row, other in zip(rows, reference, strict=True):
        for key in ("predicted_tokens_per_s", "predicted_prefill_tokens_per_s"):
            predicted, expected = row.values[key], other.values[key]
            assert predicted is not None
            assert predicted == pytest.approx(expected, rel=1e-3)  # Markdown rounds the size


def test_prompt_rows_measure_prefill_and_generation_rows_decode(small_server: Rig) -> None:
    prompt, generation, *_ = result("b11434.csv", small_server).rows
    assert prompt.values["measured_prefill_tokens_per_s"] == pytest.approx(912.32, abs=0.01)
    assert prompt.values["measured_tokens_per_s"] is None
    assert generation.values["measured_tokens_per_s"] == pytest.approx(103.43, abs=0.01)
    assert generation.values["measured_prefill_tokens_per_s"] is None


def test_options_of_a_table_reach_the_question() -> None:
    rig = hypothetical_rig([], "2x16GB:DDR5-4800", "EPYC 9124")
    found = bench_cases((FIXTURES / "b11434-options.md").read_text("utf-8"), rig)
    assert found is not None
    assert found[0] == "llama-bench Markdown"
    cases = [case for _, case in found[1]]
    first, last = cases[0], cases[-3]
    assert isinstance(first, Case)
    assert isinstance(last, Case)
    assert (first.question.kv_type, first.question.flash_attention) == ("f16", False)
    assert (last.question.kv_type, last.question.flash_attention) == ("q8_0", True)
    assert first.rig is not None
    assert first.rig.cpu.usable_cores.value == 1
    assert sum(isinstance(case, str) and "timed as one" in case for case in cases) == 4


def test_output_of_2023_is_read_with_its_backend_columns() -> None:
    prompt, generation = result("2023-09.csv").rows
    assert (prompt.status, generation.status) == ("ok", "ok")
    assert generation.values["measured_tokens_per_s"] == pytest.approx(132.05, abs=0.01)
    assert dict(generation.labels)["arch"] == "ampere cuda"
    case = next(c for _, c in bench_cases((FIXTURES / "2023-09.csv").read_text(), None)[1])  # type: ignore[index]
    assert isinstance(case, Case)
    assert not case.question.flash_attention  # it did not exist


def test_a_row_of_2025_is_predicted_from_the_names_of_its_devices() -> None:
    _, generation = result("b5163.csv").rows
    predicted = generation.values["predicted_tokens_per_s"]
    assert predicted == pytest.approx(120, rel=0.25)
    assert dict(generation.labels)["case"] == "one GPU or unified memory, dense"


def test_log_lines_before_a_table_name_its_gpus() -> None:
    rows = result("tables-and-logs.md").rows
    labels = [dict(row.labels) for row in rows]
    assert [row.status for row in rows] == ["ok"] * 6 + ["skipped"]
    assert [label.get("devices") for label in labels[:6]] == ["several"] * 2 + ["one"] * 4
    assert labels[2]["arch"] == "rdna3 vulkan"
    assert labels[3]["case"] == "depth of 8k and more"
    assert labels[5]["arch"] == "apple-m2 metal"


def test_json_between_log_lines_and_a_run_that_was_cut_off_are_read() -> None:
    text = (FIXTURES / "b11434.json").read_text("utf-8")
    whole = read_bench("ggml_vulkan: Found 1 Vulkan devices:\n" + text + "\nsegmentation fault\n")
    cut = read_bench(text[: text.rindex('"n_gen"')])
    assert whole is not None
    assert cut is not None
    assert (len(whole.records), len(cut.records)) == (4, 3)


def test_csv_files_joined_end_to_end_keep_each_their_header() -> None:
    old, new = ((FIXTURES / name).read_text("utf-8") for name in ("b5163.csv", "b11434.csv"))
    found = read_bench(old + "\nbuild finished\n" + new)
    assert found is not None
    assert len(found.records) == 6
    assert all(not isinstance(record, str) for record in found.records)


def test_a_row_whose_cells_do_not_match_its_header_is_skipped_with_the_counts() -> None:
    text = csv_of({}) + ',"one more"'
    found = bench_cases(text, None)
    assert found is not None
    assert [case for _, case in found[1]] == ["the row has 21 cells where its header has 20"]


@pytest.mark.parametrize(
    ("options", "strategy", "gpu_layers", "experts"),
    [
        ({}, Strategy.ACCELERATOR, None, None),
        ({"n_gpu_layers": "-1"}, Strategy.ACCELERATOR, None, None),
        ({"n_gpu_layers": "0"}, Strategy.CPU, None, None),
        ({"n_gpu_layers": "20"}, Strategy.LAYERS_SPLIT, 20, None),
        ({"n_cpu_moe": "30"}, Strategy.EXPERTS_IN_RAM, None, 30),
        ({"backends": "CPU", "gpu_info": ""}, Strategy.CPU, None, None),
    ],
)
def test_layers_and_experts_lie_where_the_run_put_them(
    options: dict[str, str], strategy: Strategy, gpu_layers: int | None, experts: int | None
) -> None:
    case = the_case(**options)
    assert case.strategy is strategy
    assert (case.question.gpu_layers, case.question.cpu_expert_layers) == (gpu_layers, experts)


def test_more_experts_in_ram_are_slower() -> None:
    path_rows = csv_of(*({"n_cpu_moe": count} for count in ("0", "12", "24", "48")))
    speeds = _speeds(path_rows)
    assert speeds == sorted(speeds, reverse=True)
    assert speeds[0] > 2 * speeds[-1]


def test_fewer_layers_on_the_gpu_are_slower() -> None:
    speeds = _speeds(csv_of(*({"n_gpu_layers": count} for count in ("99", "36", "24", "8"))))
    assert speeds == sorted(speeds, reverse=True)
    assert speeds[0] > 2 * speeds[-1]


def _speeds(text: str) -> list[float]:
    from advisor.validation.predict import answer

    found = bench_cases(text, None)
    assert found is not None
    speeds = []
    for _, case in found[1]:
        assert isinstance(case, Case)
        speed = answer(case).values["predicted_tokens_per_s"]
        assert speed is not None
        speeds.append(speed)
    return speeds


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"backends": "CUDA,RPC"}, "several machines"),
        ({"gpu_info": ""}, "names no GPU; describe the machine"),
        ({"gpu_info": "Voodoo 2"}, "no accelerator is called 'Voodoo 2'"),
        ({"split_mode": "row", "gpu_info": "NVIDIA GeForce RTX 3090, NVIDIA GeForce RTX 3090"}, "split mode"),
        ({"n_gpu_layers": "20", "n_cpu_moe": "4"}, "-ngl with -ncmoe"),
        ({"n_prompt": "64"}, "timed as one"),
        ({"n_gen": "0"}, "neither of a prompt"),
        ({"avg_ts": "nan"}, "no speed"),
        ({"model_type": "something else"}, "not described as llama-bench does"),
        ({"type_k": "q1_7"}, "unknown KV cache type"),
        ({"backends": "CANN"}, "the backend CANN is not modelled"),
        ({"backends": "CUDA,Vulkan"}, "several GPU backends"),
        ({"n_depth": "1e12"}, "must be between"),
    ],
)
def test_what_cannot_be_answered_is_skipped_with_the_reason(options: dict[str, str], reason: str) -> None:
    case = case_of(**options)
    assert isinstance(case, str)
    assert reason in case
    assert "\n" not in case


def test_experts_moved_by_a_pattern_are_all_in_ram_and_other_patterns_are_refused() -> None:
    rows = csv_of({}).replace("split_mode", "split_mode,tensor_buft_overrides", 1)

    def placed(pattern: str) -> Case | str:
        found = bench_cases(rows.replace('"layer"', f'"layer","{pattern}"'), None)
        assert found is not None
        return next(case for _, case in found[1])

    for everywhere in ("exps=CPU", r"\.ffn_.*_exps\.=CPU", "ffn_(up|down|gate)_exps=CPU"):
        case = placed(everywhere)
        assert isinstance(case, Case), case
        assert case.strategy is Strategy.EXPERTS_IN_RAM
        assert case.question.cpu_expert_layers == 48
    for by_hand in (r"blk\.[0-9]\.ffn_.*_exps=CPU", "attn=CUDA1", "." * 1500 + "x"):
        case = placed(by_hand)
        assert isinstance(case, str)
        assert "placed by hand" in case


def test_endless_cells_and_endless_gpus_are_refused_at_once() -> None:
    for options in (
        {"gpu_info": " " * 100_000 + "x"},
        {"model_type": "llama 8B" + " " * 100_000 + "Q4_0"},
        {"gpu_info": "RTX 4090, " * 150, "split_mode": "layer"},
    ):
        assert isinstance(case_of(**options), str)


def test_the_given_rig_counts_with_the_backend_and_threads_of_the_run() -> None:
    rig = hypothetical_rig(["RTX 4090"], "2x32GB:DDR5-6000", "Ryzen 9 7950X")
    case = the_case(rig, backends="Vulkan", n_threads="4")
    assert case.rig is not None
    assert case.rig.accelerators[0].backend.value == "vulkan"
    assert case.rig.cpu.usable_cores.value == 4
    assert case.rig.memory == rig.memory


def test_a_rig_that_lacks_the_gpu_of_the_run_is_refused() -> None:
    rig = hypothetical_rig(["RTX 3060"], "2x32GB:DDR5-6000", "Ryzen 9 7950X")
    reason = case_of(rig)
    assert reason == "the run was on NVIDIA GeForce RTX 4090, which the rig given with --rig does not have"
    reason = case_of(hypothetical_rig([], "2x32GB:DDR5-6000", "Ryzen 9 7950X"))
    assert isinstance(reason, str)
    assert "has none" in reason


def test_only_the_gpus_that_took_part_make_up_the_rig() -> None:
    two = "NVIDIA GeForce RTX 4090, NVIDIA GeForce RTX 3060"
    both = the_case(gpu_info=two)
    alone = the_case(gpu_info=two, split_mode="none")
    shared = the_case(gpu_info=two, tensor_split="0.00/1.00")
    names = [[a.name.value for a in case.rig.accelerators] for case in (both, alone, shared) if case.rig]
    assert [len(each) for each in names] == [2, 1, 1]
    assert names[1] == ["NVIDIA GeForce RTX 4090"]
    assert "3060" in str(names[2])


def test_the_stated_size_decides_the_bytes_of_a_hand_made_mix() -> None:
    plain, larger = _speeds(csv_of({}, {"model_size": "21000000000"}))
    assert larger < plain


def test_an_unknown_file_is_one_line_that_says_what_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("| a | table |\n| --- | --- |\n| of | something |\n", "utf-8")
    with pytest.raises(RigError) as error:
        validate_files([path], None)
    assert "llama-bench output (-o csv, json, jsonl or md)" in str(error.value)
    assert "\n" not in str(error.value)


# --------------------------------------------------------------------------------- hostile input

_WORDS = st.sampled_from(
    [
        *("|", "||", "---", ":", "±", '"', "\\", "\n", ",", "{", "}", "[", "]", "0", "-1", "1e999", "nan"),
        *("model", "test", "t/s", "avg_ts", "model_type", "n_prompt", "n_gen", "size", "params", "backend"),
        *(
            "pp512",
            "tg128 @ d99999999",
            "llama 8B Q4_K - Medium",
            "3.56 GiB",
            "6.74 B",
            "CUDA",
            "\x00",
            "\ud7ff",
        ),
        *(
            "build: x (1)",
            "  Device 0: NVIDIA GeForce RTX 4090, compute capability 8.9",
            "ggml_vulkan: 0 = x |",
        ),
        *('{"model_type": 1, "n_prompt": [], "n_gen": {}, "avg_ts": 1e400}', HEADER, "9" * 5000),
    ]
)
_HOSTILE = st.lists(_WORDS | st.text(max_size=8), max_size=60).map("".join)


@given(_HOSTILE)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_text_crashes_the_reader(text: str) -> None:
    found = bench_cases(text, None)
    if found is not None:
        assert all(isinstance(case, Case | str) for _, case in found[1])


_CELLS = st.one_of(
    st.sampled_from(
        ["", "0", "-1", "-99999999999", "1e15", "1e999", "nan", "inf", "0x10", "²", "None", "9" * 400]
    ),
    st.text(max_size=12).filter(lambda text: '"' not in text and text.isprintable()),
)


@given(st.dictionaries(st.sampled_from(sorted(PLAIN)), _CELLS, max_size=6))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_value_in_every_column_is_answered_or_refused(changes: dict[str, str]) -> None:
    from advisor.validation.predict import answer

    case = case_of(**changes)
    if isinstance(case, Case):
        answered = answer(case)
        assert answered.status in ("ok", "skipped")
        assert answered.reason or answered.values


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=6),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(PLAIN)), inner),
        max_leaves=12,
    )
)
@settings(max_examples=100, deadline=None)
def test_every_json_value_is_answered_or_refused(value: object) -> None:
    text = json.dumps([{**PLAIN, "gpu_info": value, "n_gen": value}, value])
    found = bench_cases(text, None)
    assert found is not None
    assert all(isinstance(case, Case | str) for _, case in found[1])


def test_deeply_nested_and_unfinished_json_ends_quickly() -> None:
    for text in (
        "[" * 100_000,
        '{"avg_ts":' * 50_000,
        "[1,\n" * 20_000 + "avg_ts",
        "{\n" * 20_000 + "avg_ts",
    ):
        assert read_bench(text) is None
