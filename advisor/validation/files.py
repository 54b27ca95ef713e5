"""Opening a measurement file, of whatever kind: its content decides, not its name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from advisor.validation.llama_bench import bench_cases
from advisor.validation.rows import Case, csv_cases, csv_kinds
from probes.types import Rig, RigError

MAX_FILE_BYTES = 256 * 1024**2


def read_file(path: Path, rig: Rig | None) -> tuple[str, Iterator[tuple[str, Case | str]]]:
    """The kind of a file and its rows as (id, case or the reason for skipping it), in file order.

    Raises:
        RigError: the file cannot be read or is of no known kind.
    """
    wanted = "give llama-bench output (-o csv, json, jsonl or md) or a CSV file of measurements"
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise RigError(f"{path}: larger than {MAX_FILE_BYTES // 1024**2} MiB; {wanted}")
        text = path.read_text("utf-8-sig")
    except (OSError, ValueError) as error:
        raise RigError(f"{path}: cannot be read ({error}); {wanted}") from error
    found = csv_cases(text, rig) or bench_cases(text, rig)
    if found is None:
        known = ", ".join(csv_kinds())
        raise RigError(f"{path}: nothing in it is understood; {wanted} of these kinds: {known}")
    return found
