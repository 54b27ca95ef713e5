"""Every command and library that the probe asks, missing, hanging, talking nonsense or failing.

Each costs its own facts within a bounded time, and what is missing is said.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from probes import nvidia, nvidia_text, probe
from probes.nvidia import probe_nvidia
from probes.nvidia_text import probe_nvidia_smi
from probes.probe import probe_rig
from probes.types import Fact

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins are shell scripts")

XML = (Path(__file__).parents[1] / "fixtures/gpu/nvidia-rtx-3060.xml").read_text(encoding="utf-8")
COMMANDS = ("nvidia-smi", "system_profiler", "sysctl", "powershell", "rocm-smi", "amd-smi", "lspci", "lscpu")
"""All that any platform's probe runs, and some that it might be thought to run."""
BEHAVIOURS = {
    "missing": None,
    "hanging": "sleep 60",
    "garbage": "head -c 20000 /dev/urandom; echo '<nvidia_smi_log>' '{' 'hw.memsize: x'",
    "failing": "echo broken >&2; exit 1",
}


def folder_of(path: Path, body: str | None) -> Path:
    """A folder with a stand-in for every command."""
    path.mkdir()
    for name in COMMANDS if body is not None else ():
        script = path / name
        script.write_text(f"#!/bin/sh\nexport PATH=/usr/bin:/bin\n{body}\n")
        script.chmod(0o755)
    return path


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_nvidia_smi_in_every_kind_of_trouble_is_a_note(
    behaviour: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(folder_of(tmp_path / "bin", BEHAVIOURS[behaviour])))
    monkeypatch.setattr(nvidia_text, "_ELSEWHERE", ())
    started = time.monotonic()
    found = probe_nvidia_smi(timeout_s=0.5)
    assert time.monotonic() - started < 10
    assert found.accelerators == ()
    (note,) = found.notes
    says = {
        "missing": "is not installed",
        "hanging": "did not answer",
        "garbage": "no GPU",
        "failing": "status 1",
    }
    assert says[behaviour] in note


def test_nvidia_smi_gives_the_log_or_else_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvidia_text, "_ELSEWHERE", ())
    (tmp_path / "log.xml").write_text(XML)
    monkeypatch.setenv("PATH", str(folder_of(tmp_path / "a", f"cat {tmp_path}/log.xml")))
    assert [g.name.value for g in probe_nvidia_smi().accelerators] == ["NVIDIA GeForce RTX 3060"]
    # An old driver: no XML, and the long query is refused as a whole.
    row = (
        "0, Tesla K80, 00000000:05:00.0, 0x102D10DE, 470.42.01, 11441, 11441, 2505, 3, 16, 16, 149, N/A, N/A"
    )
    body = f'case "$*" in *memory.reserved*|*-x*) exit 2;; *) echo "{row}";; esac'
    monkeypatch.setenv("PATH", str(folder_of(tmp_path / "b", body)))
    (gpu,) = probe_nvidia_smi().accelerators
    assert (gpu.name.value, gpu.pci_id.value) == ("Tesla K80", "102D")
    assert gpu.bandwidth_bytes_per_s.value == pytest.approx(240e9, rel=0.01)


class Nonsense:
    """A library whose every function returns the same thing, or raises."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def call(*_: Any, **__: Any) -> Any:
            if isinstance(self.answer, BaseException):
                raise self.answer
            return self.answer

        return call


@pytest.mark.parametrize(
    "answer",
    [
        OSError("cannot open shared object file"),
        RuntimeError("access violation"),
        None,
        "garbage",
        b"\xff\xfe",
        -1,
        1,
        0xFFFFFFFFFFFFFFFF,
        3.5,
        [],
        (1, 2, 3),
        object(),
    ],
)
def test_an_nvml_that_answers_anything_never_raises_and_makes_nothing_up(answer: Any, tmp_path: Path) -> None:
    found = probe_nvidia(Nonsense(answer), root=tmp_path)
    assert all(gpu.name.value is None or isinstance(gpu.name.value, str) for gpu in found.accelerators)
    assert not any(gpu.bandwidth_bytes_per_s.known for gpu in found.accelerators)
    assert found.notes


def test_an_nvml_that_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hanging:
        def nvmlInit(self) -> None:
            time.sleep(30)

    monkeypatch.setattr(nvidia, "driver_is_there", lambda _root: True)
    monkeypatch.setattr("probes.nvidia_presence.driver_is_there", lambda _root: True)
    monkeypatch.setitem(sys.modules, "pynvml", Hanging())  # type: ignore[arg-type]
    monkeypatch.setitem(probe.TIMEOUTS_S, "nvidia", 0.3)
    started = time.monotonic()
    rig = probe_rig(use_cache=False)
    assert time.monotonic() - started < 10
    assert rig.cpu.logical_cores.known
    assert any("nvidia probe did not answer" in note for note in rig.notes)


@pytest.mark.parametrize("step", ["_system", "_cpu", "_memory", "_nvidia", "_amd", "_pci", "_storage"])
@pytest.mark.parametrize("trouble", ["raises", "hangs"])
def test_every_step_may_raise_or_hang(step: str, trouble: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        if trouble == "hangs":
            time.sleep(20)
        raise ValueError("nonsense")

    monkeypatch.setattr(probe, step, broken)
    name = step.removeprefix("_")
    monkeypatch.setitem(probe.TIMEOUTS_S, name, 0.2)
    monkeypatch.setattr(probe, "_amd", broken if step == "_amd" else lambda _root: probe.GpuProbe())
    rig = probe_rig(use_cache=False)
    says = "did not answer within" if trouble == "hangs" else "failed: ValueError"
    assert any(f"the {name} probe {says}" in note for note in rig.notes)
    if name != "cpu":
        assert rig.cpu.logical_cores.known
    if name != "memory":
        assert rig.memory.total_bytes.known


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_the_app_starts_whatever_the_commands_do(behaviour: str, tmp_path: Path) -> None:
    """The whole command line, with every external command replaced and a driver that looks installed."""
    folder = folder_of(tmp_path / "bin", BEHAVIOURS[behaviour])
    library = tmp_path / "lib"
    library.mkdir()
    (library / "libnvidia-ml.so.1").write_bytes(b"no library at all")
    environment = {
        **os.environ,
        "PATH": str(folder),
        "LD_LIBRARY_PATH": str(library),
        "RIG_ADVISOR_CACHE_DIR": str(tmp_path / "cache"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "advisor", "probe", "--json"],
        capture_output=True,
        timeout=60,
        env=environment,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["memory"]["total_bytes"]["value"] > 0
    assert any("NVIDIA" in note or "no GPU found" in note for note in document["notes"])
    assert b"Traceback" not in done.stderr


def test_a_fact_of_a_failed_probe_says_why() -> None:
    fact: Fact[int] = probe.unknown_memory("the memory probe failed").total_bytes
    assert (fact.value, fact.source) == (None, "the memory probe failed")
