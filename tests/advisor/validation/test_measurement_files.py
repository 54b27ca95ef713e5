"""Files of measurements with columns of their own: every cell may be wrong, none may crash."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from advisor.validation import validate_files
from advisor.validation.predict import answer
from advisor.validation.rows import Case, csv_cases, csv_kinds
from probes.hypothetical import hypothetical_rig
from probes.types import RigError

GPU_ROW = {
    "id": "g1",
    "source": "x",
    "hardware": "NVIDIA GeForce RTX 4090",
    "n_devices": "1",
    "vendor": "NVIDIA",
    "vram_gb": "24",
    "backend": "cuda",
    "runtime": "llama.cpp",
    "model": "Llama-3.1-8B-Instruct",
    "quant": "Q4_K_M",
    "model_size_gib": "4.58",
    "flash_attn": "1",
    "context_depth": "0",
    "batch": "1",
    "pp_tokens": "512",
    "pp_tps": "10000",
    "tg_tokens": "128",
    "tg_tps": "130",
    "arch": "Ada",
    "model_type": "dense",
    "quality": "measured",
    "mem_bandwidth_gbs": "1008",
    "params_b": "8.03",
    "date_or_build": "b6077 (2025-08)",
    "notes": "power limit 220 W; ITL p50 12.5 ms; ub 512",
}
HYBRID_ROW = {
    "id": "c1",
    "category": "a",
    "cpu": "EPYC 9554",
    "ram_type": "DDR5",
    "ram_bandwidth_gbs_spec": "460",
    "ram_bandwidth_gbs_measured": "",
    "gpu": "",
    "n_gpus": "",
    "runtime": "llama.cpp",
    "model": "Llama-3.1-8B-Instruct",
    "quant": "Q4_K_M",
    "model_size_gib": "4.58",
    "placement": "cpu",
    "threads": "64",
    "context_depth": "0",
    "batch": "1",
    "pp_tps": "300",
    "tg_tps": "40",
    "notes": "",
    "ram_mts": "4800",
    "ram_channels": "12",
    "gpu_bandwidth_gbs": "",
    "params_b": "8.03",
    "date_or_build": "2025",
    "interconnect": "",
}
RUN_ROW = {
    "tool": "llama-bench",
    "model": "llama-3.2-1b",
    "quant": "Q4_0",
    "threads": "2",
    "n_prompt": "0",
    "n_gen": "48",
    "depth": "0",
    "batch": "1",
    "pp_tps": "",
    "tg_tps": "24",
    "kv_type": "f16",
    "tensor_bytes": "763097216",
    "bw1_gbs": "20",
    "bw2_gbs": "40",
}
ROWS = {"GPU speeds": GPU_ROW, "CPU and hybrid speeds": HYBRID_ROW, "llama-bench runs": RUN_ROW}
RIG = hypothetical_rig([], "2x16GB:DDR5-4800", "EPYC 9124")

_CELLS = st.one_of(
    st.sampled_from(
        [
            "",
            "0",
            "-7",
            "1e9",
            "1e999",
            "nan",
            "9" * 400,
            "4000000000",
            "2x",
            "(",
            "\\",
            "²",
            "itl_p50 0 ms",
            "tp2",
            "ngl 99",
            "experts cpu",
        ]
    ),
    st.text(max_size=10),
)


def text_of(row: dict[str, str]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, row.keys())
    writer.writeheader()
    writer.writerow(row)
    return out.getvalue()


@pytest.mark.parametrize("kind", ROWS)
def test_a_plain_row_of_each_kind_is_answered_with_its_slices(kind: str) -> None:
    found = csv_cases(text_of(ROWS[kind]), RIG)
    assert found is not None
    assert found[0] == kind
    ((_, case),) = found[1]
    assert isinstance(case, Case)
    result = answer(case)
    assert result.status == "ok"
    labels = dict(result.labels)
    assert {"vendor", "arch", "backend", "type", "size", "quant", "depth", "batch", "placement"} <= set(
        labels
    )
    assert labels["quant"] == case.quant
    assert labels["backend"] == ("cuda" if kind == "GPU speeds" else "cpu")


@given(st.sampled_from(sorted(ROWS)), st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_value_in_every_column_is_answered_or_refused(kind: str, data: st.DataObject) -> None:
    row = ROWS[kind]
    changes = data.draw(st.dictionaries(st.sampled_from(sorted(row)), _CELLS, max_size=5))
    found = csv_cases(text_of({**row, **changes}), RIG)
    assert found is not None
    for _, case in found[1]:
        result = case if isinstance(case, str) else answer(case)
        assert result


def test_a_cell_beyond_the_readers_limit_ends_the_file_without_an_error() -> None:
    text = text_of(GPU_ROW) + '"' + "x" * 200_000 + '"\n'
    found = csv_cases(text, None)
    assert found is not None
    assert len(list(found[1])) == 1


@pytest.mark.parametrize(
    "content", [b"", b"\x00\x01\x02", b"\xff\xfe\x00", b"a,b,c\n1,2,3\n", b"[1, 2", b"{}"]
)
def test_a_file_of_no_known_kind_is_one_line_naming_the_kinds(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    with pytest.raises(RigError) as error:
        validate_files([path], None)
    assert "\n" not in str(error.value)
    assert "llama-bench output" in str(error.value)


def test_a_folder_or_a_missing_file_is_one_line(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.csv"):
        with pytest.raises(RigError, match="cannot be read"):
            validate_files([path], None)


def test_the_kinds_are_those_of_the_published_collections() -> None:
    assert "GPU speeds" in csv_kinds()
    assert len(csv_kinds()) == len(set(csv_kinds()))
