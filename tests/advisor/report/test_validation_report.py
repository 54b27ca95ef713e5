from __future__ import annotations

import builtins
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from advisor.report.picture import PictureError, check_picture, write_picture
from advisor.report.validation import parse_by, validation_markdown, validation_text
from advisor.report.validation_plot import speed_plot
from advisor.validation import FileResult, RowResult
from probes.types import RigError


def rows(case: str, count: int, ratio: float, **labels: str) -> list[RowResult]:
    return [
        RowResult(
            str(n),
            "ok",
            None,
            {
                "measured_tokens_per_s": 10.0 + n,
                "predicted_tokens_per_s": (10.0 + n) * ratio,
                "low_tokens_per_s": (10.0 + n) * ratio * 0.8,
                "high_tokens_per_s": (10.0 + n) * ratio * 1.25,
                "measured_prefill_tokens_per_s": 100.0,
                "predicted_prefill_tokens_per_s": 100.0 * ratio,
            },
            (("case", case), *labels.items()),
        )
        for n in range(count)
    ]


FILES = [
    FileResult(
        "runs.csv",
        "llama-bench CSV",
        (
            *rows("one GPU or unified memory, dense", 5, 1.1, vendor="NVIDIA"),
            *rows("CPU only, known RAM", 4, 0.4, vendor="AMD"),
            RowResult("9", "skipped", "no such model"),
        ),
    )
]


def test_the_text_is_short_by_default_and_has_decode_and_prefill() -> None:
    text = validation_text(FILES)
    assert "runs.csv: llama-bench CSV, 9 of 10 rows answered" in text
    assert "skipped 1: no such model" in text
    assert "Decode speed, by case" in text
    assert "Prefill speed, by case" in text
    assert "by vendor" not in text
    decode = next(line for line in text.splitlines() if line.startswith("one GPU"))
    assert " ".join(decode.split()).endswith("5 10.0 % 10.0 % 100 % 100 % 0 % 100 % +10.0 %")
    prefill = [line for line in text.splitlines() if line.startswith("CPU only")][1]
    assert "–" in prefill  # no interval
    assert "-60.0 %" in prefill


def test_few_rows_are_listed_and_many_on_request() -> None:
    few = validation_text(FILES)
    assert "measured  predicted  80 % interval  error" in few
    assert ["4", "decode", "14", "15", "12~19", "+10", "%"] in [line.split() for line in few.splitlines()]
    many = [FileResult("f", "k", tuple(rows("one GPU or unified memory, dense", 30, 1.0)))]
    assert "80 % interval" not in validation_text(many)
    assert validation_text(many, rows=True).count("+0 %") > 30


def test_every_slice_is_shown_when_asked_for() -> None:
    text = validation_text(FILES, None)
    assert "Decode speed, by case" in text
    assert "Decode speed, by vendor" in text


def test_a_chosen_dimension_replaces_the_main_cases() -> None:
    text = validation_text(FILES, parse_by("vendor, case+vendor"))
    assert "Decode speed, by case  " not in text
    assert "Decode speed, by vendor" in text
    assert "case: CPU only, known RAM; vendor: AMD" in text


@pytest.mark.parametrize("wrong", ["colour", "vendor,colour", "vendor+colour", "", ","])
def test_an_unknown_dimension_is_one_line_that_names_the_known_ones(wrong: str) -> None:
    with pytest.raises(RigError) as error:
        parse_by(wrong)
    assert "use case, vendor, arch" in str(error.value)
    assert "\n" not in str(error.value)


def test_the_markdown_is_a_table_for_each_quantity() -> None:
    tables = validation_markdown(FILES).split("\n\n")
    assert [table.split(" | ")[0] for table in tables] == [
        "| Decode speed, by case",
        "| Prefill speed, by case",
    ]
    widths = {line.count("|") for table in tables for line in table.splitlines()}
    assert len(widths) == 1


def test_the_plot_has_a_class_with_count_for_each_case() -> None:
    picture = speed_plot(FILES, "tokens_per_s")
    assert picture is not None
    for text in (
        "one GPU or unified memory, dense",
        "5 rows",
        "4 rows",
        "9 rows: median error",
        "2×",
        "±25 %",
    ):
        assert text in picture
    by_vendor = speed_plot(FILES, "prefill_tokens_per_s", "vendor")
    assert by_vendor is not None
    assert ">NVIDIA<" in by_vendor


def test_more_classes_than_colours_are_drawn_together() -> None:
    many = [FileResult("f", "k", tuple(row for n in range(14) for row in rows(f"case {n:02}", 20 - n, 1.0)))]
    picture = speed_plot(many, "tokens_per_s")
    assert picture is not None
    assert "case 07" in picture
    assert "case 08" not in picture
    assert ">other rows<" in picture


def test_nothing_measured_is_no_picture() -> None:
    assert speed_plot([FileResult("f", "k", (RowResult("1", "skipped", "why"),))], "tokens_per_s") is None


def test_a_png_is_drawn_from_the_svg(tmp_path: Path) -> None:
    pytest.importorskip("resvg_py")
    picture = speed_plot(FILES, "tokens_per_s")
    assert picture is not None
    write_picture(tmp_path / "p.png", picture)
    data = (tmp_path / "p.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(data[16:20], "big") == 2080


def test_png_without_the_renderer_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Mapping[str, object]) -> Any:
        if name == "resvg_py":
            raise ImportError(name)
        return real(name, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    check_picture(Path("p.svg"))
    with pytest.raises(PictureError, match="pip install resvg-py"):
        check_picture(Path("p.png"))


def test_a_picture_of_another_kind_or_in_no_place_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"ends in \.svg or \.png"):
        check_picture(Path("p.jpeg"))
    with pytest.raises(PictureError, match="cannot be written"):
        write_picture(tmp_path / "none" / "p.svg", "<svg/>")
