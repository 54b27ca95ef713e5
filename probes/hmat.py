"""Memory bandwidth as the firmware states it: ACPI's HMAT, which Linux shows per NUMA node.

``/sys/devices/system/node/node*/access0/initiators/read_bandwidth`` is in MiB/s (the kernel's numaperf
document); many machines have no such table, and some fill in placeholders.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from probes.files import children, read_int, read_line

SOURCE = "ACPI HMAT (firmware's own figure)"

_LOW_MIB, _HIGH_MIB = 4_000, 2_000_000
"""From less than one channel of DDR3 to more than a socket of HBM has; the rest are placeholders."""


@dataclass(frozen=True, slots=True)
class Hmat:
    """Read bandwidth summed over the nodes that have CPUs, and how many they are."""

    bandwidth_bytes_per_s: float
    nodes: int


def read_hmat(root: Path) -> Hmat | None:
    """The firmware's figure; ``None`` where a node with CPUs and memory has none or an impossible one.

    Nodes without CPUs (HBM, CXL, GPU memory) are not system RAM in the sense of the module list and are
    left out.
    """
    total = nodes = 0
    for _, node in children(root / "sys/devices/system/node", "node"):
        if not read_line(node / "cpulist"):
            continue
        mib = read_int(node / "access0/initiators/read_bandwidth")
        if mib is None or not _LOW_MIB <= mib <= _HIGH_MIB:
            return None
        total += mib
        nodes += 1
    return Hmat(total * 1024.0**2, nodes) if nodes else None
