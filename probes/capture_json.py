"""Captures in JSON: told apart by their keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from probes.capture import not_understood
from probes.rigfile import parse_json, rig_from_document
from probes.types import Fact, RigError
from probes.unknowns import unknown_memory, unknown_system

if TYPE_CHECKING:
    from probes.capture import Findings


def read_json_capture(text: str, findings: Findings) -> None:
    """Add what a JSON capture holds to ``findings``.

    Raises:
        RigError: not JSON, or of no known kind.
    """
    document = parse_json(text)
    if isinstance(document, Mapping) and "schema" in document:
        findings.rigs.append(rig_from_document(document))
        return
    from probes.rocm_text import gpus_from_rocm_smi, is_rocm_smi

    if is_rocm_smi(document):
        findings.gpus.append(gpus_from_rocm_smi(document))
        return
    if isinstance(document, Mapping) and isinstance(document.get("lscpu"), list):
        from probes.cpu import cpu_from_lscpu_text

        findings.cpus.append(cpu_from_lscpu_text(_lscpu_lines(document["lscpu"])))
        return
    from probes.amd_smi import gpus_from_amd_smi, is_amd_smi

    if is_amd_smi(document):
        findings.gpus.append(gpus_from_amd_smi(document))
        return
    from probes.vulkan_text import gpus_from_vulkaninfo_json, is_vulkaninfo

    if is_vulkaninfo(document):
        findings.gpus.append(gpus_from_vulkaninfo_json(document))
        return
    from probes.dxgi import adapters_from_json, is_dxgi

    if is_dxgi(document):
        from probes.windows_adapters import gpus_from_adapters

        findings.gpus.append(gpus_from_adapters(adapters_from_json(document)))
        return
    from probes.macos import is_system_profiler

    if is_system_profiler(document):
        add_mac(document, findings)
        return
    from probes.windows_cim import is_cim

    if not is_cim(document):
        raise not_understood()
    add_windows(document, findings)


def add_mac(document: object, findings: Findings) -> None:
    """Add parsed system_profiler output to ``findings``."""
    from probes.macos import mac_from_system_profiler

    mac = mac_from_system_profiler(document)
    findings.systems.append(mac.system)
    findings.cpus.append(mac.cpu)
    findings.memories.append(mac.memory)
    findings.gpus.append(mac.gpus)
    findings.volumes += mac.volumes


def add_windows(document: object, findings: Findings) -> None:
    """Add the CIM classes in a parsed document to ``findings``."""
    from probes.windows_cim import windows_from_cim

    windows = windows_from_cim(document)
    if windows.records.devices or windows.records.processors or windows.records.arrays:
        findings.records.append(windows.records)
    if windows.total_bytes is not None:
        total = Fact(windows.total_bytes, windows.records.source, "reported")
        findings.memories.append(replace(unknown_memory("not in the captures"), total_bytes=total))
    findings.gpus.append(windows.gpus)
    findings.volumes += windows.volumes
    findings.card_links += windows.links
    system = unknown_system("not in the captures")
    findings.systems.append(replace(system, os=Fact("windows", windows.records.source, "derived")))


def _lscpu_lines(items: object, depth: int = 4) -> str:
    """``lscpu -J`` as the text that ``lscpu`` prints."""
    if not isinstance(items, list) or depth == 0:
        raise RigError("lscpu JSON: not the list that `lscpu -J` prints; capture plain `lscpu` output")
    lines = []
    for item in items:
        if isinstance(item, Mapping):
            name, data = str(item.get("field", "")).strip(), str(item.get("data", "")).strip()
            lines.append(f"{re.sub(':+$', '', name)}: {data}")
            if item.get("children"):
                lines.append(_lscpu_lines(item["children"], depth - 1))
    return "\n".join(lines)
