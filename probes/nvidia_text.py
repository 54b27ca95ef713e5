"""NVIDIA GPUs from tables: ``nvidia-smi --query-gpu`` CSV, the Prometheus text that exporters make of it,
and the command itself where NVML cannot be loaded.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping

from probes.gpu import MIB, GpuProbe, GpuReading, merge
from probes.nvidia import CLOCK_FACTOR, architecture
from probes.nvidia_log import gpus_from_xml
from probes.nvidia_values import (
    MAX_TEXT,
    capability,
    device_id,
    mib,
    number,
    probe_from_reading,
    string,
    switch,
    whole,
)
from probes.types import PcieLink, RigError

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
    "memory.reserved",
    "ecc.mode.current",
    "display_active",
)
"""What the probe asks for; older drivers refuse the whole command for one unknown field."""

FEWER_FIELDS = tuple(
    f
    for f in QUERY_FIELDS
    if f not in ("pcie.link.gen.gpumax", "mig.mode.current", "compute_cap", "memory.reserved")
)


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
        return mib(value) if size_unit == MIB else whole(value)

    clock = number(row.get("clocks.max.memory") or row.get("clocks.max.mem"))
    generation = number(row.get("pcie.link.gen.max"))
    lanes = whole(row.get("pcie.link.width.current"))
    reading = GpuReading(
        source="nvidia-smi",
        vendor="NVIDIA",
        name=string(row.get("name") or row.get("gpu_name")),
        pci_id=device_id(row.get("pci.device_id")),
        vram_bytes=size("memory.total"),
        free_bytes=size("memory.free"),
        memory_mhz=clock * clock_unit if clock else None,
        clock_factor=CLOCK_FACTOR,
        unified=False,
        pcie=PcieLink(
            generation=generation,
            lanes=lanes,
            max_generation=number(row.get("pcie.link.gen.gpumax")) or generation,
            max_lanes=whole(row.get("pcie.link.width.max")),
        )
        if generation or lanes
        else None,
        driver=string(row.get("driver_version")),
        power_limit_w=number(row.get("enforced.power.limit") or row.get("power.limit")),
        backend="cuda",
        architecture=architecture(capability(row.get("compute_cap"))),
        vram_reason="the capture has no memory size",
        ecc=switch(row.get("ecc.mode.current")),
        reserved_bytes=size("memory.reserved"),
        display_active=switch(row.get("display_active")),
    )
    mig = bool(switch(row.get("mig.mode.current")))
    return probe_from_reading(reading, mig, [], row.get("pci.bus_id"))


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
    "ecc_mode_current": "ecc.mode.current",
    "memory_reserved_bytes": "memory.reserved",
    "display_active": "display_active",
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


_ELSEWHERE = ("/usr/lib/wsl/lib", r"C:\Windows\System32", r"C:\Program Files\NVIDIA Corporation\NVSMI")
"""Where drivers put ``nvidia-smi`` without putting it on the path."""


def probe_nvidia_smi(timeout_s: float = 5.0) -> GpuProbe:
    """The GPUs that the ``nvidia-smi`` command reports: the full log as XML, else a query as CSV.

    Used only where NVML cannot be loaded from Python.  Without GPUs the note says why.
    """
    from probes.commands import run

    log = run(["nvidia-smi", "-q", "-x"], timeout_s, _ELSEWHERE)
    if log.text:
        try:
            found = gpus_from_xml(log.text)
        except RigError:
            found = GpuProbe()
        if found.accelerators:
            return found
    reason = log.reason or "`nvidia-smi -q -x` prints no GPU"
    for fields in (QUERY_FIELDS, FEWER_FIELDS):
        if log.timed_out or "not installed" in reason:
            break
        log = run(
            ["nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"],
            timeout_s,
            _ELSEWHERE,
        )
        reason = log.reason or reason
        # The exit status is no guide: judge by the columns.
        rows = [line for line in log.text.splitlines() if line.count(",") >= len(fields) - 1]
        if rows:
            return gpus_from_query_csv("\n".join(rows), fields)
    return GpuProbe(notes=(f"NVIDIA: {reason}.",))
