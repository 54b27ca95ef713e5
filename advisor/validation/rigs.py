"""Rigs from the columns of measurement rows."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache

from advisor.pipeline import cpu_family
from advisor.validation.cases import GIB, Row, SkipRowError, number, whole
from catalog.hardware import find_accelerator
from catalog.types import LookupFailedError
from probes.hypothetical import hypothetical_rig
from probes.types import AcceleratorInfo, Fact, MemoryInfo, PcieLink, Rig, RigError, unknown

_SOURCE = "the measurement's own columns"
_AMPLE_GIB = 2048
"""RAM of a machine whose size is not stated: nobody measures a model that does not fit."""


@lru_cache(maxsize=1024)
def gpu_rig(hardware: str, count: int, memory_gib: float | None, bandwidth_gbs: float | None) -> Rig:
    """A rig of GPUs; size and bandwidth decide between products of one name.

    Raises:
        LookupFailedError, RigError: the catalog does not know the GPU, or cannot tell which it is.
    """
    rig = _of_gpus(hardware, count, memory_gib, bandwidth_gbs)
    cards = tuple(_with_bandwidth(card, bandwidth_gbs) for card in rig.accelerators)
    memory = rig.memory
    if not memory.total_bytes.known:
        memory = replace(memory, total_bytes=Fact(512 * GIB, "not stated: assumed ample", "guess"))
    return replace(rig, accelerators=cards, memory=memory)


def _of_gpus(hardware: str, count: int, memory_gib: float | None, bandwidth_gbs: float | None) -> Rig:
    times = f"{count}x " if count > 1 else ""
    names = [hardware]
    if memory_gib and not re.search(r"\d\s*GB\b", hardware):
        names.insert(0, f"{hardware} {memory_gib:g}GB")
    for name in names[:-1]:
        try:
            return hypothetical_rig([times + name], None, None)
        except (LookupFailedError, RigError):
            continue
    try:
        return hypothetical_rig([times + names[-1]], None, None, any_memory=True)
    except LookupFailedError as error:
        same = _same_bandwidth(error, bandwidth_gbs)
        if same is None:
            raise
        return hypothetical_rig([times + same], None, None, any_memory=True)


def _same_bandwidth(error: LookupFailedError, bandwidth_gbs: float | None) -> str | None:
    """The one candidate of an ambiguous name that has the stated bandwidth."""
    if not error.ambiguous or not bandwidth_gbs:
        return None
    cards = [find_accelerator(name) for name in error.candidates]
    near = [card for card in cards if abs(card.bandwidth_gbs / bandwidth_gbs - 1) < 0.02]
    kinds = {(card.architecture, card.fp16_tflops) for card in near}
    return near[0].name if len(kinds) == 1 else None


def _with_bandwidth(card: AcceleratorInfo, stated_gbs: float | None) -> AcceleratorInfo:
    """Where the memory is the machine's, the catalog has the platform's fastest: the row's own goes first."""
    if not stated_gbs or card.bandwidth_bytes_per_s.confidence != "guess":
        return card
    return replace(card, bandwidth_bytes_per_s=Fact(stated_gbs * 1e9, _SOURCE, "reported"))


def with_run(rig: Rig, engine: str, power_limit_w: float | None, link: str = "") -> Rig:
    """The rig with what the run set: the engine, the power cap, and the link of its GPUs."""
    pcie = re.search(r"PCIe ([1-7])\.0 x(\d{1,2})\b", link)

    def changed(card: AcceleratorInfo) -> AcceleratorInfo:
        card = replace(card, backend=Fact(engine, _SOURCE, "reported"))
        if power_limit_w:
            card = replace(card, power_limit_w=Fact(power_limit_w, _SOURCE, "reported"))
        if pcie:
            generation, lanes = float(pcie.group(1)), int(pcie.group(2))
            used = PcieLink(generation, lanes, generation, lanes)
            card = replace(card, pcie=Fact(used, _SOURCE, "reported"))
        return card

    return replace(rig, accelerators=tuple(changed(card) for card in rig.accelerators))


_REMARK = re.compile(r"\s*\(.*\)|\s+\d+\s?GB$|\s+\d+-core.*$")


def ram_rig(row: Row, *, with_gpus: bool) -> Rig:
    """A rig from the columns of a CPU or hybrid row.

    Raises:
        SkipRowError: nothing about the RAM is known although all weights lie in it.
        LookupFailedError, RigError: a part is not known.
    """
    rig = _processor_rig(_cpu_name(row), _gpu_rig(row) if with_gpus else None)
    memory = _memory(row, rig)
    known = memory.bandwidth_bytes_per_s.known or memory.measured_bandwidth_bytes_per_s.known
    if not known and not with_gpus and cpu_family(rig) is None:
        raise SkipRowError("neither the RAM's bandwidth nor its modules nor the CPU are known")
    threads = number(row, "threads")
    stated = re.search(r"\bthreads (\d{1,4})\b", row["notes"])
    if threads is None and stated:
        threads = float(stated.group(1))
    info = rig.cpu
    if threads and (info.physical_cores.value or 1_000) > threads:
        info = replace(info, usable_cores=Fact(threads, _SOURCE, "reported"))
    system = rig.system
    if re.search(r"\bVM\b", row["cpu"]):
        system = replace(system, virtualization=Fact("vm", _SOURCE, "reported"))
    return replace(rig, memory=memory, cpu=info, system=system)


def _gpu_rig(row: Row) -> Rig | None:
    name = re.sub(r"\s*\(.*\)| / .*$", "", row["gpu"])
    if not name:
        return None
    return gpu_rig(name, max(whole(row, "n_gpus", 1), 1), None, number(row, "gpu_bandwidth_gbs"))


def _cpu_name(row: Row) -> str:
    """The CPU as the catalog's lookup wants it: ``2x EPYC 9175F``; one socket where only one was used."""
    name = _REMARK.sub("", row["cpu"]).strip()
    name = re.sub(r"^(.*) x(\d)$", r"\2x \1", name)
    if re.search(r"cpunodebind|one socket", row["notes"]):
        name = re.sub(r"^\d+x ", "", name)
    return name.removeprefix("1x ")


@lru_cache(maxsize=256)
def _processor_rig(cpu: str, gpus: Rig | None) -> Rig:
    """A rig with a CPU; one that the catalog cannot place keeps its name only."""
    try:
        own = hypothetical_rig([], None, cpu or None)
    except (LookupFailedError, RigError):
        own = hypothetical_rig([], None, None)
        if cpu:
            own = replace(own, cpu=replace(own.cpu, name=Fact(cpu, _SOURCE, "reported")))
    if gpus is None:
        return replace(own, accelerators=())
    chips = [card for card in gpus.accelerators if card.unified.value]
    if chips:
        return gpus  # one chip: its memory and its CPU belong to it
    return replace(own, accelerators=gpus.accelerators)


_RAM_SIZE = re.compile(r"(?:\b(\d{1,2})x)?(?<![\d.])(\d{1,5}) ?GB\b(?!/s)")


def _memory(row: Row, rig: Rig) -> MemoryInfo:
    """The memory that the columns state; what they leave open stays unknown."""
    spec, measured = number(row, "ram_bandwidth_gbs_spec"), number(row, "ram_bandwidth_gbs_measured")
    mts, channels = number(row, "ram_mts"), _channels(row["ram_channels"])
    memory = rig.memory
    if not spec and mts and channels:
        spec = mts * channels * 8 / 1000
    total = memory.total_bytes
    size = _RAM_SIZE.search(f"{row['cpu']} {row['notes']}")
    if size and not any(card.unified.value for card in rig.accelerators):
        total = Fact(int(size.group(1) or 1) * int(size.group(2)) * GIB, _SOURCE, "reported")
    elif not total.known:
        total = Fact(_AMPLE_GIB * GIB, "not stated: assumed ample", "guess")
    return replace(
        memory,
        total_bytes=total,
        type=Fact(row["ram_type"], _SOURCE, "reported") if row["ram_type"] else memory.type,
        mts=Fact(round(mts), _SOURCE, "reported") if mts else memory.mts,
        channels=Fact(int(channels), _SOURCE, "reported") if channels and channels >= 1 else memory.channels,
        bandwidth_bytes_per_s=Fact(spec * 1e9, _SOURCE, "reported") if spec else memory.bandwidth_bytes_per_s,
        measured_bandwidth_bytes_per_s=Fact(measured * 1e9, _SOURCE, "measured")
        if measured
        else unknown("not measured"),
    )


def _channels(text: str) -> float | None:
    """Channels in units of 64 bits: ``8``, ``256bit``, ``1x32bit``."""
    bits = re.fullmatch(r"(?:(\d{1,3})x)?(\d{1,4}) ?bit", text)
    if bits:
        return int(bits.group(1) or 1) * int(bits.group(2)) / 64
    return float(text) if re.fullmatch(r"[0-9]{1,3}", text) else None
