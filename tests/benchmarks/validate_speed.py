"""How fast measured rows are predicted: rows a second over generated llama-bench results.

    python tests/benchmarks/validate_speed.py [ROWS] [FILE…]

Rows are spread over models, file types, GPUs and depths of the catalog, so that caches help as much as
they do on real collections.  Files given are timed instead, each in a process that has read none before.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HEADER = (
    "build_number,cpu_info,gpu_info,backends,model_filename,model_type,model_size,model_n_params,n_batch,"
    "n_ubatch,n_threads,type_k,type_v,n_gpu_layers,split_mode,main_gpu,no_kv_offload,flash_attn,"
    "tensor_split,n_prompt,n_gen,n_depth,avg_ts"
)
MODELS = (
    ("Meta-Llama-3.1-8B-Instruct", "llama 8B", 8_030_261_312),
    ("Qwen2.5-14B-Instruct", "qwen2 14B", 14_770_033_664),
    ("Qwen3-30B-A3B", "qwen3moe 30B.A3B", 30_532_122_624),
    ("gemma-3-12b-it", "gemma3 12B", 11_765_788_416),
    ("Mistral-Small-3.2-24B-Instruct-2506", "llama 24B", 23_572_403_200),
    ("gpt-oss-20b", "gpt-oss 20B", 20_914_757_184),
)
QUANTS = (
    ("Q4_K_M", "Q4_K - Medium", 4.85),
    ("Q8_0", "Q8_0", 8.5),
    ("Q6_K", "Q6_K", 6.57),
    ("Q5_0", "Q5_0", 5.5),
)
GPUS = (
    ("NVIDIA GeForce RTX 4090", "CUDA"),
    ("NVIDIA GeForce RTX 3090", "CUDA"),
    ("NVIDIA H100 80GB HBM3", "CUDA"),
    ("AMD Radeon RX 7900 XTX", "ROCm"),
    ("Apple M2 Ultra", "Metal"),
)
DEPTHS = (0, 1024, 4096, 8192, 16384)
TESTS = ((512, 0), (0, 128))


def rows(count: int) -> str:
    """A llama-bench CSV of so many rows."""
    cases = itertools.cycle(itertools.product(MODELS, QUANTS, GPUS, DEPTHS, TESTS))
    lines = [HEADER]
    for (name, kind, params), (quant, label, bits), (gpu, backend), depth, test in itertools.islice(
        cases, count
    ):
        lines.append(
            f'"5163","AMD Ryzen 9 7950X 16-Core Processor","{gpu}","{backend}","models/{name}-{quant}.gguf",'
            f'"{kind} {label}","{round(params * bits / 8)}","{params}","2048","512","8","f16","f16","99",'
            f'"layer","0","0","1","0.00","{test[0]}","{test[1]}","{depth}","100.0"'
        )
    return "\n".join(lines)


def timed(path: Path) -> None:
    """Print rows, answers and times of one file: reading and predicting, then the whole command."""
    code = (
        "import sys, time; from pathlib import Path; from advisor.validation import validate_files\n"
        "started = time.perf_counter(); rows = validate_files([Path(sys.argv[1])], None)[0].rows\n"
        "print(len(rows), sum(r.status == 'ok' for r in rows), time.perf_counter() - started)"
    )
    child = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    ).stdout.split()
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "advisor", "validate", "--json", str(path)],
        stdout=subprocess.DEVNULL,
        check=True,
    )
    command = time.perf_counter() - started
    count, answered, seconds = int(child[0]), int(child[1]), float(child[2])
    print(f"{path.name:<28}{count:>8}{answered:>10}{seconds:>10.2f}{count / seconds:>10.0f}{command:>12.2f}")


def main(arguments: list[str]) -> None:
    """Print the table."""
    count = int(arguments[0]) if arguments and arguments[0].isdigit() else 5000
    files = [Path(name) for name in arguments if not name.isdigit()]
    print(f"{'file':<28}{'rows':>8}{'answered':>10}{'s':>10}{'rows/s':>10}{'command s':>12}")
    for path in files:
        timed(path)
    if not files:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "generated.csv"
            path.write_text(rows(count), "utf-8")
            timed(path)


if __name__ == "__main__":
    main(sys.argv[1:])
