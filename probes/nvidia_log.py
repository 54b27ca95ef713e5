"""The log of ``nvidia-smi -q``: as XML (``-x``) and as text indented for people.

``nvidia-smi`` has no field for the bus width, so the bandwidth takes it from the catalog; the maximum
memory clock x 2 is the data rate, as with NVML.  Serial numbers and UUIDs are never read.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from probes.gpu import GpuProbe, GpuReading, merge
from probes.nvidia import CLOCK_FACTOR
from probes.nvidia_values import MAX_TEXT, device_id, mib, number, probe_from_reading, string, switch, whole
from probes.types import PcieLink, RigError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


def gpus_from_xml(text: str) -> GpuProbe:
    """GPUs in the output of ``nvidia-smi -q -x``.

    Raises:
        RigError: not well-formed, not this document, larger than 16 MiB, or with entity
            declarations (which nvidia-smi never writes and which can expand without bound).
    """
    from xml.etree import ElementTree

    if len(text) > MAX_TEXT:
        raise RigError("nvidia-smi XML: larger than 16 MiB; give the output of `nvidia-smi -q -x` alone")
    if "<!ENTITY" in text.upper():
        raise RigError("nvidia-smi XML: entity declarations are refused; nvidia-smi does not write any")
    try:
        log = ElementTree.fromstring(text.lstrip("\ufeff \t\r\n"))
    except (ElementTree.ParseError, ValueError) as error:
        raise RigError(
            f"nvidia-smi XML: not well-formed ({error}); capture it again with `nvidia-smi -q -x`"
        ) from error
    if log.tag != "nvidia_smi_log":
        raise RigError(f"nvidia-smi XML: the document is a <{log.tag}>; expected <nvidia_smi_log>")
    driver = string(log.findtext("driver_version"))
    found = merge(_gpu_from_log(_fields_of(gpu), driver) for gpu in log.findall("gpu"))
    if not found.accelerators and not found.notes:
        return GpuProbe(notes=("nvidia-smi XML: lists no GPU.",))
    return found


def _fields_of(gpu: Element) -> LogFields:
    slices = [
        (mib(device.findtext("fb_memory_usage/total")), mib(device.findtext("fb_memory_usage/free")))
        for device in gpu.findall("mig_devices/mig_device")
    ]
    return LogFields(gpu.findtext, tuple(slices), gpu.get("id"))


def gpus_from_log(text: str) -> GpuProbe:
    """GPUs in the output of ``nvidia-smi -q``, the same log as the XML, indented for people.

    Raises:
        RigError: it lists no GPU.
    """
    driver = re.search(r"^Driver Version[ \t]*:[ \t]*(\S{1,40})", text, re.MULTILINE)
    parts = re.split(
        r"^GPU ([0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.[0-7])[ \t\r]*$", text[:MAX_TEXT], flags=re.M
    )
    if len(parts) < 3:
        raise RigError("nvidia-smi log: no GPU in it; capture it again with `nvidia-smi -q -x`")
    return merge(
        _gpu_from_log(_log_fields(body, bus_id), driver[1] if driver else None)
        for bus_id, body in zip(parts[1::2], parts[2::2], strict=True)
    )


_LOG_PATHS = {
    "product_name": "product_name",
    "product_architecture": "product_architecture",
    "display_active": "display_active",
    "pci/pci_device_id": "pci/device_id",
    "pci/pci_bus_id": "pci/bus_id",
    "pci/pci_gpu_link_info/pcie_gen/max_link_gen": "pci/gpu_link_info/pcie_generation/max",
    "pci/pci_gpu_link_info/pcie_gen/max_device_link_gen": "pci/gpu_link_info/pcie_generation/device_max",
    "pci/pci_gpu_link_info/link_widths/current_link_width": "pci/gpu_link_info/link_width/current",
    "pci/pci_gpu_link_info/link_widths/max_link_width": "pci/gpu_link_info/link_width/max",
    "fb_memory_usage/total": "fb_memory_usage/total",
    "fb_memory_usage/reserved": "fb_memory_usage/reserved",
    "fb_memory_usage/free": "fb_memory_usage/free",
    "max_clocks/mem_clock": "max_clocks/memory",
    "mig_mode/current_mig": "mig_mode/current",
    "ecc_mode/current_ecc": "ecc_mode/current",
    **{
        f"{group}/{name}": f"{group}/{name}"
        for group in ("gpu_power_readings", "power_readings")
        for name in ("current_power_limit", "enforced_power_limit", "power_limit")
    },
}
"""Paths in the XML, and the titles that lead to the same value in the indented log."""


def _log_fields(body: str, bus_id: str) -> LogFields:
    """The indented lines of one GPU as paths; each ``MIG Device`` is kept apart."""
    values: dict[str, str] = {}
    slices: list[dict[str, str]] = []
    titles: list[tuple[int, str]] = []
    for line in body.splitlines():
        title, colon, value = line.partition(" : ") if " : " in line else (line, "", "")
        if not title.strip():
            continue
        depth = len(title) - len(title.lstrip())
        while titles and titles[-1][0] >= depth:
            titles.pop()
        name = re.sub(r"[^a-z0-9]+", "_", title.strip().lower()).strip("_")
        if not colon:
            titles.append((depth, name))
            if re.fullmatch(r"mig_device(_\d+)?", name):
                slices.append({})
            continue
        names = [t for _, t in titles]
        mig = next((i for i, t in enumerate(names) if re.fullmatch(r"mig_device(_\d+)?", t)), None)
        target = values if mig is None or not slices else slices[-1]
        path = "/".join([*(names if mig is None else names[mig + 1 :]), name])
        target.setdefault(path, value.strip())
    sizes = [(mib(s.get("fb_memory_usage/total")), mib(s.get("fb_memory_usage/free"))) for s in slices]
    return LogFields(lambda path: values.get(_LOG_PATHS.get(path, path)), tuple(sizes), bus_id)


@dataclass(frozen=True, slots=True)
class LogFields:
    """One GPU of the log: its values by their path in the XML, and (total, free) of its MIG instances."""

    get: Callable[[str], str | None]
    slices: tuple[tuple[int | None, int | None], ...]
    bus_id: str | None


def _gpu_from_log(log: LogFields, driver: str | None) -> GpuProbe:
    get = log.get
    link = "pci/pci_gpu_link_info"
    generation = number(get(f"{link}/pcie_gen/max_link_gen"))
    lanes = whole(get(f"{link}/link_widths/current_link_width"))
    power = next(
        (
            value
            for group in ("gpu_power_readings", "power_readings")
            for name in ("current_power_limit", "enforced_power_limit", "power_limit")
            if (value := number(get(f"{group}/{name}"))) is not None
        ),
        None,
    )
    reading = GpuReading(
        source="nvidia-smi",
        vendor="NVIDIA",
        name=string(get("product_name")),
        pci_id=device_id(get("pci/pci_device_id")),
        vram_bytes=mib(get("fb_memory_usage/total")),
        free_bytes=mib(get("fb_memory_usage/free")),
        memory_mhz=number(get("max_clocks/mem_clock")),
        clock_factor=CLOCK_FACTOR,
        unified=False,
        pcie=PcieLink(
            generation=generation,
            lanes=lanes,
            max_generation=number(get(f"{link}/pcie_gen/max_device_link_gen")) or generation,
            max_lanes=whole(get(f"{link}/link_widths/max_link_width")),
        )
        if generation or lanes
        else None,
        driver=driver,
        power_limit_w=power,
        backend="cuda",
        architecture=_architecture_word(get("product_architecture")),
        vram_reason="the capture has no memory size",
        ecc=switch(get("ecc_mode/current_ecc")),
        reserved_bytes=mib(get("fb_memory_usage/reserved")),
        display_active=switch(get("display_active")),
    )
    mig = bool(switch(get("mig_mode/current_mig")))
    return probe_from_reading(reading, mig, list(log.slices), get("pci/pci_bus_id") or log.bus_id)


def _architecture_word(text: str | None) -> str | None:
    """``Ada Lovelace`` -> ``ada``: nvidia-smi's word for the architecture as the catalog's class."""
    word = (string(text) or "").lower().split(" ")[0]
    known = ("maxwell", "pascal", "volta", "turing", "ampere", "ada", "hopper", "blackwell")
    return word if word in known else None
