"""``upgrade`` on the command line: documents, exit codes, and errors in one line."""

from __future__ import annotations

import csv
import io
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from advisor.report.schemas import schema_document

RIGS = Path(__file__).parents[3] / "screenshots" / "rigs"
SEVENTY = "llama 3.3 70b@Q4_K_M>=10tok/s"
PRICES = """
date = 2026-11-01
currency = "EUR"
[gpu]
"RTX 3090" = { price = 700, watts = 350 }
"RTX 5090" = { price = 2400, watts = 575 }
[ram]
"2x48GB:DDR5-6000" = { price = 320 }
"""
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def prices(tmp_path: Path) -> str:
    path = tmp_path / "prices.toml"
    path.write_text(PRICES)
    return str(path)


def document(text: str) -> Any:
    parsed = json.loads(text, parse_constant=lambda c: pytest.fail(f"{c} in JSON"))
    jsonschema.validate(parsed, schema_document("upgrade"))
    return parsed


@pytest.mark.parametrize("rig", sorted(path.stem for path in RIGS.glob("*.json")))
def test_every_example_rig_gets_an_answer(run: Run, rig: str) -> None:
    code, out, err = run("upgrade", "--rig", str(RIGS / f"{rig}.json"), "--goal", SEVENTY, "--json")
    answer = document(out)
    assert code == 0
    assert err == ""
    assert answer["ordered_by"] == "smallest change"
    assert answer["prices"] is None
    reaching = answer["options"] + answer["machines"]
    assert answer["reached_now"] or reaching
    for option in reaching:
        assert option["goals"][0]["decode_tokens_per_s"] >= 10
        assert option["verdict"] in ("likely", "sure")
    sizes = [option["parts"] for option in answer["options"]]
    assert sizes == sorted(sizes)


def test_a_goal_takes_the_question_into_account(run: Run) -> None:
    arguments = ("upgrade", "--rig", str(RIGS / "rtx4090.json"), "--goal", SEVENTY, "--json")
    _, out, _ = run(*arguments, "--context", "16k", "--users", "2")
    answer = document(out)
    assert (answer["question"]["context_tokens"], answer["question"]["users"]) == (16_384, 2)
    _, out, _ = run(*arguments)
    alone = document(out)["options"][0]["goals"][0]["memory"]["kv_bytes"]
    assert answer["options"][0]["goals"][0]["memory"]["kv_bytes"] > 3 * alone


def test_an_impossible_goal_exits_with_1_and_names_the_nearest(run: Run) -> None:
    rig = str(RIGS / "rtx4090.json")
    code, out, _ = run("upgrade", "--rig", rig, "--goal", "llama 3.3 70b@Q8_0>=5000", "--json")
    answer = document(out)
    assert code == 1
    assert answer["options"] == []
    assert answer["nearest"]["goals"][0]["bottleneck"]


def test_a_budget_buys_what_the_price_file_has(run: Run, prices: str) -> None:
    rig = str(RIGS / "rtx4090.json")
    arguments = ("upgrade", "--rig", rig, "--prices", prices, "--json", "--goal")
    code, out, _ = run(*arguments, SEVENTY, "--budget", "1000")
    answer = document(out)
    assert code == 0
    assert answer["ordered_by"] == "price"
    assert answer["prices"]["date"] == "2026-11-01"
    assert [option["price"] for option in answer["options"]] == [700.0]
    code, out, _ = run(*arguments, "llama 3.3 70b@Q4_K_M>=100", "--budget", "1000")
    assert code == 1
    assert document(out)["nearest"]["price"] <= 1000


def test_a_budget_without_a_goal_is_spent_on_the_ranking(run: Run, prices: str) -> None:
    rig = str(RIGS / "laptop.json")
    code, out, _ = run("upgrade", "--rig", rig, "--prices", prices, "--budget", "800", "--json")
    answer = document(out)
    assert code == 0
    assert answer["goals"] == []
    assert answer["options"][-1]["price"] == 700.0
    assert answer["options"][-1]["ranking"]["unlocked"]
    assert any("left out, 2x48GB:DDR5-6000" in note for note in answer["notes"])
    code, _, _ = run("upgrade", "--rig", rig, "--prices", prices, "--budget", "10")
    assert code == 1


def test_slots_cards_and_limit_narrow_the_answer(run: Run) -> None:
    arguments = ("upgrade", "--rig", str(RIGS / "rtx4090.json"), "--goal", SEVENTY, "--json")
    _, out, _ = run(*arguments, "--slots", "1", "--cards", "all", "--limit", "2")
    options = document(out)["options"]
    assert len(options) == 2
    for option in options:
        assert not [c for c in option["changes"] if c["change"] == "add-gpu"]


@pytest.mark.parametrize("goal", [True, False])
def test_csv_and_markdown_have_the_changes_of_the_json(run: Run, prices: str, goal: bool) -> None:
    arguments = ["upgrade", "--rig", str(RIGS / "rtx4090.json"), "--prices", prices]
    arguments += ["--goal", SEVENTY] if goal else ["--budget", "2500"]
    _, out, _ = run(*arguments, "--json")
    options = document(out)["options"]
    assert options
    code, out, err = run(*arguments, "--csv")
    assert (code, err) == (0, "")
    now, *rows = csv.DictReader(io.StringIO(out))
    assert now["change"] == "as it is"
    assert [row["change"] for row in rows] == [option["name"] for option in options]
    assert [float(row["price"]) for row in rows] == [option["price"] for option in options]
    key = "decode_tokens_per_s"
    first = [(option["goals"] or option["ranking"]["top"])[0] for option in options]
    assert [float(row[key]) for row in rows] == pytest.approx([each[key] for each in first], rel=1e-3)
    _, out, _ = run(*arguments, "--markdown")
    table = [line.split("|")[2].strip() for line in out.splitlines() if line.startswith("| ")]
    assert table[table.index("as it is") + 1 :] == [option["name"] for option in options]


def test_a_change_to_another_machine_is_a_what_if_as_well(run: Run) -> None:
    rig = str(RIGS / "laptop.json")
    _, out, _ = run("upgrade", "--rig", rig, "--goal", SEVENTY, "--json")
    option = document(out)["machines"][0]
    words = shlex.split(option["what_if"])[1:]
    code, out, _ = run(*words, "--rig", rig, "--model", "llama 3.3 70b", "--json")
    assert code == 0
    assert option["whole_machine"] in json.loads(out)["scenarios"][1]["name"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "needs a goal"),
        (("--goal", "llama 3.3 70b"), "no >="),
        (("--goal", "no such model 9b>=3"), "no such model"),
        (("--goal", "llama 3.3 70b@Q99>=3"), "Q99"),
        (("--goal", SEVENTY, "--budget", "100"), "--prices"),
        (("--budget", "100", "--parts", "RTX 3090"), "--prices"),
        (("--budget", "nan", "--prices", "{prices}"), "above 0"),
        (("--budget", "-5", "--prices", "{prices}"), "above 0"),
        (("--budget", "much", "--prices", "{prices}"), "invalid float"),
        (("--goal", SEVENTY, "--prices", "{missing}"), "cannot be read"),
        (("--goal", SEVENTY, "--slots", "0"), "--slots"),
        (("--goal", SEVENTY, "--limit", "0"), "--limit"),
        (("--goal", SEVENTY, "--cards", "consumers"), "nearest: consumer"),
        (("--goal", SEVENTY, "--cards", "all", "--parts", "RTX 3090"), "leave it out"),
        (("--goal", SEVENTY, "--parts", "2x32GB:DDR4-3200"), "DDR5"),
        (("--goal", SEVENTY, "--parts", "RTX 9999"), "RTX"),
        (("--goal", SEVENTY, "--parts", "RTX 4090", "--prices", "{prices}"), "no price for 'RTX 4090'"),
        (("--goal", SEVENTY, "--context", "-5"), "context"),
    ],
)
def test_bad_input_gives_one_line_and_exit_code_2(
    run: Run, tmp_path: Path, prices: str, arguments: tuple[str, ...], says: str
) -> None:
    places = {"prices": prices, "missing": str(tmp_path / "none.toml")}
    filled = [a.format(**places) for a in arguments]
    code, out, err = run("upgrade", "--rig", str(RIGS / "rtx4090.json"), *filled)
    assert code == 2
    assert out == ""
    assert says in err
    assert err.count("\n") == 1


def test_the_help_documents_the_price_file(run: Run) -> None:
    code, out, _ = run("upgrade", "--help")
    assert code == 0
    text = " ".join(out.split())
    assert "date = 2026-11-01" in text
    assert "none ship with this program" in text


def test_the_documented_price_file_is_read(tmp_path: Path) -> None:
    """The example in the module that reads it, and the one in the README."""
    import textwrap

    from advisor.upgrade import prices as module

    example = textwrap.dedent((module.__doc__ or "").split("\n\n", 1)[1])
    readme = (Path(__file__).parents[3] / "README.md").read_text("utf-8")
    block = readme.split("<!-- prices -->")[1].split("<!-- /prices -->")[0]
    for name, text in (("module", example), ("readme", textwrap.dedent(block))):
        path = tmp_path / f"{name}.toml"
        path.write_text(text, "utf-8")
        read = module.read_prices(path)
        assert read.date == "2026-11-01"
        assert {price.kind for price in read.prices} == {"gpu", "ram", "link", "machine"}
