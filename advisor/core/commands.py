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
    parts = ["llama-server", "-m", _file(table, row), "-c", str(q.context * q.users)]
    if q.users > 1:
        parts += ["-np", str(q.users)]
    parts += _placement_flags(table, row, separator=",")
    if q.kv_type != "f16":
        # A quantized V cache needs flash attention.
        parts += ["-fa", "on", "-ctk", q.kv_type, "-ctv", q.kv_type]
    return shlex.join(parts)


def benchmark_command(table: EstimateTable, row: int) -> str:
    """The command that measures the quoted speed: ``llama-bench`` for one user, at the quoted depth;
    ``llama-batched-bench`` for several, whose total over all users is to be divided by them."""
    q = table.question
    if q.users > 1:
        parts = ["llama-batched-bench", "-m", _file(table, row), "-c", str(q.context * q.users)]
        parts += ["-npp", str(max(q.depth, 1)), "-ntg", "128", "-npl", str(q.users)]
        parts += _placement_flags(table, row, separator=",")
        if q.kv_type != "f16":
            parts += ["-fa", "on", "-ctk", q.kv_type, "-ctv", q.kv_type]
        return shlex.join(parts)
    parts = ["llama-bench", "-m", _file(table, row)]
    parts += ["-p", str(q.prompt), "-n", "128", "-d", str(q.depth)]
    parts += _placement_flags(table, row, separator="/")
    if q.kv_type != "f16":
        parts += ["-fa", "1", "-ctk", q.kv_type, "-ctv", q.kv_type]
    return shlex.join(parts)


def _file(table: EstimateTable, row: int) -> str:
    return gguf_file_name(table.candidates.model(row).name, table.candidates.quant(row))


def _placement_flags(table: EstimateTable, row: int, separator: str) -> list[str]:
    """``-ngl`` counts the output as one layer, and takes layers from the end."""
    if not table.machine.gpus:
        return []
    strategy = int(table.strategy[row])
    if strategy == int(Strategy.CPU):
        return ["-ngl", "0"]
    on_gpu = int(table.dense_layers[row, :-1].sum() + table.head[row, :-1].sum())
    flags = ["-ngl", str(on_gpu), *_tensor_split(table, row, separator)]
    if strategy == int(Strategy.EXPERTS_IN_RAM):
        flags += ["--n-cpu-moe", str(_leading_layers_with_experts_in_ram(table, row))]
    return flags


def _leading_layers_with_experts_in_ram(table: EstimateTable, row: int) -> int:
    """``--n-cpu-moe`` counts layers from the first one, layers without experts included."""
    wanted = int(table.expert_layers[row, -1])
    model = table.candidates.model(row)
    step = max(model.moe_layer_step, 1)
    for count in range(model.n_layers + 1):
        held = sum(1 for i in range(model.first_dense_layers, count) if (i + 1) % step == 0)
        if held >= wanted:
            return count
    return model.n_layers


def _tensor_split(table: EstimateTable, row: int, separator: str) -> list[str]:
    """``-ts`` in whole layers, the output counted with the device that holds it."""
    if len(table.machine.gpus) < 2:
        return []
    held = table.dense_layers[row, :-1] + table.head[row, :-1]
    return ["-ts", separator.join(str(int(x)) for x in held)]
