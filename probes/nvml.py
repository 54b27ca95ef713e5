"""NVML, NVIDIA's management library, with every call guarded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# NVML return codes (nvml.h)
NOT_SUPPORTED = 3
DRIVER_NOT_LOADED = 9
LIBRARY_NOT_FOUND = 12
GPU_IS_LOST = 15
LIB_RM_VERSION_MISMATCH = 18

INIT_ADVICE = {
    LIBRARY_NOT_FOUND: "NVIDIA: the driver's library (libnvidia-ml) is not installed; install the NVIDIA "
    "driver if there is an NVIDIA card in this machine.",
    DRIVER_NOT_LOADED: "NVIDIA: the driver is installed but its kernel module is not loaded; run "
    "`modprobe nvidia` (a kernel update without rebuilt modules, or Secure Boot, keeps it from loading).",
    LIB_RM_VERSION_MISMATCH: "NVIDIA: the driver was updated while the old kernel module keeps running "
    "(library and module versions differ); reboot to finish the update.",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """Result of one guarded call: a value, or the error's code."""

    value: Any = None
    code: int | None = None


class Driver:
    """NVML with every call guarded: a failing one gives an answer without a value."""

    def __init__(self, nvml: Any) -> None:
        self.nvml = nvml

    def ask(self, function: str, *args: Any, **kwargs: Any) -> Answer:
        try:
            return Answer(getattr(self.nvml, function)(*args, **kwargs))
        except Exception as error:  # NVMLError; and whatever a library of another version runs into
            code = getattr(error, "value", None)
            return Answer(code=code if isinstance(code, int) and code else 999)

    def number(self, function: str, *args: Any) -> int | None:
        """A positive number; 0 and the all-ones "not available" values are ``None``."""
        value = self.ask(function, *args).value
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 0xFFFF_FFFF:
            return None
        return value

    def text(self, function: str, *args: Any) -> str | None:
        value = self.ask(function, *args).value
        if isinstance(value, bytes):
            value = value.decode("utf-8", errors="replace")
        return value.strip() or None if isinstance(value, str) else None

    def constant(self, name: str, otherwise: int) -> int:
        """A number that the library's header names."""
        value = getattr(self.nvml, name, None)
        return value if isinstance(value, int) and not isinstance(value, bool) else otherwise

    def first_of_two(self, function: str, *args: Any) -> bool | None:
        """The current one of a switch that is given as (current, pending)."""
        value = self.ask(function, *args).value
        if isinstance(value, list | tuple) and value and value[0] in (0, 1):
            return bool(value[0])
        return None

    def switch(self, function: str, *args: Any) -> bool | None:
        """A switch: 0 or 1."""
        value = self.ask(function, *args).value
        return bool(value) if isinstance(value, int) and value in (0, 1) else None
