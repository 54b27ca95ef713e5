"""The bandwidth measurement, small and fast here, and the file that remembers it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from probes import bandwidth, readers
from probes.bandwidth import (
    BandwidthMeasurement,
    MeasurementSkippedError,
    bytes_per_thread,
    measure_ram_bandwidth,
)
from probes.cache import cache_dir, load_measurement, measurement_key, store_measurement
from probes.domains import allowed_cpus, move_to, places, read_domains
from probes.types import Cache, CpuInfo, Fact, MemoryInfo, unknown
from probes.unknowns import unknown_memory

MIB = 1024**2
FOUND = BandwidthMeasurement(34e9, 2, 28e9, 0.05, 0.4, complete=True, groups=2)


@pytest.fixture
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RIG_ADVISOR_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_measurement_is_positive_and_within_its_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bandwidth, "MIN_BYTES_PER_THREAD", 4 * MIB)
    found = measure_ram_bandwidth(2, 1024 * MIB, budget_s=0.5)
    assert found.threads in (1, 2)
    assert found.bytes_per_s >= found.single_thread_bytes_per_s > 1e8
    assert found.spread is None or 0 <= found.spread < 1
    assert found.seconds < 5
    assert found.as_fact().confidence == "measured"


def test_too_little_memory_is_skipped_with_the_reason() -> None:
    with pytest.raises(MeasurementSkippedError, match="128 MiB of free memory are needed"):
        measure_ram_bandwidth(4, 100 * MIB)
    with pytest.raises(MeasurementSkippedError, match="no CPU"):
        measure_ram_bandwidth(0, 100 * MIB)


def test_threads_are_added_only_while_memory_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bandwidth, "MIN_BYTES_PER_THREAD", 2 * MIB)
    found = measure_ram_bandwidth(8, 5 * MIB)
    assert found.threads == 1
    assert not found.complete
    assert "cut short" in found.as_fact().source


class Machine:
    """Stands for the threads: a memory that gives so much, and cores that draw so much each."""

    def __init__(self, limit: float, per_core: float) -> None:
        self.limit, self.per_core = limit, per_core
        self.count = 0
        self.reads: list[tuple[int, int]] = []
        self.written = 0

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __len__(self) -> int:
        return self.count

    def add(self, where: list[object], size_bytes: int) -> None:
        self.count += len(where)
        self.written += len(where) * size_bytes

    def read(self, bytes_each: int, passes: int) -> float:
        self.reads.append((self.count, bytes_each))
        return min(self.limit, self.count * self.per_core)


@pytest.mark.parametrize(
    ("limit", "per_core", "cores", "threads", "most_tried"),
    [
        (80e9, 25e9, 16, 4, 16),  # a desktop: four of its cores draw all of it
        (30e9, 40e9, 2, 1, 2),
        (400e9, 12e9, 64, 64, 64),  # a server that all of its cores cannot saturate but for the last step
        (60e9, 60e9, 64, 1, 4),  # flat from the start: no need to try 64
        (50e9, 20e9, 6, 4, 6),
    ],
)
def test_the_plateau_is_found_with_the_fewest_threads(
    monkeypatch: pytest.MonkeyPatch, limit: float, per_core: float, cores: int, threads: int, most_tried: int
) -> None:
    machine = Machine(limit, per_core)
    monkeypatch.setattr(bandwidth, "Readers", lambda: machine)
    found = measure_ram_bandwidth(cores, 64 * 1024 * MIB)
    assert found.bytes_per_s == min(limit, cores * per_core)
    assert found.threads == threads
    assert found.single_thread_bytes_per_s == min(limit, per_core)
    assert found.complete
    assert max(count for count, _ in machine.reads) == most_tried
    assert machine.written <= 64 * 64 * MIB


def test_many_threads_take_no_more_than_the_limit_together() -> None:
    assert 192 * bytes_per_thread(192, ()) <= bandwidth.MAX_BYTES
    assert bytes_per_thread(192, (Cache(3, 384 * MIB, 2),)) * 192 >= 4 * 2 * 384 * MIB


def test_a_sweep_that_runs_out_of_time_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr(bandwidth.time, "perf_counter", lambda: next(clock) * 0.2)
    monkeypatch.setattr(bandwidth, "Readers", lambda: Machine(1e12, 1e9))
    found = measure_ram_bandwidth(64, None)
    assert not found.complete
    assert "more threads may read faster" in found.as_fact().source


def test_the_facts_say_threads_and_spread() -> None:
    memory = FOUND.added_to(unknown_memory("x"))
    assert memory.measured_bandwidth_bytes_per_s.value == 34e9
    assert "2 threads over 2 caches" in memory.measured_bandwidth_bytes_per_s.source
    assert (memory.measured_threads.value, memory.measured_spread.value) == (2, 0.05)
    once = replace(FOUND, spread=None).added_to(unknown_memory("x"))
    assert once.measured_spread == unknown("read measurement: one repeat only")
    steady = replace(FOUND, spread=0.0).added_to(unknown_memory("x")).measured_spread.value
    assert steady is not None
    assert steady > 0  # a rig document has no zero


def test_every_kernel_reads_whole_words_of_any_array() -> None:
    import numpy

    data = numpy.full(4 * MIB, 1, dtype=numpy.uint8)
    assert readers._fastest(data) in readers.KERNELS
    for name, kind in readers.KERNELS:
        assert getattr(numpy, name).reduce(data.view(kind)) == data.view(kind)[0]


def test_readers_grow_and_end() -> None:
    before = threading.active_count()
    with readers.Readers() as team:
        team.add([None], MIB)
        assert team.read(MIB, 2) > 1e7
        team.add([None, None], MIB // 2)
        assert len(team) == 3
        assert team.read(MIB // 2, 1) > 1e7
    assert threading.active_count() == before


def test_no_memory_for_an_array_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy

    def full(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(numpy, "empty", full)
    with readers.Readers() as team, pytest.raises(MeasurementSkippedError, match="no memory for the arrays"):
        team.add([None], MIB)


# --- where the threads run -------------------------------------------------------------------


def tree(folder: Path, caches: dict[int, str], nodes: dict[int, str]) -> Path:
    """CPUs with the list that shares their third-level cache, and memory nodes."""
    for cpu, shared in caches.items():
        for index, (level, list_) in enumerate(((1, str(cpu)), (3, shared))):
            place = folder / f"sys/devices/system/cpu/cpu{cpu}/cache/index{index}"
            place.mkdir(parents=True)
            (place / "level").write_text(f"{level}\n")
            (place / "shared_cpu_list").write_text(f"{list_}\n")
    for node, cpus in nodes.items():
        place = folder / f"sys/devices/system/node/node{node}"
        place.mkdir(parents=True)
        (place / "cpulist").write_text(f"{cpus}\n")
    return folder


def test_groups_of_different_nodes_take_turns(tmp_path: Path) -> None:
    shared = {0: "0-1", 1: "0-1", 2: "2-3", 3: "2-3", 4: "4-5", 5: "4-5", 6: "6-7", 7: "6-7"}
    root = tree(tmp_path, shared, {0: "0-3", 1: "4-7", 2: ""})
    groups = read_domains(root)
    assert groups == tuple(map(frozenset, ({0, 1}, {4, 5}, {2, 3}, {6, 7})))
    assert places(3, groups) == [frozenset({0, 1}), frozenset({4, 5}), frozenset({2, 3})]
    assert places(8, groups).count(frozenset({0, 1})) == 2
    assert places(10, groups)[8:] == [None, None]
    assert read_domains(root, frozenset({1, 2, 3})) == (frozenset({1}), frozenset({2, 3}))


def test_a_cache_over_two_nodes_is_split_by_node(tmp_path: Path) -> None:
    root = tree(tmp_path, {0: "0-3", 1: "0-3", 2: "0-3", 3: "0-3"}, {0: "0-1", 1: "2-3"})
    assert read_domains(root) == (frozenset({0, 1}), frozenset({2, 3}))


def test_one_group_or_none_leaves_the_scheduler_alone(tmp_path: Path) -> None:
    assert read_domains(tmp_path) == ()
    assert places(2, ()) == [None, None]
    assert places(2, (frozenset({0, 1}),)) == [None, None]
    assert places(2, (frozenset({0}), frozenset({1}))) == [None, None]


def test_a_place_holds_for_the_thread_alone() -> None:
    allowed = allowed_cpus()
    if not allowed:
        pytest.skip("the system does not tell which CPUs a thread may use")
    seen: list[tuple[bool, set[int]]] = []
    one = frozenset({min(allowed)})

    def work() -> None:
        seen.append((move_to(one), os.sched_getaffinity(0)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(True, {min(allowed)})]
    assert os.sched_getaffinity(0) == allowed
    assert not move_to(frozenset({10**6}))
    assert not move_to(None)


@pytest.mark.parametrize(
    ("threads", "caches", "mib"),
    [
        (1, (), 64),
        (1, (Cache(3, 32 * MIB, 1),), 128),
        (2, (Cache(3, 32 * MIB, 1),), 64),
        (1, (Cache(2, MIB, 16), Cache(3, 96 * MIB, 2)), 384),
        (2, (Cache(3, 96 * MIB, 2),), 384),
        (16, (Cache(3, 96 * MIB, 2),), 64),
        (4, (Cache(1, 32 * 1024, 4),), 64),
    ],
)
def test_arrays_are_too_large_for_the_caches(threads: int, caches: tuple[Cache, ...], mib: int) -> None:
    assert bytes_per_thread(threads, caches) == mib * MIB


def test_importing_the_probes_does_not_import_numpy() -> None:
    code = (
        "import sys, probes.bandwidth, probes.vram_bandwidth, probes.cache, probes.memory;"
        "import probes.cpu, probes.system;"
        "print(sorted({'numpy', 'psutil', 'textual', 'subprocess'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_measurement_is_remembered(cache_folder: Path) -> None:
    assert load_measurement("a") is None
    assert store_measurement("a", FOUND)
    assert load_measurement("a") == FOUND
    assert load_measurement("b") is None
    assert [p.name for p in cache_folder.iterdir()] == ["bandwidth.json"]


def test_the_file_does_not_grow_without_end(cache_folder: Path) -> None:
    for n in range(40):
        store_measurement(str(n), FOUND)
    entries = json.loads((cache_folder / "bandwidth.json").read_text())["measurements"]
    assert len(entries) == 32
    assert load_measurement("39") == FOUND


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"format": 3, "measurements": {"a": {}}}',
        b'{"format": 1, "measurements": {"a": {"bytes_per_s": 1e9, "threads": 1,'
        b' "single_thread_bytes_per_s": 1, "spread": 0, "seconds": 1}}}',  # of an older version
        b'{"format": 2, "measurements": {"a": {"bytes_per_s": "fast"}}}',
        b'{"format": 2, "measurements": {"a": {"bytes_per_s": NaN, "threads": 1}}}',
        b'{"format": 2, "measurements": {"a": {"bytes_per_s": -1, "threads": 1,'
        b' "single_thread_bytes_per_s": 1, "spread": 0, "seconds": 1, "complete": true, "groups": 1}}}',
        b"[" * 100_000,
    ],
)
def test_a_corrupt_file_is_ignored_and_replaced(cache_folder: Path, content: bytes) -> None:
    cache_folder.mkdir()
    (cache_folder / "bandwidth.json").write_bytes(content)
    assert load_measurement("a") is None
    assert store_measurement("a", FOUND)
    assert load_measurement("a") == FOUND


def test_a_folder_that_cannot_be_made_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RIG_ADVISOR_CACHE_DIR", str(tmp_path / "file" / "cache"))
    assert not store_measurement("a", FOUND)
    assert load_measurement("a") is None


def test_cache_folders_of_the_platforms() -> None:
    assert cache_dir({"RIG_ADVISOR_CACHE_DIR": "/x"}, "linux") == Path("/x")
    assert cache_dir({"XDG_CACHE_HOME": "/home/me/.c"}, "linux") == Path("/home/me/.c/rig-advisor")
    assert cache_dir({"XDG_CACHE_HOME": "relative"}, "linux") == Path.home() / ".cache" / "rig-advisor"
    assert cache_dir({}, "darwin") == Path.home() / "Library" / "Caches" / "rig-advisor"
    assert cache_dir({"LOCALAPPDATA": "/w"}, "win32") == Path("/w/rig-advisor/Cache")


def test_the_key_follows_the_hardware() -> None:
    nothing: Fact[int] = unknown("x")
    cpu = CpuInfo(Fact("A", "s", "reported"), nothing, nothing, nothing, unknown("x"))
    other = CpuInfo(Fact("B", "s", "reported"), nothing, nothing, nothing, unknown("x"))
    memory = MemoryInfo(
        *(Fact(64, "s", "reported"), nothing), unknown("x"), nothing, nothing, unknown("x"), unknown("x")
    )
    assert measurement_key(cpu, memory) == measurement_key(cpu, memory)
    assert measurement_key(cpu, memory) != measurement_key(other, memory)
