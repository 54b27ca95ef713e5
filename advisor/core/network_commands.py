"""The plan of a run over two machines: who holds what, and the commands on both.

llama.cpp offers the devices of a second machine through ``rpc-server``; ``--device`` fixes the order that
the layers pass them in, as the estimate has it.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from advisor.core.commands import launch_command
from advisor.core.estimate import EstimateTable
from advisor.core.second_machine import uses_second_machine

PORT = 50052
"""What ``rpc-server`` listens on unless told otherwise."""
HOST = "SECOND"
"""Stands for the second machine's address, which only the user knows."""
_DEVICE_NAMES = {"cuda": "CUDA", "rocm": "ROCm", "vulkan": "Vulkan", "sycl": "SYCL", "metal": "MTL"}
"""What llama.cpp calls the devices of a backend, followed by their number."""


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """Layers on either machine (the head counts with its device), and what to type where."""

    layers_here: int
    layers_there: int
    there: str
    """Command on the second machine."""
    here: str
    """Command on this one."""
    others: tuple[str, ...]
    """Other engines that share a model out over machines; their speed is not modelled."""


def network_plan(table: EstimateTable, row: int) -> NetworkPlan | None:
    """How to run a row over both machines; ``None`` where it stays on this one."""
    if not uses_second_machine(table, row):
        return None
    remote = [device.network is not None for device in table.machine.devices]
    layers = table.dense_layers[row]
    there = int(sum(n for n, over in zip(layers, remote, strict=True) if over))
    here = launch_command(table, row)
    endpoint = f"{HOST}:{PORT}"
    flags = ["--rpc", endpoint, "--device", ",".join(_device_names(table))]
    return NetworkPlan(
        layers_here=int(layers.sum()) - there,
        layers_there=there,
        there=shlex.join(["rpc-server", "-H", "0.0.0.0", "-p", str(PORT), "-c"]),
        here=f"{here} {shlex.join(flags)}",
        others=_other_engines(table.candidates.model(row).id),
    )


def _device_names(table: EstimateTable) -> list[str]:
    """llama.cpp's names of the GPUs, in the order of the machine."""
    counts: dict[str, int] = {}
    names = []
    for device in table.machine.gpus:
        kind = "RPC" if device.network is not None else _DEVICE_NAMES.get(device.backend, "GPU")
        names.append(f"{kind}{counts.get(kind, 0)}")
        counts[kind] = counts.get(kind, 0) + 1
    return names


def _other_engines(model_id: str) -> tuple[str, ...]:
    """exo shares layers out by memory; vLLM splits them evenly, and both read other files than GGUF."""
    return (
        "exo: start 'uv run exo' on both machines; they find each other and share the layers out by memory",
        f"vLLM: 'ray start --head' here, 'ray start --address=HERE:6379' there, then "
        f"'vllm serve {model_id} --pipeline-parallel-size 2' here",
    )
