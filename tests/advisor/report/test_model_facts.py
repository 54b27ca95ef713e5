"""What ``model`` and ``hardware`` print: complete, with sources, on 80 columns."""

from __future__ import annotations

import jsonschema
import pytest

from advisor.report.facts import hardware_document, hardware_text
from advisor.report.model_facts import model_document
from advisor.report.model_text import model_text
from advisor.report.schemas import schema_document
from catalog.models import find_model

MODELS = [
    *("llama 3.1 8b", "gemma 3 27b", "gemma 3n e4b", "qwen3 30b a3b", "qwen3.8 flash next"),
    *("gpt-oss 120b", "deepseek v3", "deepseek v4 flash", "kimi k3", "kimi linear", "lfm2 8b"),
    *("nemotron nano 9b v2", "minicpm-v 4.5", "hyperclova x think", "inkling"),
]
HARDWARE = [
    *("rtx 4090", "rx 7900 xtx", "arc b580", "m4 max 40", "strix halo", "dgx spark", "mi300x"),
    *("epyc 9654", "ryzen 9 7950x", "ddr5-6000", "DDR4", "pcie 5 x16", "nvlink 5"),
]


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_readable_on_80_columns_and_says_where_it_is_from(name: str) -> None:
    document = model_document(find_model(name))
    jsonschema.validate(document, schema_document("model"))
    text = model_text(document)
    assert max(map(len, text.splitlines())) <= 80
    assert document["sources"][0]["source"] in " ".join(text.split())
    assert all(row["source"] for row in document["sources"])


@pytest.mark.parametrize("name", HARDWARE)
def test_hardware_is_readable_on_80_columns_and_says_where_it_is_from(name: str) -> None:
    document = hardware_document(name)
    jsonschema.validate(document, schema_document("hardware"))
    text = hardware_text(document)
    assert max(map(len, text.splitlines())) <= 80
    assert " ".join(document["source"].split()) in " ".join(text.split())


def test_a_model_with_files_shows_every_kind_of_size() -> None:
    text = model_text(model_document(find_model("gemma 3 27b")))
    for part in (
        *(
            "Q4_K_M",
            "IQ1_S",
            "MLX 4-bit",
            "AWQ",
            "GPTQ",
            "EXL3",
            "NF4",
            "FP8",
            "NVFP4",
            "MXFP4",
            "UD-Q4_K_XL",
        ),
        *("UD-Q4_K_XL", "Ollama starts with", "vllm        fp8", "mlx         4-bit", "no flash attention"),
        *("vision part", "text and vision", "medgemma-27b-it (finetune)", "quality kept"),
    ):
        assert part in text, part


def test_hand_made_mixes_are_data_where_known_and_marked_elsewhere() -> None:
    rows = {row["quant"]: row for row in model_document(find_model("gemma 3 27b"))["hand_made"]}
    known, estimated = rows["UD-Q4_K_XL"], rows["UD-Q2_K_XL"]
    assert not known["approximate"]
    assert estimated["approximate"]
    assert estimated["low_bytes"] < estimated["tensor_bytes"] < estimated["high_bytes"]


def test_a_model_that_llama_cpp_does_not_load_has_no_sizes_of_its_files() -> None:
    document = model_document(find_model("hyperclova x think"))
    assert "does not load it" in document["not_estimated_because"]
    assert document["quants"] == document["hand_made"] == document["compute_buffers"] == []
    assert {row["runtime"] for row in document["kv_by_runtime"]} == {"vllm", "mlx"}


def test_a_module_of_a_stated_rate_has_its_own_bandwidth() -> None:
    assert hardware_document("ddr5-6000")["facts"]["bandwidth_of_module_bytes_per_s"] == 48e9
    assert "note" in hardware_document("DDR5-6001")["facts"]
    assert hardware_document("lpddr5x-8533")["name"] == "LPDDR5X-8533"
