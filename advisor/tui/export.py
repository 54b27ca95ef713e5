"""Writing documents to files that do not exist yet."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_document(document: Mapping[str, Any], stem: str, folder: Path) -> Path:
    """Write JSON to ``stem.json``, or ``stem-2.json`` and so on; nothing is overwritten.

    Raises:
        OSError: the folder cannot be written to.
    """
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    number = 1
    while True:
        path = folder / (f"{stem}.json" if number == 1 else f"{stem}-{number}.json")
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            number += 1
            continue
        return path
