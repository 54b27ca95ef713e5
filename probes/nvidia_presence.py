"""Whether there is anything for the NVIDIA probe to ask: a few files are looked for, nothing is imported."""

from __future__ import annotations

import os
import re
from pathlib import Path

from probes.files import read_line

_LIBRARY_FOLDERS = (
    "usr/lib/x86_64-linux-gnu",
    "usr/lib/aarch64-linux-gnu",
    "usr/lib64",
    "usr/lib",
    "usr/lib/wsl/lib",
    "usr/local/nvidia/lib64",
    "run/opengl-driver/lib",
    "usr/lib/aarch64-linux-gnu/tegra",
)

NO_DRIVER = "NVIDIA: no driver on this system (neither /dev/nvidiactl nor libnvidia-ml)."
"""The note of a machine without an NVIDIA driver; of interest only when no other GPU is found."""


def driver_is_there(root: Path = Path("/")) -> bool:
    """Whether anything of an NVIDIA driver is on this system: a few ``stat`` calls, no import."""
    for path in ("proc/driver/nvidia", "dev/nvidiactl", "dev/dxg"):
        if (root / path).exists():
            return True
    folders = [root / f for f in _LIBRARY_FOLDERS]
    if root == Path("/"):
        folders += [Path(p) for p in os.environ.get("LD_LIBRARY_PATH", "").split(":") if p]
    return any((f / n).exists() for f in folders for n in ("libnvidia-ml.so.1", "libnvidia-ml.so"))


def board_name(root: Path) -> str:
    """What the board calls itself, without "Developer Kit": device tree, else DMI product name."""
    model = (
        read_line(root / "proc/device-tree/model")
        or read_line(root / "sys/firmware/devicetree/base/model")
        or read_line(root / "sys/class/dmi/id/product_name")
        or ""
    )
    kit = r"\s*(developer kit|engineering reference)\b.*"
    return re.sub(kit, "", model.replace("_", " "), flags=re.IGNORECASE).strip()


def unified_board(root: Path = Path("/")) -> str | None:
    """The name of a board whose chip has an NVIDIA GPU without memory of its own: Jetson, DGX Spark."""
    model = board_name(root)
    if re.search(r"jetson|dgx.?spark|\bgb10\b", model, re.IGNORECASE):
        return model
    return (model or "NVIDIA Tegra") if (root / "etc/nv_tegra_release").exists() else None
