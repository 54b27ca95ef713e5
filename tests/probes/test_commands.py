"""External commands: missing, hanging, failing, silent and endless ones cost a bounded time."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from probes import commands
from probes.commands import run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins are shell scripts")


def script(folder: Path, name: str, body: str) -> str:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_a_missing_command_is_named() -> None:
    assert run(["no-such-command-here"], 1.0).reason == "`no-such-command-here` is not installed"


def test_a_command_is_found_beside_the_path(tmp_path: Path) -> None:
    script(tmp_path, "elsewhere", "echo there")
    assert run(["elsewhere"], 5.0, [str(tmp_path)]).text == "there\n"


def test_the_output_counts_whatever_the_exit_status(tmp_path: Path) -> None:
    assert run([script(tmp_path, "fails", "echo all I know; exit 1")], 5.0).text == "all I know\n"
    silent = run([script(tmp_path, "silent", "exit 3")], 5.0)
    assert (silent.text, silent.reason) == ("", "`silent` printed nothing (exit status 3)")


def test_a_file_that_is_no_program_is_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "broken"
    path.write_bytes(b"\x7fELF garbage")
    path.chmod(0o755)
    assert "cannot be started" in run([str(path)], 1.0).reason


def test_a_hanging_command_and_its_children_are_killed(tmp_path: Path) -> None:
    mark = tmp_path / "child"
    hang = script(tmp_path, "hangs", f"sh -c 'echo $$ > {mark}; sleep 60' &\nsleep 60")
    started = time.monotonic()
    output = run([hang], 0.7)
    assert output.timed_out
    assert output.reason == "`hangs` did not answer within 0.7 s"
    assert time.monotonic() - started < 5
    child = int(mark.read_text())
    for _ in range(50):
        if not _runs(child):
            break
        time.sleep(0.05)
    assert not _runs(child)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:  # a killed orphan waits as a zombie until the system collects it
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_child_that_keeps_the_output_open_does_not_hold_us(tmp_path: Path) -> None:
    output = run([script(tmp_path, "leaves", "echo done\nsleep 60 &")], 0.7)
    assert output.timed_out


def test_endless_output_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "MAX_OUTPUT_BYTES", 1000)
    output = run([script(tmp_path, "endless", "while :; do echo garbage; done")], 10.0)
    assert 0 < len(output.text) <= 1000


def test_bytes_that_are_no_text_are_replaced(tmp_path: Path) -> None:
    assert "\ufffd" in run([script(tmp_path, "bytes", "printf '\\377\\376x'")], 5.0).text


def test_commands_speak_english(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert run([script(tmp_path, "language", "echo $LC_ALL")], 5.0).text == "C\n"
