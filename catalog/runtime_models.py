"""Which architectures a runtime has, where that was read in its source."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from catalog.datafile import rows
from catalog.types import CatalogError, Model

_FILE = "runtime_models.csv"


@dataclass(frozen=True, slots=True)
class RuntimeModels:
    """The architectures of one release of a runtime."""

    version: str
    architectures: frozenset[str]
    source: str


@lru_cache(maxsize=1)
def _table() -> dict[str, RuntimeModels]:
    try:
        return {
            row["runtime"]: RuntimeModels(
                row["version"], frozenset(row["architectures"].split()), row["source"]
            )
            for row in rows(_FILE)
        }
    except (KeyError, AttributeError) as error:
        raise CatalogError(f"{_FILE} is broken ({error}); reinstall the package") from error


def lacks(runtime: str, model: Model) -> str | None:
    """Why a runtime cannot load a model: its release has no such architecture.  ``None`` where it has, or
    where nobody read which ones it has.

    Raises:
        CatalogError: the data file is missing or broken.
    """
    known = _table().get(runtime)
    if known is None or model.architecture in known.architectures:
        return None
    return f"{known.version} has no architecture {model.architecture!r}"
