"""``--serve`` on the command line: what it runs for a page, and what it refuses before it starts."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest

from advisor.__main__ import main
from advisor.cli import serve
from advisor.cli.arguments import build_parser
from advisor.cli.run import question_of
from advisor.core.question import Question, QuestionError
from tests.advisor.cli.conftest import Run

ROOT = Path(__file__).parents[3]
RIG = ROOT / "screenshots" / "rigs" / "rtx4090.json"


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the web extra were there; no test of this fixture gets as far as using it."""
    monkeypatch.setattr(serve, "find_spec", lambda name: ModuleSpec(name, None))


def asked_again(command: list[str]) -> Any:
    """What the command that is run for a page asks."""
    return build_parser().parse_args(command[command.index("advisor") + 1 :])


def test_a_page_asks_the_same_question_in_the_same_interpreter() -> None:
    given = "--context 32k --users 2 --use coding --kv-type q8_0 --depth 1k --prompt 2k --fit-context"
    asked = build_parser().parse_args([*given.split(), "--runtime-version", "2026-05"])
    question, filter_text = question_of(asked), "-moe params<40"
    command = serve.app_command(str(RIG), question, filter_text)
    assert command[0] == sys.executable
    again = asked_again(command)
    assert question_of(again) == question
    assert (again.rig, again.filter, again.serve) == (str(RIG), filter_text, False)


def test_a_page_without_options_asks_of_this_machine() -> None:
    again = asked_again(serve.app_command(None, Question(), ""))
    assert question_of(again) == Question()
    assert not hasattr(again, "rig")
    assert not hasattr(again, "filter")


def test_a_folder_called_advisor_is_not_run_instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "advisor.py").write_text("raise SystemExit('the wrong one')")
    monkeypatch.chdir(tmp_path)
    command = serve.app_command(None, Question(), "")
    where = os.environ | {"PYTHONPATH": str(ROOT)}
    version = [*command[: command.index("advisor") + 1], "--version"]
    done = subprocess.run(version, env=where, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("rig-advisor ")


def test_only_the_loopback_address_is_bound() -> None:
    with serve.listen(0) as listening:
        assert listening.family == socket.AF_INET
        assert listening.getsockname()[0] == "127.0.0.1"


@pytest.mark.usefixtures("installed")
def test_a_taken_port_is_one_line(run: Run) -> None:
    with serve.listen(0) as taken:
        port = taken.getsockname()[1]
        code, out, err = run("--rig", str(RIG), "--serve", "--port", str(port))
    assert (code, out) == (2, "")
    assert err == f"rig-advisor: port {port} is taken; choose another with --port, 0 for any that is free\n"


def test_a_missing_extra_says_how_to_get_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "find_spec", lambda _: None)
    code, out, err = run("--rig", str(RIG), "--serve", "--port", "0")
    assert (code, out) == (2, "")
    assert err == "rig-advisor: --serve needs the web extra: pip install 'rig-advisor[web]'\n"


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--serve", "--context", "0"), "context must be between"),
        (("--serve", "--use", "cooking"), "unknown use case 'cooking'"),
        (("--serve", "--filter", "parms<40"), "params"),
        (("--serve", "--rig", "nowhere.json"), "nowhere.json: cannot be read"),
        (("--serve", "--rig", "-"), "write it to a file"),
        (("--serve", "--port", "65536"), "--port is a number from 0 to 65535, not 65536"),
        (("--serve", "--port", "-1"), "--port is a number from 0 to 65535, not -1"),
        (("--serve", "--port", "http"), "invalid int value: 'http'"),
        (("--port", "8000"), "add --serve"),
        (("--serve", "rank"), "leave out 'rank'"),
        (("--port", "0", "probe"), "leave out 'probe'"),
    ],
)
def test_what_cannot_be_served_is_said_before_anything_starts(
    run: Run, arguments: tuple[str, ...], said: str
) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_under_the_driver_of_a_browser_the_app_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither stream is a terminal there, which otherwise means the ranking as text."""
    ran: list[tuple[object, ...]] = []
    monkeypatch.setattr("advisor.tui.start.run", lambda *given, **_: ran.append(given) or 0)
    monkeypatch.setenv("TEXTUAL_DRIVER", "advisor.web.driver:PageDriver")
    assert main(["--rig", str(RIG), "--users", "2", "--filter", "qwen"]) == 0
    assert ran == [(str(RIG), Question(users=2), "qwen")]


@pytest.mark.skipif(os.name != "posix", reason="sends signals")
@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_it_prints_one_address_and_ends_when_asked(how: signal.Signals, code: int) -> None:
    pytest.importorskip("textual_serve", reason="the web extra is not installed")
    command = [sys.executable, "-m", "advisor", "--rig", str(RIG), "--serve", "--port", "0"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        assert server.stderr is not None
        try:
            address = server.stdout.readline()
            server.send_signal(how)
            out, err = server.communicate(timeout=60)
        finally:
            server.kill()
        assert server.returncode == code
    port = address.removeprefix("http://127.0.0.1:").split("/")[0]
    assert port.isdecimal()
    assert out == ""
    assert f"ssh -L {port}:127.0.0.1:{port}" in err
    assert "Traceback" not in err


def test_help_says_how_to_reach_it(run: Run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    assert "ssh -L 8000:127.0.0.1:8000" in " ".join(out.split())


def test_order_and_first_view_are_passed_on_and_checked() -> None:
    given = build_parser().parse_args(
        ["--serve", "--sort", "speed", "--reverse", "--open", "what-if:add-gpu RTX 3090"]
    )
    again = build_parser().parse_args(serve.view_options(given))
    assert (again.sort, again.reverse, again.open) == ("speed", True, "what-if:add-gpu RTX 3090")
    assert serve.view_options(build_parser().parse_args(["--serve"])) == []
    with pytest.raises(QuestionError, match="did you mean 'topology'"):
        serve.view_options(build_parser().parse_args(["--serve", "--open", "topolgy"]))
