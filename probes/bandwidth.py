"""Measured memory bandwidth: how fast threads of this machine read memory.

Decoding reads the weights once per token, so reading is what counts.  Each thread reduces its own array
of 64-bit words with a bitwise or, which NumPy does without holding the interpreter lock and at the speed
of memory; arrays are allocated and first written inside the thread that reads them, so that on machines
with several memory nodes each reads its own.  The result is a lower bound: NumPy's read reaches 75-90 %
of what is attainable, and other load on the machine takes its share.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from probes.types import Cache, Fact, RigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MIN_BYTES_PER_THREAD = 64 * 1024**2
CACHE_MULTIPLE = 4
"""Data per last-level cache: a quarter could stay cached, the rest must come from memory."""
MIN_GAIN = 1.03
"""More threads are tried while they bring at least this factor."""
REPEATS = 5
PASSES = 3
"""Reads of the array per repeat, so that starting the threads together weighs little."""

_WORKER_TIMEOUT_S = 30.0


class MeasurementSkippedError(RigError):
    """The bandwidth was not measured; the text says why."""


@dataclass(frozen=True, slots=True)
class BandwidthMeasurement:
    """Read bandwidth in bytes/s.

    ``spread`` is (best - worst) / best over the repeats at the plateau; ``seconds`` the whole duration.
    """

    bytes_per_s: float
    threads: int
    single_thread_bytes_per_s: float
    spread: float
    seconds: float

    def as_fact(self) -> Fact[float]:
        """The fact for ``MemoryInfo.measured_bandwidth_bytes_per_s``."""
        return Fact(self.bytes_per_s, f"read measurement, {self.threads} threads", "measured")


def bytes_per_thread(threads: int, caches: Sequence[Cache]) -> int:
    """Array size per thread: at least 64 MiB, and four times each last-level cache that is in use."""
    if not caches:
        return MIN_BYTES_PER_THREAD
    top = max(cache.level for cache in caches)
    last = [cache for cache in caches if cache.level == top]
    size = max(cache.size_bytes for cache in last)
    in_use = min(threads, sum(cache.count for cache in last))
    wanted = CACHE_MULTIPLE * size * in_use // threads
    return max(MIN_BYTES_PER_THREAD, -(-wanted // 8) * 8)


class _Readers:
    """A fixed number of threads, each with its own array, that read together on command."""

    def __init__(self, threads: int, size_bytes: int) -> None:
        self.bytes_per_repeat = threads * size_bytes * PASSES
        self._spans = [(0.0, 0.0)] * threads
        self._start = threading.Barrier(threads + 1)
        self._done = threading.Barrier(threads + 1)
        self._threads = [
            threading.Thread(target=self._work, args=(n, size_bytes), daemon=True, name=f"bandwidth-{n}")
            for n in range(threads)
        ]

    def __enter__(self) -> _Readers:
        try:
            for thread in self._threads:
                thread.start()
            self._done.wait(_WORKER_TIMEOUT_S)  # every array is written once
        except (threading.BrokenBarrierError, RuntimeError) as error:
            self.close()
            raise MeasurementSkippedError("no memory for the arrays, or threads could not start") from error
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets the threads end, whatever they are waiting for."""
        self._start.abort()
        self._done.abort()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(_WORKER_TIMEOUT_S)

    def _work(self, number: int, size_bytes: int) -> None:
        try:
            import numpy

            data: NDArray[np.uint64] = numpy.empty(size_bytes // 8, dtype=numpy.uint64)
            data.fill(1)
            self._done.wait(_WORKER_TIMEOUT_S)
            while True:
                self._start.wait(_WORKER_TIMEOUT_S)
                started = time.perf_counter()
                for _ in range(PASSES):
                    numpy.bitwise_or.reduce(data)
                self._spans[number] = (started, time.perf_counter())
                self._done.wait(_WORKER_TIMEOUT_S)
        except threading.BrokenBarrierError:
            return
        except MemoryError:
            self._done.abort()

    def read_once(self) -> float:
        """All threads read their array; bytes/s from the first to start until the last to finish."""
        try:
            self._start.wait(_WORKER_TIMEOUT_S)
            self._done.wait(_WORKER_TIMEOUT_S)
        except threading.BrokenBarrierError as error:
            raise MeasurementSkippedError("a thread of the bandwidth measurement did not answer") from error
        window = max(end for _, end in self._spans) - min(start for start, _ in self._spans)
        return self.bytes_per_repeat / window


def _thread_counts(max_threads: int) -> list[int]:
    """1, 2, 4, … and ``max_threads`` itself."""
    counts = [1]
    while counts[-1] * 2 <= max_threads:
        counts.append(counts[-1] * 2)
    if counts[-1] != max_threads:
        counts.append(max_threads)
    return counts


def measure_ram_bandwidth(
    max_threads: int,
    available_bytes: int | None,
    budget_s: float = 2.0,
    caches: Sequence[Cache] = (),
) -> BandwidthMeasurement:
    """Read bandwidth of main memory, best of five per thread count, with as many threads as help.

    Args:
        max_threads: physical cores that may be used.
        available_bytes: free memory; the arrays take at most half of it. ``None``: 512 MiB are assumed.
        budget_s: no new round starts after this many seconds.
        caches: the CPU's caches; the arrays are made large enough not to fit in them.

    Raises:
        MeasurementSkippedError: not enough memory even for one thread, or the threads failed.
    """
    if max_threads < 1:
        raise MeasurementSkippedError("bandwidth not measured: no CPU may be used")
    started = time.perf_counter()
    free = 512 * 1024**2 if available_bytes is None else available_bytes
    single = best = worst = 0.0
    best_threads = 0
    for threads in _thread_counts(max_threads):
        size = bytes_per_thread(threads, caches)
        if threads * size * 2 > free:
            if not best_threads:
                raise MeasurementSkippedError(
                    f"bandwidth not measured: {size * 2 / 1024**2:.0f} MiB of free memory are needed, "
                    f"{free / 1024**2:.0f} are there; close programs and try again"
                )
            break
        if best_threads and time.perf_counter() - started > budget_s:
            break
        rates: list[float] = []
        with _Readers(threads, size) as readers:
            for _ in range(REPEATS):
                rates.append(readers.read_once())
                if time.perf_counter() - started > budget_s:
                    break
        top = max(rates)
        if threads == 1:
            single = top
        gain = top / best if best else MIN_GAIN
        if top > best:
            best, worst, best_threads = top, min(rates), threads
        if gain < MIN_GAIN:
            break
    return BandwidthMeasurement(
        bytes_per_s=best,
        threads=best_threads,
        single_thread_bytes_per_s=single,
        spread=(best - worst) / best,
        seconds=time.perf_counter() - started,
    )
