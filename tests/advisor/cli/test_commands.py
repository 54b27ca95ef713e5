"""Every command in process: documents validate, errors are one line and exit code 2."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from advisor.__main__ import main
from advisor.report.schemas import schema_document, schema_names

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="session")
def rigs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Rig files as ``rig --json`` writes them."""
    from probes.hypothetical import hypothetical_rig
    from probes.rigfile import rig_to_document

    folder = tmp_path_factory.mktemp("rigs")
    specs: dict[str, tuple[list[str], str | None, str | None]] = {
        "4090": (["RTX 4090"], "2x32GB:DDR5-6000", "Ryzen 9 7950X"),
        "m3max": (["M3 Max 40-core"], "64GB", None),
        "2x3090": (["2x RTX 3090"], "4x32GB:DDR4-3200", "Ryzen 9 5950X"),
        "strix": (["Ryzen AI Max+ 395"], "128GB:LPDDR5X-8000", None),
        "epyc": ([], "12x64GB:DDR5-4800", "EPYC 9554"),
        "laptop": ([], "2x8GB:DDR5-4800", "Core i7-13700H"),
    }
    paths = {}
    for name, (gpus, ram, cpu) in specs.items():
        path = folder / f"{name}.json"
        path.write_text(json.dumps(rig_to_document(hypothetical_rig(gpus, ram, cpu))))
        paths[name] = path
    return paths


def document(name: str, text: str) -> Any:
    """The parsed document, valid under its schema and free of NaN."""
    parsed = json.loads(text, parse_constant=lambda c: pytest.fail(f"{c} in JSON"))
    jsonschema.validate(parsed, schema_document(name))
    return parsed


@pytest.mark.parametrize("rig", ["4090", "m3max", "2x3090", "strix", "epyc", "laptop"])
def test_rank_considers_hundreds_of_models_on_every_example_rig(
    run: Run, rigs: dict[str, Path], rig: str
) -> None:
    code, out, _ = run("rank", "--rig", str(rigs[rig]), "--json")
    ranked = document("rank", out)
    assert code == 0
    assert ranked["considered"] >= 300
    assert ranked["fitting"] > 50
    fitting = [row for row in ranked["rows"] if row["fit"] != "none"]
    scores = [row["score"] for row in fitting]
    assert scores == sorted(scores, reverse=True)
    assert fitting[0]["decode_tokens_per_s"] > 4
    assert max(scores) < 100
    assert len({row["model"]["id"] for row in ranked["rows"]}) == len(ranked["rows"])


@pytest.mark.parametrize("rig", ["4090", "m3max", "2x3090", "strix", "epyc", "laptop"])
def test_explained_terms_add_up_to_the_step(run: Run, rigs: dict[str, Path], rig: str) -> None:
    for model in ("llama 3.1 8b", "qwen3 30b a3b", "gpt-oss 20b", "gemma 3 12b"):
        _, out, _ = run("explain", model, "--rig", str(rigs[rig]), "--json")
        e = document("explain", out)
        if e["fit"] == "none":
            continue
        terms = sum(sum(device["terms"].values()) for device in e["placement"]["devices"])
        assert terms == pytest.approx(e["step_s"], rel=1e-4)
        assert 1 / e["step_s"] == pytest.approx(e["decode_tokens_per_s"], rel=1e-4)
        parts = e["memory"]["weights_bytes"] + e["memory"]["kv_bytes"] + e["memory"]["compute_bytes"]
        assert parts == e["memory"]["total_bytes"]


def test_what_if_says_before_and_after_and_what_it_unlocks(run: Run, rigs: dict[str, Path]) -> None:
    code, out, _ = run(
        "what-if", "--rig", str(rigs["4090"]), "--add-gpu", "RTX 4090", "--or", "--ram", "4x32GB:DDR5-6000",
        "--json",
    )  # fmt: skip
    compared = document("what-if", out)
    assert code == 0
    assert [s["name"] for s in compared["scenarios"]] == ["now", "add-gpu RTX 4090", "ram 4x32GB:DDR5-6000"]
    assert compared["scenarios"][1]["unlocked"]
    assert any("3600" in remark for remark in compared["scenarios"][2]["remarks"])


def test_a_model_inside_vram_does_not_move_with_the_ram(run: Run, rigs: dict[str, Path]) -> None:
    _, out, _ = run(
        "what-if",
        "--rig",
        str(rigs["4090"]),
        "--ram",
        "2x32GB:DDR5-5200",
        "--model",
        "llama 3.1 8b",
        "--json",
    )
    (model,) = document("what-if", out)["models"]
    before, after = model["same_quant"]
    assert before["decode_tokens_per_s"] == after["decode_tokens_per_s"]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("rig", ("rig", "--gpu", "RTX 4090", "--ram", "2x32GB:DDR5-6000", "--cpu", "Ryzen 9 7950X")),
        ("model", ("model", "qwen3 30b a3b")),
        ("hardware", ("hardware", "RTX 3090")),
        ("hardware", ("hardware", "Ryzen 9 7950X")),
        ("hardware", ("hardware", "M4 Pro 20-core GPU")),
        ("hardware", ("hardware", "EPYC Genoa")),
        ("hardware", ("hardware", "PCIe 5.0 x16")),
        ("hardware", ("hardware", "DDR5")),
    ],
)
def test_other_documents_validate(run: Run, name: str, arguments: tuple[str, ...]) -> None:
    code, out, _ = run(*arguments, "--json")
    assert code == 0
    document(name, out)


def test_this_machine_is_probed_without_a_complaint(run: Run) -> None:
    code, out, err = run("probe", "--json")
    assert code == 0
    assert err == ""
    document("rig", out)


@pytest.mark.parametrize("name", schema_names())
def test_schemas_are_valid_schemas(run: Run, name: str) -> None:
    code, out, _ = run("schema", name)
    assert code == 0
    jsonschema.Draft202012Validator.check_schema(json.loads(out))


@pytest.mark.parametrize(
    "command",
    [
        ("rank", "--rig", "{missing}"),
        ("rank", "--rig", "{truncated}"),
        ("rank", "--rig", "{folder}"),
        ("rank", "--rig", "{contradictory}"),
        ("rank", "--context", "-5"),
        ("rank", "--context", "many"),
        ("rank", "--users", "0"),
        ("rank", "--limit", "0"),
        ("rank", "--use", "gaming"),
        ("rank", "--kv-type", "q1"),
        ("rank", "--filter", "parms<4"),
        ("rank", "--colour"),
        ("explain", "no such model at all"),
        ("explain", "llama 3.1 8b", "--quant", "Q99"),
        ("explain",),
        ("what-if",),
        ("what-if", "--rig", "{4090}", "--ram", "two sticks"),
        ("what-if", "--rig", "{4090}", "--ram", "2x32GB:DDR4-3200"),
        ("what-if", "--rig", "{4090}", "--channels", "4"),
        ("what-if", "--rig", "{4090}", "--add-gpu", "RTX 9999"),
        ("what-if", "--rig", "{4090}", "--remove-gpu", "7"),
        ("rig",),
        ("rig", "--gpu", "RTX 9999"),
        ("rig", "--ram", "-4x32GB:DDR5-6000"),
        ("rig", "--cpu", "Abacus 3000"),
        ("model", "no such model at all"),
        ("hardware", "no such part"),
        ("schema", "nothing"),
        ("probe", "--from", "{missing}"),
        ("probe", "--from", "{truncated}"),
        ("validate", "{missing}"),
        ("validate", "{truncated}"),
        ("dance",),
    ],
)
def test_bad_input_gives_one_line_and_exit_code_2(
    run: Run, rigs: dict[str, Path], tmp_path: Path, command: tuple[str, ...]
) -> None:
    good = json.loads(rigs["4090"].read_text())
    truncated = tmp_path / "truncated.json"
    truncated.write_text(rigs["4090"].read_text()[:400])
    contradictory = tmp_path / "contradictory.json"
    good["memory"]["bandwidth_bytes_per_s"]["value"] = 9e13
    contradictory.write_text(json.dumps(good))
    places = {
        "{missing}": str(tmp_path / "missing.json"),
        "{truncated}": str(truncated),
        "{folder}": str(tmp_path),
        "{contradictory}": str(contradictory),
        "{4090}": str(rigs["4090"]),
    }
    code, out, err = run(*(places.get(word, word) for word in command))
    assert code == 2, (out, err)
    assert out == ""
    assert err.startswith("rig-advisor: ")
    assert err.count("\n") == 1
    assert len(err) < 700


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("PCIe 5.0 x16", ("(link)", "63.0 GB/s", "126 GB/s", "56.0 GB/s", "4.1 µs", "source: PCI-SIG")),
        ("nvlink 3 a100", ("(link)", "300 GB/s", "600 GB/s", "source: NVIDIA")),
        ("ddr5", ("(memory)", "4800", "6000", "source: JEDEC")),
        ("epyc genoa", ("(cpu family)", "4800", "4000", "461 GB/s", "AMD EPYC 9654", "source: AMD")),
        ("m4 pro 20", ("(accelerator)", "Apple M4 Pro 14-core", "273 GB/s", "source: Apple")),
        ("xpu-hbm4", ("FP8 ", "2250 TFLOP/s", "18000 GB/s")),
        ("dual epyc 9654", ("(cpu)", "AMD EPYC 9004", "57.6 GB/s")),
    ],
)
def test_hardware_of_every_kind_is_shown_with_its_source(
    run: Run, name: str, expected: tuple[str, ...]
) -> None:
    code, out, _ = run("hardware", name)
    assert code == 0
    for text in expected:
        assert text in out


@pytest.mark.parametrize("name", ["NVLink 3", "usb4", "Infinity Fabric"])
def test_an_ambiguous_link_lists_the_candidates(run: Run, name: str) -> None:
    code, _, err = run("hardware", name)
    assert code == 2
    assert "ambiguous" in err


def test_an_ambiguous_name_lists_the_candidates(run: Run) -> None:
    code, _, err = run("hardware", "M3 Max")
    assert code == 2
    assert "30" in err
    assert "40" in err


def test_csv_and_markdown_have_a_row_per_model(run: Run, rigs: dict[str, Path]) -> None:
    _, csv_text, _ = run("rank", "--rig", str(rigs["4090"]), "--csv", "--limit", "5")
    assert csv_text.count("\n") == 6
    _, markdown, _ = run("rank", "--rig", str(rigs["4090"]), "--markdown", "--limit", "5")
    assert markdown.count("\n") == 7


@pytest.mark.parametrize("columns", [80, 100, 160])
def test_the_text_ranking_is_no_wider_than_the_terminal(
    run: Run, rigs: dict[str, Path], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    _, out, _ = run("rank", "--rig", str(rigs["4090"]))
    table = [line for line in out.splitlines() if line[:3].strip().isdigit()]
    assert table
    assert all(len(line) <= columns for line in table)


def test_the_same_question_gives_the_same_answer(run: Run, rigs: dict[str, Path]) -> None:
    first = run("rank", "--rig", str(rigs["2x3090"]), "--json")
    second = run("rank", "--rig", str(rigs["2x3090"]), "--json")
    assert first == second


def test_a_filter_narrows_and_the_best_come_first(run: Run, rigs: dict[str, Path]) -> None:
    _, out, _ = run("rank", "--rig", str(rigs["4090"]), "--filter", "qwen params<20 tok>30", "--json")
    ranked = document("rank", out)
    assert 0 < ranked["matching"] < ranked["considered"]
    for row in ranked["rows"]:
        assert row["model"]["total_params"] < 20e9
        assert row["decode_tokens_per_s"] > 30


def test_nothing_matching_exits_with_1(run: Run, rigs: dict[str, Path]) -> None:
    code, out, _ = run("rank", "--rig", str(rigs["laptop"]), "--filter", "params>500", "--json")
    assert code == 1
    assert document("rank", out)["fitting"] == 0


def test_validate_answers_rows_in_file_order(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "sizes.csv"
    path.write_text(
        "model,arch,n_params,quant,imatrix,tensor_bytes,bpw,requires_imatrix,fallback_tensors,types\n"
        "llama-3.2-1b,llama,1235814432,Q8_0,0,1313251456,8.5013,0,0,\n"
        "no-such-model,llama,1,Q8_0,0,1,8.5,0,0,\n"
    )
    code, out, _ = run("validate", str(path), "--json")
    result = document("validate", out)
    assert code == 0
    assert [row["status"] for row in result["rows"]] == ["ok", "skipped"]
    assert result["rows"][0]["predicted_bytes"] == 1_313_250_000 or math.isclose(
        result["rows"][0]["predicted_bytes"], 1_313_251_456, rel_tol=1e-5
    )


def test_a_filter_before_the_command_or_without_one_counts(run: Run, rigs: dict[str, Path]) -> None:
    rig = str(rigs["4090"])
    after = run("rank", "--rig", rig, "--filter", "qwen", "--json")
    assert run("--filter", "qwen", "rank", "--rig", rig, "--json") == after
    assert document("rank", after[1])["matching"] < document("rank", after[1])["considered"]
    code, out, _ = run("--rig", rig, "--filter", "no-such-model")
    assert code == 1
    assert "no-such-model" in out
    code, _, err = run("--rig", rig, "--filter", "parms<4")
    assert code == 2
    assert "did you mean 'params'" in err


def test_the_app_opens_with_the_filter_order_and_view(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from advisor.tui import start

    asked: list[tuple[object, ...]] = []

    def run_app(*given: object, loaded: object, **also: object) -> int:
        assert loaded is not None
        asked.append((*given, also))
        return 0

    monkeypatch.setattr(start, "run", run_app)
    for stream in (sys.stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    assert main(["--filter", "qwen tok>20", "--sort", "speed", "--reverse", "--open", "why:x"]) == 0
    assert asked[0][0] is None
    assert asked[0][2:] == ("qwen tok>20", {"order": ("speed", True), "view": "why:x"})


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [("no-such-model", 1, "no model matches the filter 'no-such-model'"), ("fit:none", 0, "")],
)
def test_only_an_unanswered_filter_fails(
    run: Run, rigs: dict[str, Path], text: str, code: int, said: str
) -> None:
    found, _, err = run("rank", "--rig", str(rigs["laptop"]), "--filter", text, "--json")
    assert found == code
    assert said in err
    assert err.count("\n") == (1 if said else 0)


def test_a_model_named_twice_is_compared_once(run: Run, rigs: dict[str, Path]) -> None:
    _, out, _ = run(
        "what-if", "--rig", str(rigs["4090"]), "--add-gpu", "RTX 3090", "--json",
        "--model", "qwen3 14b", "--model", "Qwen3-14B", "--model", "llama 3.1 8b",
    )  # fmt: skip
    assert len(document("what-if", out)["models"]) == 2


def test_ram_is_measured_even_where_it_cannot_be_remembered(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from dataclasses import replace

    import probes.probe
    from probes.hypothetical import hypothetical_rig
    from probes.types import Fact

    plain = hypothetical_rig([], "2x32GB:DDR5-6000", "Ryzen 9 7950X")
    asked: list[bool] = []

    def probe(*, measure: bool = False) -> Any:
        asked.append(measure)
        fact = Fact(61e9, "test", "measured")
        return (
            replace(plain, memory=replace(plain.memory, measured_bandwidth_bytes_per_s=fact))
            if measure
            else plain
        )

    monkeypatch.setattr(probes.probe, "probe_rig", probe)
    file_in_the_way = tmp_path / "file"
    file_in_the_way.write_text("")
    monkeypatch.setenv("RIG_ADVISOR_CACHE_DIR", str(file_in_the_way / "cache"))
    code, out, err = run("rank")
    assert code == 0
    assert asked == [False, True]
    assert "61.0 GB/s measured" in out
    assert "cannot be remembered" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("content", [b"\x7fELF\x02\x01\x01" + bytes(500), bytes(range(256)) * 8])
def test_a_binary_that_is_no_capture_is_bad_input(run: Run, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "capture"
    path.write_bytes(content)
    code, out, err = run("probe", "--from", str(path))
    assert (code, out) == (2, "")
    assert "not a capture that is understood; kinds: " in err
    assert err.count("\n") == 1


def test_a_capture_without_a_usable_fact_says_what_is_missing(run: Run, tmp_path: Path) -> None:
    bios_only = (
        bytes([0, 0x12, 0, 0, 1, 0, 0, 0, 0]) + bytes(9) + b"Example\0\0" + bytes([127, 4, 1, 0, 0, 0])
    )
    path = tmp_path / "table"
    path.write_bytes(bios_only)
    code, out, err = run("probe", "--from", str(path), "--json")
    assert code == 3
    document("rig", out)
    assert "no CPU name, no RAM size and no GPU" in err
    assert "dmidecode -t 16,17" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("rig", ["4090", "m3max", "2x3090", "strix", "epyc", "laptop"])
def test_topology_of_every_example_rig(run: Run, rigs: dict[str, Path], rig: str) -> None:
    code, out, _ = run("topology", "--rig", str(rigs[rig]), "--json")
    assert code == 0
    drawn = document("topology", out)
    assert drawn["parts"][0]["kind"] == "socket"
    assert drawn["limits"]
    code, text, _ = run("topology", "--rig", str(rigs[rig]))
    assert code == 0
    assert "what limits what" in text
    assert drawn["limits"][0]["text"] in text


def test_topology_reads_captures_and_refuses_two_sources(run: Run, rigs: dict[str, Path]) -> None:
    capture = Path(__file__).parents[2] / "fixtures" / "gpu" / "nvidia-rtx-3060.xml"
    code, out, _ = run("topology", "--from", str(capture))
    assert code == 0
    assert "PCIe 4.0 x16" in out
    assert run("topology", "--from", str(capture), "--rig", str(rigs["4090"]))[0] == 2
    assert run("topology", "--rig", "/nowhere.json")[0] == 2


def test_probe_points_to_the_topology(run: Run, rigs: dict[str, Path]) -> None:
    _, out, _ = run("probe", "--from", str(rigs["4090"]))
    assert out.rstrip().endswith("rig-advisor topology")


def test_the_list_is_sorted_and_narrowed_by_the_least_speed(run: Run, rigs: dict[str, Path]) -> None:
    options = ("rank", "--rig", str(rigs["4090"]), "--min-speed", "20", "--json")
    by_score = json.loads(run(*options)[1])
    by_speed = json.loads(run(*options, "--sort", "speed")[1])
    slowest = json.loads(run(*options, "--sort", "speed", "--reverse")[1])
    assert by_score["question"]["min_tokens_per_s"] == 20
    speeds = [row["decode_tokens_per_s"] for row in by_speed["rows"] if row["fit"] != "none"]
    assert speeds == sorted(speeds, reverse=True)
    assert min(speeds) >= 20
    assert slowest["rows"][0]["decode_tokens_per_s"] == min(speeds)
    places = {row["model"]["id"]: row["rank"] for row in by_score["rows"]}
    assert all(places[row["model"]["id"]] == row["rank"] for row in by_speed["rows"])


def test_a_least_speed_that_nothing_reaches_says_what_to_do(run: Run, rigs: dict[str, Path]) -> None:
    code, out, _ = run("rank", "--rig", str(rigs["4090"]), "--min-speed", "50000")
    assert code == 1
    assert "what fits is slower than 50000 tok/s: lower --min-speed" in out
    code, out, err = run(
        "rank", "--rig", str(rigs["4090"]), "--min-speed", "50000", "--filter", "fit:full", "--csv"
    )
    assert (code, out.count("\n")) == (1, 1)
    assert "no model matches the filter 'fit:full'" in err


def test_an_explanation_has_one_shape_at_a_time(run: Run, rigs: dict[str, Path]) -> None:
    rig = str(next(iter(rigs.values())))
    ask = ("explain", "llama 3.1 8b", "--rig", rig)
    code, plain, _ = run(*ask)
    assert code == 0
    _, drawn, _ = run(*ask, "--roofline")
    assert "roofs: s specified" in drawn
    assert "roofs: s specified" not in plain
    assert set(plain.split("\n")) <= set(drawn.split("\n"))
    _, markdown, _ = run(*ask, "--markdown")
    assert markdown.startswith("# ")
    code, out, err = run(*ask, "--markdown", "--json")
    assert (code, out) == (2, "")
    assert "not allowed with" in err


def test_probe_shows_the_facts_of_a_rig_from_a_file(run: Run, rigs: dict[str, Path]) -> None:
    code, out, _ = run("probe", "--rig", str(rigs["4090"]))
    assert code == 0
    assert "RTX 4090" in out
    code, out, _ = run("probe", "--rig", str(rigs["4090"]), "--json")
    assert json.loads(out) == json.loads(rigs["4090"].read_text("utf-8"))
    code, _, err = run("probe", "--rig", str(rigs["4090"]), "--measure")
    assert code == 2
    assert "leave out --rig" in err
