"""The settings in effect, as text and JSON."""

from __future__ import annotations

from typing import Any

from advisor.report.table import Column, text_table
from advisor.settings import BUILT_IN, LOOKS, NAMES, Loaded

MEANINGS = {
    "theme": "dark, light, high-contrast, Textual's",
    "units": "of memory sizes: GiB or GB",
    "glyphs": "auto, unicode or ascii",
    "context": "tokens per user",
    "users": "simultaneous users",
    "use": "chat, coding, agent, rag, reasoning",
    "kv_type": "KV cache type",
    "runtime": "what runs the model",
    "min_speed": "least tok/s per user, 0 for any",
    "sort": "order of the list",
}


def shown(name: str, value: object) -> str:
    """A value as a person would type it."""
    return f"{value:g}" if name == "min_speed" and isinstance(value, float) else str(value)


def _source(loaded: Loaded, name: str) -> str:
    variable = loaded.variables.get(name)
    return f"environment, {variable}" if variable else loaded.source(name)


def settings_text(loaded: Loaded) -> str:
    """A line for every setting: value, where it comes from, what it is."""
    rows = [
        (name, shown(name, getattr(loaded.settings, name)), _source(loaded, name), MEANINGS[name])
        for name in NAMES
    ]
    rows += [(f"keys.{name}", key, "file", "") for name, key in sorted(loaded.settings.keys.items())]
    columns = (Column("setting"), Column("value"), Column("from"), Column("meaning"))
    there = "" if loaded.found else " (there is none yet)"
    return "\n".join(
        [
            text_table(columns, rows),
            "",
            f"file: {loaded.path}{there}",
            "A flag of a command comes first, then the environment, the file, the default.",
            "change: rig-advisor settings set NAME VALUE    back: rig-advisor settings reset [NAME]",
        ]
    )


def settings_document(loaded: Loaded) -> dict[str, Any]:
    """The same as JSON."""
    return {
        "schema": "rig-advice/settings/1",
        "file": str(loaded.path),
        "file_exists": loaded.found,
        "settings": [
            {
                "name": name,
                "group": "looks" if name in LOOKS else "defaults",
                "value": getattr(loaded.settings, name),
                "default": getattr(BUILT_IN, name),
                "source": loaded.source(name),
                "variable": loaded.variables.get(name),
            }
            for name in NAMES
        ],
        "keys": [
            {"binding": name, "keys": [key.strip() for key in text.split(",")]}
            for name, text in sorted(loaded.settings.keys.items())
        ],
    }
