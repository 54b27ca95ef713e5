"""Machines as the formulas see them: devices with what they reach, and edits of one number at a time."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class PromptSpeed:
    """What a device reaches on prompts.  Rates in FLOP/s, times in seconds."""

    dense_rate: float
    """Products with weights in the reference format."""
    expert_rate: float
    """Products with gathered experts."""
    attention_rate: float
    unfused_cost: float = 1.0
    """Time of attention relative to that of a fused kernel where it is switched off."""
    expert_tile: float = 0.0
    """Tokens that an expert costs beside those it sees."""
    expert_start_s: float = 0.0
    """Time of a touched expert matrix beside its products."""
    activation_passes: float = 0.0
    state_passes: float = 0.0
    """How often activations move per layer, and recurrent state per token."""
    launch_s: float = 0.0
    """Time per tensor and micro-batch."""
    growth_per_year: float = 1.0
    """Factor on products and attention for every year that the runtime is older."""

    def faster(self, factor: float) -> PromptSpeed:
        """With the rates scaled."""
        return replace(
            self,
            dense_rate=self.dense_rate * factor,
            expert_rate=self.expert_rate * factor,
            attention_rate=self.attention_rate * factor,
            expert_start_s=self.expert_start_s * factor**-0.5,
        )


@dataclass(frozen=True, slots=True)
class Network:
    """What joins a device of a second machine to this one."""

    name: str
    bytes_per_s: float
    """Payload per direction."""
    latency_s: float | None
    """Of a small message, one way; ``None`` where nobody's measurement is in the catalog."""

    def faster(self, factor: float) -> Network:
        """With bandwidth and latency better by a factor."""
        latency = self.latency_s and self.latency_s / factor
        return replace(self, bytes_per_s=self.bytes_per_s * factor, latency_s=latency)


@dataclass(frozen=True, slots=True)
class Device:
    """A device that holds weights and computes.  Bandwidths in bytes/s, rates in FLOP/s."""

    name: str
    kind: str
    """``gpu``, ``unified`` or ``cpu``."""
    memory_bytes: float
    usable_bytes: float
    bandwidth: float
    """Specified (or measured) memory bandwidth."""
    eta: float
    """Share of the bandwidth that reading weights reaches, in the reference format."""
    eta_kv: float
    """The same for the KV cache."""
    launch_s: float
    """Fixed time per tensor of the model and step."""
    unit_clock: float
    """Compute units times clock (1/s); CPU: cores times 1e9, less for lesser instruction sets."""
    unit_rate: float
    """Bytes/s of weights in the reference format that all compute units dequantize and multiply."""
    attention_rate: float
    """Multiply-adds of attention per second."""
    flops: float
    """Specified dense FP16 rate; 0 for a CPU."""
    prompt: PromptSpeed
    """What prefill reaches."""
    host_link: float
    """Bytes/s from host memory to the device; infinite for the CPU and unified memory."""
    expert_cost: float = 1.0
    """Time per byte of gathered experts relative to dense weights."""
    latent_cost: float = 1.0
    """Time of a multiply-add on latents relative to plain attention."""
    launch_growth: float = 1.0
    """Factor on launches for every year that the runtime is older."""
    soft_p: float = 2.4
    """Exponent of the soft minimum of its limits."""
    unfused_cost: float = 1.0
    """Time of attention relative to that of a fused ("flash") kernel where it is switched off."""
    shares_memory: bool = False
    """Whether a CPU reads the same memory (not of Apple's chips: a class of their own, they all share it)."""
    inline_ecc: bool = False
    """Whether error correction takes a part of the bandwidth."""
    emulates_dot: bool = False
    """Whether its engine's kernels need an integer product that it lacks."""
    power_share: float = 1.0
    """Power limit relative to the maker's."""
    decode_power_share: float = 1.0
    """Share of the maker's limit that it draws while it decodes at full speed."""
    slowed_to: float = 1.0
    """What the power limit leaves of bandwidth and rates."""
    prompt_slowed_to: float = 1.0
    """The same while a prompt is worked on."""
    isa: str = ""
    """Of a CPU: the best instruction set for dot products, as ``isa_factors`` lists them."""
    cap: float = math.inf
    """Bytes/s that reads reach at most, whatever the modules give: links between chiplets."""
    column_rate: float = math.inf
    """Parameters/s that kernels for few tokens multiply with each further token."""
    matrix_rate: float = math.inf
    """FLOP/s of kernels for many tokens in a decode step."""
    matrix_columns: float = 0.0
    expert_tile: float = 0.0
    """Tokens that such a kernel costs beside those it works on: dense, and per expert."""
    host_s: float = 0.0
    """Work of the host for each further user."""
    cores: float = 0.0
    architecture: str = ""
    vendor: str = ""
    backend: str = ""
    level: str = "architecture"
    rows: int | None = None
    measured_devices: int | None = None
    """Devices behind the efficiencies."""
    measured: bool = False
    """Whether this very device is among them."""
    efficiency_source: str = ""
    network: Network | None = None
    """Of a device in a second machine: what joins it to this one."""

    @property
    def effective_bandwidth(self) -> float:
        return self.bandwidth * self.eta


@dataclass(frozen=True, slots=True)
class Machine:
    """Devices of a rig, GPUs fastest first, the CPU last."""

    devices: tuple[Device, ...]
    ram_total_bytes: float
    ram_usable_bytes: float
    gpu_hop_s: float
    """Time of one hand-over of activations between GPUs."""
    host_hop_s: float
    """The same between a GPU and host memory."""
    sync_s: float
    """Latency of one all-reduce between GPUs."""
    sync_bandwidth: float
    """Bytes/s of the link that all-reduces use."""
    ram_bandwidth_basis: str
    """``measured``, ``specified`` or ``assumed``."""
    assumptions: tuple[str, ...]
    virtual: bool
    """Whether it is a virtual machine, which shares its memory with others."""
    sockets: int = 1
    whole: Machine | None = None
    """The same machine where no weights lie in RAM, if the runtime's engine is another then."""
    node: Machine | None = None
    """The same machine with one socket of several and the memory next to it, if a run can be bound to it."""

    @property
    def gpus(self) -> tuple[Device, ...]:
        return self.devices[:-1]

    @property
    def cpu(self) -> Device:
        return self.devices[-1]

    @property
    def shares_ram(self) -> bool:
        """Whether a GPU's memory is part of the RAM."""
        return any(device.kind == "unified" for device in self.devices)


def perturbed(machine: Machine, parameter: str, factor: float) -> Machine:
    """The machine with one parameter scaled, for sensitivities.

    Parameters: ``vram_bandwidth``, ``ram_bandwidth``, ``cores``, ``compute``, ``link``, ``launch``.
    """
    changes: dict[str, Callable[[Device], Device]] = {
        "vram_bandwidth": lambda d: d if d.kind == "cpu" else replace(d, bandwidth=d.bandwidth * factor),
        "ram_bandwidth": lambda d: (
            replace(d, bandwidth=d.bandwidth * factor, cap=d.cap * factor) if d.kind == "cpu" else d
        ),
        "cores": lambda d: faster_units(d, factor) if d.kind == "cpu" else d,
        "compute": lambda d: d if d.kind == "cpu" else faster_units(d, factor),
        "link": lambda d: replace(
            d, host_link=d.host_link * factor, network=d.network and d.network.faster(factor)
        ),
        "launch": lambda d: replace(d, launch_s=d.launch_s * factor),
    }
    change = changes[parameter]
    slower = 1 / factor if parameter == "link" else 1.0
    return replace(
        machine,
        devices=tuple(change(d) for d in machine.devices),
        gpu_hop_s=machine.gpu_hop_s * slower,
        host_hop_s=machine.host_hop_s * slower,
        sync_s=machine.sync_s * slower,
        sync_bandwidth=machine.sync_bandwidth / slower,
    )


def faster_units(device: Device, factor: float) -> Device:
    """With cores, or units and their clock, scaled."""
    return replace(
        device,
        cores=device.cores * factor,
        unit_clock=device.unit_clock * factor,
        flops=device.flops * factor,
        unit_rate=device.unit_rate * factor,
        attention_rate=device.attention_rate * factor,
        column_rate=device.column_rate * factor,
        matrix_rate=device.matrix_rate * factor,
        prompt=device.prompt.faster(factor),
    )


SENSITIVITY_PARAMETERS = ("vram_bandwidth", "ram_bandwidth", "cores", "compute", "link", "launch")
