"""Where threads that measure memory should run: CPUs grouped by memory node and shared cache.

Threads that all land behind one cache or on one node see that part's bandwidth only, and what it cannot
deliver would be taken for the machine's limit.  Spread over the groups they use all of it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from probes.files import children, parse_cpu_list, read_int, read_line

Domain = frozenset[int]
"""Logical CPUs that share a last-level cache and a memory node."""


def allowed_cpus() -> Domain | None:
    """CPUs that this process may run on; ``None`` where the system does not say (macOS, Windows)."""
    if sys.platform != "linux":
        return None
    try:
        return frozenset(os.sched_getaffinity(0))
    except OSError:
        return None


def read_domains(root: Path = Path("/"), allowed: Domain | None = None) -> tuple[Domain, ...]:
    """The groups of CPUs, those of different memory nodes taking turns; empty when they cannot be read.

    Args:
        root: the file system to read.
        allowed: only these CPUs; ``None``: all.
    """
    nodes = [
        cpus
        for _, folder in children(root / "sys/devices/system/node", "node")
        if (cpus := parse_cpu_list(read_line(folder / "cpulist")))  # memory alone (HBM, CXL): none run there
    ]
    of_node: dict[int, list[Domain]] = {}
    seen: set[int] = set()
    for cpu, folder in children(root / "sys/devices/system/cpu", "cpu"):
        if cpu in seen or (allowed is not None and cpu not in allowed):
            continue
        shared = _last_level(folder) or frozenset({cpu})
        number, node = next(((i, n) for i, n in enumerate(nodes) if cpu in n), (0, None))
        group = shared if node is None else shared & node
        if allowed is not None:
            group &= allowed
        group = (group | {cpu}) - seen
        seen |= group
        of_node.setdefault(number, []).append(group)
    found: list[Domain] = []
    for turn in range(max(map(len, of_node.values()), default=0)):
        found += [groups[turn] for _, groups in sorted(of_node.items()) if turn < len(groups)]
    return tuple(found)


def _last_level(cpu: Path) -> Domain:
    """CPUs that share this one's last-level cache; empty when the kernel does not say."""
    best, shared = 0, frozenset[int]()
    for _, index in children(cpu / "cache", "index"):
        level = read_int(index / "level") or 0
        if level > best:
            best, shared = level, parse_cpu_list(read_line(index / "shared_cpu_list"))
    return shared


def places(threads: int, domains: Sequence[Domain]) -> list[Domain | None]:
    """The CPUs that each of some threads may use: one group after the other, in turns.

    A thread may move inside its group, so that another program on one CPU does not hold it up.  With a
    single group, or groups of single CPUs throughout, the scheduler does as well: ``None`` for each.
    """
    if len(domains) < 2 or all(len(group) == 1 for group in domains):
        return [None] * threads
    room = [len(group) for group in domains]
    found: list[Domain | None] = []
    while len(found) < threads and any(room):
        for i, group in enumerate(domains):
            if room[i] and len(found) < threads:
                room[i] -= 1
                found.append(group)
    return found + [None] * (threads - len(found))


def move_to(place: Domain | None) -> bool:
    """Keep the calling thread on these CPUs; whether that worked."""
    if place is None or sys.platform != "linux":
        return False
    try:
        os.sched_setaffinity(0, place)  # 0 is the calling thread, not the process
    except (OSError, ValueError):
        return False
    return True
