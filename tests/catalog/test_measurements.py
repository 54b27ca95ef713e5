"""The rules that leave measurements out, and the files that ship."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from catalog.build.measurements import TABLES, conditions, table_text
from catalog.measurements import FOLDER, gpu_exclusion, hybrid_exclusion, run_exclusion


def gpu(**columns: str) -> dict[str, str]:
    return {"quality": "measured", "notes": "", "tg_tps": "50", "batch": "1", **columns}


def hybrid(**columns: str) -> dict[str, str]:
    row = {"source": "", "notes": "", "runtime": "llama.cpp", "cpu": "", "placement": "cpu", "tg_tps": "50"}
    return {**row, "context_depth": "0", "batch": "1", **columns}


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"quality": "aggregate"}, "average over many"),
        ({"quality": "suspect"}, "marked as suspect"),
        ({"quality": "suspect", "notes": "8 GB machine near memory limit (swap likely)"}, "paging"),
        ({"notes": "4 experts of 8 (ser 4,1)"}, "fewer experts"),
        ({"notes": "a regressed commit"}, "slower by mistake"),
        ({"notes": "ARM host over narrow PCIe"}, "narrow link"),
        ({"notes": "WSL2; short prompt"}, "virtualized"),
        ({"notes": 'single socket (approximate, "~")'}, "approximate"),
        ({"notes": "TP=1; single_stream_wall; wall rate includes prefill"}, "wall time"),
        ({"notes": "itl_p50 67.2 ms", "batch": "16", "tg_tps": "116.6"}, "requests waited"),
    ],
)
def test_rules_for_gpu_rows(columns: dict[str, str], reason: str) -> None:
    assert reason in (gpu_exclusion(gpu(**columns)) or "")


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"source": "https://github.com/ikawrakow/ik_llama.cpp/issues/399"}, "paging"),
        ({"source": "…/521", "runtime": "ik_llama.cpp"}, "slow by mistake"),
        ({"cpu": "EPYC 9355 (in a VM)", "context_depth": "16384"}, "judged by the outcome"),
        ({"source": "https://github.com/LottoLottoLotto/x", "notes": "KV q8"}, "wall time"),
        ({"notes": "after: model replicated per NUMA node"}, "page placement"),
        ({"notes": "8 experts, 2 nodes"}, "two sockets"),
        ({"notes": "as posted (before fix); fixed later"}, "repaired"),
        ({"notes": "0.5B draft; user reports poor output quality"}, "broken"),
    ],
)
def test_rules_for_cpu_and_hybrid_rows(columns: dict[str, str], reason: str) -> None:
    assert reason in (hybrid_exclusion(hybrid(**columns)) or "")


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"cpu": "EPYC 9355 (in a VM)"},
        {"source": "https://github.com/LottoLottoLotto/x", "notes": "itl_p50 20 ms", "tg_tps": "48"},
    ],
)
def test_ordinary_rows_stay(columns: dict[str, str]) -> None:
    assert hybrid_exclusion(hybrid(**columns)) is None
    assert gpu_exclusion(gpu(**columns)) is None


@pytest.mark.parametrize(
    ("columns", "excluded"),
    [
        ({}, False),
        ({"tool": "llama-completion"}, True),
        ({"other_cpu": "0.14"}, True),
        ({"bw1_gbs": ""}, True),
        ({"model": "qwen3-30b-a3b"}, True),
    ],
)
def test_rules_for_runs(columns: dict[str, str], excluded: bool) -> None:
    row = {"tool": "llama-bench", "other_cpu": "0.01", "bw1_gbs": "31", "model": "qwen3-0.6b", "repack": "1"}
    assert bool(run_exclusion({**row, **columns})) is excluded


def test_of_the_notes_only_conditions_ship() -> None:
    notes = "power limit 220 W; TP=4; single_stream_wall; ITL p50 12.5 ms; a remark about the weather"
    assert conditions(notes) == "power limit 220 W; TP=4; ITL p50 12.5 ms"


def shipped(name: str) -> list[dict[str, str]]:
    text = (FOLDER / name).read_text("utf-8").splitlines()
    return list(csv.DictReader(line for line in text if not line.startswith("#")))


@pytest.mark.parametrize("name", ["gpu.csv", "cpu_hybrid.csv", "real_runs.csv"])
def test_every_shipped_row_has_an_id_of_its_own_and_a_source(name: str) -> None:
    rows = shipped(name)
    assert max(Counter(row["id"] for row in rows).values()) == 1
    assert all(row["source"] for row in rows)


def test_published_speeds_name_the_page_they_were_read_on() -> None:
    for name in ("gpu.csv", "cpu_hybrid.csv"):
        assert all(row["source"].startswith("http") for row in shipped(name))


def test_the_header_states_the_grammar_and_the_builder_keeps_every_row(tmp_path: Path) -> None:
    table = TABLES[2]
    columns = [c for c in table.columns if c not in ("id", "excluded_because")]
    lines = [",".join(columns), ",".join("llama-bench" if c == "tool" else "0.2" for c in columns)]
    (tmp_path / table.source).write_text("\n".join(lines) + "\n")
    head, *rest = table_text(table, tmp_path).splitlines()
    assert head.startswith("# Runs of llama.cpp")
    (row,) = csv.DictReader(line for line in rest if not line.startswith("#"))
    assert row["id"] == "R0001"
    assert row["excluded_because"] == "other processes took more than a tenth of the processor"
