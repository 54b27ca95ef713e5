"""How a machine is wired: sockets, memory nodes, channels and modules; GPUs, their links and memories.

A pure function of the Rig: every node carries the bandwidth of the edge to the part above it, as a fact
with source and confidence.  What a probe could not tell is drawn as unknown, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from catalog.types import CpuFamily
from probes.types import Fact, Rig

Kind = str
KINDS: tuple[Kind, ...] = (
    *("socket", "numa", "controller", "channel", "module", "empty"),
    *("gpu", "gpu_memory", "nvlink"),
)


@dataclass(frozen=True, slots=True)
class Node:
    """A part of the machine; ``bandwidth`` is that of the edge to the part above, in bytes/s."""

    kind: Kind
    name: str
    detail: str = ""
    bandwidth: Fact[float] | None = None
    """``None`` where there is no edge to tell: a socket is the top."""
    size_bytes: int | None = None
    children: tuple[Node, ...] = ()

    def walk(self) -> Iterator[Node]:
        """This node and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class Limit:
    """One bottleneck: what limits it now and, where known, what would be reached without, in bytes/s."""

    part: str
    text: str
    bytes_per_s: float | None = None
    could_be_bytes_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class Topology:
    """The whole machine: the RAM's bandwidth in theory and as measured, the parts, and the bottlenecks."""

    name: str
    memory: str
    """Size, kind and speed of the RAM, in words."""
    bandwidth: Fact[float]
    measured: Fact[float]
    parts: tuple[Node, ...]
    limits: tuple[Limit, ...]
    notes: tuple[str, ...] = ()
    """What the probe could not find out, and what would help."""


def build(rig: Rig, family: CpuFamily | None = None) -> Topology:
    """The topology of a rig.

    Args:
        rig: the machine.
        family: the CPU's family, for the channels that it could have.
    """
    from advisor.report.topology_gpus import gpu_node
    from advisor.report.topology_limits import limits_of
    from advisor.report.topology_memory import memory_text, sockets

    parts = (*sockets(rig, family), *(gpu_node(i, gpu) for i, gpu in enumerate(rig.accelerators, 1)))
    return Topology(
        name=rig.name,
        memory=memory_text(rig),
        bandwidth=rig.memory.bandwidth_bytes_per_s,
        measured=rig.memory.measured_bandwidth_bytes_per_s,
        parts=parts,
        limits=tuple(limits_of(rig, family)),
        notes=rig.notes,
    )


def topology_of(rig: Rig) -> Topology:
    """The topology of a rig, with the catalog's knowledge of its CPU's family."""
    from catalog.hardware import match_cpu_family

    name = rig.cpu.name.value
    return build(rig, match_cpu_family(name) if name else None)
