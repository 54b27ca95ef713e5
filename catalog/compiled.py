"""Tables of the catalog in the form that is fast to load: columns instead of records.

The reviewed data are ``models.jsonl`` and the CSV files; ``catalog.build.compiled`` writes each of the
large ones a second time under ``data/compiled``, and a test compares the two.  A file is one JSON object:

    rows     number of records
    tuples   fields whose lists are tuples
    columns  by field: a list of all values, or {"values": [...]} with the distinct values and, where
             there is more than one, "index": which of them each record has

Fields are set column by column through the slots of the class: a record-wise construction of frozen
classes takes twice as long.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable
from dataclasses import fields
from itertools import repeat
from pathlib import Path
from typing import Any, TypeVar

from catalog.types import CatalogError

DATA = Path(__file__).with_name("data") / "compiled"

T = TypeVar("T")


def read(name: str, kind: type[T]) -> tuple[T, ...]:
    """All records of a compiled table, in order; ``kind`` is their frozen, slotted dataclass.

    Raises:
        CatalogError: the file is missing or broken, or made for other fields.
    """
    try:
        table: dict[str, Any] = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
        return _records(table, kind)
    except OSError as error:
        raise CatalogError(f"cannot read {name}.json: {error.strerror}; reinstall the package") from error
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise CatalogError(
            f"{name}.json is broken ({error}); reinstall, or run python -m catalog.build.compiled"
        ) from error


def _records(table: dict[str, Any], kind: type[T]) -> tuple[T, ...]:
    n, tuples, columns = table["rows"], frozenset(table["tuples"]), table["columns"]
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    if set(names) != set(columns):
        raise ValueError(f"fields {', '.join(sorted(set(names) ^ set(columns)))} do not match")
    records = tuple(map(kind.__new__, repeat(kind, n)))
    for name in names:
        deque(map(getattr(kind, name).__set__, records, _values(columns[name], name in tuples, n)), maxlen=0)
    return records


def _values(column: Any, is_tuple: bool, n: int) -> Iterable[Any]:
    """The values of one field, one per record."""
    stated = column["values"] if isinstance(column, dict) else column
    values = [tuple(value) for value in stated] if is_tuple else stated
    if not isinstance(column, dict):
        if len(values) != n:
            raise ValueError(f"a column of {len(values)} values for {n} records")
        return values
    index = column.get("index")
    if index is None:
        return repeat(values[0], n)
    if len(index) != n:
        raise ValueError(f"an index of {len(index)} for {n} records")
    return map(values.__getitem__, index)


def text_of(records: Iterable[Any]) -> str:
    """The file of a table, one line per column."""
    rows = list(records)
    names = [field.name for field in fields(rows[0])]
    tuples = [name for name in names if isinstance(getattr(rows[0], name), tuple)]
    lines = ",\n".join(
        f'  "{name}": {_dump(_column([getattr(row, name) for row in rows]))}' for name in names
    )
    return f'{{"rows": {len(rows)}, "tuples": {_dump(tuples)}, "columns": {{\n{lines}\n}}}}\n'


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=dict)


def _column(values: list[Any]) -> Any:
    """Distinct values and an index where that is shorter."""
    texts = [_dump(value) for value in values]
    distinct = {text: i for i, text in enumerate(dict.fromkeys(texts))}
    if len(distinct) > len(texts) // 2 and len(distinct) > 1:
        return values
    stated: dict[str, Any] = {"values": [json.loads(text) for text in distinct]}
    if len(distinct) > 1:
        stated["index"] = [distinct[text] for text in texts]
    return stated
