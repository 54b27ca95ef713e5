"""``validate`` from the command line: documents, breakdowns, pictures, errors in one line."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from advisor.__main__ import main
from advisor.report.schemas import schema_document

FIXTURES = Path(__file__).parents[2] / "fixtures" / "llama_bench"
TABLES = str(FIXTURES / "tables-and-logs.md")


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    try:
        code = main(["validate", *arguments])
    except SystemExit as stop:
        code = int(stop.code or 0)
    out, err = capsys.readouterr()
    return code, out, err


def test_the_document_has_rows_with_their_slices(capsys: pytest.CaptureFixture[str]) -> None:
    files = [TABLES, *(str(FIXTURES / name) for name in ("b5163.csv", "2023-09.csv", "b11434.csv"))]
    code, out, _ = run(capsys, *files, "--json", "--by", "backend+type")
    document = json.loads(out)
    jsonschema.validate(document, schema_document("validate"))
    assert code == 0
    assert [f["kind"] for f in document["files"]] == ["llama-bench Markdown", *["llama-bench CSV"] * 3]
    assert document["rows"][0]["labels"]["case"] == "several GPUs"
    assert any(s["by"] == ["backend", "type"] for s in document["statistics"])
    assert {"tokens_per_s", "prefill_tokens_per_s"} == {s["quantity"] for s in document["statistics"]}


def test_the_default_output_is_short_and_slices_are_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    _, short, _ = run(capsys, TABLES, TABLES)
    _, long, _ = run(capsys, TABLES, TABLES, "--slices")
    assert len(long.splitlines()) > 2 * len(short.splitlines())
    assert "by backend" in long
    assert "by backend" not in short


def test_a_plot_is_written_beside_the_output(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    decode, prefill = tmp_path / "decode.svg", tmp_path / "prefill.svg"
    code, out, _ = run(capsys, TABLES, "--plot", str(decode), "--plot-prefill", str(prefill))
    assert code == 0
    assert "Decode speed" in out
    assert "measured decode speed" in decode.read_text("utf-8")
    assert "measured prefill speed" in prefill.read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["{empty}"], "nothing in it is understood; give llama-bench output"),
        (["{missing}"], "cannot be read"),
        ([TABLES, "--plot", "p.gif"], "ends in .svg or .png"),
        ([TABLES, "--plot", "{missing}/p.svg"], "cannot be written"),
        ([TABLES, "--by", "colour"], "broken down by 'colour'; use case, vendor"),
        ([TABLES, "--by", "vendor", "--slices"], "not allowed with"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: list[str], reason: str
) -> None:
    empty = tmp_path / "empty.md"
    empty.write_text("# nothing here\n", "utf-8")
    given = [a.format(empty=empty, missing=tmp_path / "missing") for a in arguments]
    code, out, err = run(capsys, *given)
    assert code == 2
    assert out == ""
    assert reason in err
    assert len(err.splitlines()) == 1


def test_rows_that_cannot_be_answered_exit_with_1(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    table = tmp_path / "table.md"
    table.write_text(
        "| model | size | params | backend | ngl | test | t/s |\n"
        "| --- | --- | --- | --- | --- | --- | --- |\n"
        "| llama 8B Q4_K - Medium | 4.58 GiB | 8.03 B | CUDA | 99 | tg128 | 130.00 ± 0.10 |\n",
        "utf-8",
    )
    code, out, err = run(capsys, str(table), "--plot", str(tmp_path / "p.svg"))
    assert code == 1
    assert "names no GPU; describe the machine with 'rig-advisor rig'" in out
    assert "is not drawn" in err
    assert not (tmp_path / "p.svg").exists()
