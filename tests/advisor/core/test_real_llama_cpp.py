"""Every printed llama.cpp command runs: a real llama.cpp takes its flags and does what they say.

Needs ``llama-server``, ``llama-bench`` and ``llama-batched-bench`` (b11434 or newer) in the folder that
``RIG_ADVISOR_LLAMA_CPP`` names, or on the PATH.  The model is replaced by one of two layers.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

from advisor.core.placement import Strategy
from advisor.core.question import Question
from advisor.explanation import Explanation, explain
from catalog.models import find_model
from probes.hypothetical import hypothetical_rig
from probes.types import Rig
from tests.advisor.core.tiny_gguf import write_tiny_llama

TOOLS = ("llama-server", "llama-bench", "llama-batched-bench")
VARIABLE = "RIG_ADVISOR_LLAMA_CPP"


def tool(name: str) -> str | None:
    folder = os.environ.get(VARIABLE)
    return shutil.which(name, path=folder) if folder else shutil.which(name)


MISSING = [name for name in TOOLS if tool(name) is None]
pytestmark = pytest.mark.skipif(
    bool(MISSING),
    reason=f"no {', '.join(MISSING)} here: put a llama.cpp on the PATH or name its folder in {VARIABLE}",
)

ONE = hypothetical_rig(["RTX 4090"], "2x32GB:DDR5-6000", "Ryzen 9 7950X")
TWO = hypothetical_rig(["2x RTX 3090"], "4x32GB:DDR4-3200", "Ryzen 9 5950X")
UNEQUAL = hypothetical_rig(["RTX 4090", "RTX 3060 12GB"], "2x32GB:DDR5-6000", "Ryzen 9 7950X")
SERVER = hypothetical_rig([], "24x64GB:DDR5-4800", "2x EPYC 9654")
PLAIN = hypothetical_rig([], "2x32GB:DDR5-6000", "Ryzen 9 7950X")


@dataclass(frozen=True)
class Case:
    name: str
    rig: Rig
    model: str
    quant: str
    question: Question
    strategy: Strategy


CASES = (
    Case("one card", ONE, "llama 3.1 8b", "Q4_K_M", Question(), Strategy.ACCELERATOR),
    Case("quantized cache", ONE, "llama 3.1 8b", "Q4_K_M", Question(kv_type="q8_0"), Strategy.ACCELERATOR),
    Case("layers split", ONE, "llama 3.3 70b", "Q4_K_M", Question(), Strategy.LAYERS_SPLIT),
    Case("experts in RAM", ONE, "gpt-oss-120b", "MXFP4_MOE", Question(), Strategy.EXPERTS_IN_RAM),
    Case("two cards", TWO, "llama 3.3 70b", "Q4_K_M", Question(), Strategy.ACCELERATOR),
    Case("unequal cards", UNEQUAL, "qwen3-32b", "Q6_K", Question(), Strategy.ACCELERATOR),
    Case("several users", ONE, "llama 3.1 8b", "Q4_K_M", Question(users=4), Strategy.ACCELERATOR),
    Case("cache in RAM", ONE, "qwen3-14b", "Q8_0", Question(context=131_072), Strategy.KV_IN_RAM),
    Case("two sockets", SERVER, "deepseek r1", "Q4_K_M", Question(), Strategy.CPU),
    Case("no card", PLAIN, "llama 3.1 8b", "Q4_K_M", Question(), Strategy.CPU),
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    write_tiny_llama(path)
    return path


def explained(case: Case) -> Explanation:
    e = explain(case.rig, case.question, find_model(case.model), case.quant)
    assert int(e.table.strategy[e.row]) == int(case.strategy)
    return e


def words_with(command: str, tiny: Path) -> list[str]:
    """The printed words with the tool's own path and the small model's file, without the wrapper that binds
    it to a NUMA node of a machine that this is not."""
    words = shlex.split(command)
    if words[0] == "numactl":
        words = words[next(i for i, word in enumerate(words) if i and not word.startswith("-")) :]
        words[words.index("--numa") + 1] = "distribute"
    program = tool(words[0])
    assert program is not None
    words[0] = program
    words[words.index("-m") + 1] = str(tiny)
    return words


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_benchmark_measures_what_was_quoted(case: Case, tiny: Path) -> None:
    e = explained(case)
    assert e.benchmark_command is not None
    words = words_with(e.benchmark_command, tiny)
    if case.question.users > 1:
        ran = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
        assert ran.returncode == 0, ran.stderr[-2000:]
        assert "S_TG t/s" in ran.stdout
        return
    ran = subprocess.run(
        [*words, "-r", "1", "-o", "json"], capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    decode = next(row for row in json.loads(ran.stdout) if row["n_gen"])
    assert decode["n_depth"] == case.question.depth
    assert decode["type_k"] == case.question.kv_type
    assert decode["no_kv_offload"] == (case.strategy is Strategy.KV_IN_RAM)
    if case.rig.accelerators:
        assert decode["n_gpu_layers"] == int(words[words.index("-ngl") + 1])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_server_starts_with_the_context_of_every_user(case: Case, tiny: Path, tmp_path: Path) -> None:
    e = explained(case)
    assert e.launch_command is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [*words_with(e.launch_command, tiny), "--host", "127.0.0.1", "--port", str(port)]
    log = tmp_path / "server.log"
    with log.open("w") as written, subprocess.Popen(words, stdout=written, stderr=written) as server:
        try:
            slots = answer(server, f"http://127.0.0.1:{port}/slots", log)
        finally:
            server.terminate()
    assert len(slots) == case.question.users
    assert {slot["n_ctx"] for slot in slots} == {case.question.context}


def answer(server: subprocess.Popen[bytes], url: str, log: Path) -> list[dict[str, int]]:
    """What the server says once it is up."""
    for _ in range(150):
        if server.poll() is not None:
            pytest.fail(f"it ended with {server.returncode}: {log.read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                found: list[dict[str, int]] = json.loads(response.read())
                return found
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
    pytest.fail("it did not come up in half a minute")


def test_a_flag_that_does_not_exist_is_noticed(tiny: Path) -> None:
    words = words_with("llama-bench -m x.gguf --no-such-flag 1", tiny)
    ran = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode != 0
