"""Writing documents to files that do not exist yet."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SUFFIXES: Mapping[str, str] = {"json": "json", "csv": "csv", "markdown": "md", "svg": "svg"}
"""Ending of the file by format."""


def plain_svg(svg: str) -> str:
    """A picture of the screen without the web fonts it names: looking at it asks no server for anything."""
    svg = re.sub(r"\s*@font-face\s*\{[^}]*\}", "", svg)
    return svg.replace("font-family: Fira Code, monospace", _FONTS)


_FONTS = "font-family: Fira Code, DejaVu Sans Mono, Menlo, Consolas, monospace"


def text_of(document: str | Mapping[str, Any]) -> str:
    """A document as text: a mapping as JSON, anything else as it is; ends in one line feed."""
    if not isinstance(document, str):
        document = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    return document.rstrip("\n") + "\n"


def write_text(text: str, stem: str, suffix: str, folder: Path) -> Path:
    """Write a text to ``stem.suffix``, or ``stem-2.suffix`` and so on; nothing is overwritten.

    Raises:
        OSError: the folder cannot be written to.
    """
    number = 1
    while True:
        path = folder / (f"{stem}.{suffix}" if number == 1 else f"{stem}-{number}.{suffix}")
        try:
            with path.open("x", encoding="utf-8", newline="") as file:
                file.write(text)
        except FileExistsError:
            number += 1
            continue
        return path
