"""Where MLX files of a model are published; read only when a single model is shown."""

from __future__ import annotations

from functools import lru_cache

from catalog.datafile import rows
from catalog.types import CatalogError, Model

_FILE = "mlx_repos.csv"


@lru_cache(maxsize=1)
def _by_model() -> dict[str, tuple[str, ...]]:
    """Repositories by model id.

    Raises:
        CatalogError: the data file is missing or broken.
    """
    try:
        return {row["model"]: tuple(row["repos"].split()) for row in rows(_FILE)}
    except (KeyError, AttributeError) as error:
        raise CatalogError(f"{_FILE} is broken ({error}); reinstall the package") from error


def mlx_repos(model: Model) -> tuple[str, ...]:
    """Known repositories with MLX files of this very model; empty where none is known."""
    return _by_model().get(model.id, ())
