"""Limits that a control group puts on this process: memory and CPU time (cgroup v1, v2 and both mixed).

A limit holds for the group it is set on and all groups below it, so the smallest over the own group and
its parents counts.  Inside a cgroup namespace the path in ``/proc/self/cgroup`` may not exist under the
mount; then the mount's own root is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from probes.files import exists, read_int, read_text, whole_number

UNLIMITED_BYTES = 1 << 60
"""cgroup v1 writes "no limit" as the largest page-aligned integer, 9223372036854771712."""


@dataclass(frozen=True, slots=True)
class CgroupLimits:
    """``None`` where there is no limit.

    ``memory_headroom_bytes`` is what the group may still take: limit, less usage, plus the file cache
    that would be given back.
    """

    memory_limit_bytes: int | None = None
    memory_headroom_bytes: int | None = None
    cpu_quota_cores: float | None = None
    source: str = "no control group"


def _memberships(root: Path) -> dict[str, str]:
    """Own path per controller from ``/proc/self/cgroup``; the key of the v2 hierarchy is ``""``."""
    found: dict[str, str] = {}
    for line in (read_text(root / "proc/self/cgroup") or "").splitlines():
        parts = line.split(":", 2)
        if len(parts) == 3:
            for controller in parts[1].split(","):
                found.setdefault(controller, parts[2])
    return found


def _folders(mount: Path, own: str) -> Iterator[Path]:
    """The own group's folder and its parents up to the mount; the mount alone when the path is not there."""
    path = PurePosixPath("/" + own.lstrip("/"))
    if ".." in path.parts or not exists(mount / str(path).lstrip("/")):
        yield mount
        return
    for step in (path, *path.parents):
        yield mount / str(step).lstrip("/")


def _v2_mounts(root: Path) -> list[Path]:
    base = root / "sys/fs/cgroup"
    return [m for m in (base, base / "unified") if exists(m / "cgroup.controllers")]


def _v1_mount(root: Path, controller: str) -> Path | None:
    base = root / "sys/fs/cgroup"
    names = (controller, "cpu,cpuacct", "cpuacct,cpu") if controller == "cpu" else (controller,)
    for name in names:
        if exists(base / name):
            return base / name
    return None


def _statistic(path: Path, *names: str) -> int:
    for line in (read_text(path) or "").splitlines():
        name, _, value = line.partition(" ")
        if name in names:
            return whole_number(value) or 0
    return 0


def _memory(root: Path, own: dict[str, str]) -> list[tuple[int, int | None, str]]:
    """(limit, headroom, source) of each level that has a memory limit."""
    levels: list[tuple[int, int | None, str]] = []
    for mount in _v2_mounts(root):
        for folder in _folders(mount, own.get("", "/")):
            for name in ("memory.max", "memory.high"):
                limit = read_int(folder / name)
                if limit is not None and 0 < limit < UNLIMITED_BYTES:
                    used = read_int(folder / "memory.current")
                    cache = _statistic(folder / "memory.stat", "inactive_file")
                    headroom = None if used is None else max(0, limit - used + cache)
                    levels.append((limit, headroom, f"cgroup v2 {name}"))
    v1 = _v1_mount(root, "memory")
    if v1 is not None:
        for folder in _folders(v1, own.get("memory", "/")):
            limit = read_int(folder / "memory.limit_in_bytes")
            if limit is not None and 0 < limit < UNLIMITED_BYTES:
                used = read_int(folder / "memory.usage_in_bytes")
                cache = _statistic(folder / "memory.stat", "total_inactive_file", "inactive_file")
                headroom = None if used is None else max(0, limit - used + cache)
                levels.append((limit, headroom, "cgroup v1 memory.limit_in_bytes"))
    return levels


def _cpu_quotas(root: Path, own: dict[str, str]) -> list[float]:
    """Cores' worth of time (quota / period) of each level that has a quota."""
    quotas: list[float] = []
    for mount in _v2_mounts(root):
        for folder in _folders(mount, own.get("", "/")):
            words = (read_text(folder / "cpu.max") or "").split()
            numbers = [n for n in map(whole_number, words) if n is not None]
            if len(numbers) == len(words) == 2 and numbers[1] > 0:
                quotas.append(numbers[0] / numbers[1])
    v1 = _v1_mount(root, "cpu")
    if v1 is not None:
        for folder in _folders(v1, own.get("cpu", "/")):
            quota, period = read_int(folder / "cpu.cfs_quota_us"), read_int(folder / "cpu.cfs_period_us")
            if quota is not None and period is not None and quota > 0 and period > 0:
                quotas.append(quota / period)
    return [q for q in quotas if q > 0]


def read_limits(root: Path = Path("/")) -> CgroupLimits:
    """The limits of the control groups that this process is in, the smallest over all levels."""
    own = _memberships(root)
    memory = _memory(root, own)
    quotas = _cpu_quotas(root, own)
    tightest = min(memory, key=lambda level: level[0], default=None)
    headrooms = [headroom for _, headroom, _ in memory if headroom is not None]
    return CgroupLimits(
        memory_limit_bytes=None if tightest is None else tightest[0],
        memory_headroom_bytes=min(headrooms, default=None),
        cpu_quota_cores=min(quotas, default=None),
        source="no memory limit" if tightest is None else tightest[2],
    )
