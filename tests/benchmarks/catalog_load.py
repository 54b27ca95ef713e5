"""Time and memory that loading the whole catalog costs.

    python tests/benchmarks/catalog_load.py

Every part is loaded in the same fresh process after its modules are imported; the first load is the one
that a command pays, the best of several later ones shows the work without cold files.  Memory is what the
first load leaves allocated.  Budget: all parts together under 30 ms and 30 MiB.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable

import numpy  # noqa: F401  imported before the clock starts: its import is not part of the catalog

from catalog import efficiency, ggml, hardware, models, quality, weight_table

RUNS = 7
PARTS: dict[str, Callable[[], object]] = {
    "models": models.load_models,
    "weights": weight_table.load_weight_table,
    "ggml types": ggml.ggml_types,
    "accelerators": hardware.load_accelerators,
    "CPU families": hardware.load_cpu_families,
    "CPUs": hardware.load_cpus,
    "links": hardware.load_links,
    "memory kinds": hardware.load_memory_kinds,
    "efficiencies": efficiency.load_efficiencies,
    "quality scores": quality.scores_by_model,
}


def timed(load: Callable[[], object]) -> float:
    """Milliseconds of one load with nothing cached."""
    for each in PARTS.values():
        getattr(each, "cache_clear", lambda: None)()
    start = time.perf_counter()
    load()
    return (time.perf_counter() - start) * 1000


def kept(load: Callable[[], object]) -> float:
    """MiB that a load leaves allocated."""
    getattr(load, "cache_clear", lambda: None)()
    tracemalloc.start()
    result = load()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del result
    return size / 2**20


def main() -> None:
    """Print the table."""
    print(f"{'part':<16}{'first ms':>10}{'best ms':>10}{'MiB':>8}")
    totals = [0.0, 0.0, 0.0]
    first = {name: timed(load) for name, load in PARTS.items()}
    for name, load in PARTS.items():
        row = (first[name], min(timed(load) for _ in range(RUNS)), kept(load))
        totals = [total + value for total, value in zip(totals, row, strict=True)]
        print(f"{name:<16}{row[0]:>10.1f}{row[1]:>10.1f}{row[2]:>8.1f}")
    print(f"{'all':<16}{totals[0]:>10.1f}{totals[1]:>10.1f}{totals[2]:>8.1f}")
    rows = weight_table.load_weight_table().rows()
    print(f"{len(models.load_models())} models, {len(rows.bytes)} rows of weights")


if __name__ == "__main__":
    main()
