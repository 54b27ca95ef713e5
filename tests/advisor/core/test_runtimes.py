"""A runtime is asked for by its name, and refused where nothing honest can be said."""

from __future__ import annotations

import numpy as np
import pytest

from advisor.core.question import Question, QuestionError
from advisor.core.runtime_cache import kv_bytes_for_runtime
from advisor.core.runtimes import RUNTIME
from advisor.explanation import explain
from advisor.knowledge import knowledge_of_model
from advisor.pipeline import machine_for, rank_rig
from advisor.runtime_rig import UnsuitedRigError
from catalog.models import find_model
from catalog.types import LookupFailedError
from probes.hypothetical import hypothetical_rig

ONE = hypothetical_rig(["RTX 4090"], "2x32GB:DDR5-6000", "Ryzen 9 7950X")
OLD = hypothetical_rig(["GTX 1080 Ti"], "2x16GB:DDR4-3200", "Ryzen 5 5600X")
AMD = hypothetical_rig(["RX 7900 XTX"], "2x32GB:DDR5-6000", "Ryzen 9 7950X")
MAC = hypothetical_rig(["Apple M4 Max 40-core GPU"], "64GB", None)
PLAIN = hypothetical_rig([], "2x32GB:DDR5-6000", "Ryzen 9 7950X")


@pytest.mark.parametrize(
    ("spelt", "name"),
    [
        ("llama.cpp", "llama.cpp"),
        ("LM Studio", "lmstudio"),
        ("exllama", "exllamav3"),
        ("MLX-LM", "mlx"),
        ("ik_llama.cpp", "ik_llama"),
        ("vLLM", "vllm"),
    ],
)
def test_runtimes_are_known_however_they_are_spelt(spelt: str, name: str) -> None:
    assert Question(runtime=spelt).runtime == name


@pytest.mark.parametrize(
    ("runtime", "because"),
    [
        ("vlm", "did you mean vllm"),
        ("ktransformers", "too few published measurements"),
        ("exo", "several machines"),
        ("abacus", "use one of: llama.cpp, ollama"),
    ],
)
def test_others_are_refused_with_the_reason(runtime: str, because: str) -> None:
    with pytest.raises(QuestionError, match=because) as caught:
        Question(runtime=runtime)
    assert "\n" not in str(caught.value)


def test_cache_types_and_users_are_those_of_the_runtime() -> None:
    with pytest.raises(
        QuestionError, match="Ollama has no KV cache type 'q5_1'; use one of: f16, q8_0, q4_0"
    ):
        Question(runtime="ollama", kv_type="q5_1")
    with pytest.raises(QuestionError, match="MLX with 4 users is not estimated"):
        Question(runtime="mlx", users=4)
    assert Question(runtime="vllm", users=64).users == 64


@pytest.mark.parametrize(
    ("rig", "runtime"),
    [
        (ONE, "mlx"),
        (PLAIN, "mlx"),
        (AMD, "vllm"),
        (OLD, "vllm"),
        (OLD, "exllamav3"),
        (MAC, "exllamav3"),
        (PLAIN, "vllm"),
    ],
)
def test_a_runtime_that_runs_on_nothing_here_says_what_it_runs_on(rig: object, runtime: str) -> None:
    with pytest.raises(UnsuitedRigError, match=f"{RUNTIME[runtime].title} runs on"):
        machine_for(rig, Question(runtime=runtime))  # type: ignore[arg-type]


def test_gpus_that_a_runtime_cannot_use_are_left_out_and_told() -> None:
    mixed = hypothetical_rig(["RTX 4090", "GTX 1080 Ti"], "2x32GB:DDR5-6000", "Ryzen 9 7950X")
    machine = machine_for(mixed, Question(runtime="vllm"))
    assert [gpu.name for gpu in machine.gpus] == ["NVIDIA GeForce RTX 4090"]
    assert any("GTX 1080 Ti is left out" in told for told in machine.assumptions)
    # What also computes in RAM runs without them.
    amd = machine_for(AMD, Question(runtime="ik_llama"))
    assert amd.gpus == ()


def test_the_engine_of_the_runtime_decides_speed_and_interval() -> None:
    engines = {
        r: machine_for(ONE, Question(runtime=r)).gpus[0].backend for r in ("ollama", "vllm", "exllamav3")
    }
    assert engines == {"ollama": "cuda", "vllm": "vllm", "exllamav3": "exllamav3"}
    llama = explain(ONE, Question(), find_model("qwen3-14b"), "Q4_K_M")
    ollama = explain(ONE, Question(runtime="ollama"), find_model("qwen3-14b"), "Q4_K_M")
    vllm = explain(ONE, Question(runtime="vllm"), find_model("qwen3-14b"), "AWQ-int4")
    assert ollama.table.decode_s[ollama.row] == pytest.approx(llama.table.decode_s[llama.row])
    assert vllm.table.spread_log[vllm.row] > llama.table.spread_log[llama.row]


def test_the_fork_on_gpus_alone_is_as_fast_as_llama_cpp() -> None:
    """Its class was measured with experts in RAM; what it does there says nothing of a model on the GPU."""
    llama = explain(ONE, Question(), find_model("qwen3-14b"), "Q4_K_M")
    fork = explain(ONE, Question(runtime="ik_llama"), find_model("qwen3-14b"), "Q4_K_M")
    assert fork.table.decode_s[fork.row] == pytest.approx(llama.table.decode_s[llama.row])
    assert [speed for _, speed in fork.by_depth] == pytest.approx([speed for _, speed in llama.by_depth])
    in_ram = explain(ONE, Question(runtime="ik_llama"), find_model("gpt-oss-120b"), "MXFP4_MOE")
    theirs = explain(ONE, Question(), find_model("gpt-oss-120b"), "MXFP4_MOE")
    assert in_ram.table.decode_s[in_ram.row] != pytest.approx(theirs.table.decode_s[theirs.row], rel=1e-3)


def test_vllm_takes_its_share_and_llama_cpp_leaves_a_gibibyte() -> None:
    memory = 24 * 2**30
    assert machine_for(ONE, Question(runtime="vllm")).gpus[0].usable_bytes == pytest.approx(0.9 * memory)
    assert machine_for(ONE, Question()).gpus[0].usable_bytes == pytest.approx(memory - 2**30)


@pytest.mark.parametrize("runtime", ["vllm", "mlx"])
def test_the_cache_is_that_of_the_runtime(runtime: str) -> None:
    model = find_model("gemma 3 27b")
    question = Question(runtime=runtime, context=32_768)
    rig = ONE if runtime == "vllm" else MAC
    e = explain(rig, question, model, None)
    held = float(e.table.kv_bytes[e.row].sum())
    assert held == pytest.approx(kv_bytes_for_runtime(model, runtime, 32_768))


@pytest.mark.parametrize(
    ("runtime", "text", "label"),
    [("mlx", "4bit", "MLX-4bit"), ("vllm", "awq", "AWQ-int4"), ("exllamav3", "4.0bpw", "exl3-4.0bpw")],
)
def test_formats_are_asked_for_in_short(runtime: str, text: str, label: str) -> None:
    rig = MAC if runtime == "mlx" else ONE
    assert explain(rig, Question(runtime=runtime), find_model("qwen3-8b"), text).quant == label


def test_a_format_of_another_runtime_is_refused_with_its_own() -> None:
    with pytest.raises(LookupFailedError, match="vLLM format"):
        explain(ONE, Question(runtime="vllm"), find_model("qwen3-8b"), "Q4_K_M")


def test_a_model_that_the_runtime_has_no_code_for_is_refused() -> None:
    with pytest.raises(LookupFailedError, match="no architecture"):
        knowledge_of_model(find_model("falcon 40b"), Question(runtime="exllamav3"))


def test_a_checkpoint_in_few_bits_is_offered_to_vllm_as_it_is() -> None:
    known = knowledge_of_model(find_model("gpt-oss-20b"), Question(runtime="vllm"))
    assert known.candidates.quant(0) == "mxfp4"
    assert known.quant_factor[0] == 1.0


def test_a_ranking_holds_the_formats_of_its_runtime() -> None:
    ranking = rank_rig(ONE, Question(runtime="exllamav3")).ranking
    quants = {ranking.table.candidates.quant(i) for i in ranking.rows.tolist()}
    assert quants <= {"exl3-6.0bpw", "exl3-5.0bpw", "exl3-4.0bpw", "exl3-3.0bpw", "exl3-2.5bpw"}
    assert ranking.fitting > 50
    table = ranking.table
    fitting = table.fits
    assert set(np.unique(table.strategy[fitting]).tolist()) == {0}
