"""Streams that are closed, full or cannot encode: one line at most, never a traceback."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from advisor.cli import output

ASCII = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
LATIN = {"LC_ALL": "C", "PYTHONIOENCODING": "latin-1"}
RIG = ("rig", "--gpu", "RTX 4090", "--ram", "2x32GB:DDR5-6000", "--cpu", "Ryzen 9 7950X", "--name", "Bär …")


def run(
    *arguments: str, environment: dict[str, str] | None = None, shell_end: str = ""
) -> subprocess.CompletedProcess[bytes]:
    words = [sys.executable, "-m", "advisor", *arguments]
    command = ["sh", "-c", f'exec "$@" {shell_end}', "sh", *words]
    return subprocess.run(
        command,
        capture_output=True,
        env={**os.environ, **(environment or {})},
        cwd=Path(__file__).parents[3],
        timeout=60,
        check=False,
    )


@pytest.fixture
def rig_file(tmp_path: Path) -> Path:
    path = tmp_path / "rig.json"
    path.write_bytes(run(*RIG, "--json").stdout)
    return path


@pytest.mark.parametrize("environment", [ASCII, LATIN])
def test_json_is_utf8_whatever_the_locale(rig_file: Path, environment: dict[str, str]) -> None:
    done = run("probe", "--from", str(rig_file), "--json", environment=environment)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.decode("utf-8"))["name"] == "Bär …"


def test_text_falls_back_to_ascii_marks(rig_file: Path) -> None:
    for command in (
        ("rank", "--rig", str(rig_file)),
        ("explain", "llama 3.1 8b", "--rig", str(rig_file)),
        ("what-if", "--rig", str(rig_file), "--add-gpu", "RTX 3090"),
        ("--help",),
    ):
        done = run(*command, environment=ASCII)
        assert done.returncode == 0, done.stderr
        text = done.stdout.decode("ascii")
        assert text
        assert "?" not in text


def test_the_topology_is_drawn_in_ascii_too(tmp_path: Path) -> None:
    path = tmp_path / "rig.json"
    path.write_bytes(run(*RIG[:-2], "--json").stdout)
    done = run("topology", "--rig", str(path), environment=ASCII)
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode("ascii")
    assert "`- channel unknown" in text
    assert "?" not in text


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("arguments", [RIG, (*RIG, "--json"), ("--help",), ("schema", "rig")])
def test_a_full_disk_is_one_line(arguments: tuple[str, ...]) -> None:
    done = run(*arguments, shell_end=">/dev/full")
    assert done.returncode == 2
    assert done.stderr.startswith(b"rig-advisor: stdout cannot be written")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("arguments", [RIG, (*RIG, "--json")])
def test_a_closed_stdout_is_one_line(arguments: tuple[str, ...]) -> None:
    done = run(*arguments, shell_end=">&-")
    assert done.returncode == 2
    assert done.stderr.startswith(b"rig-advisor: stdout is closed")
    assert done.stderr.count(b"\n") == 1


def test_everything_closed_is_still_an_exit_code() -> None:
    assert run(*RIG, shell_end="<&- >&- 2>&-").returncode == 2
    assert run("dance", shell_end=">&- 2>&-").returncode == 2


def test_a_reader_that_goes_away_is_no_error() -> None:
    done = run("schema", shell_end="| head -c 10")
    assert done.stderr == b""


def test_a_stream_without_bytes_takes_json_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    output.prepare()
    output.write_utf8('{"·": 1}')
    assert stream.getvalue() == '{"·": 1}\n'


def test_bytes_that_are_no_text_stay_json(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    output.write_utf8(json.dumps({"path": "a\udce4"}, ensure_ascii=False))
    output.flush()
    assert json.loads(raw.getvalue().decode("utf-8"))["path"] == "a\udce4"


def test_an_error_handler_of_the_users_choice_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii", errors="ignore"))
    output.prepare()
    output.write("a · b")
    output.flush()
    assert raw.getvalue() == b"a  b\n"
