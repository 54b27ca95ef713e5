"""What the system lets a process have: locked memory, huge pages, swap."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from probes.files import read_int, read_line, read_text
from probes.types import Fact, SystemInfo, unknown

UNLIMITED_BYTES = 1 << 60


def with_limits(system: SystemInfo, root: Path) -> SystemInfo:
    """The Linux system under ``root`` with its limits."""
    return replace(
        system,
        memlock_bytes=_memlock(root),
        transparent_huge_pages=_transparent(root),
        huge_pages_bytes=_reserved(root),
        swap_bytes=_swap(root),
    )


def _memlock(root: Path) -> Fact[int]:
    """The soft limit of this process (``ulimit -l``), in ``/proc/self/limits``."""
    text = read_text(root / "proc/self/limits") or ""
    found = re.search(r"^Max locked memory\s+(unlimited|\d{1,20})\s", text, re.MULTILINE)
    if found is None:
        return unknown("no /proc/self/limits")
    if found[1] == "unlimited" or int(found[1]) >= UNLIMITED_BYTES:
        return unknown("no limit")
    return Fact(int(found[1]), "/proc/self/limits", "reported")


def _transparent(root: Path) -> Fact[str]:
    text = read_line(root / "sys/kernel/mm/transparent_hugepage/enabled") or ""
    found = re.search(r"\[(always|madvise|never)\]", text)
    if found is None:
        return unknown("no transparent_hugepage in sysfs")
    return Fact(found[1], "/sys/kernel/mm/transparent_hugepage", "reported")


def _reserved(root: Path) -> Fact[int]:
    """All sizes of huge pages that were set aside, whether they are used or not."""
    folder = root / "sys/kernel/mm/hugepages"
    total, seen = 0, False
    try:
        names = [entry.name for entry in folder.iterdir()]
    except OSError:
        return unknown("no hugepages in sysfs")
    for name in names:
        size = re.fullmatch(r"hugepages-(\d{1,9})kB", name)
        count = read_int(folder / name / "nr_hugepages") if size else None
        if size and count is not None and count >= 0:
            total += int(size[1]) * 1024 * count
            seen = True
    return Fact(total, "/sys/kernel/mm/hugepages", "reported") if seen else unknown("no hugepages in sysfs")


def _swap(root: Path) -> Fact[int]:
    """Swap of disk and compressed RAM (zram) alike."""
    text = read_text(root / "proc/swaps")
    if text is None or not text.startswith("Filename"):
        return unknown("no /proc/swaps")
    sizes = [re.search(r"\s(?:partition|file)\s+(\d{1,15})\s", line) for line in text.splitlines()[1:]]
    total = sum(int(size[1]) * 1024 for size in sizes if size)
    compressed = "zram" in text
    source = "/proc/swaps, compressed RAM (zram)" if compressed else "/proc/swaps"
    return Fact(total, source, "reported")
