"""Write the large tables of the catalog a second time, in the form that is fast to load.

    python -m catalog.build.compiled [--check]

Run it after a change of ``models.jsonl``, ``accelerators.csv``, ``cpu_families.csv`` or ``cpus.csv``;
``--check`` compares instead of writing and exits with 1 when a file would change.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

from catalog import hardware, models
from catalog.compiled import DATA, text_of

TABLES: dict[str, Callable[[], tuple[Any, ...]]] = {
    "models": models.read_source,
    "accelerators": hardware.read_accelerators,
    "cpu_families": hardware.read_cpu_families,
    "cpus": hardware.read_cpus,
}
"""Name of the compiled file and how its reviewed source is read."""


def write() -> list[str]:
    """Write the files that differ from their sources; their names."""
    DATA.mkdir(exist_ok=True)
    changed = stale()
    for name in changed:
        (DATA / f"{name}.json").write_text(text_of(TABLES[name]()), encoding="utf-8")
    return changed


def stale() -> list[str]:
    """Tables whose compiled file is not what their source makes."""
    result = []
    for name, read in TABLES.items():
        path = DATA / f"{name}.json"
        if not path.exists() or path.read_text(encoding="utf-8") != text_of(read()):
            result.append(name)
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(prog="catalog.build.compiled", description="Compile the large tables.")
    parser.add_argument("--check", action="store_true", help="compare with the shipped files, write nothing")
    check = parser.parse_args(arguments).check
    changed = stale() if check else write()
    for name in changed:
        print(f"{name}.json {'would change' if check else 'written'}", file=sys.stderr)
    return 1 if check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
