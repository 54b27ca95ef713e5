"""``compare``: models side by side as text, JSON, CSV and Markdown."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from advisor.report.schemas import schema_document

Run = Callable[..., tuple[int, str, str]]
TWO = ("qwen3 32b@q4_k_m", "qwen3 30b a3b")


@pytest.fixture
def rig(tmp_path: Path, run: Run) -> str:
    path = tmp_path / "rig.json"
    parts = ("--gpu", "RTX 4090", "--ram", "2x32GB:DDR5-6000", "--cpu", "Ryzen 9 7950X")
    _, out, _ = run("rig", *parts, "--json")
    path.write_text(out, "utf-8")
    return str(path)


def document(run: Run, *arguments: str) -> dict[str, Any]:
    code, out, _ = run("compare", *arguments, "--json")
    assert code == 0
    found: dict[str, Any] = json.loads(out)
    jsonschema.validate(found, schema_document("compare"))
    return found


def test_each_model_has_the_numbers_that_explain_has(run: Run, rig: str) -> None:
    found = document(run, *TWO, "--rig", rig, "--context", "16k")
    assert [m["model"]["name"] for m in found["models"]] == ["Qwen3-32B", "Qwen3-30B-A3B"]
    assert found["models"][0]["quant"] == "Q4_K_M"
    for side in found["models"]:
        _, out, _ = run(
            "explain",
            side["model"]["id"],
            "--quant",
            side["quant"],
            "--rig",
            rig,
            "--context",
            "16k",
            "--json",
        )
        explained = json.loads(out)
        for key in (
            "fit",
            "decode_tokens_per_s",
            "decode_low_tokens_per_s",
            "ttft_s",
            "step_s",
            "bottleneck",
        ):
            assert side[key] == explained[key], key
        assert side["memory"] == explained["memory"]
        assert sum(term["seconds"] for term in side["terms"]) == pytest.approx(side["step_s"], rel=1e-4)
        depths = {x["depth_tokens"]: x["decode_tokens_per_s"] for x in side["decode_by_depth"]}
        assert depths == {x["depth_tokens"]: x["decode_tokens_per_s"] for x in explained["decode_by_depth"]}


def test_without_a_quantization_it_is_the_one_of_the_ranking(run: Run, rig: str) -> None:
    _, out, _ = run("models", "--rig", rig, "--json")
    here = {row["model"]["id"]: row["here"] for row in json.loads(out)["rows"]}
    for side in document(run, "qwen3 32b", "llama 3.3 70b", "--rig", rig)["models"]:
        assert side["quant"] == here[side["model"]["id"]]["quant"]
        assert side["quant"] in side["quants"]


def test_a_quantization_that_is_not_ranked_is_counted_alone(run: Run, rig: str) -> None:
    found = document(run, "qwen3 32b@q4_k_s", "qwen3 32b@Q4_K_M", "--rig", rig)
    small, large = found["models"]
    assert small["quant"] == "Q4_K_S"
    assert small["memory"]["weights_bytes"] < large["memory"]["weights_bytes"]
    assert small["decode_tokens_per_s"] > large["decode_tokens_per_s"]


def test_the_best_of_a_row_is_that_where_better_means_something(run: Run, rig: str) -> None:
    dense, sparse = document(run, *TWO, "--rig", rig)["models"]
    assert sparse["decode_tokens_per_s"] > dense["decode_tokens_per_s"]
    assert {"speed", "ttft", "step"} <= set(sparse["best"])
    assert not {"speed", "params", "license", "bottleneck", "interval"} & set(dense["best"])


def test_text_has_the_same_figures_and_keeps_to_the_terminal(
    run: Run, rig: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    four = (*TWO, "llama 3.3 70b", "gemma 3 27b")
    found = document(run, *four, "--rig", rig)
    for width in (80, 200):
        monkeypatch.setenv("COLUMNS", str(width))
        code, out, _ = run("compare", *four, "--rig", rig)
        assert code == 0
        table = out[out.index("\nquantization") : out.index("quality of")]
        assert max(len(line) for line in table.splitlines()) <= width
        for side in found["models"]:
            assert side["model"]["name"] in out
            assert side["bottleneck"] in table
        assert table.count("quantization") == (2 if width == 80 else 1)
        assert "(best)" in table
        assert "likely (80 %)" in table


def test_csv_and_markdown_have_the_same_models(run: Run, rig: str) -> None:
    found = document(run, *TWO, "--rig", rig)
    _, out, _ = run("compare", *TWO, "--rig", rig, "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["model"] for row in rows] == [m["model"]["id"] for m in found["models"]]
    assert [float(row["decode_tokens_per_s"]) for row in rows] == [
        m["decode_tokens_per_s"] for m in found["models"]
    ]
    _, out, _ = run("compare", *TWO, "--rig", rig, "--markdown")
    assert "| Qwen3-32B | Qwen3-30B-A3B |" in out.splitlines()[0]


def test_what_does_not_fit_has_no_speeds_and_nothing_fitting_is_exit_code_1(run: Run, rig: str) -> None:
    big = next(
        side
        for side in document(run, "deepseek r1 0528", "qwen3 32b", "--rig", rig)["models"]
        if side["fit"] == "none"
    )
    assert big["decode_tokens_per_s"] is None
    assert big["step_s"] is None
    assert big["terms"] == []
    assert big["memory"]["missing_bytes"] > 0
    code, out, _ = run("compare", "deepseek r1 0528", "kimi k2 instruct", "--rig", rig)
    assert code == 1
    assert "short" in out


@pytest.mark.parametrize(
    ("models", "said"),
    [
        (("qwen3 32b",), "compare takes 2 to 4 models, not 1"),
        (("qwen3 32b",) * 5, "compare takes 2 to 4 models, not 5"),
        (("qwen3 32b", "qwem 333b"), "nearest names"),
        (("qwen3 32b", "qwen3 8b@Q4_K_X"), "no quantization is called 'Q4_K_X'; nearest names: Q4_K"),
        (("qwen3 32b", "olmo hybrid 7b"), "Olmo-Hybrid-7B (llama.cpp b11434 does not load it"),
    ],
)
def test_what_cannot_be_compared_is_said_in_one_line(
    run: Run, rig: str, models: tuple[str, ...], said: str
) -> None:
    code, _, err = run("compare", *models, "--rig", rig)
    assert code == 2
    assert said in err
    assert len(err.strip().splitlines()) == 1
