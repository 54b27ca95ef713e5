"""``quant_loss.csv``: divergence of the quantizations and the constants of its scaling.

All from tables published with llama.cpp (MIT) and aider (Apache-2.0):

* divergence per quantization of Llama-3-8B (with an importance matrix where one was measured, as
  most published files have one), and a monotone curve over bits per weight through the same points;
* gamma, how the divergence falls with size, from the perplexities of Llama-2-7B and Llama-2-70B;
* k, what a divergence costs in task accuracy, from aider's runs of Qwen2.5-Coder-32B;
* spreads of ln divergence: between models from the perplexities of Llama-2-7B and Llama-3-8B, and of
  the quantizations around the curve.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

GIB = 2**30
LLAMA_3_8B = 8_030_261_248
LLAMA_2_7B = 6_738_415_616
LLAMA_2_70B = 68_976_648_192
QWEN_CODER_32B = 32_763_876_352
AIDER_TASKS = 133
PREFERRED_MATRIX = "WT 10m"

HEADER = """\
# What quantization costs.  Columns: kind, name, bits_per_weight, value, source.
#   quant     mean Kullback-Leibler divergence (nats per token) of Llama-3-8B at that quantization, wikitext-2
#   curve     the same, monotone in bits per weight (pool-adjacent-violators on ln of the divergence)
#   constant  reference_params: size the divergences were measured at;
#             gamma: divergence ~ (reference_params / parameters)^gamma;
#             k: quality factor = exp(-k * divergence);
#             k_rel_se: relative standard error of k, from the number of tasks behind the scores;
#             ln_sd_models: spread of ln divergence between models at one quantization;
#             ln_sd_curve: spread of the measured quantizations around the curve;
#             ln_sd_format: the largest distance from the curve (Q4_1, plain rounding), taken as the
#             spread of formats that have no measurement at all
# Sources: llama.cpp tools/perplexity/README.md (MIT); aider _data/quant.yml (Apache-2.0).
# One model family at one size decides the divergences: read them as a prior.
# Written by catalog/build/quality.py.
"""


def monotone(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """(bits, divergence) with the divergence falling as the bits rise: pooled means of ln."""
    pools: list[list[tuple[float, float]]] = []
    for bits, value in sorted(points):
        pools.append([(bits, math.log(value))])
        while len(pools) > 1 and mean(y for _, y in pools[-1]) >= mean(y for _, y in pools[-2]):
            last = pools.pop()
            pools[-1] += last
    return [(mean(x for x, _ in pool), math.exp(mean(y for _, y in pool))) for pool in pools]


def size_exponent(rows: Sequence[dict[str, str]]) -> float:
    """gamma from the step between Q4_K_M and Q2_K in ln perplexity: 7B against 70B.

    The 7B rows give the unquantized perplexity and the difference; of the 70B only the quantized
    perplexities are known, hence the step.
    """
    small = {r["quant"]: r for r in rows if r["model"] == "Llama-2-7B"}
    large = {r["quant"]: float(r["ppl"]) for r in rows if r["model"] == "Llama-2-70B"}

    def loss(quant: str) -> float:
        return math.log1p(float(small[quant]["delta_ppl"]) / float(small[quant]["ppl"]))

    step_small = loss("Q2_K") - loss("Q4_K_M")
    step_large = math.log(large["Q2_K"] / large["Q4_K_M"])
    return math.log(step_small / step_large) / math.log(LLAMA_2_70B / LLAMA_2_7B)


def model_spread(rows: Sequence[dict[str, str]]) -> float:
    """Standard deviation between models of ln(relative rise of the perplexity) at one quantization.

    From the quantizations that Llama-2-7B and Llama-3-8B share; a difference of two models has twice
    the variance of one.
    """

    def rises(model: str) -> dict[str, float]:
        return {
            row["quant"]: math.log1p(float(row["delta_ppl"]) / float(row["ppl"]))
            for row in rows
            if row["model"] == model and row["delta_ppl"] and row["imatrix"] in ("None", "")
        }

    older, newer = rises("Llama-2-7B"), rises("Llama-3-8B")
    ratios = [math.log(newer[name] / older[name]) for name in older if name in newer and name != "F16"]
    return math.sqrt(mean(ratio**2 for ratio in ratios) / 2)


def distances(points: Sequence[tuple[float, float]], curve: Sequence[tuple[float, float]]) -> list[float]:
    """|ln(divergence / curve)| of every point, the curve interpolated in ln."""
    known = sorted(curve)
    result = []
    for bits, value in points:
        right = min(max(sum(x < bits for x, _ in known), 1), len(known) - 1)
        (x0, y0), (x1, y1) = known[right - 1], known[right]
        share = (bits - x0) / (x1 - x0)
        result.append(abs(math.log(value) - (1 - share) * math.log(y0) - share * math.log(y1)))
    return result


def accuracy_cost(
    rows: Sequence[dict[str, str]], divergence: dict[str, float], gamma: float
) -> tuple[float, float]:
    """k and its relative standard error from aider's quantized runs."""
    scores: dict[str, list[float]] = {}
    for row in rows:
        match = re.search(r"pass_rate_2 ([\d.]+)", row["score"])
        if match and "2k ctx" not in row["quant"]:
            label = (
                "full"
                if row["quant"].endswith(("BF16", "fp16"))
                else row["quant"].removeprefix("Ollama: ").upper()
            )
            scores.setdefault(label, []).append(float(match.group(1)) / 100)
    full = mean(scores["full"])
    scale = (LLAMA_3_8B / QWEN_CODER_32B) ** gamma
    x = [divergence[name] * scale for name in ("Q4_K_M", "Q2_K")]
    y = [-math.log(mean(scores[name]) / full) for name in ("Q4_K_M", "Q2_K")]
    k = sum(a * b for a, b in zip(x, y, strict=True)) / sum(a * a for a in x)
    noise = math.sqrt((1 - full) / (full * AIDER_TASKS) * (1 + 1 / len(scores["full"])))
    return k, noise / math.sqrt(sum(a * a for a in x)) / k


def quant_loss_csv(source: Path) -> str:
    """Text of ``quant_loss.csv``."""
    with source.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    measured: dict[str, tuple[int, float, float, str]] = {}
    plain: dict[str, float] = {}
    for row in rows:
        if row["model"] != "Llama-3-8B" or not row["kld_mean"]:
            continue
        bits = float(row["size_gib"]) * GIB * 8 / LLAMA_3_8B
        rank = 2 if row["imatrix"] == PREFERRED_MATRIX else 1 if row["imatrix"] == "None" else 0
        if row["imatrix"] == "None":
            plain[row["quant"]] = float(row["kld_mean"])
        known = measured.get(row["quant"])
        if known is None or rank > known[0]:
            matrix = (
                "no importance matrix" if row["imatrix"] == "None" else f"importance matrix {row['imatrix']}"
            )
            measured[row["quant"]] = (rank, bits, float(row["kld_mean"]), matrix)
    gamma = size_exponent(rows)
    k, k_error = accuracy_cost(rows, plain, gamma)
    lines = [HEADER + "kind,name,bits_per_weight,value,source"]
    ordered = sorted(measured.items(), key=lambda item: (-item[1][1], item[0]))
    lines += [
        f"quant,{name},{bits:.3f},{kld:.6f},llama.cpp; {matrix}" for name, (_, bits, kld, matrix) in ordered
    ]
    curve = monotone([(bits, kld) for _, bits, kld, _ in measured.values()])
    away = distances([(b, kld) for name, (_, b, kld, _) in measured.items() if name != "F16"], curve)
    spread = math.sqrt(mean(d * d for d in away))
    lines += [f"curve,,{bits:.3f},{kld:.6f},pooled from the rows above" for bits, kld in reversed(curve)]
    lines += [
        f"constant,reference_params,,{LLAMA_3_8B},Llama-3-8B",
        f"constant,gamma,,{gamma:.4f},Llama-2-7B and -70B perplexities at Q4_K_M and Q2_K",
        f"constant,k,,{k:.4f},aider: Qwen2.5-Coder-32B at full precision Q4_K_M and Q2_K",
        f"constant,k_rel_se,,{k_error:.2f},binomial error of {AIDER_TASKS} tasks per run",
        f"constant,ln_sd_models,,{model_spread(rows):.2f},Llama-2-7B and -3-8B at the same quantizations",
        f"constant,ln_sd_curve,,{spread:.2f},root mean square over the rows above",
        f"constant,ln_sd_format,,{max(away):.2f},largest of the rows above",
    ]
    return "\n".join(lines) + "\n"
