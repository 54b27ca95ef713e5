"""Screenshots of every view of the running app on six example rigs, and the demo; one command makes all.

    python screenshots/make.py [NAME…]

Each rig in ``screenshots/rigs`` was printed by ``rig-advisor rig --json`` or ``probe --json``.  The app
runs headless, each picture is its own screen after the keys named here: nothing is drawn by hand.  PNGs
and the demo need the development extra (resvg-py, Pillow) and a font with box drawing and braille: DejaVu
Sans Mono and DejaVu Sans.
"""

from __future__ import annotations

import asyncio
import html
import io
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from advisor.core.question import Question
from advisor.tui.app import AdvisorApp
from advisor.tui.export import plain_svg
from advisor.tui.glyphs import ASCII, UNICODE
from probes.rigfile import load_rig

HERE = Path(__file__).parent
FONTS = ("DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf", "DejaVuSans.ttf")
FONT_FOLDERS = (
    Path("/usr/share/fonts"),
    Path("/usr/local/share/fonts"),
    Path("/Library/Fonts"),
    Path.home() / ".local/share/fonts",
)
COLOURS = 128
"""Colours of a picture: a terminal's screen has few, and the file is a fifth of the full one."""

RIGS = {
    "rtx4090": "chat",
    "2x3090": "agent",
    "m3max": "coding",
    "strix-halo": "chat",
    "laptop": "chat",
    "vm": "chat",
}
"""The example rigs with the use case that they are shown for."""

VIEWS: dict[str, tuple[str, ...]] = {
    "ranking": (),
    "why": ("down", "down", "enter"),
    "what-if": ("w", "1", "2"),
    "upgrade": ("slash", "7", "0", "b", "enter", "b"),
    "compare": ("space", "down", "down", "space", "v"),
    "models": ("M",),
    "topology": ("m",),
    "rig": ("i",),
    "picture": ("slash", "7", "0", "b", "enter", "p"),
    "settings": ("comma",),
    "help": ("question_mark",),
}
"""The keys to every view."""


@dataclass(frozen=True)
class Shot:
    """One picture: a rig, the keys pressed, the terminal's size and looks."""

    name: str
    rig: str
    keys: tuple[str, ...] = ()
    size: tuple[int, int] = (120, 40)
    theme: str | None = None
    ascii: bool = False


SHOTS = (
    *(Shot(f"{rig}-{view}", rig, keys) for rig in RIGS for view, keys in VIEWS.items()),
    Shot("rtx4090-80x24", "rtx4090", (), (80, 24)),
    Shot("rtx4090-200x60", "rtx4090", (), (200, 60)),
    Shot("rtx4090-light", "rtx4090", theme="rig-light"),
    Shot("rtx4090-high-contrast", "rtx4090", theme="rig-high-contrast"),
    Shot("rtx4090-ascii", "rtx4090", (), (80, 24), ascii=True),
)

DEMO_RIG, DEMO_SIZE = "rtx4090", (110, 30)
DEMO: tuple[tuple[str | None, int], ...] = (
    (None, 1800),
    ("c", 1200),
    ("plus", 250),
    ("plus", 250),
    ("plus", 250),
    ("plus", 1800),
    ("down", 400),
    ("down", 900),
    ("enter", 2600),
    ("pagedown", 1800),
    ("escape", 600),
    ("w", 1600),
    ("1", 2600),
    ("escape", 600),
    ("slash", 400),
    *((letter, 180) for letter in "70b"),
    ("enter", 900),
    ("b", 3200),
    ("escape", 400),
    ("m", 2400),
)
"""The demo's keys, and how long each of their screens stays, in milliseconds."""


def app_of(shot: Shot) -> AdvisorApp:
    """The app as the picture wants it."""
    rig = load_rig(str(HERE / "rigs" / f"{shot.rig}.json"))
    app = AdvisorApp(Question(use=RIGS[shot.rig]), rig=rig, glyphs=ASCII if shot.ascii else UNICODE)
    if shot.theme:
        app.theme = shot.theme
    return app


async def svg_of(shot: Shot) -> str:
    """The app's screen after the keys, as SVG."""
    app = app_of(shot)
    async with app.run_test(size=shot.size) as pilot:
        await _settle(app, pilot)
        for key in shot.keys:
            await pilot.press(key)
            await _settle(app, pilot)
        return plain_svg(app.export_screenshot(title=title_of(app)))


async def demo_frames() -> list[tuple[str, int]]:
    """The demo's screens as SVG, and how long each stays."""
    app = app_of(Shot("demo", DEMO_RIG))
    frames = []
    async with app.run_test(size=DEMO_SIZE) as pilot:
        for key, stays_ms in DEMO:
            if key is not None:
                await pilot.press(key)
            await _settle(app, pilot)
            frames.append((plain_svg(app.export_screenshot(title=title_of(app))), stays_ms))
    return frames


def title_of(app: AdvisorApp) -> str:
    """What stands above the picture."""
    return f"rig advisor – {app.state.rig.name if app.state.rig else ''}"


async def _settle(app: AdvisorApp, pilot: Pilot[None]) -> None:
    """Wait until workers are done and the screen is drawn."""
    for _ in range(3):  # a finished worker may start the next one after a short delay
        await app.workers.wait_for_complete()
        await pilot.pause(0.2)


def font_files() -> list[str]:
    """The fonts that are installed here."""
    found = []
    for folder in FONT_FOLDERS:
        if folder.is_dir():
            found += [str(p) for p in sorted(folder.rglob("*.ttf")) if p.name in FONTS]
    return found


_TEXT = re.compile(
    r'<text (?P<style>class="[^"]*") x="(?P<x>[^"]*)" y="(?P<y>[^"]*)" textLength="(?P<length>[^"]*)"'
    r"(?P<clip>[^>]*)>(?P<text>[^<]*)</text>"
)
_BRAILLE = re.compile("[\u2800-\u28ff]+|[^\u2800-\u28ff]+")


def _apart(found: re.Match[str]) -> str:
    """A text with braille in pieces that each start at their own cell: its font has other widths."""
    text = html.unescape(found["text"])
    pieces = _BRAILLE.findall(text)
    if len(pieces) < 2:
        return found.group()
    cell = float(found["length"]) / len(text)
    at = float(found["x"])
    out = []
    for piece in pieces:
        length = cell * len(piece)
        escaped = html.escape(piece, quote=False).replace(" ", "&#160;")
        out.append(
            f'<text {found["style"]} x="{at:g}" y="{found["y"]}" textLength="{length:g}"'
            f"{found['clip']}>{escaped}</text>"
        )
        at += length
    return "".join(out)


def image_of(svg: str, fonts: list[str]) -> Any:
    """The picture, drawn with local fonts, in few colours."""
    import resvg_py
    from PIL import Image

    text = _TEXT.sub(_apart, svg).replace("Fira Code", "DejaVu Sans Mono").replace("arial", "DejaVu Sans")
    data = resvg_py.svg_to_bytes(
        svg_string=text, font_files=fonts, skip_system_fonts=True, monospace_family="DejaVu Sans Mono"
    )
    image = Image.open(io.BytesIO(bytes(data))).convert("RGB")
    return image.quantize(COLOURS, dither=Image.Dither.NONE)


def make_demo(fonts: list[str]) -> None:
    """The animated picture of the README."""
    frames = asyncio.run(demo_frames())
    images = [image_of(svg, fonts) for svg, _ in frames]
    images[0].save(
        HERE / "demo.gif",
        save_all=True,
        append_images=images[1:],
        duration=[stays_ms for _, stays_ms in frames],
        loop=0,
        optimize=True,
    )


def main(names: list[str]) -> int:
    """Make the named pictures, or all."""
    # The maker's own settings neither change the pictures nor show in them.
    os.environ["RIG_ADVISOR_CONFIG"] = "settings.toml"
    known = {shot.name for shot in SHOTS} | {"demo"}
    unknown = set(names) - known
    if unknown:
        print(f"no picture is called {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    fonts = font_files()
    if not any(Path(font).name == FONTS[0] for font in fonts):
        print(f"no {FONTS[0]} found: install the DejaVu fonts", file=sys.stderr)
        return 1
    for shot in SHOTS:
        if not names or shot.name in names:
            image_of(asyncio.run(svg_of(shot)), fonts).save(HERE / f"{shot.name}.png", optimize=True)
            print(shot.name)
    if not names or "demo" in names:
        make_demo(fonts)
        print("demo")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
