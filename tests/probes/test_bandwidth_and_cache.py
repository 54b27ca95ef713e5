"""The bandwidth measurement, small and fast here, and the file that remembers it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from probes import bandwidth
from probes.bandwidth import (
    BandwidthMeasurement,
    MeasurementSkippedError,
    bytes_per_thread,
    measure_ram_bandwidth,
)
from probes.cache import cache_dir, load_measurement, measurement_key, store_measurement
from probes.types import Cache, CpuInfo, Fact, MemoryInfo, unknown

MIB = 1024**2
FOUND = BandwidthMeasurement(34e9, 2, 28e9, 0.05, 0.4)


@pytest.fixture
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RIG_ADVISOR_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_measurement_is_positive_and_within_its_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bandwidth, "MIN_BYTES_PER_THREAD", 4 * MIB)
    found = measure_ram_bandwidth(2, 1024 * MIB, budget_s=0.5)
    assert found.threads in (1, 2)
    assert found.bytes_per_s >= found.single_thread_bytes_per_s > 1e8
    assert 0 <= found.spread < 1
    assert found.seconds < 5
    assert found.as_fact().confidence == "measured"


def test_too_little_memory_is_skipped_with_the_reason() -> None:
    with pytest.raises(MeasurementSkippedError, match="128 MiB of free memory are needed"):
        measure_ram_bandwidth(4, 100 * MIB)
    with pytest.raises(MeasurementSkippedError, match="no CPU"):
        measure_ram_bandwidth(0, 100 * MIB)


def test_threads_are_added_only_while_memory_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bandwidth, "MIN_BYTES_PER_THREAD", 2 * MIB)
    assert measure_ram_bandwidth(8, 5 * MIB).threads == 1


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
        "import sys, probes.bandwidth, probes.cache, probes.memory, probes.cpu, probes.system;"
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
        b'{"format": 2, "measurements": {"a": {}}}',
        b'{"format": 1, "measurements": {"a": {"bytes_per_s": "fast"}}}',
        b'{"format": 1, "measurements": {"a": {"bytes_per_s": NaN, "threads": 1}}}',
        b'{"format": 1, "measurements": {"a": {"bytes_per_s": -1, "threads": 1,'
        b' "single_thread_bytes_per_s": 1, "spread": 0, "seconds": 1}}}',
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
