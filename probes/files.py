"""Small text files of /proc and /sys, read so that nothing about them can raise."""

from __future__ import annotations

import re
from pathlib import Path

MAX_CPUS = 8192
"""What Linux can be built for at most (``CONFIG_NR_CPUS`` on x86 and ARM)."""
MAX_TEXT_BYTES = 8 * 1024**2
"""More than any file read here has; keeps a wrong path from filling memory."""


def read_text(path: Path) -> str | None:
    """The text of a file, ``None`` when it is missing, unreadable or not a file."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_TEXT_BYTES).decode("utf-8", "replace")
    except (OSError, ValueError):
        return None


def read_line(path: Path) -> str | None:
    """The stripped text of a one-line file, ``None`` when missing or empty."""
    text = read_text(path)
    if text is None:
        return None
    return text.replace("\0", " ").strip() or None


def whole_number(text: str | None) -> int | None:
    """The number that a text is: up to 18 ASCII digits.

    ``isdigit`` holds for superscripts and other scripts too, and ``int`` fails on thousands of digits.
    """
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def read_int(path: Path) -> int | None:
    """The number in a one-line file, ``None`` when there is none."""
    text = read_line(path)
    if text is None or not text.isascii() or len(text) > 20:
        return None
    try:
        return int(text)
    except ValueError:
        return None


def meminfo(root: Path) -> tuple[int | None, int | None]:
    """(MemTotal, MemAvailable) in bytes from ``/proc/meminfo`` under ``root``."""
    text = read_text(root / "proc/meminfo") or ""
    found = re.findall(r"^(MemTotal|MemAvailable):\s+(\d{1,15}) kB", text, re.MULTILINE)
    size_bytes = {name: int(kib) * 1024 for name, kib in found}
    return size_bytes.get("MemTotal"), size_bytes.get("MemAvailable")


def exists(path: Path) -> bool:
    """``Path.exists`` that takes an unreadable parent for "no"."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def children(folder: Path, prefix: str) -> list[tuple[int, Path]]:
    """The entries ``<prefix><number>`` of a folder with their numbers, ascending; empty when unreadable.

    Not more of them than Linux can have CPUs, which is the most of anything numbered.
    """
    found = []
    try:
        for entry in folder.iterdir():
            digits = entry.name.removeprefix(prefix)
            if entry.name.startswith(prefix) and digits.isascii() and digits.isdigit() and len(digits) < 7:
                found.append((int(digits), entry))
    except (OSError, ValueError):
        return []
    return sorted(found)[:MAX_CPUS]


def parse_cpu_list(text: str | None) -> frozenset[int]:
    """CPU numbers of a kernel list such as ``0-3,8,10-11``; empty when it is missing or malformed."""
    numbers: set[int] = set()
    for part in (text or "").strip().split(","):
        first, _, last = part.strip().partition("-")
        if not (first.isascii() and first.isdigit()) or len(first) > 6 or len(last) > 6:
            continue
        if last and not (last.isascii() and last.isdigit()):
            continue
        low, high = int(first), int(last or first)
        if high < MAX_CPUS:
            numbers.update(range(low, high + 1))
    return frozenset(numbers)


def parse_cpu_map(text: str | None) -> frozenset[int]:
    """CPU numbers of a kernel bit mask such as ``00000000,000000ff``, the form before ``_list`` files."""
    digits = (text or "").strip().replace(",", "")
    if not digits or len(digits) > 4096 or any(c not in "0123456789abcdefABCDEF" for c in digits):
        return frozenset()
    mask = int(digits, 16)
    return frozenset(bit for bit in range(mask.bit_length()) if mask >> bit & 1)
