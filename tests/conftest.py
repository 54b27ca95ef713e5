"""Every test runs with a cache folder and a file of settings of its own and a neutral terminal.

Hypothesis takes the same examples in every run, so that a change and not chance decides; with
``HYPOTHESIS_PROFILE=explore`` it takes new ones.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from advisor.settings import NAMES

settings.register_profile("steady", derandomize=True)
settings.register_profile("explore", derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


_SETTINGS = tuple(f"RIG_ADVISOR_{name.upper()}" for name in NAMES)


@pytest.fixture(autouse=True, scope="session")
def isolated_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("cache")
    patch = pytest.MonkeyPatch()
    patch.setenv("RIG_ADVISOR_CACHE_DIR", str(folder))
    patch.setenv("RIG_ADVISOR_CONFIG", str(folder / "settings.toml"))
    patch.setenv("LC_ALL", "C.UTF-8")
    for name in ("NO_COLOR", "FORCE_COLOR", "TEXTUAL_THEME", "RIG_ADVISOR_ASCII", *_SETTINGS):
        patch.delenv(name, raising=False)
    yield folder
    patch.undo()
