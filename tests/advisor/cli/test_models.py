"""``models``: the catalog as a list, without a rig and on one."""

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
from catalog.models import load_models

Run = Callable[..., tuple[int, str, str]]


def document(run: Run, *arguments: str) -> dict[str, Any]:
    code, out, _ = run("models", *arguments, "--json")
    assert code == 0
    found: dict[str, Any] = json.loads(out)
    jsonschema.validate(found, schema_document("models"))
    return found


@pytest.fixture
def rig(tmp_path: Path, run: Run) -> str:
    path = tmp_path / "rig.json"
    _, out, _ = run(
        "rig", "--gpu", "RTX 4090", "--ram", "2x32GB:DDR5-6000", "--cpu", "Ryzen 9 7950X", "--json"
    )
    path.write_text(out, "utf-8")
    return str(path)


def test_all_models_are_listed_also_variants_and_those_without_an_estimate(run: Run) -> None:
    found = document(run)
    models = load_models()
    assert found["total"] == found["matching"] == found["listed"] == len(models)
    by_id = {row["model"]["id"]: row for row in found["rows"]}
    assert set(by_id) == {m.id for m in models}
    unestimated = next(m for m in models if m.not_estimated_because)
    assert by_id[unestimated.id]["not_estimated_because"] == unestimated.not_estimated_because
    assert by_id[unestimated.id]["size_bytes"] is None
    variant = next(m for m in models if m.variant_of)
    assert by_id[variant.id]["variant_of"] == variant.variant_of
    assert found["rig"] is None
    assert all(row["here"] is None for row in found["rows"])


def test_the_list_is_filtered_by_catalog_facts_and_sorted(run: Run) -> None:
    found = document(
        run, "--filter", "is:moe params<40 ctx>=128k license:apache year>=2025", "--sort", "params"
    )
    params = [row["model"]["total_params"] for row in found["rows"]]
    assert params == sorted(params, reverse=True)
    for row in found["rows"]:
        assert row["moe"]
        assert row["model"]["total_params"] < 40e9
        assert row["model"]["context_length_tokens"] >= 128 * 1024
        assert row["model"]["release_date"] >= "2025"
    again = document(run, "--filter", found["filter"], "--sort", "params", "--reverse")
    assert [row["model"]["total_params"] for row in again["rows"]] == params[::-1]


def test_quality_is_for_the_use_case_asked_about(run: Run) -> None:
    chat = {r["model"]["id"]: r["quality"] for r in document(run)["rows"]}
    coding = {r["model"]["id"]: r["quality"] for r in document(run, "--use", "coding")["rows"]}
    assert chat.keys() == coding.keys()
    assert chat != coding


def test_a_rig_adds_how_every_model_runs_there(run: Run, rig: str) -> None:
    found = document(run, "--rig", rig, "--filter", "tok>50 fit:full", "--sort", "speed")
    assert found["rig"]["accelerators"][0]["name"] == "NVIDIA GeForce RTX 4090"
    speeds = [row["here"]["decode_tokens_per_s"] for row in found["rows"]]
    assert speeds == sorted(speeds, reverse=True)
    assert min(speeds) > 50
    for row in found["rows"]:
        here = row["here"]
        assert here["fit"] == "full"
        assert (
            here["decode_low_tokens_per_s"] < here["decode_tokens_per_s"] < here["decode_high_tokens_per_s"]
        )
    # Variants run by themselves; in the ranking they share the row of their head.
    assert any(row["variant_of"] for row in found["rows"])


def test_speeds_are_those_of_the_ranking(run: Run, rig: str) -> None:
    _, out, _ = run("rank", "--rig", rig, "--json", "--limit", "40")
    ranked = json.loads(out)["rows"]
    listed = {row["model"]["id"]: row["here"] for row in document(run, "--rig", rig)["rows"]}
    for row in ranked:
        here = listed[row["model"]["id"]]
        assert (here["quant"], here["fit"]) == (row["quant"], row["fit"])
        assert here["decode_tokens_per_s"] == row["decode_tokens_per_s"]


def test_all_shapes_list_the_same_models(run: Run) -> None:
    options = ("--filter", "gemma params<15", "--sort", "name")
    names = [row["model"]["name"] for row in document(run, *options)["rows"]]
    _, out, _ = run("models", *options, "--csv")
    assert [row["name"] for row in csv.DictReader(io.StringIO(out))] == names
    _, out, _ = run("models", *options, "--markdown")
    assert [line.split("|")[1].strip() for line in out.splitlines()[2:]] == names
    _, out, _ = run("models", *options)
    lines = out.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("Model"))
    assert [line.split("  ")[0] for line in lines[start + 1 : start + 1 + len(names)]] == names


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_text_keeps_to_the_terminal_and_says_why_there_is_no_estimate(
    run: Run, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    code, out, _ = run("models", "--filter", "olmo-hybrid")
    assert code == 0
    table = out[out.index("\nModel") : out.index("\nGiB:")]
    assert max(len(line) for line in table.splitlines()) <= width
    assert "not estimated, because llama.cpp" in out


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--filter", "zzzz"), 1, "no model matches the filter 'zzzz'"),
        (("--filter", "parms<3"), 2, "did you mean 'params'?"),
        (("--filter", "tok>20"), 2, "tok is not known here: give a rig with --here or --rig FILE"),
        (("--filter", "fit:full"), 2, "fit is not known here"),
        (("--sort", "parms"), 2, "nearest names: params"),
        (("--sort", "speed"), 2, "sort order without a rig"),
        (("--limit", "0"), 2, "--limit must be at least 1"),
        (("--use", "poetry"), 2, "unknown use case 'poetry'"),
    ],
)
def test_what_cannot_be_listed_is_said_in_one_line(
    run: Run, options: tuple[str, ...], code: int, said: str
) -> None:
    got, out, err = run("models", *options)
    assert got == code
    assert said in (err or out)
    assert len((err or out).strip().splitlines()) == 1
