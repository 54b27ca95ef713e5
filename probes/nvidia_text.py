"""NVIDIA GPUs from what ``nvidia-smi`` prints: XML (``-q -x``), CSV (``--query-gpu``), and the
Prometheus text that exporters make of the CSV.

``nvidia-smi`` has no field for the bus width, so the bandwidth takes it from the catalog; the maximum
memory clock x 2 is the data rate, as with NVML.  Serial numbers and UUIDs are never read.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from probes.gpu import MIB, GpuProbe, GpuReading, accelerator_from_reading, merge
from probes.nvidia import (
    CLOCK_FACTOR,
    UNIFIED_NAME,
    architecture,
    link_note,
    mig_probe,
)
from probes.types import PcieLink, RigError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_TEXT = 16 * MIB
"""Larger captures are refused: a node with 16 GPUs prints about 0.3 MiB."""

QUERY_FIELDS = (
    "index",
    "name",
    "pci.bus_id",
    "pci.device_id",
    "driver_version",
    "memory.total",
    "memory.free",
    "clocks.max.memory",
    "pcie.link.gen.max",
    "pcie.link.gen.gpumax",
    "pcie.link.width.current",
    "pcie.link.width.max",
    "enforced.power.limit",
    "mig.mode.current",
    "compute_cap",
)
"""What the probe asks for; older drivers refuse the whole command for one unknown field."""

FEWER_FIELDS = tuple(
    f for f in QUERY_FIELDS if f not in ("pcie.link.gen.gpumax", "mig.mode.current", "compute_cap")
)

_NULLS = (
    "",
    "n/a",
    "[n/a]",
    "[not supported]",
    "[unknown error]",
    "not supported",
    "unknown error",
    "none",
    "[none]",
)


def _number(text: str | None) -> float | None:
    """The number at the start of ``24564 MiB``, ``16x``, ``450.00 W``; ``None`` for the null texts."""
    if text is None or text.strip().lower() in _NULLS:
        return None
    found = re.match(r"\s*(\d+(?:\.\d+)?(?:e[+-]?\d+)?)", text, re.IGNORECASE)
    value = float(found[1]) if found else 0.0
    return value if 0 < value < 1e18 else None


def _whole(text: str | None) -> int | None:
    value = _number(text)
    return int(value) if value is not None else None


def _string(text: str | None) -> str | None:
    return None if text is None or text.strip().lower() in _NULLS else text.strip()


def _mib(text: str | None) -> int | None:
    value = _number(text)
    if value is None:
        return None
    factor = 1024 * MIB if text and "gib" in text.lower() else MIB
    return int(value * factor)


def _device_id(text: str | None) -> str | None:
    """``0x268410DE`` or ``268410DE`` (device, then vendor) -> ``2684``."""
    found = re.fullmatch(r"(?:0x)?([0-9A-Fa-f]{4})10DE", (text or "").strip(), re.IGNORECASE)
    return found[1].upper() if found else None


def _capability(text: str | None) -> tuple[int, int] | None:
    found = re.fullmatch(r"(\d{1,3})(?:\.(\d{1,3}))?", (text or "").strip())
    return (int(found[1]), int(found[2] or 0)) if found else None


def _address(text: str | None) -> str | None:
    found = re.fullmatch(r"([0-9A-Fa-f]{4,8}):([0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.[0-7])", (text or "").strip())
    return f"{found[1][-4:]}:{found[2]}".lower() if found else None


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
    driver = _string(log.findtext("driver_version"))
    found = merge(_gpu_from_element(gpu, driver) for gpu in log.findall("gpu"))
    if not found.accelerators and not found.notes:
        return GpuProbe(notes=("nvidia-smi XML: lists no GPU.",))
    return found


def _gpu_from_element(gpu: Element, driver: str | None) -> GpuProbe:
    def get(path: str) -> str | None:
        return gpu.findtext(path)

    link = "pci/pci_gpu_link_info"
    generation = _number(get(f"{link}/pcie_gen/max_link_gen"))
    lanes = _whole(get(f"{link}/link_widths/current_link_width"))
    power = next(
        (
            value
            for group in ("gpu_power_readings", "power_readings")
            for name in ("current_power_limit", "enforced_power_limit", "power_limit")
            if (value := _number(get(f"{group}/{name}"))) is not None
        ),
        None,
    )
    reading = GpuReading(
        source="nvidia-smi",
        vendor="NVIDIA",
        name=_string(get("product_name")),
        pci_id=_device_id(get("pci/pci_device_id")),
        vram_bytes=_mib(get("fb_memory_usage/total")),
        free_bytes=_mib(get("fb_memory_usage/free")),
        memory_mhz=_number(get("max_clocks/mem_clock")),
        clock_factor=CLOCK_FACTOR,
        unified=False,
        pcie=PcieLink(
            generation=generation,
            lanes=lanes,
            max_generation=_number(get(f"{link}/pcie_gen/max_device_link_gen")) or generation,
            max_lanes=_whole(get(f"{link}/link_widths/max_link_width")),
        )
        if generation or lanes
        else None,
        driver=driver,
        power_limit_w=power,
        backend="cuda",
        architecture=_architecture_word(get("product_architecture")),
        vram_reason="the capture has no memory size",
    )
    slices = [
        (_mib(device.findtext("fb_memory_usage/total")), _mib(device.findtext("fb_memory_usage/free")))
        for device in gpu.findall("mig_devices/mig_device")
    ]
    mig = (_string(get("mig_mode/current_mig")) or "").lower() == "enabled"
    return _probe_from_reading(reading, mig, slices, get("pci/pci_bus_id") or gpu.get("id"))


def _architecture_word(text: str | None) -> str | None:
    """``Ada Lovelace`` -> ``ada``: nvidia-smi's word for the architecture as the catalog's class."""
    word = (_string(text) or "").lower().split(" ")[0]
    known = ("maxwell", "pascal", "volta", "turing", "ampere", "ada", "hopper", "blackwell")
    return word if word in known else None


def _probe_from_reading(
    reading: GpuReading,
    mig: bool,
    slices: list[tuple[int | None, int | None]],
    bus_id: str | None,
) -> GpuProbe:
    address = _address(bus_id)
    addresses = (address,) if address else ()
    if UNIFIED_NAME.search(reading.name or "") and reading.vram_bytes is None:
        reading = replace(
            reading,
            unified=True,
            pcie=None,
            pcie_reason="the GPU is part of the chip",
            memory_mhz=None,
            vram_reason="the GPU shares system RAM",
        )
    elif mig:
        found = mig_probe(reading, slices)
        return GpuProbe(found.accelerators, found.notes, addresses)
    info, notes = accelerator_from_reading(reading)
    return GpuProbe((info,), (*notes, *link_note(reading)), addresses)


def is_query_header(line: str) -> bool:
    """Whether a line is the header of ``nvidia-smi --query-gpu=… --format=csv``."""
    names = [n.strip().split(" [")[0] for n in line.lstrip("\ufeff").split(",")]
    known = {
        "name",
        "gpu_name",
        "memory.total",
        "memory.free",
        "uuid",
        "index",
        "pci.bus_id",
        "driver_version",
    }
    return ("name" in names or "gpu_name" in names) and len(known & set(names)) >= 2


def gpus_from_query_csv(text: str, fields: tuple[str, ...] | None = None) -> GpuProbe:
    """GPUs in the output of ``nvidia-smi --query-gpu=… --format=csv``.

    ``fields`` names the columns when the text has no header (``noheader``).  Values may carry
    units or not; sizes without one are MiB, as ``nounits`` prints them.

    Raises:
        RigError: no header and no ``fields``, or larger than 16 MiB.
    """
    if len(text) > MAX_TEXT:
        raise RigError(
            "nvidia-smi CSV: larger than 16 MiB; give the output of `nvidia-smi --query-gpu` alone"
        )
    lines = [line for line in text.lstrip("\ufeff").splitlines() if line.strip()]
    if fields is None:
        if not lines or not is_query_header(lines[0]):
            raise RigError(
                "nvidia-smi CSV: no header line; capture it with `--format=csv` (without noheader), "
                "and with at least name,memory.total,clocks.max.memory"
            )
        fields = tuple(n.strip().split(" [")[0] for n in lines[0].split(","))
        lines = lines[1:]
    try:
        rows = [row for row in csv.reader(lines, skipinitialspace=True) if len(row) >= 2]
    except csv.Error as error:
        raise RigError(f"nvidia-smi CSV: {error}; capture it again with `--format=csv`") from error
    found = merge(_gpu_from_fields(dict(zip(fields, row, strict=False)), MIB, 1.0) for row in rows)
    if not found.accelerators and not found.notes:
        return GpuProbe(notes=("nvidia-smi CSV: lists no GPU.",))
    return found


def _gpu_from_fields(row: Mapping[str, str], size_unit: int, clock_unit: float) -> GpuProbe:
    """One GPU from ``--query-gpu`` fields; sizes in ``size_unit`` bytes, clocks in ``clock_unit`` MHz."""

    def size(name: str) -> int | None:
        value = row.get(name)
        number = _number(value)
        return _mib(value) if size_unit == MIB else (int(number) if number is not None else None)

    clock = _number(row.get("clocks.max.memory") or row.get("clocks.max.mem"))
    generation = _number(row.get("pcie.link.gen.max"))
    lanes = _whole(row.get("pcie.link.width.current"))
    reading = GpuReading(
        source="nvidia-smi",
        vendor="NVIDIA",
        name=_string(row.get("name") or row.get("gpu_name")),
        pci_id=_device_id(row.get("pci.device_id")),
        vram_bytes=size("memory.total"),
        free_bytes=size("memory.free"),
        memory_mhz=clock * clock_unit if clock else None,
        clock_factor=CLOCK_FACTOR,
        unified=False,
        pcie=PcieLink(
            generation=generation,
            lanes=lanes,
            max_generation=_number(row.get("pcie.link.gen.gpumax")) or generation,
            max_lanes=_whole(row.get("pcie.link.width.max")),
        )
        if generation or lanes
        else None,
        driver=_string(row.get("driver_version")),
        power_limit_w=_number(row.get("enforced.power.limit") or row.get("power.limit")),
        backend="cuda",
        architecture=architecture(_capability(row.get("compute_cap"))),
        vram_reason="the capture has no memory size",
    )
    mig = (_string(row.get("mig.mode.current")) or "").lower() in ("enabled", "1")
    return _probe_from_reading(reading, mig, [], row.get("pci.bus_id"))


_METRIC = re.compile(r"^nvidia_smi_(\w{1,80})\{([^}\n]*)\}[ \t]+(\S{1,40})[ \t\r]*$", re.MULTILINE)
_LABEL = re.compile(r'\b(\w{1,80})="((?:[^"\\]|\\.){0,400})"')
_METRIC_FIELDS = {
    "memory_total_bytes": "memory.total",
    "memory_free_bytes": "memory.free",
    "clocks_max_memory_clock_hz": "clocks.max.memory",
    "pcie_link_gen_max": "pcie.link.gen.max",
    "pcie_link_gen_gpumax": "pcie.link.gen.gpumax",
    "pcie_link_width_current": "pcie.link.width.current",
    "pcie_link_width_max": "pcie.link.width.max",
    "enforced_power_limit_watts": "enforced.power.limit",
    "mig_mode_current": "mig.mode.current",
}


def gpus_from_metrics(text: str) -> GpuProbe:
    """GPUs in Prometheus text whose metrics are named ``nvidia_smi_…`` (bytes and hertz).

    Raises:
        RigError: no such metrics in the text.
    """
    rows: dict[str, dict[str, str]] = {}
    for metric, label_text, value in _METRIC.findall(text[:MAX_TEXT]):
        labels = dict(_LABEL.findall(label_text))
        row = rows.setdefault(labels.get("uuid", ""), {})
        if metric == "gpu_info":
            for field, label in (
                ("name", "name"),
                ("driver_version", "driver_version"),
                ("pci.bus_id", "pci_bus_id"),
                ("compute_cap", "compute_cap"),
            ):
                if label in labels:
                    row[field] = labels[label]
        elif metric in _METRIC_FIELDS:
            row[_METRIC_FIELDS[metric]] = value
    gpus = [row for row in rows.values() if "name" in row]
    if not gpus:
        raise RigError("GPU metrics: no nvidia_smi_gpu_info line; capture the whole metrics page")
    # One GPU per row: the identifier only groups the lines and is dropped here.
    return merge(_gpu_from_fields(row, 1, 1e-6) for row in gpus)


def probe_nvidia_smi(timeout_s: float = 5.0) -> GpuProbe:
    """The GPUs that the ``nvidia-smi`` command reports; empty when it is missing or fails.

    Used only where NVML cannot be loaded from Python.
    """
    import os
    import shutil
    import subprocess

    command = shutil.which("nvidia-smi") or shutil.which("nvidia-smi", path="/usr/lib/wsl/lib")
    if command is None:
        return GpuProbe()
    for fields in (QUERY_FIELDS, FEWER_FIELDS):
        try:
            done = subprocess.run(
                [command, f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"],
                capture_output=True,
                timeout=timeout_s,
                env={**os.environ, "LC_ALL": "C"},
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return GpuProbe(notes=(f"NVIDIA: `nvidia-smi` does not answer ({type(error).__name__}).",))
        text = done.stdout.decode("utf-8", errors="replace")
        # The exit status is no guide: judge by the columns.
        rows = [line for line in text.splitlines() if line.count(",") >= len(fields) - 1]
        if rows:
            return gpus_from_query_csv("\n".join(rows), fields)
    return GpuProbe()
