"""Memory that backends, platforms and runtimes take or reserve, as data with their source.

The values live in ``data/memory_model.json``; ``None`` where no source gives a number.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

from catalog.types import CatalogError

_FILE = "memory_model.json"
_BACKEND_NAMES = {"hip": "rocm", "oneapi": "sycl"}


def context_bytes(backend: str) -> int | None:
    """Bytes that a runtime's context takes on one device of a backend (``cuda``, ``metal`` …)."""
    name = backend.lower()
    return _whole("backends", _BACKEND_NAMES.get(name, name), "context_bytes")


def display_bytes(platform: str) -> int | None:
    """Bytes of GPU memory that the display takes on a platform (``linux``, ``macos``, ``windows``)."""
    return _whole("platforms", platform.lower(), "display_bytes")


def gpu_share(platform: str, memory_bytes: int) -> float | None:
    """Share of a machine's memory that its GPU may use by default, where the system caps it.

    The share of the largest listed size that is not above ``memory_bytes``, of the smallest below it.
    """
    steps, _ = _entry("platforms", platform.lower(), "gpu_share")
    if steps is None:
        return None
    reached = [share for gib, share in steps if gib * 1024**3 <= memory_bytes]
    return float(reached[-1] if reached else steps[0][1])


def runtime_number(runtime: str, name: str) -> int:
    """A length or size of a runtime's layout.

    Raises:
        CatalogError: there is no such entry, or it has no number.
    """
    value = _whole("runtimes", runtime, name)
    if value is None:
        raise CatalogError(f"{_FILE} has no number runtimes.{runtime}.{name}; reinstall the package")
    return value


def memory_share(runtime: str) -> float | None:
    """Share of a GPU's memory that a runtime takes, where it takes a share."""
    value, _ = _entry("runtimes", runtime, "memory_share")
    return None if value is None else float(value)


def source_of(kind: str, name: str, entry: str) -> str | None:
    """Where an entry comes from (``source_of("backends", "cuda", "context_bytes")``)."""
    return _entry(kind, name, entry)[1]


def ollama_context(vram_bytes: int) -> int:
    """The context length that Ollama starts with, by the memory of the GPUs."""
    if vram_bytes < 24 * 1024**3:
        return runtime_number("ollama", "context_small")
    if vram_bytes < 48 * 1024**3:
        return runtime_number("ollama", "context_medium")
    return runtime_number("ollama", "context_large")


def _whole(kind: str, name: str, entry: str) -> int | None:
    value, _ = _entry(kind, name, entry)
    return None if value is None else int(value)


def _entry(kind: str, name: str, entry: str) -> tuple[Any, str | None]:
    found = _data().get(kind, {}).get(name, {}).get(entry)
    if found is None:
        return None, None
    return found["value"], found["source"]


@cache
def _data() -> dict[str, Any]:
    try:
        text = resources.files("catalog").joinpath("data", _FILE).read_text("utf-8")
        data: dict[str, Any] = json.loads(text)
    except (OSError, ValueError) as error:
        raise CatalogError(f"{_FILE} cannot be read ({error}); reinstall the package") from error
    return data
