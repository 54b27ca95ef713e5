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
    """Share of a machine's memory that its GPU may use by default, where the system caps it."""
    name = platform.lower()
    large = _whole("platforms", name, "gpu_share_large_from_bytes")
    entry = "gpu_share_large" if large is not None and memory_bytes >= large else "gpu_share"
    value, _ = _entry("platforms", name, entry)
    return None if value is None else float(value)


def runtime_number(runtime: str, name: str) -> int:
    """A length or size of a runtime's layout.

    Raises:
        CatalogError: there is no such entry, or it has no number.
    """
    value = _whole("runtimes", runtime, name)
    if value is None:
        raise CatalogError(f"{_FILE} has no number runtimes.{runtime}.{name}; reinstall the package")
    return value


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
