"""Commands that reproduce an estimate, and the ones that measure it: flags of llama.cpp and its forks here,
those of the other runtimes in ``runtime_commands``.

Flags of llama.cpp b11434 (its own ``--help``; ``tests/advisor/core/test_real_llama_cpp.py`` gives them to a
real one where there is one) and of ik_llama.cpp (docs/parameters.md at 01544b4).
"""

from __future__ import annotations

import shlex

from advisor.core.estimate import EstimateTable, machine_at
from advisor.core.placement import Strategy
from advisor.core.runtime_commands import GENERATED, Commands, command_makers
from advisor.core.runtimes import RUNTIME


def commands_for(table: EstimateTable, row: int) -> Commands:
    """The commands of the question's runtime for a row that fits."""
    runtime = RUNTIME[table.question.runtime]
    maker = command_makers().get(runtime.name)
    if maker is not None:
        return maker(table, row, gpu_layers(table, row))
    fork = runtime.name == "ik_llama"
    return Commands(
        launch_command(table, row),
        sweep_command(table, row) if fork else benchmark_command(table, row),
        _reads(table, fork),
        _notes(table, row),
    )


def gguf_file_name(model_name: str, quant: str) -> str:
    """The usual file name of a quantized model; uploads differ in spelling."""
    return f"{model_name}-{quant}.gguf"


def launch_command(table: EstimateTable, row: int) -> str:
    """``llama-server`` with the layers, experts, cache type and context of a row.

    The number of slots is always said: left alone, llama.cpp makes four with one cache for all.
    """
    q = table.question
    parts = ["llama-server", "-m", _file(table, row), "-c", str(int(table.context[row]) * q.users)]
    parts += ["-np", str(q.users), *_placement_flags(table, row, ","), *_cache_flags(table, row)]
    parts += _numa_flags(table, row)
    return _bound(table, row, parts)


def benchmark_command(table: EstimateTable, row: int) -> str:
    """The command that measures the quoted speed: ``llama-bench`` for one user, at the quoted depth;
    ``llama-batched-bench`` for several, whose total over all users is to be divided by them."""
    q = table.question
    if q.users > 1:
        depth = max(q.depth, 1)
        context = max(int(table.context[row]), depth + GENERATED) * q.users
        parts = ["llama-batched-bench", "-m", _file(table, row), "-c", str(context)]
        parts += ["-npp", str(depth), "-ntg", str(GENERATED), "-npl", str(q.users)]
        parts += [*_placement_flags(table, row, ","), *_cache_flags(table, row), *_numa_flags(table, row)]
        return _bound(table, row, parts)
    parts = ["llama-bench", "-m", _file(table, row)]
    parts += ["-p", str(q.prompt), "-n", str(GENERATED), "-d", str(q.depth)]
    parts += _placement_flags(table, row, "/")
    if q.kv_type != "f16":
        parts += ["-fa", "1", "-ctk", q.kv_type, "-ctv", q.kv_type]
    if int(table.strategy[row]) == int(Strategy.KV_IN_RAM):
        parts += ["-nkvo", "1"]
    return _bound(table, row, [*parts, *_numa_flags(table, row)])


def sweep_command(table: EstimateTable, row: int) -> str:
    """``llama-sweep-bench`` of ik_llama.cpp: speeds along a filling cache."""
    parts = ["llama-sweep-bench", "-m", _file(table, row), "-c", str(int(table.context[row]))]
    parts += [*_placement_flags(table, row, ","), *_cache_flags(table, row), *_numa_flags(table, row)]
    return _bound(table, row, parts)


def gpu_layers(table: EstimateTable, row: int) -> int:
    """Layers on the GPUs as ``-ngl`` counts them: the output is one more."""
    if not table.machine.gpus or int(table.strategy[row]) == int(Strategy.CPU):
        return 0
    return int(table.dense_layers[row, :-1].sum() + table.head[row, :-1].sum())


def leading_expert_layers(table: EstimateTable, row: int) -> int:
    """``--n-cpu-moe`` counts layers from the first one, layers without experts included."""
    wanted = int(table.expert_layers[row, -1])
    model = table.candidates.model(row)
    step = max(model.moe_layer_step, 1)
    for count in range(model.n_layers + 1):
        held = sum(1 for i in range(model.first_dense_layers, count) if (i + 1) % step == 0)
        if held >= wanted:
            return count
    return model.n_layers


def _file(table: EstimateTable, row: int) -> str:
    return gguf_file_name(table.candidates.model(row).name, table.candidates.quant(row))


def _placement_flags(table: EstimateTable, row: int, separator: str) -> list[str]:
    """``-ngl`` counts the output as one layer, and takes layers from the end."""
    if not table.machine.gpus:
        return []
    flags = ["-ngl", str(gpu_layers(table, row))]
    if flags[1] == "0":
        return flags
    flags += _tensor_split(table, row, separator)
    if int(table.strategy[row]) == int(Strategy.EXPERTS_IN_RAM):
        flags += ["--n-cpu-moe", str(leading_expert_layers(table, row))]
    return flags


def _cache_flags(table: EstimateTable, row: int) -> list[str]:
    flags = []
    kind = table.question.kv_type
    if kind != "f16":
        # A quantized V cache needs flash attention.
        flags += ["-fa", "on", "-ctk", kind, "-ctv", kind]
    if int(table.strategy[row]) == int(Strategy.KV_IN_RAM):
        flags += ["-nkvo"]
    return flags


def _numa_flags(table: EstimateTable, row: int) -> list[str]:
    """Threads and pages over all sockets, or on the one that the run is bound to, where the CPU of a machine
    with several does a part.  The threads of one node have to be said: the default counts all cores."""
    if table.machine.sockets < 2 or not _cpu_works(table, row):
        return []
    if table.one_node[row]:
        return ["--numa", "numactl", "-t", str(max(int(machine_at(table, row).cpu.cores), 1))]
    return ["--numa", "distribute"]


def _bound(table: EstimateTable, row: int, words: list[str]) -> str:
    """The command, bound to a NUMA node where the row is."""
    node = ["numactl", "--cpunodebind=0", "--membind=0"] if table.one_node[row] else []
    return shlex.join([*node, *words])


def _cpu_works(table: EstimateTable, row: int) -> bool:
    return float(table.terms[row, -1].sum()) > 0


def _tensor_split(table: EstimateTable, row: int, separator: str) -> list[str]:
    """``-ts`` in whole layers, the output counted with the device that holds it."""
    if len(table.machine.gpus) < 2:
        return []
    held = table.dense_layers[row, :-1] + table.head[row, :-1]
    return ["-ts", separator.join(str(int(x)) for x in held)]


def _reads(table: EstimateTable, fork: bool) -> str:
    if fork:
        return f"S_TG t/s in the row nearest N_KV {table.question.depth}"
    if table.question.users > 1:
        return "S_TG t/s, of all users together"
    depth = f" @ d{table.question.depth}" if table.question.depth else ""
    return f"t/s of the row tg{GENERATED}{depth}"


def _notes(table: EstimateTable, row: int) -> tuple[str, ...]:
    names = [gpu.name for gpu in table.machine.gpus]
    if len(names) < 2 or len(set(names)) < 2 or gpu_layers(table, row) == 0:
        return ()
    return (
        f"-ts lists the GPUs as {', '.join(names)}; 'llama-server --list-devices' shows the order of your "
        "build, and -dev sets another",
    )
