"""A short run of ``tests/benchmarks/fuzz_probes.py``: damaged captures give a Rig or a RigError."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("resource", reason="the fuzzing measures itself with what Unix offers")

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
EACH = 60


@pytest.fixture(scope="module")
def fuzz() -> Iterator[Any]:
    """The benchmark script as a module, and its folder of captures."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import fuzz_cases
        import fuzz_probes
    finally:
        sys.path.remove(str(BENCHMARKS))
    with fuzz_probes.Playground() as playground:
        yield lambda number, kind: fuzz_probes.attempt(
            playground, fuzz_cases.make_case(number, kind), limits=False
        )


KINDS = ("smbios", "dmidecode", "udev", "xml", "json", "csv", "text", "archive", "tree")


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_captures_give_a_rig_or_a_typed_error(fuzz: Any, kind: str) -> None:
    @settings(
        max_examples=EACH,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(st.integers(min_value=0, max_value=2**40))
    def holds(number: int) -> None:
        assert fuzz(number, kind) is None

    holds()


def test_the_fuzzing_notices_what_it_looks_for(fuzz: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("Size")

    monkeypatch.setattr("probes.udev_dmi.parse_udev_dmi", broken)
    monkeypatch.setattr("probes.cpu.probe_cpu", broken)
    assert "KeyError" in {(fuzz(n, "udev") or "").partition(":")[0] for n in range(30)}
    assert any("probe cpu raised inside" in (fuzz(n, "tree") or "") for n in range(10))
