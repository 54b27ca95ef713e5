"""A rig as a runtime uses it: its engine on the GPUs that it runs on, and its share of their memory."""

from __future__ import annotations

from dataclasses import replace

from advisor.core.machine import Machine
from advisor.core.question import QuestionError
from advisor.core.runtimes import Runtime
from catalog.memory_model import memory_share
from probes.types import AcceleratorInfo, Fact, Rig, unknown


class UnsuitedRigError(QuestionError):
    """The runtime runs on nothing that this rig has.  The text names what it runs on."""


def rig_on(rig: Rig, runtime: Runtime) -> tuple[Rig, tuple[str, ...]]:
    """The rig with the GPUs that a runtime runs on, set to its engine; and what is left out.

    Raises:
        UnsuitedRigError: it needs a GPU of a kind that the rig lacks.
    """
    if not runtime.vendors and runtime.gpu_engine is None:
        return rig, ()
    kept, left = [], []
    for info in rig.accelerators:
        if _runs_on(runtime, info):
            engine = Fact(runtime.gpu_engine, f"asked for {runtime.title}", "reported")
            kept.append(replace(info, backend=engine) if runtime.gpu_engine else info)
        else:
            left.append(info.name.value or "a GPU without a name")
    if not kept and not runtime.uses_ram:
        has = f"has {', '.join(left)}" if left else "has no GPU"
        raise UnsuitedRigError(
            f"{runtime.title} runs on {runtime.devices}, and this rig {has}; ask for another --runtime, "
            "for example llama.cpp"
        )
    notes = tuple(f"{name} is left out: {runtime.title} runs on {runtime.devices}" for name in left)
    return replace(rig, accelerators=tuple(kept)), notes


def one_node(rig: Rig) -> Rig | None:
    """The rig as a run bound to one socket sees it: its cores and the memory next to it; all GPUs.

    ``None`` for a machine with one socket, or whose cores or memory are not known.

    Sockets are taken to be alike; a measured bandwidth is that of all of them together.
    """
    sockets = rig.cpu.sockets.value or 1
    cpu, memory = rig.cpu, rig.memory
    if sockets < 2 or cpu.physical_cores.value is None or memory.total_bytes.value is None:
        return None
    cores = cpu.physical_cores.value // sockets
    source = f"one of {sockets} sockets"
    usable = cpu.usable_cores.value
    node_cpu = replace(
        cpu,
        sockets=Fact(1, source, "derived"),
        physical_cores=Fact(cores, source, "derived"),
        usable_cores=cpu.usable_cores if usable is None or usable < cores else unknown(source),
    )

    def part(fact: Fact[float]) -> Fact[float]:
        return fact if fact.value is None else Fact(fact.value / sockets, source, "derived")

    node_memory = replace(
        memory,
        total_bytes=Fact(memory.total_bytes.value // sockets, source, "derived"),
        bandwidth_bytes_per_s=part(memory.bandwidth_bytes_per_s),
        measured_bandwidth_bytes_per_s=part(memory.measured_bandwidth_bytes_per_s),
    )
    return replace(rig, cpu=node_cpu, memory=node_memory)


def _runs_on(runtime: Runtime, info: AcceleratorInfo) -> bool:
    if runtime.vendors and info.vendor.value not in runtime.vendors:
        return False
    return info.architecture.value not in runtime.too_old


def machine_on(machine: Machine, runtime: Runtime, notes: tuple[str, ...]) -> Machine:
    """The machine with what the runtime takes of the GPUs' memory, and what its estimate leaves open."""
    told = [*notes, *([f"{runtime.remark[0].upper()}{runtime.remark[1:]}"] if runtime.remark else [])]
    share = memory_share(runtime.name) if runtime.takes_share_of_gpu else None
    if share is not None:
        devices = tuple(
            d
            if d.kind == "cpu"
            else replace(d, usable_bytes=min(d.memory_bytes * share, _room(d.kind, machine)))
            for d in machine.devices
        )
        machine = replace(machine, devices=devices)
        told.append(f"{runtime.title} takes {share:.0%} of each GPU's memory")
    return replace(machine, assumptions=(*machine.assumptions, *told)) if told else machine


def _room(kind: str, machine: Machine) -> float:
    return machine.ram_usable_bytes if kind == "unified" else float("inf")
