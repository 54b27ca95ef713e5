"""The measured RAM bandwidth against a compiled read loop, on this machine, in one run.

    python tests/benchmarks/memory_bandwidth.py [--rounds 9]

Where a C compiler is there, a STREAM-style loop that sums doubles (and one that sums 64-bit words: the
faster counts) is compiled with ``-O3 -march=native``; its threads touch their own arrays first, read them
together, and the best of five repeats at the best thread count counts, as in our measurement.  Both take
turns, so that other load on the machine hits both; the ratio is that of the medians.  It should be at
least 0.90.  Exit code 1 when it is not, or when a measurement took longer than its two seconds.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from probes.bandwidth import BUDGET_S, _thread_counts, bytes_per_thread, measure_ram
from probes.probe import probe_rig

LEAST_RATIO = 0.90

SOURCE = r"""
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

static pthread_barrier_t together;
static size_t count;
static int passes, repeats, kernel;
typedef struct { double first, last; volatile double result; } result_t;
static result_t results[4096][16];

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}
static double sum_doubles(const double *a, size_t n) {
    double s = 0;
    for (size_t i = 0; i < n; i++) s += a[i];
    return s;
}
static double sum_words(const uint64_t *a, size_t n) {
    uint64_t s = 0;
    for (size_t i = 0; i < n; i++) s += a[i];
    return (double)s;
}
static void *work(void *argument) {
    long me = (long)argument;
    double *a = aligned_alloc(1 << 21, count * 8);
    if (!a) exit(3);
#ifdef MADV_HUGEPAGE
    madvise(a, count * 8, MADV_HUGEPAGE); /* as NumPy does for its arrays */
#endif
    for (size_t i = 0; i < count; i++) a[i] = 1.0;
    for (int r = 0; r < repeats; r++) {
        pthread_barrier_wait(&together);
        double s = 0, begun = now();
        for (int p = 0; p < passes; p++)
            s += kernel ? sum_words((const uint64_t *)a, count) : sum_doubles(a, count);
        results[me][r].first = begun;
        results[me][r].last = now();
        results[me][r].result = s;
        pthread_barrier_wait(&together);
    }
    free(a);
    return 0;
}
int main(int argc, char **argv) {
    if (argc != 6) return 2;
    int threads = atoi(argv[1]);
    count = strtoull(argv[2], 0, 10) / 8 / (1 << 18) * (1 << 18);
    passes = atoi(argv[3]), repeats = atoi(argv[4]), kernel = atoi(argv[5]);
    if (threads < 1 || threads > 4096 || repeats > 16) return 2;
    pthread_t handles[4096];
    pthread_barrier_init(&together, 0, threads);
    for (long i = 0; i < threads; i++)
        if (pthread_create(&handles[i], 0, work, (void *)i)) return 3;
    for (long i = 0; i < threads; i++) pthread_join(handles[i], 0);
    double best = 0;
    for (int r = 0; r < repeats; r++) {
        double first = 1e300, last = 0;
        for (int i = 0; i < threads; i++) {
            if (results[i][r].first < first) first = results[i][r].first;
            if (results[i][r].last > last) last = results[i][r].last;
        }
        double rate = (double)threads * count * 8 * passes / (last - first);
        if (rate > best) best = rate;
    }
    printf("%.6g\n", best);
    return 0;
}
"""


def build(folder: Path) -> Path | None:
    compiler = next(filter(None, map(shutil.which, ("gcc", "clang", "cc"))), None)
    if compiler is None:
        return None
    (folder / "read.c").write_text(SOURCE)
    program = folder / "read"
    flags = ["-O3", "-march=native", "-ffast-math", "-funroll-loops", "-pthread"]
    done = subprocess.run(
        [compiler, *flags, "read.c", "-o", "read"], cwd=folder, capture_output=True, text=True
    )
    if done.returncode:
        print(done.stderr)
        return None
    return program


def _range(rates: list[float]) -> str:
    return f"median {median(rates) / 1e9:6.1f} GB/s ({min(rates) / 1e9:.1f} to {max(rates) / 1e9:.1f})"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    rig = probe_rig(use_cache=False)
    cpu, memory = rig.cpu, rig.memory
    most = max(
        1, min(int(cpu.usable_cores.value or cpu.logical_cores.value or 1), cpu.physical_cores.value or 1)
    )
    print(f"{cpu.name.value}, up to {most} threads")
    with tempfile.TemporaryDirectory() as name:
        program = build(Path(name))
        ours, theirs, spreads, seconds, plateau = [], [], [], [], []
        for _ in range(rounds):
            found = measure_ram(cpu, memory)
            ours.append(found.bytes_per_s)
            spreads.append(found.spread or 0.0)
            seconds.append(found.seconds)
            plateau.append(found.threads)
            if program is None:
                continue
            rates = []
            for threads in _thread_counts(most):
                for kernel in ("0", "1"):
                    size = bytes_per_thread(threads, cpu.caches)
                    arguments = [str(threads), str(size), "6", "5", kernel]
                    out = subprocess.run([program, *arguments], capture_output=True, text=True, check=True)
                    rates.append(float(out.stdout))
            theirs.append(max(rates))
    print(f"NumPy, threads: {_range(ours)}")
    print(f"  plateau at {median(plateau):g} threads, spread {median(spreads):.0%}, {max(seconds):.2f} s")
    ok = max(seconds) <= BUDGET_S
    if theirs:
        ratio = median(ours) / median(theirs)
        pairs = sorted(a / b for a, b in zip(ours, theirs, strict=True))
        print(f"compiled loop : {_range(theirs)}")
        print(
            f"ratio of medians {ratio:.3f} (at least {LEAST_RATIO}); rounds {pairs[0]:.2f} to {pairs[-1]:.2f}"
        )
        ok = ok and ratio >= LEAST_RATIO
    else:
        print("no C compiler: nothing to compare with")
    print("ok" if ok else "TOO SLOW")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
