"""Threads that read their own arrays together: the kernel of the bandwidth measurement.

Each thread moves to its place first, then allocates and writes its array, so that on machines with
several memory nodes the pages lie where they are read.  The array is read by a NumPy reduction, which
holds no interpreter lock; which one reaches the speed of memory depends on how NumPy was compiled and
on the CPU, so the first thread tries a few and all use the fastest.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from probes.domains import Domain, move_to
from probes.types import RigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KERNELS = (
    ("maximum", "int32"),
    ("bitwise_or", "uint8"),
    ("bitwise_or", "uint64"),
    ("maximum", "float32"),
)
"""Reductions that read every byte, have no early end, and are vectorized in NumPy for x86 and ARM; sums
of floats are not among them (pairwise summation is bound by arithmetic)."""

_TRIED_BYTES = 64 * 1024**2
WORKER_TIMEOUT_S = 10.0


class MeasurementSkippedError(RigError):
    """The bandwidth was not measured; the text says why."""


@dataclass(frozen=True, slots=True)
class _Round:
    """One command: read so much of the array so often, all at once."""

    bytes_each: int
    passes: int
    together: threading.Barrier


class _Reader:
    """One thread and its array."""

    def __init__(self, team: Readers, size_bytes: int, place: Domain | None) -> None:
        self.size_bytes = size_bytes
        self.rounds: queue.SimpleQueue[_Round | None] = queue.SimpleQueue()
        self._team = team
        self._place = place
        self.thread = threading.Thread(target=self._work, daemon=True, name="bandwidth")

    def _work(self) -> None:
        team = self._team
        try:
            move_to(self._place)
            import numpy

            data: NDArray[np.uint8] = numpy.empty(self.size_bytes, dtype=numpy.uint8)
            data.fill(1)
            if team.kernel is None:
                team.kernel = _fastest(data)
            name, kind = team.kernel
            reduce: Callable[..., Any] = getattr(numpy, name).reduce
            words = data.view(kind)
            team.answers.put((0.0, 0.0))
            while (wanted := self.rounds.get()) is not None:
                part = words[: wanted.bytes_each // words.itemsize]
                wanted.together.wait(WORKER_TIMEOUT_S)
                started = time.perf_counter()
                for _ in range(wanted.passes):
                    reduce(part)
                team.answers.put((started, time.perf_counter()))
        except (MemoryError, threading.BrokenBarrierError):
            team.answers.put(None)


def _fastest(data: NDArray[np.uint8]) -> tuple[str, str]:
    """The kernel that reads the beginning of the array fastest, each tried twice."""
    import numpy

    best, chosen = 0.0, KERNELS[0]
    for name, kind in KERNELS:
        words = data[: min(len(data), _TRIED_BYTES)].view(kind)
        for _ in range(2):
            started = time.perf_counter()
            getattr(numpy, name).reduce(words)
            rate = words.nbytes / max(time.perf_counter() - started, 1e-9)
            if rate > best:
                best, chosen = rate, (name, kind)
    return chosen


class Readers:
    """Threads with an array each that read together on command; more can be added."""

    def __init__(self) -> None:
        self.kernel: tuple[str, str] | None = None
        """Ufunc and type; chosen by the first thread."""
        self.answers: queue.SimpleQueue[tuple[float, float] | None] = queue.SimpleQueue()
        """When a thread began and ended; ``None``: it could not."""
        self._readers: list[_Reader] = []

    def __enter__(self) -> Readers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._readers)

    def add(self, places: Sequence[Domain | None], size_bytes: int) -> None:
        """Start a thread for each place; returns when their arrays are written.

        Raises:
            MeasurementSkippedError: no memory for the arrays, or threads cannot be started.
        """
        fresh = [_Reader(self, size_bytes, place) for place in places]
        try:
            for reader in fresh:
                reader.thread.start()
                self._readers.append(reader)
        except RuntimeError as error:
            raise MeasurementSkippedError(f"bandwidth not measured: {error}") from error
        self._answers(len(fresh), "no memory for the arrays")

    def read(self, bytes_each: int, passes: int) -> float:
        """All threads read their array; bytes/s from the first to start until the last to finish.

        Raises:
            MeasurementSkippedError: a thread did not answer.
        """
        together = threading.Barrier(len(self))
        for reader in self._readers:
            reader.rounds.put(_Round(bytes_each, passes, together))
        spans = self._answers(len(self), "a thread did not answer")
        window = max(end for _, end in spans) - min(start for start, _ in spans)
        return len(self) * bytes_each * passes / max(window, 1e-9)

    def close(self) -> None:
        """End the threads and give their memory back."""
        for reader in self._readers:
            reader.rounds.put(None)
        for reader in self._readers:
            reader.thread.join(WORKER_TIMEOUT_S)

    def _answers(self, count: int, otherwise: str) -> list[tuple[float, float]]:
        spans = []
        for _ in range(count):
            try:
                answer = self.answers.get(timeout=WORKER_TIMEOUT_S)
            except queue.Empty:
                answer = None
            if answer is None:
                raise MeasurementSkippedError(f"bandwidth not measured: {otherwise}")
            spans.append(answer)
        return spans
