"""Themes: text can be read on every background, and no meaning rests on colour alone."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest
from textual.color import Color
from textual.theme import Theme

from advisor import tui
from advisor.core.question import Question
from advisor.tui.app import AdvisorApp
from advisor.tui.glyphs import ASCII, UNICODE
from advisor.tui.screens.rig import CONFIDENCE_STYLES
from advisor.tui.themes import DARK, HIGH_CONTRAST, LIGHT, OWN
from advisor.tui.widgets.bars import SEGMENT_STYLES
from advisor.tui.widgets.table import FIT_STYLES
from probes.types import Confidence

Settle = Callable[[Any], Awaitable[None]]
Screen = Callable[[Any], str]

TEXTS = (
    "foreground",
    "foreground-muted",
    "primary",
    "secondary",
    "accent",
    "warning",
    "error",
    "success",
)
BACKGROUNDS = ("background", "surface", "panel", "block-cursor-blurred-background", "primary-muted")
FOLDER = Path(tui.__file__).parent


def luminance(color: Color) -> float:
    """Relative luminance by WCAG 2.1."""

    def linear(part: int) -> float:
        share = part / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    return 0.2126 * linear(color.r) + 0.7152 * linear(color.g) + 0.0722 * linear(color.b)


def contrast(one: Color, other: Color) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_that_of_wcag() -> None:
    assert contrast(Color.parse("#000000"), Color.parse("#ffffff")) == pytest.approx(21)
    assert contrast(Color.parse("#767676"), Color.parse("#ffffff")) == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize(("theme", "least"), [(DARK, 4.5), (LIGHT, 4.5), (HIGH_CONTRAST, 7.0)])
def test_every_text_can_be_read_on_every_background(theme: Theme, least: float) -> None:
    variables = theme.to_color_system().generate() | theme.variables
    base = Color.parse(variables["background"])
    low = {
        (text, back): round(contrast(ground + Color.parse(variables[text]), ground), 2)
        for back in BACKGROUNDS
        for ground in [base + Color.parse(variables[back])]
        for text in TEXTS
        if contrast(ground + Color.parse(variables[text]), ground) < least
    }
    assert low == {}


def test_no_other_colours_are_used_than_those_that_are_checked() -> None:
    sources = [path.read_text("utf-8") for path in FOLDER.rglob("*.py")]
    styles = (FOLDER / "styles.tcss").read_text("utf-8")
    used = {name for text in sources for name in re.findall(r'"[^"\n]*\$([a-z-]+)[^"\n]*"', text)}
    used |= set(re.findall(r"(?:color|background)[a-z-]*: \$([a-z-]+)", styles))
    assert used <= {*TEXTS, *BACKGROUNDS, "border"}, "border draws lines and scroll bars, no text"
    assert not re.search(r"#[0-9a-fA-F]{6}|rgb\(", styles)


def test_the_own_themes_are_dark_light_and_high_contrast() -> None:
    assert list(OWN) == ["dark", "light", "high-contrast"]
    assert (DARK.dark, LIGHT.dark, HIGH_CONTRAST.dark) == (True, False, True)


def test_every_coloured_kind_has_a_sign_or_word_of_its_own() -> None:
    for glyphs in (UNICODE, ASCII):
        assert set(glyphs.fit) == set(FIT_STYLES)
        assert len(set(glyphs.fit.values())) == len(FIT_STYLES)
        assert set(glyphs.fills) == set(SEGMENT_STYLES)
        assert len(set(glyphs.fills.values())) == len(SEGMENT_STYLES)
        assert glyphs.better != glyphs.worse
    assert set(CONFIDENCE_STYLES) == set(get_args(Confidence))


async def test_fit_change_confidence_and_bottleneck_can_be_read_without_colour(
    world: SimpleNamespace, settle: Settle, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = AdvisorApp(Question(), rig=world.rig, rig_path="example.json", glyphs=UNICODE)
    async with app.run_test(size=(120, 40)) as pilot:
        assert app.theme == "ansi-dark"
        await settle(pilot)
        await pilot.press("n")
        await settle(pilot)
        text = screen(app)
        for word in ("● full", "◐ offload", "○ +", "bound by"):
            assert word in text
        await pilot.press("w")
        await settle(pilot)
        await pilot.press("1")
        await settle(pilot)
        text = screen(app)
        assert re.search(r"▲×\d", text)
        assert "bound by" in text
        await pilot.press("escape", "i")
        await settle(pilot)
        assert "reported" in screen(app)
        assert "unknown" in screen(app)
