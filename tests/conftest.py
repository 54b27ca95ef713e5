"""Every test runs with a cache folder of its own and a neutral terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True, scope="session")
def isolated_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("cache")
    patch = pytest.MonkeyPatch()
    patch.setenv("RIG_ADVISOR_CACHE_DIR", str(folder))
    patch.setenv("LC_ALL", "C.UTF-8")
    for name in ("NO_COLOR", "FORCE_COLOR", "TEXTUAL_THEME", "RIG_ADVISOR_ASCII"):
        patch.delenv(name, raising=False)
    yield folder
    patch.undo()
