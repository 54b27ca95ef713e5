"""Build ``catalog/data/weights.bin``: the bytes of every model in every file type.

    python -m catalog.build.weights [--check]

Everything follows from ``models.jsonl``, the tensor tables and the mixing rules, so the result is the
same on every run; ``--check`` compares instead of writing and exits with 1 when the file would change.
Models of the same shape share their rows.
"""

from __future__ import annotations

import argparse
import sys
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from catalog.ggml import ggml_types
from catalog.mixing import FILE_TYPES
from catalog.models import read_source
from catalog.tensors import UnsupportedArchitectureError
from catalog.types import Model, Role
from catalog.weight_table import DATA, packed
from catalog.weights import Weighing

Arrays = dict[str, np.ndarray]


def shape_key(model: Model) -> str:
    """Text that is equal for models whose tables and rules are equal."""
    blank = replace(
        model,
        id="",
        name="",
        organization="",
        family="",
        license=None,
        release_date=None,
        modality=(),
        tool_use=None,
        stage="",
        total_params=0,
        active_params=0,
        published_params=None,
        check="",
        gguf_repos=(),
        aliases=(),
        source="",
        not_estimated_because=None,
        variant_of=None,
        variant_kind=None,
        vision_params=None,
        dense_tensors=0,
        expert_tensors=0,
        extra=dict(sorted(model.extra.items())),
    )
    return repr(blank)


def build(models: Sequence[Model]) -> tuple[Arrays, dict[str, str]]:
    """Arrays of the file, and why models are missing."""
    quants, roles, types = list(FILE_TYPES), list(Role), list(ggml_types())
    shapes: dict[str, int] = {}
    names: list[str] = []
    shape_of: list[int] = []
    starts = [0]
    rows: list[tuple[int, int, int, int]] = []
    left_out: dict[str, str] = {}
    for model in sorted(models, key=lambda m: m.id):
        key = shape_key(model)
        if key not in shapes:
            try:
                rows += _rows_of(model, quants, roles, types)
            except UnsupportedArchitectureError as error:
                left_out[model.id] = error.reason
                continue
            shapes[key] = len(starts) - 1
            starts.append(len(rows))
        names.append(model.id)
        shape_of.append(shapes[key])
    quant_index, role_index, type_index, sizes = zip(*rows, strict=True)
    arrays = {
        "models": _text(names),
        "quants": _text(quants),
        "roles": _text([role.value for role in roles]),
        "types": _text(types),
        "shape_of": np.array(shape_of, dtype=np.uint16),
        "starts": np.array(starts, dtype=np.uint32),
        "quant_index": np.array(quant_index, dtype=np.uint8),
        "role_index": np.array(role_index, dtype=np.uint8),
        "type_index": np.array(type_index, dtype=np.uint8),
        "bytes": np.array(sizes, dtype=np.int64),
    }
    return arrays, left_out


def _text(names: Sequence[str]) -> np.ndarray:
    """Names as the bytes of lines: an array of strings takes four bytes per letter, padded to the longest."""
    return np.frombuffer("\n".join(names).encode(), dtype=np.uint8)


def _rows_of(
    model: Model, quants: Sequence[str], roles: Sequence[Role], types: Sequence[str]
) -> list[tuple[int, int, int, int]]:
    weighing = Weighing(model)
    rows = []
    for q, quant in enumerate(quants):
        found = weighing.by_role_and_type(quant)
        rows += sorted((q, roles.index(r), types.index(kind), size) for (r, kind), size in found.items())
    return rows


def same(path: Path, arrays: Arrays) -> bool:
    """Whether a file holds exactly these arrays."""
    return path.exists() and zlib.decompress(path.read_bytes()) == packed(arrays)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="catalog.build.weights", description=f"Build catalog/data/{DATA.name}"
    )
    parser.add_argument("--check", action="store_true", help="compare with the shipped file, write nothing")
    options = parser.parse_args(arguments)
    arrays, left_out = build([m for m in read_source() if m.not_estimated_because is None])
    for identifier, reason in left_out.items():
        print(f"left out: {identifier}: {reason}", file=sys.stderr)
    print(
        f"{len(arrays['shape_of'])} models of {len(arrays['starts']) - 1} shapes, "
        f"{len(arrays['bytes'])} rows",
        file=sys.stderr,
    )
    unchanged = same(DATA, arrays)
    if options.check:
        print("unchanged" if unchanged else "would change", file=sys.stderr)
        return 0 if unchanged else 1
    if not unchanged:
        DATA.write_bytes(zlib.compress(packed(arrays), 9))
    return 0


if __name__ == "__main__":
    sys.exit(main())
