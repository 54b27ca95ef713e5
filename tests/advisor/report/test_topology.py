"""The topology of rigs of many shapes: every edge has its bandwidth or a reason, and the sums hold."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from advisor.report.schemas import schema_document
from advisor.report.topology import Node, Topology, topology_of
from advisor.report.topology_memory import Place, place_of
from advisor.report.topology_text import topology_document, topology_text
from probes.capture import rig_from_captures
from probes.hypothetical import hypothetical_rig
from probes.types import Fact, MemoryModule, NumaNode, PcieLink, Rig, unknown

FIXTURES = Path(__file__).parents[2] / "fixtures"
GIB = 1024**3
SCHEMA = schema_document("topology")


def rig(
    channels: Sequence[str | None],
    *,
    cpu: str = "Intel(R) Core(TM) i9-14900K",
    kind: str = "DDR5",
    mts: int = 5600,
    count: int | None = None,
    sockets: int = 1,
    sizes: Sequence[int] | None = None,
    gpus: Sequence[str] = (),
) -> Rig:
    """A machine with a module on each of these channels."""
    made = hypothetical_rig(list(gpus), f"2x32GB:{kind.replace('LP', '')}-{mts}", None)
    modules = tuple(
        MemoryModule((sizes or [32] * 64)[i] * GIB, kind, mts, mts, 64, f"slot {i}", channel=c)
        for i, c in enumerate(channels)
    )
    n = count or len({c for c in channels if c})
    memory = replace(
        made.memory,
        type=Fact(kind, "test", "reported"),
        channels=Fact(n, "test", "reported"),
        mts=Fact(mts, "test", "reported"),
        bandwidth_bytes_per_s=Fact(n * mts * 8e6, f"{n * 64} bits at {mts} MT/s", "derived"),
        modules=modules,
    )
    processor = replace(
        made.cpu, name=Fact(cpu, "test", "reported"), sockets=Fact(sockets, "test", "reported"), numa=()
    )
    return replace(made, cpu=processor, memory=memory)


def of_kind(topology: Topology, kind: str) -> list[Node]:
    return [node for part in topology.parts for node in part.walk() if node.kind == kind]


def limits(topology: Topology) -> str:
    return "\n".join(f"{limit.part}: {limit.text}" for limit in topology.limits)


def sound(topology: Topology) -> None:
    """What holds for every topology: the document is valid, and no node is told better than its parts."""
    document = json.loads(json.dumps(topology_document(topology), allow_nan=False))
    jsonschema.validate(document, SCHEMA)
    text = topology_text(topology)
    for part in topology.parts:
        for node in part.walk():
            assert node.name in text
            below = [c.bandwidth for c in node.children if c.kind in ("channel", "controller")]
            if node.kind in ("socket", "controller") and below and all(b and b.known for b in below):
                assert node.bandwidth is not None
                total = sum(b.value or 0 for b in below if b)
                assert node.bandwidth.value == pytest.approx(total, rel=1e-6)
            if node.bandwidth is not None and not node.bandwidth.known:
                assert node.bandwidth.source


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("A", Place(None, None, "A")),
        ("P0/A", Place("0", None, "A")),
        ("C1/A", Place(None, "C1", "A")),
        ("P1/N0/C", Place("1", "N0", "C")),
        ("P", Place(None, None, "P")),
        ("", Place(None, None, "")),
    ],
)
def test_channel_keys_come_apart(key: str, place: Place) -> None:
    assert place_of(key) == place


def test_controllers_hold_their_channels() -> None:
    topology = topology_of(rig(["C0/A", "C1/A"]))
    sound(topology)
    (socket,) = of_kind(topology, "socket")
    assert [c.name for c in socket.children] == ["controller 0", "controller 1"]
    assert [m.name for m in of_kind(topology, "module")] == ["slot 0", "slot 1"]
    assert socket.bandwidth is not None
    assert socket.bandwidth.value == pytest.approx(89.6e9)
    assert not of_kind(topology, "empty")


def test_one_of_two_channels_says_what_two_would_give() -> None:
    topology = topology_of(rig(["A"], mts=6400, cpu="AMD Ryzen 9 7950X"))
    sound(topology)
    assert "RAM: 51.2 GB/s of 1 channel: all 2 of the CPU would give 102 GB/s" in limits(topology)
    (empty,) = of_kind(topology, "empty")
    assert empty.name == "1 channel without a module"
    assert empty.bandwidth is not None
    assert empty.bandwidth.value == pytest.approx(51.2e9)


def test_sockets_are_told_apart_and_summed() -> None:
    keys = [f"P{s}/{c}" for s in (1, 2) for c in "ABCDEF"]
    topology = topology_of(rig(keys, kind="DDR4", mts=2933, sockets=2, cpu="Intel(R) Xeon(R) Gold 6248"))
    sound(topology)
    assert [s.name for s in of_kind(topology, "socket")] == ["socket 1", "socket 2"]
    assert [s.bandwidth and s.bandwidth.value for s in of_kind(topology, "socket")] == [
        pytest.approx(6 * 2933 * 8e6)
    ] * 2
    assert "2 sockets together" in limits(topology)


def test_a_socket_of_which_no_module_is_listed_is_unknown() -> None:
    topology = topology_of(rig(["P0/A", "P0/B"], sockets=2, cpu="AMD EPYC 9124 16-Core Processor"))
    sound(topology)
    second = of_kind(topology, "socket")[1]
    assert second.name == "socket 1?"
    assert second.bandwidth == unknown("none of its modules is known")


def test_modules_that_tell_no_socket_stand_beside_the_sockets() -> None:
    topology = topology_of(rig(["P0/A", "P1/A", "B", None], sockets=2, cpu="AMD EPYC 9124 16-Core Processor"))
    sound(topology)
    assert [p.name for p in topology.parts] == ["socket 0", "socket 1", "channel unknown"]
    assert [m.name for m in of_kind(topology, "module")] == ["slot 0", "slot 1", "slot 2", "slot 3"]
    assert not any(c.bandwidth and c.bandwidth.known for c in of_kind(topology, "channel"))
    one = topology_of(rig(["A", None]))
    assert [m.name for m in of_kind(one, "module")] == ["slot 0", "slot 1"]


def test_slots_of_more_sockets_than_the_processors_said_are_not_counted_twice() -> None:
    topology = topology_of(rig(["P0/A", "P1/A"], sockets=1, cpu="AMD EPYC 9124 16-Core Processor"))
    sound(topology)
    assert [s.bandwidth and s.bandwidth.value for s in of_kind(topology, "socket")] == [5600 * 8e6] * 2


def test_sockets_that_slot_names_do_not_tell_apart_are_one_part() -> None:
    topology = topology_of(
        rig(["A", "B", "A", "B"], count=4, sockets=2, cpu="AMD EPYC 9124 16-Core Processor")
    )
    sound(topology)
    (part,) = of_kind(topology, "socket")
    assert part.name.startswith("2 sockets")


def test_modules_without_a_channel_are_drawn_with_the_reason() -> None:
    made = rig([None, None], count=2)
    topology = topology_of(
        replace(
            made, memory=replace(made.memory, channels=unknown("slot numbers only: add the board's manual"))
        )
    )
    sound(topology)
    (channel,) = of_kind(topology, "channel")
    assert channel.bandwidth == unknown("slot numbers only: add the board's manual")
    assert "slot numbers only" in topology_text(topology)
    assert len(of_kind(topology, "module")) == 2


def test_a_virtual_machine_has_nothing_but_a_reason() -> None:
    made = rig([])
    because = "virtual machine (KVM): its module list is made up"
    memory = replace(
        made.memory, channels=unknown(because), bandwidth_bytes_per_s=unknown(because), mts=unknown(because)
    )
    topology = topology_of(replace(made, memory=memory))
    sound(topology)
    (channel,) = of_kind(topology, "channel")
    assert channel.name == "channels unknown"
    assert because in limits(topology)


def test_lpddr_channels_share_the_bus_equally() -> None:
    topology = topology_of(rig(["A", "B", "C", "D"], kind="LPDDR5", mts=6400, count=2))
    sound(topology)
    rates = [c.bandwidth.value for c in of_kind(topology, "channel") if c.bandwidth]
    assert rates == [pytest.approx(2 * 6400 * 8e6 / 4)] * 4
    assert not of_kind(topology, "empty")


def test_slow_modules_and_unequal_channels_are_said() -> None:
    made = rig(["A", "B"], sizes=[32, 16], mts=4800, cpu="AMD Ryzen 9 7950X")
    modules = tuple(replace(m, rated_mts=6000) for m in made.memory.modules)
    topology = topology_of(replace(made, memory=replace(made.memory, modules=modules)))
    sound(topology)
    text = limits(topology)
    assert "modules rated 6000 MT/s run at 4800: XMP, EXPO" in text
    assert "at their rate 96.0 GB/s" in text
    assert "channels hold 16.0 GiB to 32.0 GiB" in text
    four = replace(made.memory, modules=modules * 2, mts=Fact(3600, "test", "reported"))
    assert "allows 3600 with two per channel" in limits(topology_of(replace(made, memory=four)))


def test_memory_nodes_belong_to_their_sockets() -> None:
    made = rig(["P0/A", "P1/A"], sockets=2, cpu="AMD EPYC 9124 16-Core Processor")
    numa = (*(NumaNode(n, f"{n * 8}-{n * 8 + 7}", 16 * GIB) for n in range(4)), NumaNode(4, "", 64 * GIB))
    topology = topology_of(replace(made, cpu=replace(made.cpu, numa=numa)))
    sound(topology)
    first, second = of_kind(topology, "socket")
    assert [c.name for c in first.children if c.kind == "numa"] == [
        "NUMA node 0",
        "NUMA node 1",
        "NUMA node 4",
    ]
    assert [c.name for c in second.children if c.kind == "numa"] == ["NUMA node 2", "NUMA node 3"]
    node = of_kind(topology, "numa")
    assert node[0].bandwidth is not None
    assert node[0].bandwidth.value == pytest.approx(5600 * 8e6 / 2)
    assert node[2].bandwidth == unknown("memory without CPUs (HBM, CXL or a GPU's)")


@pytest.mark.parametrize(
    ("link", "says", "gbs"),
    [
        (PcieLink(3.0, 4), "PCIe 3.0 x4: 3.9 GB/s each way, 256 times less than its memory", 3.938),
        (PcieLink(4.0, 8, 4.0, 16), "the card could do x16: 31.5 GB/s", 15.754),
        (PcieLink(3.0, 16, 4.0, 16), "the card could do PCIe 4.0 x16: 31.5 GB/s", 15.754),
        (PcieLink(None, 16), "PCIe ? x16: its speed is not known", None),
        (PcieLink(9.0, 16), "PCIe 9.0 x16: its speed is not known", None),
    ],
)
def test_links_have_their_speed(link: PcieLink, says: str, gbs: float | None) -> None:
    made = rig(["A", "B"], gpus=["RTX 4090"])
    card = replace(made.accelerators[0], pcie=Fact(link, "NVML", "reported"))
    topology = topology_of(replace(made, accelerators=(card,)))
    sound(topology)
    (gpu,) = of_kind(topology, "gpu")
    assert gpu.bandwidth is not None
    assert gpu.bandwidth.value == (None if gbs is None else pytest.approx(gbs * 1e9, rel=1e-3))
    assert says in limits(topology)
    (memory,) = of_kind(topology, "gpu_memory")
    assert memory.bandwidth is not None
    assert memory.bandwidth.value == pytest.approx(1008e9, rel=0.01)


def test_several_cards_have_nvlink_or_the_slowest_pcie_link() -> None:
    made = rig(["A", "B"], gpus=["2x RTX 3090"])
    slow = replace(made.accelerators[1], pcie=Fact(PcieLink(3.0, 4), "NVML", "reported"))
    plain = replace(made, accelerators=(made.accelerators[0], slow))
    assert "the slowest PCIe link counts, 3.9 GB/s each way" in limits(topology_of(plain))
    bridge: Any = Fact(56e9, "NVML", "reported")
    joined = tuple(replace(g, nvlink_bytes_per_s=bridge) for g in made.accelerators)
    topology = topology_of(replace(made, accelerators=joined))
    sound(topology)
    assert [n.bandwidth and n.bandwidth.value for n in of_kind(topology, "nvlink")] == [56e9, 56e9]
    assert "no NVLink" not in limits(topology)
    hidden = replace(slow, pcie=unknown("not told"))
    unclear = replace(made, accelerators=(made.accelerators[0], hidden))
    assert "what flows between them is unknown" in limits(topology_of(unclear))


def test_unified_memory_is_one_edge_for_both() -> None:
    topology = topology_of(hypothetical_rig(["M3 Max 40-core"], None, None))
    sound(topology)
    (gpu,) = of_kind(topology, "gpu")
    assert gpu.detail == "shares the RAM with the CPU"
    assert not of_kind(topology, "gpu_memory")
    assert "for CPU and GPU together" in limits(topology)


def test_a_measurement_stands_beside_the_theory() -> None:
    made = rig(["A", "B"], gpus=["RTX 4090"])
    measured: Any = Fact(70e9, "read measurement, 4 threads", "measured")
    memory = replace(
        made.memory, measured_bandwidth_bytes_per_s=measured, measured_threads=replace(measured, value=4)
    )
    copied = replace(made.accelerators[0], measured_bandwidth_bytes_per_s=replace(measured, value=907e9))
    text = limits(topology_of(replace(made, memory=memory, accelerators=(copied,))))
    assert "70.0 GB/s measured, drawn by 4 threads: 78 % of the theoretical 89.6 GB/s" in text
    assert "copies in its memory at 907 GB/s: 90 % of its 1008 GB/s" in text
    wrong = replace(memory, measured_bandwidth_bytes_per_s=replace(measured, value=120e9))
    assert "must be wrong" in limits(topology_of(replace(made, memory=wrong)))


@pytest.mark.parametrize("path", sorted((FIXTURES / "dmi").glob("*.*")), ids=lambda p: p.stem[:30])
def test_every_captured_machine_can_be_drawn(path: Path) -> None:
    if path.suffix == ".csv":
        return
    found = rig_from_captures([path])
    topology = topology_of(found)
    sound(topology)
    drawn = [n.size_bytes for n in of_kind(topology, "module")]
    assert sorted(filter(None, drawn)) == sorted(m.size_bytes for m in found.memory.modules)
