"""CPU topology of Linux: cores, sockets, caches, hybrid cores and NUMA nodes from /sys/devices."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from probes.files import children, parse_cpu_list, parse_cpu_map, read_int, read_line, read_text
from probes.types import Cache, NumaNode

BIG_CORE_SHARE = 0.8
"""ARM cores with at least this share of the largest ``cpu_capacity`` count as performance cores.  Seen:
GB10 1024-997 (X925) and 731-718 (A725); a phone chip 1024 (X3), 855 (A715, A710) and 280 (A510)."""


@dataclass(frozen=True, slots=True)
class Topology:
    """Online CPUs grouped into cores; ``cores`` holds one set of logical CPUs per physical core."""

    online: frozenset[int]
    cores: tuple[frozenset[int], ...]
    sockets: int | None
    performance_cores: int | None
    performance_source: str
    caches: tuple[Cache, ...]

    @property
    def threads_per_core(self) -> int | None:
        """Threads of the cores that have most, ``None`` without a list of cores."""
        return max((len(core) for core in self.cores), default=None)

    @property
    def efficiency_cores(self) -> int | None:
        """All cores of a hybrid CPU that are no performance cores."""
        return None if self.performance_cores is None else len(self.cores) - self.performance_cores


def _cores(cpus: list[tuple[int, Path]]) -> tuple[tuple[frozenset[int], ...], int | None]:
    """Cores and the number of sockets. Siblings are read once per core."""
    cores: dict[frozenset[int], int | None] = {}
    seen: set[int] = set()
    keyed: dict[tuple[int | None, ...], set[int]] = {}
    for number, folder in cpus:
        if number in seen:
            continue
        topology = folder / "topology"
        package = read_int(topology / "physical_package_id")
        siblings = parse_cpu_list(
            read_line(topology / "core_cpus_list") or read_line(topology / "thread_siblings_list")
        )
        if number in siblings:
            seen |= siblings
            cores[siblings] = package
            continue
        core = read_int(topology / "core_id")
        if core is not None:
            keyed.setdefault((package, read_int(topology / "die_id"), core), set()).add(number)
    for key, members in keyed.items():
        cores[frozenset(members)] = key[0]
    packages = {p for p in cores.values() if p is not None and p >= 0}
    return tuple(cores), len(packages) or (1 if cores else None)


def _cache_size(text: str | None) -> int | None:
    match = re.fullmatch(r"(\d{1,9})([KMG]?)", text or "")
    if match is None:
        return None
    return int(match[1]) * {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}[match[2]] or None


def _caches(cpus: list[tuple[int, Path]]) -> tuple[Cache, ...]:
    """Data and unified caches, one instance per distinct ``shared_cpu_list``."""
    instances: Counter[tuple[int, int]] = Counter()
    covered: dict[int, set[int]] = {}
    kinds: dict[int, tuple[int | None, str | None]] = {}
    for number, folder in cpus:
        for index, entry in children(folder / "cache", "index"):
            known = covered.setdefault(index, set())
            if number in known:
                continue
            if index not in kinds:
                kinds[index] = read_int(entry / "level"), read_line(entry / "type")
            level, kind = kinds[index]
            shared = parse_cpu_list(read_line(entry / "shared_cpu_list"))
            known |= (shared or parse_cpu_map(read_line(entry / "shared_cpu_map"))) | {number}
            if level is None or kind == "Instruction":
                continue
            size = _cache_size(read_line(entry / "size"))
            if size is not None:
                instances[level, size] += 1
    return tuple(
        Cache(level, size, count)
        for (level, size), count in sorted(instances.items(), key=lambda item: (item[0][0], -item[0][1]))
    )


def _performance(
    root: Path, cpus: list[tuple[int, Path]], cores: tuple[frozenset[int], ...]
) -> tuple[int | None, str]:
    """Number of performance cores of a hybrid CPU, and how they were told from the others."""
    big = parse_cpu_list(read_line(root / "sys/devices/cpu_core/cpus"))
    if big:
        return sum(bool(core & big) for core in cores), "/sys/devices/cpu_core/cpus"
    capacity = {number: read_int(folder / "cpu_capacity") for number, folder in cpus}
    known = {number: value for number, value in capacity.items() if value is not None and value > 0}
    if known and len(known) == len(cpus):
        threshold = max(known.values()) * BIG_CORE_SHARE
        count = sum(any(known.get(cpu, 0) >= threshold for cpu in core) for core in cores)
        return (count, "cpu_capacity") if count < len(cores) else (None, "")
    threads = Counter(len(core) for core in cores)
    if threads[1] >= 2 and threads[2] >= 1 and len(threads) == 2:
        return threads[2], "cores with two threads beside cores with one"
    return None, ""


def read_topology(root: Path) -> Topology | None:
    """The online CPUs, ``None`` when the tree has no topology folders."""
    cpus = [
        (number, folder)
        for number, folder in children(root / "sys/devices/system/cpu", "cpu")
        if (folder / "topology").is_dir()
    ]
    online = parse_cpu_list(read_line(root / "sys/devices/system/cpu/online"))
    if online:
        cpus = [(number, folder) for number, folder in cpus if number in online]
    if not cpus:
        return None
    cores, sockets = _cores(cpus)
    performance, source = _performance(root, cpus, cores)
    return Topology(
        online=frozenset(number for number, _ in cpus),
        cores=cores,
        sockets=sockets,
        performance_cores=performance,
        performance_source=source,
        caches=_caches(cpus),
    )


def _distances(text: str | None) -> str | None:
    """``10 21`` as it stands; ``None`` for anything but numbers."""
    numbers = (text or "").split()
    if (
        not numbers
        or len(numbers) > 1024
        or not all(n.isascii() and n.isdigit() and len(n) < 5 for n in numbers)
    ):
        return None
    return " ".join(numbers)


def read_numa(root: Path) -> tuple[NumaNode, ...]:
    """NUMA nodes with their CPUs and memory; nodes of memory only have an empty CPU list."""
    nodes = []
    for number, folder in children(root / "sys/devices/system/node", "node"):
        match = re.search(r"MemTotal:\s+(\d{1,15}) kB", read_text(folder / "meminfo") or "")
        nodes.append(
            NumaNode(
                node=number,
                cpus=read_line(folder / "cpulist") or "",
                total_bytes=None if match is None else int(match[1]) * 1024,
                distances=_distances(read_line(folder / "distance")),
            )
        )
    return tuple(nodes)
