"""``what-if`` and ``plot`` as typed: valid documents, files, widths, and errors in one line."""

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
from probes.hypothetical import hypothetical_rig
from probes.rigfile import rig_to_document

Run = Callable[..., tuple[int, str, str]]
MODELS = "llama 3.1 8b,llama 3.3 70b,gpt-oss 120b"
FOUR = (
    "--add-gpu", "RTX 4090", "--name", "two cards", "--or", "--ram", "+2x32GB:DDR5-6000", "--or",
    "--second", "same over ethernet10", "--or", "--machine", "M3 Ultra 96GB", "--name", "a Mac",
)  # fmt: skip


@pytest.fixture(autouse=True)
def no_stated_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("rig") / "4090.json"
    made = hypothetical_rig(["RTX 4090"], "2x32GB:DDR5-6000", "Ryzen 9 7950X")
    path.write_text(json.dumps(rig_to_document(made)))
    return str(path)


def document(name: str, text: str) -> Any:
    parsed = json.loads(text, parse_constant=lambda c: pytest.fail(f"{c} in JSON"))
    jsonschema.validate(parsed, schema_document(name))
    return parsed


def test_four_scenarios_are_compared_with_deltas_and_a_plan(run: Run, rig: str) -> None:
    code, out, _ = run("what-if", "--rig", rig, *FOUR, "--models", MODELS, "--json")
    found = document("what-if", out)
    assert code == 0
    names = [s["name"] for s in found["scenarios"]]
    assert names == ["now", "two cards", "ram +2x32GB:DDR5-6000", "second same over ethernet10", "a Mac"]
    assert found["scenarios"][1]["edits"] == ["add-gpu RTX 4090"]
    assert found["scenarios"][3]["second_machine"]["link"] == "Ethernet 10 Gb/s"
    assert found["scenarios"][3]["second_machine"]["latency_s"] is None
    assert len(found["models"]) == 3
    for model in found["models"]:
        assert model["same_quant"][0]["change"] is None
        for before, cell in zip([model["same_quant"][0]] * 4, model["same_quant"][1:], strict=True):
            change = cell["change"]
            assert change["decode_tokens_per_s"] == pytest.approx(
                cell["decode_tokens_per_s"] - before["decode_tokens_per_s"], abs=1e-2
            )
            assert (
                change["decode_low_tokens_per_s"]
                <= change["decode_tokens_per_s"]
                <= change["decode_high_tokens_per_s"]
            )
            assert change["bottleneck_before"] == before["bottleneck"]
            assert change["bottleneck_stays"] == (cell["bottleneck"] == before["bottleneck"])
            assert change["memory_bytes"] == pytest.approx(
                cell["memory_bytes"] - before["memory_bytes"], abs=1
            )
    small = found["models"][0]["same_quant"]
    assert small[2]["change"]["decode_ratio"] == 1.0
    assert small[2]["change"]["decode_low_tokens_per_s"] == 0.0
    plans = [m["same_quant"][3]["plan"] for m in found["models"]]
    assert plans[0] is None  # the 8B model stays on its card
    assert plans[1]["command_there"].startswith("rpc-server")


def test_columns_fall_back_to_blocks_on_a_narrow_terminal(
    run: Run, rig: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, wide, _ = run("what-if", "--rig", rig, *FOUR, "--models", MODELS)
    assert "with the quantization best now" in wide
    monkeypatch.setenv("COLUMNS", "80")
    _, narrow, _ = run("what-if", "--rig", rig, *FOUR, "--models", MODELS)
    commands = ("  · here: llama-server", "    ")  # what is to be copied is not broken inside words
    assert [line for line in narrow.splitlines() if len(line) > 80 and not line.startswith(commands)] == []
    assert "[4] a Mac" in narrow
    for text in (wide, narrow):
        assert "rpc-server -H 0.0.0.0" in text
        assert "first token" in text
        assert "unlocks" in text
        assert "Llama-3.1-8B" in text


def test_scenarios_are_saved_loaded_and_compared_again(run: Run, rig: str, tmp_path: Path) -> None:
    path = str(tmp_path / "upgrades.toml")
    code, first, err = run(
        "what-if", "--rig", rig, "--add-gpu", "RTX 4090", "--name", "two", "--save", path,
        "--model", "llama 3.3 70b", "--json",
    )  # fmt: skip
    assert code == 0
    assert "1 scenario(s) written" in err
    run("what-if", "--rig", rig, "--mts", "5200", "--name", "slow", "--save", path, "--model", "llama 3.1 8b")
    _, again, _ = run("what-if", "--rig", rig, "--load", path, "--model", "llama 3.3 70b", "--json")
    loaded = document("what-if", again)
    assert [s["name"] for s in loaded["scenarios"]] == ["now", "two", "slow"]
    assert loaded["models"][0]["same_quant"][1] == document("what-if", first)["models"][0]["same_quant"][1]


def test_models_come_from_a_list_or_a_file(run: Run, rig: str, tmp_path: Path) -> None:
    path = tmp_path / "models.txt"
    path.write_text("llama 3.1 8b   # small\n\nllama 3.3 70b\n")
    for given in (str(path), "llama 3.1 8b, llama 3.3 70b"):
        _, out, _ = run("what-if", "--rig", rig, "--mts", "5200", "--models", given, "--json")
        assert len(document("what-if", out)["models"]) == 2
    _, out, _ = run("what-if", "--rig", rig, "--mts", "5200", "--top", "3", "--json")
    assert len(document("what-if", out)["models"]) == 3


@pytest.mark.parametrize("over", ["ram-bandwidth", "context", "users", "quant"])
def test_a_picture_is_drawn_in_characters_svg_json_and_csv(
    run: Run, rig: str, over: str, tmp_path: Path
) -> None:
    path = tmp_path / "curve.svg"
    quant = () if over == "quant" else ("--quant", "Q4_K_M")
    arguments = ("plot", "llama 3.3 70b", "--rig", rig, "--over", over, *quant, "--mts", "4800")
    code, text, _ = run(*arguments, "--plot", str(path))
    assert code == 0
    assert max(map(len, text.splitlines())) <= 80
    assert "tokens/s" in text
    svg = path.read_text("utf-8")
    assert svg.startswith("<svg")
    assert "fill-opacity" in svg  # the interval
    assert "decode speed of one user, tokens/s" in svg
    found = document("plot", run(*arguments, "--json")[1])
    assert [curve["scenario"] for curve in found["curves"]] == ["now", "mts 4800"]
    rows = list(csv.DictReader(io.StringIO(run(*arguments, "--csv")[1])))
    assert len(rows) == sum(len(curve["points"]) for curve in found["curves"])
    assert found["x_key"] in rows[0]
    for row, point in zip(rows, found["curves"][0]["points"], strict=False):
        assert row["decode_tokens_per_s"] == (
            "" if point["decode_tokens_per_s"] is None else str(point["decode_tokens_per_s"])
        )


def test_a_chart_is_ascii_where_that_was_asked_for(
    run: Run, rig: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("plot", "llama 3.3 70b", "--quant", "Q4_K_M", "--rig", rig, "--over", "users")
    _, text, _ = run(*arguments)
    assert any(0x2800 <= ord(ch) < 0x2900 for ch in text)
    monkeypatch.setenv("RIG_ADVISOR_ASCII", "1")
    _, text, _ = run(*arguments)
    chart = text.split("\na now")[0]
    assert chart.isascii()


def test_what_fits_nowhere_is_said_and_exits_with_1(run: Run, rig: str, tmp_path: Path) -> None:
    path = tmp_path / "none.svg"
    code, out, err = run(
        "plot", "deepseek r1", "--quant", "Q8_0", "--rig", rig, "--over", "context", "--plot", str(path)
    )
    assert code == 1
    assert "fits nowhere" in out
    assert "is not drawn" in err
    assert not path.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("what-if", "--rig", "{rig}", "--name", "only"),
        ("what-if", "--rig", "{rig}", "--load", "/nowhere.toml"),
        ("what-if", "--rig", "{rig}", "--mts", "5200", "--save", "/no/where.toml"),
        ("what-if", "--rig", "{rig}", "--mts", "5200", "--models", ","),
        ("what-if", "--rig", "{rig}", "--mts", "5200", "--models", "gpt-9000"),
        ("what-if", "--rig", "{rig}", "--mts", "5200", "--top", "0"),
        ("what-if", "--rig", "{rig}", "--ram", "2x-32GB:DDR5-6000"),
        ("what-if", "--rig", "{rig}", "--power", "lots"),
        ("what-if", "--rig", "{rig}", "--second", "same"),
        ("what-if", "--rig", "{rig}", "--other-rig", "/nowhere.json"),
        ("plot", "llama 3.1 8b", "--rig", "{rig}"),
        ("plot", "llama 3.1 8b", "--rig", "{rig}", "--over", "money"),
        ("plot", "llama 3.1 8b", "--rig", "{rig}", "--over", "users", "--quant", "Q9"),
        ("plot", "llama 3.1 8b", "--rig", "{rig}", "--over", "quant", "--quant", "Q8_0"),
        ("plot", "llama 3.1 8b", "--rig", "{rig}", "--over", "users", "--plot", "curve.gif"),
        ("plot", "llama 3.1 8b", "--rig", "{rig}", "--over", "users", "--channels", "4"),
        ("plot", "no such model", "--rig", "{rig}", "--over", "users"),
    ],
)
def test_bad_input_is_one_line_and_exits_with_2(run: Run, rig: str, arguments: tuple[str, ...]) -> None:
    code, out, err = run(*(a.format(rig=rig) for a in arguments))
    assert code == 2
    assert out == ""
    assert len(err.strip().splitlines()) == 1
    assert "Traceback" not in err


def test_rank_moves_are_in_the_document_and_in_the_text(run: Run, rig: str) -> None:
    change = ("--add-gpu", "RTX 4090", "--name", "two cards")
    _, out, _ = run("what-if", "--rig", rig, *change, "--json")
    now, after = document("what-if", out)["scenarios"]
    assert now["moves"]["moved"] == now["moves"]["unlocked"] == []
    moves = after["moves"]
    assert [m["model"]["name"] for m in moves["unlocked"]] == after["unlocked"]
    first = moves["moved"][0]
    assert first["places"] == first["before"]["rank"] - first["after"]["rank"]
    _, text, _ = run("what-if", "--rig", rig, *change)
    line = next(line for line in text.splitlines() if line.startswith(first["model"]["name"][:20]))
    assert f"{first['before']['rank']} → {first['after']['rank']}" in text
    assert "→" in line
    assert "rank moves: two cards" in text


def test_csv_has_a_row_for_every_model_and_markdown_its_tables(run: Run, rig: str) -> None:
    change = ("--add-gpu", "RTX 4090", "--or", "--ram", "+2x32GB:DDR5-6000")
    _, out, _ = run("what-if", "--rig", rig, *change, "--json")
    moves = [s["moves"] for s in document("what-if", out)["scenarios"][1:]]
    _, out, _ = run("what-if", "--rig", rig, *change, "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    lengths = [
        sum(len(m[kind]) for kind in ("unlocked", "lost", "moved")) + m["passed"] + m["unchanged"]
        for m in moves
    ]
    assert len(rows) == sum(lengths)
    assert {r["scenario"] for r in rows} == {"add-gpu RTX 4090", "ram +2x32GB:DDR5-6000"}
    assert all((r["rank_after"] == "") == (r["decode_tokens_per_s"] == "") for r in rows)
    _, out, _ = run("what-if", "--rig", rig, *change, "--markdown")
    assert out.count("\n| model | quant | ") == sum(bool(m["unlocked"]) + bool(m["moved"]) for m in moves)
