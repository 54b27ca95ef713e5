"""Memory rows of logs: what a log states of the layout decides the cache and the buffers."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.validation import RowResult, validate_files
from advisor.validation.layouts import layout_of

MIB = 1024**2
HEADER = (
    "id,source,runtime,backend,model,quant,model_file_gib,context,kv_type,n_parallel,weights_buffer_mib_gpu,"
    "weights_buffer_mib_cpu,kv_buffer_mib,compute_buffer_mib,other_mib,total_reported_mib,notes"
)


def row(model: str, quant: str, context: int, kv_type: str, notes: str, runtime: str = "ik_llama.cpp") -> str:
    return f"x,made up,{runtime},CPU,{model},{quant},,{context},{kv_type},,,100,1,1,,,{notes}"


def predicted(tmp_path: Path, line: str, quantity: str = "kv") -> float:
    path = tmp_path / "rows.csv"
    path.write_text(f"{HEADER}\n{line}\n")
    (result,) = validate_files([path], None)[0].rows
    assert result.status == "ok", result.reason
    value = result.values[f"predicted_{quantity}_bytes"]
    assert value is not None
    return value / MIB


@pytest.mark.parametrize(
    ("context", "kv_type", "notes", "mib"),
    [
        (512, "f16", "fa=0 mla=0 ubatch=512", 2440.0),
        (2048, "q8_0", "fa=1 mla=2 ubatch=512", 72.914),
        (32_768, "f16", "fa=1 mla=3 ubatch=512 gpus=1", 2196.0),
        (16_384, "f16", "fa=1 mla=- ubatch=1024 gpus=4", 2074.0),
        (8192, "f16/q8_0", "fa=1 mla=0 ubatch=512", 28_060.0),
    ],
)
def test_the_latent_mode_decides_what_is_cached(
    tmp_path: Path, context: int, kv_type: str, notes: str, mib: float
) -> None:
    line = row("DeepSeek-V3", "Q8_0", context, kv_type, notes)
    assert predicted(tmp_path, line) == pytest.approx(mib, abs=0.01)


def test_latents_expanded_for_flash_attention_cost_gigabytes_on_every_gpu(tmp_path: Path) -> None:
    one, two = (
        predicted(
            tmp_path,
            row("DeepSeek-V3", "Q8_0", 32_768, "f16", f"fa=1 mla=3 ubatch=512 gpus={n}"),
            "compute",
        )
        for n in (1, 2)
    )
    assert 3000 < one < 3600
    assert two - one > 3000


def test_a_row_without_a_format_still_compares_its_cache(tmp_path: Path) -> None:
    line = row("Qwen3-235B-A22B", "", 32_768, "f16", "fa=1 mla=- ubatch=512")
    assert predicted(tmp_path, line) == 6016.0


def test_vllm_rows_are_refused_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f"{HEADER}\n{row('Qwen3-8B', 'F16', 4096, 'auto', '', runtime='vllm 0.23')}\n")
    (result,) = validate_files([path], None)[0].rows
    assert result.status == "skipped"
    assert "reserves a set share" in (result.reason or "")


def test_a_log_states_its_devices_and_where_the_experts_lie() -> None:
    layout = layout_of(
        {
            "runtime": "ik_llama.cpp",
            "notes": "fa=1 mla=3 ubatch=512 gpus=2",
            "weights_buffer_mib_gpu": "100",
            "weights_buffer_mib_cpu": "300",
        }
    )
    assert (layout.fork, layout.gpus, layout.expands, layout.experts_in_ram) == (True, 2, True, True)
    assert layout.weight_bytes == 400 * MIB


def memory_row(tmp_path: Path, line: str) -> RowResult:
    path = tmp_path / "rows.csv"
    path.write_text(f"{HEADER}\n{line}\n")
    (result,) = validate_files([path], None)[0].rows
    return result


def file_row(
    quant: str, file_gib: str, weights_mib: str, kv_mib: str = "1", notes: str = "mla=2 fa=1"
) -> str:
    run = f"x,made up,ik_llama.cpp,CPU,DeepSeek-V3,{quant},{file_gib},2048,f16"
    return f"{run},,,{weights_mib},{kv_mib},1,,9,{notes}"


def test_a_label_that_its_file_agrees_with_is_counted(tmp_path: Path) -> None:
    result = memory_row(tmp_path, file_row("Q8_0_R8 - 8.5 bpw", "664.295", "680237.97"))
    assert result.values["predicted_weights_bytes"] == pytest.approx(680237.97 * MIB, rel=0.005)
    assert ("weights", "label") in result.labels
    assert not result.remarks


@pytest.mark.parametrize(
    ("quant", "file_gib", "weights_mib", "remark"),
    [
        ("IQ4_K_R4 - 4.5 bpw", "386.183", "395451.4", "a mix by hand"),
        ("Q4_K - Medium", "357.623", "366205.95", "not that mix"),
    ],
)
def test_a_label_that_leaves_the_size_open_takes_the_stated_one_and_says_so(
    tmp_path: Path, quant: str, file_gib: str, weights_mib: str, remark: str
) -> None:
    result = memory_row(tmp_path, file_row(quant, file_gib, weights_mib))
    assert result.values["predicted_weights_bytes"] == pytest.approx(float(file_gib) * 1024**3)
    assert ("weights", "file") in result.labels
    assert any(remark in text for text in result.remarks)


def test_buffers_that_overlap_are_not_compared(tmp_path: Path) -> None:
    result = memory_row(tmp_path, file_row("Q8_0", "665.308", "720000"))
    assert result.values["predicted_weights_bytes"] is None
    assert result.values["predicted_total_bytes"] is None
    assert any("overlap" in text for text in result.remarks)


def test_a_log_that_contradicts_itself_is_not_compared(tmp_path: Path) -> None:
    line = file_row("Q8_0", "665.308", "681274.97", kv_mib="137.25", notes="fa=1 mla=0 gpus=4")
    result = memory_row(tmp_path, line)
    assert result.values["predicted_kv_bytes"] is None
    assert any("contradicts itself" in text for text in result.remarks)


def test_all_heads_without_flash_attention_hold_their_scores(tmp_path: Path) -> None:
    notes = "fa=0 mla=- ubatch=512 | no MLA: full multi-head KV"
    line = row("DeepSeek-V3", "", 2048, "f16", notes)
    assert predicted(tmp_path, line, "compute") == pytest.approx(670.0, rel=0.01)


def test_the_memory_of_a_card_is_not_the_total_of_a_run_with_experts_in_ram(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    notes = "-ncmoe 38; VRAM used as reported 21.8 GB"
    line = f"x,made up,llama.cpp,CUDA,Qwen3-30B-A3B,Q4_K_M,,8192,,,,,,,,20790,{notes}"
    path.write_text(f"{HEADER}\n{line}\n")
    (result,) = validate_files([path], None)[0].rows
    assert result.values["predicted_total_bytes"] is None
    assert any("stayed in RAM" in remark for remark in result.remarks)
