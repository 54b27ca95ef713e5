"""The sizes that are read without NumPy are those of the whole table."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from catalog import file_sizes as module
from catalog.file_sizes import file_sizes, native_file_type
from catalog.models import load_models
from catalog.types import CatalogError
from catalog.weights import weights_for


@pytest.mark.parametrize("quant", ["Q4_K_M", "MXFP4_MOE"])
def test_sizes_are_those_that_are_counted_tensor_by_tensor(quant: str) -> None:
    sizes = file_sizes(quant)
    estimated = [m for m in load_models() if m.not_estimated_because is None]
    assert set(sizes) == {m.id for m in estimated}
    chosen = [*estimated[::80], *(m for m in estimated if native_file_type(m))]
    assert {m.id: sizes[m.id] for m in chosen} == {m.id: sum(weights_for(m, quant).values()) for m in chosen}


def test_what_is_broken_or_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CatalogError, match="has no file type Q9"):
        file_sizes("Q9")
    for content in (b"nothing", zlib.compress(b"{}"), None):
        path = tmp_path / "weights.bin"
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        monkeypatch.setattr(module, "DATA", path)
        module._columns.cache_clear()
        with pytest.raises(CatalogError, match="reinstall"):
            file_sizes.__wrapped__("Q4_K_M")
    module._columns.cache_clear()
