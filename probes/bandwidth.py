"""Measured memory bandwidth: how fast threads of this machine read memory.

Decoding reads the weights once per token, so reading is what counts.  More and more threads, spread over
memory nodes and caches (``probes.domains``), read arrays of their own (``probes.readers``) until more of
them bring nothing: that plateau is the result.  It is a lower bound: other load on the machine takes its
share, and what cores can draw stays below what the modules could deliver.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from probes.domains import Domain, allowed_cpus, places, read_domains
from probes.readers import MeasurementSkippedError, Readers
from probes.types import Cache, CpuInfo, Fact, MemoryInfo, unknown

__all__ = ["BandwidthMeasurement", "MeasurementSkippedError", "measure_ram", "measure_ram_bandwidth"]

BUDGET_S = 2.0
"""The whole measurement, importing NumPy included, takes no longer than this."""
MIN_BYTES_PER_THREAD = 64 * 1024**2
MAX_BYTES = 4 * 1024**3
"""All arrays together, unless the caches are so large that it takes more."""
CACHE_MULTIPLE = 4
"""Data per last-level cache: a quarter could stay cached, the rest must come from memory."""
MIN_GAIN = 1.03
"""More threads count while they bring at least this factor."""
REPEATS = 5
MORE_REPEATS = 15
"""So many where other programs disturb: until a second repeat comes near the best, and half the time is
left."""
REPEAT_S = 0.02
START_S = 0.0005
"""Per thread: how long starting them together may take.  A repeat is long enough for it to weigh little."""
_UNKNOWN_MEMORY_BYTES = 512 * 1024**2
"""Assumed to be free when the system does not say."""
_RESERVE_S = 0.1
"""For giving the memory back."""
_LEAST_SPREAD = 1e-6
"""Below this the clock tells no difference."""


@dataclass(frozen=True, slots=True)
class BandwidthMeasurement:
    """Read bandwidth in bytes/s.

    ``threads`` is the smallest number that reaches the plateau; ``spread`` is (best - worst) / best over
    the repeats there, ``None`` when there was time for one only; ``seconds`` the whole duration.
    ``complete`` is false when time or memory ended before the plateau was reached.
    """

    bytes_per_s: float
    threads: int
    single_thread_bytes_per_s: float
    spread: float | None
    seconds: float
    complete: bool = True
    groups: int = 1
    """Memory nodes or caches that the threads were spread over."""

    def as_fact(self) -> Fact[float]:
        """The fact for ``MemoryInfo.measured_bandwidth_bytes_per_s``."""
        over = f" over {self.groups} caches or memory nodes" if self.groups > 1 else ""
        cut = "" if self.complete else ", cut short: more threads may read faster"
        return Fact(self.bytes_per_s, f"read measurement, {_threads(self.threads)}{over}{cut}", "measured")

    def added_to(self, memory: MemoryInfo) -> MemoryInfo:
        """The memory with its bandwidth, the threads that draw it and their spread as facts."""
        source = "read measurement, best of its repeats"
        return replace(
            memory,
            measured_bandwidth_bytes_per_s=self.as_fact(),
            measured_threads=Fact(self.threads, "read measurement: fewest at the plateau", "measured"),
            measured_spread=unknown("read measurement: one repeat only")
            if self.spread is None
            else Fact(max(self.spread, _LEAST_SPREAD), f"{source}: (best - worst) / best", "measured"),
        )


def _threads(count: int) -> str:
    return f"{count} thread{'s' if count > 1 else ''}"


def bytes_per_thread(threads: int, caches: Sequence[Cache]) -> int:
    """Array size per thread: 64 MiB (less where all take more than 4 GiB), and so much that together
    they are four times the last-level caches in use."""
    least = min(MIN_BYTES_PER_THREAD, MAX_BYTES // threads)
    if not caches:
        return least
    top = max(cache.level for cache in caches)
    last = [cache for cache in caches if cache.level == top]
    size = max(cache.size_bytes for cache in last)
    in_use = min(threads, sum(cache.count for cache in last))
    wanted = CACHE_MULTIPLE * size * in_use // threads
    return max(least, -(-wanted // 64) * 64)


def _thread_counts(max_threads: int) -> list[int]:
    """1, 2, 4, … and ``max_threads`` itself."""
    counts = [1]
    while counts[-1] * 2 <= max_threads:
        counts.append(counts[-1] * 2)
    if counts[-1] != max_threads:
        counts.append(max_threads)
    return counts


@dataclass(slots=True)
class _Sweep:
    """What has been found so far, and the time that is left."""

    budget_s: float
    deadline: float
    rates: dict[int, list[float]]
    preparing_s: float = 0.0

    @property
    def left_s(self) -> float:
        return self.deadline - time.perf_counter()

    def best(self, threads: int) -> float:
        return max(self.rates[threads])

    @property
    def flat(self) -> bool:
        """Whether the last two steps brought nothing: one may be unlucky, or fill up one group of CPUs."""
        counts = list(self.rates)
        if len(counts) < 3:
            return False
        return max(map(self.best, counts[-2:])) < MIN_GAIN * max(map(self.best, counts[:-2]))

    def _confirmed(self, threads: int) -> bool:
        *_, second, best = sorted(self.rates[threads])
        return second * MIN_GAIN >= best

    def repeats(self, readers: Readers, bytes_each: int) -> None:
        """Read five times with all threads, more often where the best is not confirmed."""
        count = len(readers)
        known = max((self.best(n) / n for n in self.rates), default=0.0)
        passes = 1
        if known:
            once_s = bytes_each / known
            passes = max(1, min(16, round((REPEAT_S + START_S * count) / once_s)))
        for number in range(MORE_REPEATS):
            if number >= REPEATS and (self._confirmed(count) or self.left_s < self.budget_s / 2):
                break
            started = time.perf_counter()
            rate = readers.read(bytes_each, passes)
            self.rates.setdefault(count, []).append(rate)
            if self.left_s < 1.5 * (time.perf_counter() - started):
                break
            if passes == 1 and not known:  # the first: now it is known how long a pass takes
                passes = max(1, min(16, round(REPEAT_S * rate / (bytes_each * count))))


def measure_ram_bandwidth(
    max_threads: int,
    available_bytes: int | None,
    budget_s: float = BUDGET_S,
    caches: Sequence[Cache] = (),
    domains: Sequence[Domain] = (),
) -> BandwidthMeasurement:
    """Read bandwidth of main memory, best of five or more per thread count, with as many threads as help.

    Args:
        max_threads: physical cores that may be used.
        available_bytes: free memory; the arrays take at most half of it. ``None``: 512 MiB are assumed.
        budget_s: the whole takes no longer than this, as far as can be foreseen.
        caches: the CPU's caches; the arrays are made large enough not to fit in them.
        domains: groups of CPUs to spread the threads over.

    Raises:
        MeasurementSkippedError: not enough memory even for one thread, or the threads failed.
    """
    if max_threads < 1:
        raise MeasurementSkippedError("bandwidth not measured: no CPU may be used")
    started = time.perf_counter()
    sweep = _Sweep(budget_s, started + budget_s - min(_RESERVE_S, budget_s / 4), {})
    room = (_UNKNOWN_MEMORY_BYTES if available_bytes is None else available_bytes) // 2
    where = places(max_threads, domains)
    taken, complete = 0, True
    with Readers() as readers:
        for threads in _thread_counts(max_threads):
            size = bytes_per_thread(threads, caches)
            fresh = where[len(readers) : threads]
            if taken + len(fresh) * size > room:
                if not taken:
                    raise MeasurementSkippedError(
                        f"bandwidth not measured: {size * 2 / 1024**2:.0f} MiB of free memory are needed, "
                        f"{room * 2 / 1024**2:.0f} are there; close programs and try again"
                    )
                complete = False
                break
            if sweep.rates and sweep.left_s < 2 * sweep.preparing_s + (REPEAT_S + START_S * threads) * 2:
                complete = False
                break
            begun = time.perf_counter()
            readers.add(fresh, size)
            taken += len(fresh) * size
            sweep.preparing_s = max(sweep.preparing_s, time.perf_counter() - begun)
            sweep.repeats(readers, size)
            if sweep.flat:
                break
    top = max(map(sweep.best, sweep.rates))
    threads = next(n for n in sweep.rates if sweep.best(n) * MIN_GAIN >= top)
    at_plateau = sweep.rates[threads]
    return BandwidthMeasurement(
        bytes_per_s=top,
        threads=threads,
        single_thread_bytes_per_s=sweep.best(1),
        spread=(max(at_plateau) - min(at_plateau)) / max(at_plateau) if len(at_plateau) > 1 else None,
        seconds=time.perf_counter() - started,
        complete=complete or threads < max(sweep.rates),
        groups=len({place for place in where[:threads] if place is not None}) or 1,
    )


def measure_ram(cpu: CpuInfo, memory: MemoryInfo, budget_s: float = BUDGET_S) -> BandwidthMeasurement:
    """Measure this machine, of which ``cpu`` and ``memory`` are known.

    Raises:
        MeasurementSkippedError: see ``measure_ram_bandwidth``.
    """
    allowed = allowed_cpus()
    limit = int(cpu.usable_cores.value or cpu.logical_cores.value or 1)
    threads = max(1, min(limit, cpu.physical_cores.value or limit))
    domains = read_domains(Path("/"), allowed) if threads > 1 else ()
    return measure_ram_bandwidth(threads, memory.available_bytes.value, budget_s, cpu.caches, domains)
