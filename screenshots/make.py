"""Screenshots of the running app on fixed example rigs, as SVG and PNG.

    python screenshots/make.py [NAME…]

Each rig in ``screenshots/rigs`` was printed by ``rig-advisor rig --json`` or ``probe --json``.  The
app runs headless; PNGs need resvg-py and a monospace font with box drawing (DejaVu Sans Mono or
Fira Code), and are skipped with a message where either is missing.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

from textual.pilot import Pilot

from advisor.core.question import Question
from advisor.tui.app import AdvisorApp
from probes.rigfile import load_rig

HERE = Path(__file__).parent
FONTS = ("DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf")
FONT_FOLDERS = (
    Path("/usr/share/fonts"),
    Path("/usr/local/share/fonts"),
    Path("/Library/Fonts"),
    Path.home() / ".local/share/fonts",
)


@dataclass(frozen=True)
class Shot:
    """One picture: a rig, the keys pressed, the terminal's size."""

    name: str
    rig: str
    keys: tuple[str, ...] = ()
    size: tuple[int, int] = (120, 40)
    use: str = "chat"


SHOTS = (
    Shot("rtx4090-ranking", "rtx4090"),
    Shot("rtx4090-why", "rtx4090", ("down", "down", "enter")),
    Shot("rtx4090-what-if", "rtx4090", ("w", "1", "2", "4")),
    Shot("rtx4090-80x24", "rtx4090", (), (80, 24)),
    Shot("m3max-ranking", "m3max", (), use="coding"),
    Shot("2x3090-ranking", "2x3090", (), use="agent"),
    Shot("strix-halo-ranking", "strix-halo"),
    Shot("laptop-ranking", "laptop"),
    Shot("laptop-what-if", "laptop", ("w", "1", "2")),
    Shot("vm-ranking", "vm"),
    Shot("vm-rig", "vm", ("i",)),
    Shot("rtx4090-help", "rtx4090", ("question_mark",)),
    Shot("2x3090-topology", "2x3090", ("m",)),
)


async def svg_of(shot: Shot) -> str:
    """The app's screen after the keys, as SVG."""
    rig = load_rig(str(HERE / "rigs" / f"{shot.rig}.json"))
    app = AdvisorApp(Question(use=shot.use), rig=rig)
    async with app.run_test(size=shot.size) as pilot:
        await _settle(app, pilot)
        for key in shot.keys:
            await pilot.press(key)
            await _settle(app, pilot)
        return app.export_screenshot(title=f"rig advisor – {rig.name}")


async def _settle(app: AdvisorApp, pilot: Pilot[None]) -> None:
    """Wait until workers are done and the screen is drawn."""
    for _ in range(4):  # a finished worker may start the next one after a short delay
        await app.workers.wait_for_complete()
        await pilot.pause(0.25)


def font_files() -> list[str]:
    """The fonts for the PNGs that are installed here."""
    found = []
    for folder in FONT_FOLDERS:
        if folder.is_dir():
            found += [str(p) for p in sorted(folder.rglob("*.ttf")) if p.name in FONTS]
    return found


def png_of(svg: str, fonts: list[str]) -> bytes:
    """The picture rendered with a local font instead of the web font that the SVG names."""
    import resvg_py

    text = svg.replace("Fira Code", "DejaVu Sans Mono")
    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=text, font_files=fonts, skip_system_fonts=True, monospace_family="DejaVu Sans Mono"
        )
    )


def main(names: list[str]) -> int:
    """Make the named pictures, or all."""
    unknown = set(names) - {shot.name for shot in SHOTS}
    if unknown:
        print(f"no picture is called {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    fonts = font_files()
    if not fonts:
        print("no DejaVu Sans Mono found: SVGs only", file=sys.stderr)
    for shot in SHOTS:
        if names and shot.name not in names:
            continue
        svg = asyncio.run(svg_of(shot))
        (HERE / f"{shot.name}.svg").write_text(svg, "utf-8")
        if fonts:
            (HERE / f"{shot.name}.png").write_bytes(png_of(svg, fonts))
        print(shot.name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
