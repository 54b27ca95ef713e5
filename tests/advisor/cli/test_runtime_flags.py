"""``--runtime`` and ``--fit-context`` on the command line: documents validate, refusals are one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from advisor.__main__ import main
from advisor.report.schemas import schema_document
from probes.hypothetical import hypothetical_rig
from probes.rigfile import rig_to_document

RIGS = {
    "4090": (["RTX 4090"], "2x32GB:DDR5-6000", "Ryzen 9 7950X"),
    "2x3090": (["2x RTX 3090"], "2x32GB:DDR5-6000", "Ryzen 9 7950X"),
    "mac": (["Apple M4 Max 40-core GPU"], "64GB", None),
}


@pytest.fixture(scope="module")
def rigs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("rigs")
    paths = {}
    for name, (gpus, ram, cpu) in RIGS.items():
        path: Path = folder / f"{name}.json"
        path.write_text(json.dumps(rig_to_document(hypothetical_rig(gpus, ram, cpu))))
        paths[name] = str(path)
    return paths


def printed(capsys: pytest.CaptureFixture[str], name: str, *arguments: str) -> Any:
    assert main(list(arguments)) in (0, 1)
    parsed = json.loads(capsys.readouterr().out)
    jsonschema.validate(parsed, schema_document(name))
    return parsed


@pytest.mark.parametrize(
    ("rig", "runtime", "model"),
    [
        ("4090", "ollama", "llama 3.3 70b"),
        ("4090", "lmstudio", "gpt-oss-120b"),
        ("4090", "ik_llama", "gpt-oss-120b"),
        ("2x3090", "vllm", "qwen3-32b"),
        ("2x3090", "exllamav3", "qwen3-32b"),
        ("4090", "exllamav2", "qwen3-14b"),
        ("mac", "mlx", "qwen3-32b"),
    ],
)
def test_explanations_of_every_runtime_are_valid_documents(
    capsys: pytest.CaptureFixture[str], rigs: dict[str, str], rig: str, runtime: str, model: str
) -> None:
    found = printed(capsys, "explain", "explain", model, "--rig", rigs[rig], "--runtime", runtime, "--json")
    assert found["question"]["runtime"] == runtime
    assert found["launch_command"]
    assert found["benchmark_reads"]
    assert found["decode_low_tokens_per_s"] < found["decode_tokens_per_s"] < found["decode_high_tokens_per_s"]
    chosen = [a for a in found["alternatives"] if a["chosen"]]
    assert [a["strategy"] for a in chosen] == [found["placement"]["strategy"]]
    steps = sum(sum(device["terms"].values()) for device in found["placement"]["devices"])
    assert steps == pytest.approx(found["step_s"], rel=1e-4)


def test_a_model_that_does_not_fit_by_a_little_says_what_would_make_it_fit(
    capsys: pytest.CaptureFixture[str], rigs: dict[str, str]
) -> None:
    arguments = ("explain", "llama 3.3 70b", "--quant", "q4_k_m", "--rig", rigs["mac"], "--context", "64k")
    found = printed(capsys, "explain", *arguments, "--json")
    assert found["fit"] == "none"
    assert found["remedies"]["goal"] == "fit"
    kinds = {change["kind"]: change for change in found["remedies"]["changes"]}
    assert kinds["context"]["context_tokens"] < 65_536
    assert kinds["kv_type"]["kv_type"] == "q8_0"
    assert kinds["quant"]["quant"]
    main(list(arguments))
    assert "It would fit with" in capsys.readouterr().out


def test_a_shorter_context_is_told_in_the_ranking_and_in_the_command(
    capsys: pytest.CaptureFixture[str], rigs: dict[str, str]
) -> None:
    ask = ("--rig", rigs["mac"], "--context", "256k")
    plain = printed(capsys, "rank", "rank", *ask, "--json")
    cut = printed(capsys, "rank", "rank", *ask, "--fit-context", "--json")
    assert cut["question"]["fit_context"]
    assert cut["fitting"] > plain["fitting"]
    shorter = [row for row in cut["rows"] if row["context_tokens"] < 262_144]
    assert shorter
    assert all(row["fit"] != "none" for row in shorter)
    assert all(row["context_tokens"] == 262_144 for row in plain["rows"])


@pytest.mark.parametrize(
    ("arguments", "because"),
    [
        (("--runtime", "vlm"), "did you mean vllm"),
        (("--runtime", "ktransformers"), "is not estimated"),
        (("--runtime", "mlx"), "MLX runs on Apple chips, and this rig has NVIDIA GeForce RTX 4090"),
        (("--runtime", "ollama", "--kv-type", "q5_0"), "Ollama has no KV cache type"),
    ],
)
@pytest.mark.parametrize("command", [("rank",), ("explain", "qwen3-8b")])
def test_what_cannot_be_is_refused_in_one_line(
    capsys: pytest.CaptureFixture[str],
    rigs: dict[str, str],
    command: tuple[str, ...],
    arguments: tuple[str, ...],
    because: str,
) -> None:
    assert main([*command, "--rig", rigs["4090"], *arguments]) == 2
    error = capsys.readouterr().err
    assert because in error
    assert error.count("\n") == 1


def test_text_names_the_runner_up_and_why_it_lost(
    capsys: pytest.CaptureFixture[str], rigs: dict[str, str]
) -> None:
    assert main(["explain", "gpt-oss-120b", "--rig", rigs["4090"]]) == 0
    text = capsys.readouterr().out
    runner_up = text.split("Other placements\n")[1].split("\n")[0]
    assert "layers split between GPU and RAM" in runner_up
    assert "the time: RAM bandwidth (weights) takes" in runner_up
    assert "expect" in text
    assert "80 % interval" in text
