"""The why-screen: sections, columns, jumps, and the same as text."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from advisor.core.question import Question
from advisor.explanation import Explanation, explain
from advisor.report.schemas import schema_document
from advisor.tui.app import AdvisorApp
from advisor.tui.glyphs import ASCII, UNICODE
from advisor.tui.lines import Line, plain, width_of
from advisor.tui.routes import ROUTES, Route
from advisor.tui.screens.why import WhyScreen
from advisor.tui.view import detail_of
from advisor.tui.widgets.why import SECTIONS, SectionBar, WhyColumns, section
from catalog.models import find_model
from probes.hypothetical import hypothetical_rig

Settle = Callable[[Any], Awaitable[None]]
Screen = Callable[[Any], str]
Golden = Callable[[str, str], None]

WHY = ("down", "down", "enter")
QUESTIONS = {"one": Question(), "many": Question(users=8, context=32_768)}


def app_of(world: SimpleNamespace, **options: Any) -> AdvisorApp:
    return AdvisorApp(Question(), rig=world.rig, rig_path="example.json", **options)


async def open_why(pilot: Any, settle: Settle, *keys: str) -> WhyScreen:
    await settle(pilot)
    await pilot.press(*(keys or WHY))
    await settle(pilot)
    screen = pilot.app.screen
    assert isinstance(screen, WhyScreen)
    return screen


@cache
def real(model: str, quant: str | None, question: str) -> Explanation:
    rig = hypothetical_rig(["RTX 4090"], "2x32GB:DDR5-6000", "Ryzen 9 7950X")
    return explain(rig, QUESTIONS[question], find_model(model), quant)


REAL = [
    ("llama 3.1 8b", None, "one"),
    ("qwen3-30b-a3b", None, "many"),
    ("llama 3.3 70b", "Q4_K_M", "one"),
    ("deepseek r1", None, "one"),
]


@pytest.mark.parametrize("size", [(200, 60), (120, 60)])
async def test_everything_of_the_why_screen_looks_as_agreed(
    world: SimpleNamespace, settle: Settle, screen: Screen, golden: Golden, size: tuple[int, int]
) -> None:
    app = app_of(world, glyphs=UNICODE)
    async with app.run_test(size=size) as pilot:
        await open_why(pilot, settle)
        golden(f"why_all_{size[0]}x{size[1]}", screen(app))


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["unicode", "ascii"])
async def test_sections_of_a_narrow_terminal_look_as_agreed(
    world: SimpleNamespace, settle: Settle, screen: Screen, golden: Golden, glyphs: Any
) -> None:
    app = app_of(world, glyphs=glyphs)
    async with app.run_test(size=(80, 24)) as pilot:
        await open_why(pilot, settle)
        pages = []
        for _ in range(5):
            await pilot.press("tab")
            await settle(pilot)
            pages.append(screen(app))
        text = "\n".join(pages)
        if glyphs.ascii:
            assert [c for c in text if not c.isascii()] == []
        golden(f"why_sections_{'ascii' if glyphs.ascii else 'unicode'}_80x24", text)


async def test_tab_goes_through_all_sections_and_around(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        why = await open_why(pilot, settle)
        names = [name for _, name in why.query_one(WhyColumns).starts]
        assert names == [n for n in SECTIONS if n in names]
        assert {"memory", "time", "roofline", "known", "help", "matrix", "commands"} <= set(names)
        seen = []
        for _ in names:
            bar = why.query_one(SectionBar)
            seen.append(bar.names[bar.at])
            assert f"{bar.at + 1}/{len(names)} {SECTIONS[seen[-1]]}" in screen(app)
            await pilot.press("tab")
            await settle(pilot)
        assert seen == names
        assert why.query_one(SectionBar).at == 0
        await pilot.press("shift+tab")
        await settle(pilot)
        assert why.query_one(SectionBar).at == len(names) - 1
        assert "Run it  L copies" in screen(app)


async def test_a_jump_puts_the_heading_on_top_and_scrolling_is_followed(
    world: SimpleNamespace, settle: Settle
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        why = await open_why(pilot, settle)
        await pilot.press("tab", "tab")
        await settle(pilot)
        pane = why.query_one("#why-full")
        line, name = why.query_one(WhyColumns).starts[2]
        assert (pane.scroll_y, name) == (line, "roofline")
        await pilot.press("end")
        await settle(pilot)
        ended = why.query_one(SectionBar).at
        assert ended > 2
        await pilot.press("home")
        await settle(pilot)
        assert why.query_one(SectionBar).at == 0


@pytest.mark.parametrize("case", REAL, ids=lambda case: f"{case[0]}-{case[2]}")
@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["unicode", "ascii"])
def test_no_line_is_wider_than_its_column_at_any_width(case: tuple[str, Any, str], glyphs: Any) -> None:
    e = real(*case)
    detail = detail_of(e.table, e.row)
    for width in range(42, 201):  # from the pane's width on
        for name in SECTIONS:
            for line in section(name, detail, e, width, glyphs, full=True):
                assert width_of(line) <= width, (name, width, line)
                # Names of devices may be cut, numbers may not; in ASCII the mark is that of ranges.
                assert glyphs.ascii or glyphs.ellipsis not in plain([line]) or name == "memory"
                if glyphs.ascii:
                    assert plain([line]).isascii()


@pytest.mark.parametrize("case", REAL, ids=lambda case: f"{case[0]}-{case[2]}")
def test_columns_show_every_section_whole_at_any_width(case: tuple[str, Any, str]) -> None:
    e = real(*case)
    widget = WhyColumns(UNICODE)
    widget.detail, widget.explanation = detail_of(e.table, e.row), e
    for width in (60, 79, 99, 100, 119, 120, 169, 170, 200, 240):
        lines = widget.paint(width)
        assert max(map(width_of, lines)) <= width
        names = [name for _, name in widget.starts]
        assert len(names) == len(set(names))
        assert ("roofline" in names) == bool(e.table.fits[e.row])
        assert "matrix" in names
        assert [at for at, _ in widget.starts] == sorted(at for at, _ in widget.starts)


def lines_of(e: Explanation, name: str, width: int = 100) -> list[Line]:
    return section(name, detail_of(e.table, e.row), e, width, UNICODE, full=True)


def test_the_matrix_drops_columns_but_never_the_best_one() -> None:
    e = real("llama 3.3 70b", "Q4_K_M", "one")
    for width in (60, 70, 100):
        text = plain(lines_of(e, "matrix", width))
        row = next(line for line in text.split("\n") if "Q4_K_M" in line)
        assert "▸" in row
    assert "no room for" in plain(lines_of(e, "matrix", 46))
    assert "no room for" not in plain(lines_of(e, "matrix", 120))


def test_a_model_that_does_not_fit_says_what_to_do() -> None:
    e = real("deepseek r1", None, "one")
    text = plain(lines_of(e, "fit"))
    assert text.startswith("What would make it fit")
    assert "w   asks what another part" in text
    assert lines_of(e, "roofline") == lines_of(e, "commands") == []


def test_the_key_of_the_upgrade_view_is_named_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    e = real("deepseek r1", None, "one")
    route = Route("upgrade", "b", "Upgrade", "what to buy", "upgrade:UpgradeScreen", "rig")
    monkeypatch.setitem(ROUTES, "upgrade", route)
    assert "b   looks for the smallest upgrade" in plain(lines_of(e, "fit"))
    monkeypatch.delitem(ROUTES, "upgrade")
    assert "upgrade" not in plain(lines_of(e, "fit"))


def test_the_pane_names_only_keys_that_the_ranking_has() -> None:
    misfit, fitting = real("deepseek r1", None, "one"), real("llama 3.1 8b", None, "one")
    text = ""
    for e in (misfit, fitting):
        detail = detail_of(e.table, e.row)
        for name in SECTIONS:
            text += plain(section(name, detail, e, 42, UNICODE, full=False)) + "\n"
    assert "h l" not in text
    assert "L copies" not in text
    assert "Run it" in text
    assert "w   asks" in text


async def test_what_does_not_fit_teaches_on_the_screen(
    world: SimpleNamespace, settle: Settle, screen: Screen
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await open_why(pilot, settle, "n", "end", "enter")
        text = screen(app)
        assert "What would make it fit" in text
        assert "[ --context 2048" in text


async def test_the_explanation_is_exported_as_json_markdown_and_picture(
    world: SimpleNamespace, settle: Settle
) -> None:
    app = app_of(world)
    async with app.run_test(size=(80, 24)) as pilot:
        why = await open_why(pilot, settle)
        documents = why.documents(app.state)
        assert set(documents) == {"json", "markdown", "svg"}
        assert str(documents["svg"]()).startswith("<svg")
        markdown = str(documents["markdown"]())
        assert markdown.startswith("# Medium-14B Q4_K_M")
        assert "```sh\nllama-server" in markdown


@pytest.mark.parametrize("case", REAL, ids=lambda case: f"{case[0]}-{case[2]}")
def test_the_document_of_an_explanation_obeys_its_schema(case: tuple[str, Any, str]) -> None:
    from advisor.report.explain_document import explain_document

    e = real(*case)
    document = json.loads(json.dumps(explain_document(e), allow_nan=False))
    Draft202012Validator(schema_document("explain")).validate(document)
    fits = bool(e.table.fits[e.row])
    assert (document["roofline"] is not None) == (document["evidence"] is not None) == fits
    best = [c for row in document["matrix"]["quants"] for c in row["cells"] if c["best"]]
    assert len(best) == int(e.table.fits.sum())
