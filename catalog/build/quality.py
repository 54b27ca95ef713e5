"""Build the quality data from openly licensed benchmark scores.

    python -m catalog.build.quality --source FOLDER [--check]

Reads ``quality_raw.csv`` and ``quant_quality.csv`` from ``FOLDER``; writes ``quality.csv``,
``quality_prior.json`` and ``quant_loss.csv`` into ``catalog/data``.  Only llm-stats (CC BY 4.0), aider
(Apache-2.0) and llama.cpp (MIT) rows are used.

The factor model: ``logit(score) = intercept_b + slope_b * ability_m + noise_b`` and
``ability_m ~ Normal(prior_m, prior_sd)``, fitted by alternating the abilities with the coefficients
of the benchmarks and of the prior until nothing moves.  MMLU-Pro fixes the scale (intercept 0,
slope 1).  The spread that ships for the prior is the leave-one-model-out error, not the residual of
the fit.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from catalog.build.quant_loss import quant_loss_csv
from catalog.models import find_model, load_models
from catalog.quality import bent_size, generation_date, is_coder, logit, thinks, years_since_epoch
from catalog.types import LookupFailedError, Model

MAP = Path(__file__).with_name("quality_map.json")
PAPERS = Path(__file__).with_name("quality_papers.csv")
DATA = Path(__file__).parents[1] / "data"

LLM_STATS = "llm-stats"
AIDER = "aider"
AIDER_BENCHMARK = "aider-polyglot"

ANCHOR = "mmlu-pro"
MINIMUM_MODELS = 5
"""A benchmark with fewer models of the catalog is not fitted."""
SLOPE_RIDGE = 4.0
"""Weight, in models, of the assumption that a benchmark has slope 1."""
NOISE_FLOOR = 0.2
"""Smallest noise of a benchmark, in logits: the scores are self-reported with differing prompts."""
WEIGHT_RIDGE = {"one": 0.0, "size": 0.0, "age": 0.0, "thinks": 1.0, "base": 1.0, "coder": 1.0}
"""Ridge on the weights of the prior, in models: flags that few models have stay small."""
TOTAL_SHARE_RANGE = (0.7, 0.9)
"""The share of total (rather than active) parameters in the effective size is searched here.  The lower
end is a requirement, not a fit: a mixture with 3 of 30 billion active has to rank between the dense 14B
and 32B of its generation, as its published scores do."""
BENDS = (0.0, 0.05, 0.1)
"""How fast the gain per decade of size falls with size; searched here.  The scores alone would take 0.2 to
0.3; the range ends at 0.1 because few of the scored models are large, and a model must not be expected to
beat one five times its size of the same year and kind."""
USE_SHRINKAGE = 3.0
SCORES_DECIDE_FROM = 4

USES = {
    "chat": ["mmlu-pro", "gpqa", "ifeval", "math"],
    "coding": ["livecodebench", "livecodebench-v6", "humaneval", "aider-polyglot", "swe-bench-verified"],
    "agent": ["ifeval", "tau-bench-retail", "swe-bench-verified", "livecodebench"],
    "rag": ["ifeval", "mmlu-pro", "mmlu"],
    "reasoning": ["gpqa", "aime-2024", "aime-2025", "math-500"],
}
"""Which benchmarks tell about a use; those with too few models drop out."""

COLUMNS = ("model", "benchmark", "score", "as_of", "source")

Observation = tuple[str, str, float]


def read_scores(source: Path) -> tuple[list[dict[str, str]], list[str]]:
    """Rows of ``quality.csv`` (model, benchmark, score 0..1, as_of, source), and names left out."""
    rules = json.loads(MAP.read_text(encoding="utf-8"))
    dropped = {(model, bench) for model, benches, _ in rules["drop"] for bench in benches}
    out = []
    unknown = set()
    with (source / "quality_raw.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if "llm-stats" in row["source"]:
                name, kind, benchmark, scale = row["model_id"], LLM_STATS, row["benchmark"], 1.0
                target = rules["llm_stats"].get(name, "?")
                if target == "?":
                    try:
                        target = find_model(name).id
                    except LookupFailedError:
                        unknown.add(name)
                        continue
            elif row["source"].startswith("Aider-AI/aider"):
                name, kind, benchmark, scale = row["model_id"], AIDER, AIDER_BENCHMARK, 0.01
                target = rules["aider"].get(name)
            else:
                continue
            if target is None or (target, benchmark) in dropped:
                continue
            value = float(row["score"]) * scale
            if 0 <= value <= 1:
                out.append(
                    {
                        "model": target,
                        "benchmark": benchmark,
                        "score": f"{value:.4g}",
                        "as_of": row["as_of"],
                        "source": kind,
                    }
                )
    papers = (line for line in PAPERS.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    out += [{key: row[key] for key in COLUMNS} for row in csv.DictReader(papers)]
    known = {model.id for model in load_models()}
    unknown |= {row["model"] for row in out} - known
    out = [row for row in out if row["model"] in known]
    unique = {(row["model"], row["benchmark"]): row for row in out}
    return [unique[key] for key in sorted(unique)], sorted(unknown)


def design(models: Sequence[Model], share: float, bend: float, unknown_age: float) -> np.ndarray:
    """Feature matrix in the order of ``WEIGHT_RIDGE``."""
    rows = []
    for model in models:
        day = generation_date(model)
        rows.append(
            [
                1.0,
                bent_size(model, share, bend),
                years_since_epoch(day) if day else unknown_age,
                float(thinks(model)),
                float(model.stage == "base"),
                float(is_coder(model)),
            ]
        )
    return np.array(rows)


def ridge(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Least squares with the ridge of ``WEIGHT_RIDGE``."""
    return np.linalg.solve(x.T @ x + np.diag(list(WEIGHT_RIDGE.values())), x.T @ y)


def fit(
    observations: Sequence[Observation],
    models: Sequence[Model],
    share: float,
    bend: float,
    unknown_age: float,
) -> dict[str, Any]:
    """Abilities, benchmark coefficients and prior weights for one share of total parameters and one bend."""
    index = {model.id: i for i, model in enumerate(models)}
    by_bench: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for model_id, benchmark, value in observations:
        by_bench[benchmark].append((index[model_id], logit(value)))
    x = design(models, share, bend, unknown_age)
    coefficients = dict.fromkeys(by_bench, (0.0, 1.0, 0.6))
    for name, points in by_bench.items():
        if name != ANCHOR:
            coefficients[name] = (float(np.mean([y for _, y in points])), 1.0, 0.6)
    ability = np.zeros(len(models))
    weights, prior_sd = np.zeros(x.shape[1]), 1.0
    for _ in range(400):
        precision = np.full(len(models), 1 / prior_sd**2)
        total = (x @ weights) * precision
        for name, points in by_bench.items():
            intercept, slope, sd = coefficients[name]
            for i, y in points:
                total[i] += slope * (y - intercept) / sd**2
                precision[i] += slope**2 / sd**2
        moved = float(np.max(np.abs(total / precision - ability)))
        ability = total / precision
        weights = ridge(x, ability)
        prior_sd = max(float(np.sqrt(np.mean((ability - x @ weights) ** 2 + 1 / precision))), 0.2)
        for name, points in by_bench.items():
            t = np.array([ability[i] for i, _ in points])
            ys = np.array([value for _, value in points])
            if name == ANCHOR:
                rest = ys - t
                coefficients[name] = (0.0, 1.0, max(float(np.sqrt(np.mean(rest**2))), NOISE_FLOOR))
                continue
            centre = float(t.mean())
            d = t - centre
            slope = (float(d @ (ys - ys.mean())) + SLOPE_RIDGE * 0.5) / (float(d @ d) + SLOPE_RIDGE * 0.5)
            slope = max(slope, 0.2)
            intercept = float(ys.mean()) - slope * centre
            rest = ys - intercept - slope * t
            coefficients[name] = (intercept, slope, max(float(np.sqrt(np.mean(rest**2))), NOISE_FLOOR))
        if moved < 1e-6:
            break
    hat = x @ np.linalg.solve(x.T @ x + np.diag(list(WEIGHT_RIDGE.values())), x.T)
    left_out = (ability - x @ weights) / (1 - np.diag(hat))
    return {
        "share": share,
        "bend": bend,
        "ability": ability,
        "weights": weights,
        "benchmarks": {
            name: {"intercept": a, "slope": b, "sd": sd, "models": len(by_bench[name])}
            for name, (a, b, sd) in sorted(coefficients.items())
        },
        "loo": float(np.sqrt(np.mean(left_out**2))),
        "r2": float(1 - np.mean((ability - x @ weights) ** 2) / np.var(ability)),
    }


def use_shifts(
    fitted: Mapping[str, Any], observations: Sequence[Observation], models: Sequence[Model]
) -> dict[str, dict[str, Any]]:
    """Panels of the uses, and by how much coders and reasoning models deviate on them (shrunk)."""
    index = {model.id: i for i, model in enumerate(models)}
    out = {}
    for use, wanted in USES.items():
        panel = [name for name in wanted if name in fitted["benchmarks"]]
        rests: dict[str, list[float]] = defaultdict(list)
        for model_id, name, value in observations:
            if name in panel:
                bench = fitted["benchmarks"][name]
                measured = (logit(value) - bench["intercept"]) / bench["slope"]
                rests[model_id].append(measured - fitted["ability"][index[model_id]])
        shift = {model_id: sum(rest) / (len(rest) + USE_SHRINKAGE) for model_id, rest in rests.items()}

        def mean_of(flag: Any, shift: Mapping[str, float] = shift) -> float:
            values = [value for model_id, value in shift.items() if flag(models[index[model_id]])]
            return float(sum(values) / (len(values) + USE_SHRINKAGE))

        out[use] = {
            "benchmarks": panel,
            "coder": round(mean_of(is_coder), 3),
            "thinks": round(mean_of(thinks), 3),
        }
    return out


def prior_json(rows: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Everything of ``quality_prior.json``."""
    counts: dict[str, int] = defaultdict(int)
    for row in rows:
        counts[row["benchmark"]] += 1
    kept = {name for name, n in counts.items() if n >= MINIMUM_MODELS}
    by_id = {model.id: model for model in load_models()}
    observations = [(r["model"], r["benchmark"], float(r["score"])) for r in rows if r["benchmark"] in kept]
    models = [by_id[name] for name in sorted({name for name, _, _ in observations})]
    ages = [years_since_epoch(day) for model in by_id.values() if (day := generation_date(model))]
    unknown_age = round(median(ages) - 1.0, 2)
    low, high = TOTAL_SHARE_RANGE
    shares = [round(low + 0.05 * i, 2) for i in range(round((high - low) / 0.05) + 1)]
    tried = [fit(observations, models, share, bend, unknown_age) for share in shares for bend in BENDS]
    best = min(tried, key=lambda one: float(one["loo"]))
    names = list(WEIGHT_RIDGE)
    return {
        "_comment": [
            "Coefficients of catalog/quality.py, written by catalog/build/quality.py; do not edit.",
            "ability: weights of the prior, logits of MMLU-Pro accuracy; prior_sd: leave-one-out error.",
            "benchmarks: logit(score) = intercept + slope * ability, sd of the noise, number of models.",
            "Fitted on llm-stats (CC BY 4.0, github.com/JonathanChavezTamales/llm-leaderboard, reported by",
            "the publishers, 2025-10), the aider polyglot leaderboard (Apache-2.0, Aider-AI/aider) and, for",
            "models of 2023 and early 2024, single scores from papers and model cards (see quality.csv).",
        ],
        "ability": {name: round(float(value), 4) for name, value in zip(names, best["weights"], strict=True)},
        "prior_sd": round(best["loo"], 4),
        "prior_r2": round(best["r2"], 4),
        "total_share": best["share"],
        "size_bend": best["bend"],
        "unknown_age_years": unknown_age,
        "n_models": len(models),
        "n_scores": len(observations),
        "use_shrinkage": USE_SHRINKAGE,
        "scores_decide_from": SCORES_DECIDE_FROM,
        "uses": use_shifts(best, observations, models),
        "benchmarks": {
            name: {
                key: round(value, 4) if isinstance(value, float) else value for key, value in bench.items()
            }
            for name, bench in best["benchmarks"].items()
        },
    }


QUALITY_HEADER = """\
# Benchmark scores.  Columns: model (catalog id), benchmark, score (accuracy, 0 to 1), as_of, source.
# source llm-stats: llm-stats.com, github.com/JonathanChavezTamales/llm-leaderboard, CC BY 4.0; reported by
#   the publishers of the models; changes: names mapped to catalog ids, a few rows dropped
#   (catalog/build/quality_map.json says which and why).
# source aider: aider polyglot leaderboard, github.com/Aider-AI/aider, Apache-2.0; pass rate of the second
#   attempt.
# other sources: single scores from papers and model cards (catalog/build/quality_papers.csv).
# Written by catalog/build/quality.py.
"""


def quality_csv(rows: Sequence[Mapping[str, str]]) -> str:
    """Text of ``quality.csv``."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return QUALITY_HEADER + text.getvalue()


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(prog="catalog.build.quality", description="Build the quality data")
    parser.add_argument("--source", type=Path, required=True, help="folder with the raw quality files")
    parser.add_argument(
        "--check", action="store_true", help="compare with the shipped files instead of writing"
    )
    options = parser.parse_args(arguments)
    rows, unknown = read_scores(options.source)
    prior = prior_json(rows)
    files = {
        "quality.csv": quality_csv(rows),
        "quality_prior.json": json.dumps(prior, indent=1, ensure_ascii=False) + "\n",
        "quant_loss.csv": quant_loss_csv(options.source / "quant_quality.csv"),
    }
    print(
        f"{len(rows)} scores of {prior['n_models']} models; not in the catalog: {', '.join(unknown)}",
        file=sys.stderr,
    )
    print(
        f"prior: {prior['ability']}, R² {prior['prior_r2']}, leave-one-out error {prior['prior_sd']} logits, "
        f"share {prior['total_share']}, bend {prior['size_bend']}",
        file=sys.stderr,
    )
    if options.check:
        changed = [name for name, text in files.items() if (DATA / name).read_text(encoding="utf-8") != text]
        print("would change: " + ", ".join(changed) if changed else "unchanged", file=sys.stderr)
        return int(bool(changed))
    for name, text in files.items():
        (DATA / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
