"""Reading the CSV files of ``catalog/data``: ``#`` lines are the header that states their grammar."""

from __future__ import annotations

import csv
from pathlib import Path

from catalog.types import CatalogError

DATA = Path(__file__).with_name("data")


def rows(name: str) -> list[dict[str, str]]:
    """All rows of a data file.

    Raises:
        CatalogError: the file cannot be read.
    """
    try:
        lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise CatalogError(f"cannot read {name}: {error.strerror}; reinstall the package") from error
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))
