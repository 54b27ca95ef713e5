"""Rigs that the tests of the upgrade search ask about, made from the catalog."""

from __future__ import annotations

import pytest

from probes.hypothetical import hypothetical_rig
from probes.types import Rig


@pytest.fixture(scope="module")
def desktop() -> Rig:
    """AM5: two channels of DDR5, four slots, one 24 GB card."""
    return hypothetical_rig(["RTX 4090"], "2x32GB:DDR5-6000", "Ryzen 9 7950X")


@pytest.fixture(scope="module")
def plain() -> Rig:
    """The same board without a card."""
    return hypothetical_rig([], "2x16GB:DDR5-5200", "Ryzen 9 7950X")
