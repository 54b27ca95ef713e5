"""Captures in lines of text: told apart by what only their kind has."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from probes.capture import linux, not_understood
from probes.types import Fact, RigError
from probes.unknowns import unknown_memory

if TYPE_CHECKING:
    from probes.capture import Findings

Reader = Callable[[str, "Findings"], bool]
"""Adds what a text holds and returns whether it is of its kind."""


def read_text_capture(text: str, findings: Findings) -> None:
    """Add what a capture of text holds to ``findings``.

    Raises:
        RigError: of no known kind, or damaged.
    """
    for reader in (_firmware, _nvidia, _bus, _linux_cpu, _mac, _windows):
        if reader(text, findings):
            return
    if "NVIDIA-SMI" in text:
        raise RigError("the table that nvidia-smi prints for people; capture `nvidia-smi -q -x` instead")
    raise not_understood()


def _has(pattern: str, text: str) -> bool:
    return re.search(pattern, text, re.MULTILINE) is not None


def _firmware(text: str, findings: Findings) -> bool:
    from probes.dmidecode_text import looks_like_dmidecode, parse_dmidecode
    from probes.udev_dmi import looks_like_udev_dmi, parse_udev_dmi

    if looks_like_udev_dmi(text):
        findings.records.append(parse_udev_dmi(text))
        findings.systems.append(linux("udev record"))
    elif looks_like_dmidecode(text):
        findings.records.append(parse_dmidecode(text))
    else:
        return False
    return True


def _nvidia(text: str, findings: Findings) -> bool:
    from probes.nvidia_links import links_from_topology, looks_like_topology

    first = next((line for line in text.splitlines() if line.strip()), "")
    if _has(r"^nvidia_smi_gpu_info\{", text):
        from probes.nvidia_text import gpus_from_metrics

        findings.gpus.append(gpus_from_metrics(text))
    elif "," in first and _is_query_csv(first):
        from probes.nvidia_text import gpus_from_query_csv

        findings.gpus.append(gpus_from_query_csv(text))
    elif _has(r"^={1,40} ?NVSMI LOG ?={1,40}[ \t\r]*$", text):
        from probes.nvidia_log import gpus_from_log

        findings.gpus.append(gpus_from_log(text))
    elif looks_like_topology(text):
        findings.links.append(links_from_topology(text))
    else:
        return False
    return True


def _is_query_csv(line: str) -> bool:
    from probes.nvidia_text import is_query_header

    return is_query_header(line)


def _bus(text: str, findings: Findings) -> bool:
    from probes.lspci import gpus_from_lspci, looks_like_lspci
    from probes.vulkan_text import gpus_from_vulkaninfo, looks_like_vulkaninfo

    if looks_like_vulkaninfo(text):
        findings.gpus.append(gpus_from_vulkaninfo(text))
    elif looks_like_lspci(text):
        findings.gpus.append(gpus_from_lspci(text))
        findings.systems.append(linux("lspci"))
    else:
        return False
    return True


def _linux_cpu(text: str, findings: Findings) -> bool:
    if _has(r"^(processor[ \t]*:[ \t]*\d|cpu family[ \t]*:|CPU implementer[ \t]*:)", text):
        from probes.cpu import cpu_from_cpuinfo_text

        findings.cpus.append(cpu_from_cpuinfo_text(text))
        findings.systems.append(linux("/proc/cpuinfo"))
    elif _has(r"^[ \t]*(Architecture|Model name|CPU\(s\))[ \t]*:", text):
        from probes.cpu import cpu_from_lscpu_text

        findings.cpus.append(cpu_from_lscpu_text(text))
        findings.systems.append(linux("lscpu"))
    elif (total := re.search(r"^MemTotal:\s+(\d{1,15}) kB", text, re.MULTILINE)) is not None:
        size = Fact(int(total[1]) * 1024, "/proc/meminfo", "reported")
        findings.memories.append(replace(unknown_memory("not in /proc/meminfo"), total_bytes=size))
        findings.systems.append(linux("/proc/meminfo"))
    elif _has(r"^simd_count \d+$", text):
        from probes.amd import gpus_from_properties

        findings.gpus.append(gpus_from_properties(text))
    else:
        return False
    return True


def _mac(text: str, findings: Findings) -> bool:
    from probes.macos_sysctl import looks_like_sysctl

    if "Hardware Overview:" in text:
        from probes.capture_json import add_mac
        from probes.macos import document_from_text

        add_mac(document_from_text(text), findings)
    elif looks_like_sysctl(text):
        from probes.macos import mac_from_sysctl
        from probes.macos_sysctl import parse_sysctl, wired_limit_bytes

        values = parse_sysctl(text)
        mac = mac_from_sysctl(values)
        findings.systems.append(mac.system)
        findings.cpus.append(mac.cpu)
        findings.memories.append(mac.memory)
        findings.gpus.append(mac.gpus)
        if (limit := wired_limit_bytes(values)) is not None:
            findings.wired_limits_bytes.append(limit)
    else:
        return False
    return True


_CIM_KEYS = r"^(Capacity|AdapterRAM|NumberOfLogicalProcessors|MemoryDevices|DiskNumber)[ \t]*[=:]"


def _windows(text: str, findings: Findings) -> bool:
    from probes.windows_adapters import (
        adapters_from_list,
        adapters_from_registry,
        gpus_from_adapters,
        looks_like_adapter_list,
        looks_like_registry,
    )

    if looks_like_registry(text):
        findings.adapters += adapters_from_registry(text)
    elif _has(_CIM_KEYS, text):
        from probes.capture_json import add_windows
        from probes.windows_cim import wmic_document

        add_windows(wmic_document(text), findings)
    elif looks_like_adapter_list(text):
        findings.gpus.append(gpus_from_adapters(adapters_from_list(text)))
    else:
        return False
    return True
