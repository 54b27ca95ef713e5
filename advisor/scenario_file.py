"""Scenarios in a file the user names: a small TOML, written and read back.

schema = "rig-advice/scenarios/1"

[[scenario]]
name = "second 3090"
edits = ["add-gpu RTX 3090", "link nvlink"]
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from advisor.core.changes import WhatIfError
from advisor.scenario import split_edit

SCHEMA = "rig-advice/scenarios/1"
_MAX_FILE_BYTES = 1024**2
_HEADER = (
    "# What-if scenarios of rig-advisor; 'rig-advisor what-if --load FILE' compares them.\n"
    "# edits: what the rig is to change, as in 'what-if --ram 2x32GB:DDR5-6000'.\n"
)


@dataclass(frozen=True, slots=True)
class SavedScenario:
    """A name and the (verb, value) edits that make it."""

    name: str
    edits: tuple[tuple[str, str], ...]


def load_scenarios(path: Path) -> tuple[SavedScenario, ...]:
    """The scenarios of a file, in its order.

    Raises:
        WhatIfError: the file cannot be read, or is not such a file; the text says what is wrong.
    """
    try:
        data = path.read_bytes()
        if len(data) > _MAX_FILE_BYTES:
            raise WhatIfError(f"{path}: {len(data):,} bytes are no scenario file")
        document = tomllib.loads(data.decode("utf-8"))
    except OSError as error:
        raise WhatIfError(
            f"{path}: cannot be read ({error.strerror}); 'what-if --save {path}' makes one"
        ) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise WhatIfError(f"{path}: not TOML ({' '.join(str(error).split())})") from error
    unknown = sorted(set(document) - {"schema", "scenario"})
    if document.get("schema", SCHEMA) != SCHEMA or unknown:
        what = f"unknown key {unknown[0]!r}" if unknown else f"schema {document['schema']!r}"
        raise WhatIfError(f"{path}: {what}; a scenario file has schema = {SCHEMA!r} and [[scenario]] tables")
    entries = document.get("scenario", [])
    if not isinstance(entries, list) or not entries:
        raise WhatIfError(f"{path}: no [[scenario]] in it")
    found = tuple(_scenario(entry, f"{path}, scenario {n}") for n, entry in enumerate(entries, 1))
    names = [scenario.name for scenario in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise WhatIfError(f"{path}: two scenarios are called {twice!r}; give each a name of its own")
    return found


def _scenario(entry: Any, where: str) -> SavedScenario:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str) or not entry["name"].strip():
        raise WhatIfError(f'{where}: needs name = "…"')
    unknown = sorted(set(entry) - {"name", "edits"})
    if unknown:
        raise WhatIfError(f"{where}: unknown key {unknown[0]!r}; it has name and edits")
    edits = entry.get("edits")
    if not isinstance(edits, list) or not edits or not all(isinstance(edit, str) for edit in edits):
        raise WhatIfError(f'{where}: needs edits, for example edits = ["add-gpu RTX 3090"]')
    try:
        return SavedScenario(entry["name"].strip(), tuple(split_edit(edit) for edit in edits))
    except WhatIfError as error:
        raise WhatIfError(f"{where}: {error}") from error


def save_scenarios(path: Path, scenarios: Sequence[SavedScenario]) -> None:
    """Write scenarios; those of other names that the file holds already stay in it.

    Raises:
        WhatIfError: the file cannot be written, or is there and is no scenario file.
    """
    kept = load_scenarios(path) if path.exists() else ()
    new = {scenario.name: scenario for scenario in scenarios}
    merged = [new.pop(old.name, old) for old in kept]
    try:
        path.write_text(scenarios_toml([*merged, *new.values()]), encoding="utf-8")
    except OSError as error:
        raise WhatIfError(f"{path}: cannot be written ({error.strerror}); choose another place") from error


def scenarios_toml(scenarios: Sequence[SavedScenario]) -> str:
    """The file of scenarios as text."""
    return "\n".join([_HEADER + f"schema = {_quoted(SCHEMA)}\n", *map(_table, scenarios)])


def saved_scenario(text: str) -> SavedScenario:
    """A scenario of the edit language: named by its ``name`` edit, else after its changes.

    Raises:
        WhatIfError: an unknown verb or a missing value.
    """
    edits = [split_edit(part) for part in text.split(",") if part.strip()]
    names = [value for verb, value in edits if verb == "name"]
    rest = tuple(edit for edit in edits if edit[0] != "name")
    return SavedScenario(names[-1] if names else ", ".join(f"{v} {value}" for v, value in rest), rest)


def _table(scenario: SavedScenario) -> str:
    edits = "".join(f"  {_quoted(f'{verb} {value}')},\n" for verb, value in scenario.edits)
    return f"[[scenario]]\nname = {_quoted(scenario.name)}\nedits = [\n{edits}]\n"


def _quoted(text: str) -> str:
    """A TOML basic string: its escapes are those of JSON, and DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
