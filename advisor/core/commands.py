"""Commands that reproduce an estimate: llama.cpp flags for the chosen placement."""

from __future__ import annotations

import shlex

from advisor.core.estimate import EstimateTable
from advisor.core.placement import Strategy


def gguf_file_name(model_name: str, quant: str) -> str:
    """The usual file name of a quantized model; uploads differ in spelling."""
    return f"{model_name}-{quant}.gguf"


def launch_command(table: EstimateTable, row: int) -> str:
    """``llama-server`` with the layers, experts, cache type and context of a row."""
    q = table.question
    model = table.candidates.model(row)
    parts = ["llama-server", "-m", gguf_file_name(model.name, table.candidates.quant(row))]
    parts += ["-c", str(q.context * q.users)]
    if q.users > 1:
        parts += ["-np", str(q.users)]
    parts += _placement_flags(table, row)
    if q.kv_type != "f16":
        parts += ["-ctk", q.kv_type, "-ctv", q.kv_type]
    return shlex.join(parts)


def benchmark_command(table: EstimateTable, row: int) -> str:
    """``llama-bench`` that measures the quoted speeds: the prompt, and decode at the quoted depth."""
    q = table.question
    model = table.candidates.model(row)
    parts = ["llama-bench", "-m", gguf_file_name(model.name, table.candidates.quant(row))]
    parts += ["-p", str(q.prompt), "-n", "128", "-d", str(q.depth)]
    parts += _placement_flags(table, row)
    if q.kv_type != "f16":
        parts += ["-ctk", q.kv_type, "-ctv", q.kv_type, "-fa", "1"]
    return shlex.join(parts)


def _placement_flags(table: EstimateTable, row: int) -> list[str]:
    if not table.machine.gpus:
        return []
    strategy = int(table.strategy[row])
    layers = int(table.candidates.layers[row])
    if strategy == int(Strategy.CPU):
        return ["-ngl", "0"]
    if strategy == int(Strategy.LAYERS_SPLIT):
        on_gpu = int(table.dense_layers[row, :-1].sum())
        return ["-ngl", str(on_gpu), *_tensor_split(table, row)]
    flags = ["-ngl", str(layers + 1), *_tensor_split(table, row)]
    if strategy == int(Strategy.EXPERTS_IN_RAM):
        flags += ["--n-cpu-moe", str(_leading_layers_with_experts_in_ram(table, row))]
    return flags


def _leading_layers_with_experts_in_ram(table: EstimateTable, row: int) -> int:
    """``--n-cpu-moe`` counts layers from the first one, dense first layers included."""
    in_ram = int(table.expert_layers[row, -1])
    model = table.candidates.model(row)
    return min(in_ram + model.first_dense_layers, model.n_layers)


def _tensor_split(table: EstimateTable, row: int) -> list[str]:
    gpus = len(table.machine.gpus)
    if gpus < 2:
        return []
    held = table.dense_layers[row, :-1]
    return ["-ts", ",".join(str(int(x)) for x in held)]
