"""CPUID flags by py-cpuinfo: its answers, and every way it may fail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from probes.cpuid import isa_from_cpuid


def test_flags_that_matter_are_kept() -> None:
    fact = isa_from_cpuid(lambda: {"flags": ["mmx", "avx2", "avx512f", "fma", "vme"]})
    assert fact.value is not None
    assert {"avx2", "avx512f", "fma"} <= set(fact.value)
    assert "vme" not in fact.value
    assert fact.confidence == "reported"


def broken() -> Mapping[str, Any]:
    raise KeyError("hz_advertised")


@pytest.mark.parametrize("answer", [dict, lambda: {"flags": None}, lambda: {"flags": ["vme"]}, broken])
def test_no_answer_is_a_reason_and_not_an_error(answer: Any) -> None:
    fact = isa_from_cpuid(answer)
    assert fact.value is None
    assert fact.source
