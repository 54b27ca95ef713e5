"""How good a model is, and what its quantization costs: the two factors of the ranking's quality.

Ability.  Every model has an ability ``t`` in logits of MMLU-Pro accuracy.  A benchmark score ``s`` in
0..1 measures it as ``logit(s) = intercept + slope * t + noise``.  Without scores ``t`` comes from a
prior that is linear in a bent log of the parameters, the age of the generation and the kind of the model;
with scores both are averaged, each weighted by 1/variance.  The index shown is the accuracy in
percent that a model of ability ``t`` is expected to reach, averaged over the benchmarks of a use.

All coefficients are fitted by ``catalog/build/quality.py`` on openly licensed scores and kept, with
the spread of the residuals, in ``data/quality_prior.json``; the scores are in ``data/quality.csv``.
"""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from catalog.datafile import rows
from catalog.models import load_models
from catalog.types import CatalogError, Model

if TYPE_CHECKING:
    from catalog.formats import Format

_DATA = Path(__file__).with_name("data")

Use = Literal["chat", "coding", "agent", "rag", "reasoning"]
USES: tuple[Use, ...] = get_args(Use)
QUALITY_INDEX = _DATA / "quality_index.json"
"""``model_quality`` of every model, worked out by ``catalog.build.quality_index``."""


@dataclass(frozen=True, slots=True)
class Quality:
    """Quality of a model at full precision for one use."""

    score: float
    """Expected accuracy in percent over the benchmarks of the use, 0 to 100."""
    basis: str
    """``scores``, ``prior`` or ``scores+prior``: what decides the score."""
    detail: str
    source: str


@dataclass(frozen=True, slots=True)
class QuantLoss:
    """What a quantization costs."""

    kld: float
    """Mean Kullback-Leibler divergence of the token distribution from full precision, in nats."""
    quality_factor: float
    """Share of the quality that is left, in (0, 1]."""
    source: str
    uncertainty: float = 0.0
    """One standard deviation of ``quality_factor``."""


@dataclass(frozen=True, slots=True)
class Score:
    """One published benchmark score."""

    benchmark: str
    value: float
    """Accuracy in 0..1."""
    as_of: str
    source: str


@lru_cache(maxsize=1)
def prior_parameters() -> Mapping[str, Any]:
    """The fitted coefficients (``data/quality_prior.json``).

    Raises:
        CatalogError: the file is missing or broken.
    """
    try:
        loaded: Mapping[str, Any] = json.loads((_DATA / "quality_prior.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CatalogError(f"cannot read quality_prior.json ({error}); reinstall the package") from error
    return loaded


@lru_cache(maxsize=1)
def scores_by_model() -> Mapping[str, tuple[Score, ...]]:
    """The openly licensed scores that ship, by model id."""
    found: dict[str, list[Score]] = {}
    for row in rows("quality.csv"):
        score = Score(row["benchmark"], float(row["score"]), row["as_of"], row["source"])
        found.setdefault(row["model"], []).append(score)
    return {model: tuple(scores) for model, scores in found.items()}


_REASONING = re.compile(
    r"""(?ix) \br1\b | think | reason | ^qwq | magistral | gpt-?oss | deepscaler | deepcoder | openthinker
    | vibethinker | ^marco-o1 | ^qwen3-(?:0\.6|1\.7|4|8|14|32|30|235)b(?:-a\d+b)?$ | ^qwen3\.[5-9]
    | ^glm-(?:4\.[567]|5|z1) | ^deepseek-v(?:3\.[12]|4) | ^minimax-m | ^smollm3 | nemotron-(?:3|nano|cascade)
    | ^gemma-4 | ^exaone-4 | ^k-exaone | ^hunyuan | ^hy\d | ^ernie.*thinking | ^ornith | ^kimi-k2\.[5-9]
    | ^mimo | ^seed-oss | ^hermes-4 | ^acereason | ^laguna | ^trinity | ^solar-open | ^ling-3 | ^k2-think
    """
)
_CODER = re.compile(
    r"(?i)coder|codestral|devstral|starcoder|code-|codellama|codegemma|kat-|mellum|codeqwen|-code"
)


def thinks(model: Model) -> bool:
    """Whether the model writes a chain of thought before its answer (always or as an option)."""
    return bool(_REASONING.search(model.name))


def is_coder(model: Model) -> bool:
    """Whether the model was made for code, by its name."""
    return bool(_CODER.search(model.name))


def _shape(model: Model) -> tuple[object, ...]:
    return (
        model.hidden_size,
        model.layers,
        model.ffn_size,
        model.n_heads,
        model.n_kv_heads,
        model.n_experts,
        model.vocab_size // 1024,  # fine-tunes add a few tokens
    )


@lru_cache(maxsize=1)
def _generations() -> Mapping[tuple[object, ...], tuple[tuple[str, str], ...]]:
    shapes: dict[tuple[object, ...], list[tuple[str, str]]] = {}
    for model in load_models():
        if model.release_date and model.layers:
            shapes.setdefault(_shape(model), []).append((model.release_date, model.organization))
    return {shape: tuple(sorted(dates)) for shape, dates in shapes.items()}


def generation_date(model: Model) -> str | None:
    """When the weights were pre-trained, as far as the catalog tells: the release of the base.

    A fine-tune has the shape of an earlier model of another organization; the latest such model
    before it counts.  ``None`` when neither has a date.
    """
    known = _generations().get(_shape(model), ()) if model.layers else ()
    if not known:
        return model.release_date
    first_organization = known[0][1]
    if model.organization == first_organization:
        return model.release_date or known[0][0]
    bases = [day for day, organization in known if organization == first_organization]
    before = [day for day in bases if model.release_date is None or day <= model.release_date]
    return before[-1] if before else model.release_date


EPOCH = date(2024, 1, 1)


def years_since_epoch(day: str) -> float:
    """Years from the start of 2024 to an ISO date."""
    return (date.fromisoformat(day) - EPOCH).days / 365.25


def bent_size(model: Model, total_share: float, bend: float) -> float:
    """Size feature of the prior: log10 of the effective parameters in billions, bent downwards.

    Effective parameters are total^w * active^(1-w); with s = log10 of them in billions the feature is
    (1 - 10^(-bend * s)) / (bend * ln 10), which is s for bend 0.
    """
    size = total_share * math.log10(model.total_params / 1e9)
    size += (1 - total_share) * math.log10(model.active_params / 1e9)
    return (1 - 10 ** (-bend * size)) / (bend * math.log(10)) if bend else size


def features(model: Model) -> dict[str, float]:
    """What the prior knows about a model: ``bent_size``, age in years since 2024, and flags."""
    parameters = prior_parameters()
    day = generation_date(model)
    return {
        "one": 1.0,
        "size": bent_size(model, float(parameters["total_share"]), float(parameters["size_bend"])),
        "age": years_since_epoch(day) if day else float(parameters["unknown_age_years"]),
        "thinks": float(thinks(model)),
        "base": float(model.stage == "base"),
        "coder": float(is_coder(model)),
    }


def prior_ability(model: Model) -> float:
    """Ability expected from size, generation and kind alone, in logits."""
    weights: Mapping[str, float] = prior_parameters()["ability"]
    return sum(weights[name] * value for name, value in features(model).items())


def logit(share: float) -> float:
    """Log odds of a share, kept away from 0 and 1 by a half point in a hundred."""
    share = min(max(share, 0.005), 0.995)
    return math.log(share / (1 - share))


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


@lru_cache(maxsize=4096)
def _posterior(model_id: str, mean: float) -> tuple[float, int, tuple[tuple[str, float], ...]]:
    """Ability after the scores, their number, and the mean deviation per use (shrunk)."""
    parameters = prior_parameters()
    benchmarks: Mapping[str, Mapping[str, Any]] = parameters["benchmarks"]
    known = [score for score in scores_by_model().get(model_id, ()) if score.benchmark in benchmarks]
    precision = 1 / float(parameters["prior_sd"]) ** 2
    total, weight = mean * precision, precision
    for score in known:
        bench = benchmarks[score.benchmark]
        slope, sd = float(bench["slope"]), float(bench["sd"])
        total += slope * (logit(score.value) - float(bench["intercept"])) / sd**2
        weight += slope**2 / sd**2
    ability = total / weight
    shifts = []
    for use in USES:
        panel = parameters["uses"][use]["benchmarks"]
        rest = [
            (logit(s.value) - float(benchmarks[s.benchmark]["intercept"]))
            / float(benchmarks[s.benchmark]["slope"])
            - ability
            for s in known
            if s.benchmark in panel
        ]
        shifts.append((use, sum(rest) / (len(rest) + float(parameters["use_shrinkage"]))))
    return ability, len(known), tuple(shifts)


@lru_cache(maxsize=1)
def _index() -> dict[str, list[Any]]:
    try:
        scores: dict[str, list[Any]] = json.loads(QUALITY_INDEX.read_text("utf-8"))["scores"]
    except (OSError, ValueError, KeyError) as error:
        raise CatalogError(f"{QUALITY_INDEX.name} cannot be read: {error}; reinstall rig-advisor") from error
    return scores


def quality_score(model: Model, use: Use = "chat") -> float:
    """``model_quality(model, use).score`` from the shipped index; live for a model that is not in it.

    Raises:
        CatalogError: the index is missing or broken.
    """
    row = _index().get(model.id)
    return float(row[USES.index(use)]) if row else model_quality(model, use=use).score


def quality_basis(model: Model) -> str:
    """``model_quality(model).basis`` from the shipped index: scores, prior or both.

    Raises:
        CatalogError: the index is missing or broken.
    """
    row = _index().get(model.id)
    return str(row[-1]) if row else model_quality(model).basis


@lru_cache(maxsize=1)
def _proven_makers() -> frozenset[str]:
    """Organizations with at least one model that has published scores."""
    return frozenset(m.organization for m in load_models() if m.id in scores_by_model())


def model_quality(model: Model, use: Use = "chat") -> Quality:
    """Quality of a model for a use at full precision.

    ``score`` = 100 * mean over the benchmarks b of the use of sigmoid(intercept_b + slope_b * t).
    The prior knows size, generation and kind, not the maker: for makers none of whose models has a
    published score it is taken one standard deviation lower.

    Raises:
        ValueError: ``use`` is not one of ``USES``.
    """
    if use not in USES:
        raise ValueError(f"unknown use {use!r}; one of {', '.join(USES)}")
    parameters = prior_parameters()
    expected = prior_ability(model)
    unproven = model.id not in scores_by_model() and model.organization not in _proven_makers()
    if unproven:
        expected -= float(parameters["prior_sd"])
    ability, n_scores, shifts = _posterior(model.id, expected)
    kind = parameters["uses"][use]
    shift = dict(shifts)[use]
    if not shift:
        shift = float(kind["coder"]) * is_coder(model) + float(kind["thinks"]) * thinks(model)
    panel = [parameters["benchmarks"][name] for name in kind["benchmarks"]]
    ability += shift
    score = (
        100 * sum(_sigmoid(float(b["intercept"]) + float(b["slope"]) * ability) for b in panel) / len(panel)
    )
    if n_scores == 0:
        basis = "prior"
        spread = _spread(model, use)
        detail = f"no openly licensed score: expected from size, generation and kind (spread {spread})"
        if unproven:
            detail += ", lowered because no model of its maker has one"
        source = "catalog/data/quality_prior.json"
    else:
        basis = "scores" if n_scores >= int(parameters["scores_decide_from"]) else "scores+prior"
        detail = f"{n_scores} published scores" + ("" if basis == "scores" else ", averaged with the prior")
        source = "; ".join(sorted({score.source for score in scores_by_model()[model.id]}))
    return Quality(score, basis, detail, source)


def _spread(model: Model, use: Use) -> str:
    """The prior's spread in points of the index, one standard deviation either way."""
    parameters = prior_parameters()
    panel = [parameters["benchmarks"][name] for name in parameters["uses"][use]["benchmarks"]]
    ability, sd = prior_ability(model), float(parameters["prior_sd"])

    def index(t: float) -> float:
        return 100 * sum(_sigmoid(float(b["intercept"]) + float(b["slope"]) * t) for b in panel) / len(panel)

    return f"±{(index(ability + sd) - index(ability - sd)) / 2:.0f} points"


FULL_PRECISION = frozenset({"F32", "F16", "BF16", "FP16"})


@lru_cache(maxsize=1)
def _loss_table() -> tuple[dict[str, float], list[tuple[float, float]], dict[str, float]]:
    """Divergence by quantization, the monotone curve (bits, ln divergence), and the constants."""
    named: dict[str, float] = {}
    curve: list[tuple[float, float]] = []
    constants: dict[str, float] = {}
    for row in rows("quant_loss.csv"):
        value = float(row["value"])
        if row["kind"] == "quant":
            named[row["name"]] = value
        elif row["kind"] == "curve":
            curve.append((float(row["bits_per_weight"]), math.log(value)))
        else:
            constants[row["name"]] = value
    return named, sorted(curve), constants


def loss_source() -> str:
    """Where the loss of a quantization comes from."""
    return (
        "divergence at each file type of Llama-3-8B from llama.cpp's perplexity table (MIT), scaled by size; "
        f"its cost from aider's scores (Apache-2.0), ±{_loss_table()[2]['k_rel_se']:.0%}"
    )


def _curve_kld(bits_per_weight: float, curve: list[tuple[float, float]]) -> float:
    """Divergence by bits per weight: ln interpolated linearly, extrapolated below, falling above."""
    bits = [point[0] for point in curve]
    right = min(max(bisect_left(bits, bits_per_weight), 1), len(curve) - 1)
    (x0, y0), (x1, y1) = curve[right - 1], curve[right]
    y = y0 + (y1 - y0) * (bits_per_weight - x0) / (x1 - x0)
    return math.exp(min(y, 3.0))


def quant_loss(
    bits_per_weight: float, quant: str | None, model_params: int, native_quant: str | None = None
) -> QuantLoss:
    """Loss of a quantization.

    The divergence is that of Llama-3-8B at the same quantization (at the same bits per weight when the
    name has no measurement), scaled by (8.03e9 / parameters)^gamma; the factor is exp(-k * divergence).
    gamma and k are fitted, see the header of ``data/quant_loss.csv``.  The uncertainty combines the
    standard errors of k, of the model and, off the table, of the curve.  The format the weights were
    published in (``native_quant``) costs nothing.

    Raises:
        ValueError: ``bits_per_weight`` or ``model_params`` is not positive.
    """
    if bits_per_weight <= 0 or model_params <= 0:
        raise ValueError("bits_per_weight and model_params must be positive")
    name = (quant or "").upper().removeprefix("UD-").removesuffix("_XL") if quant else ""
    named, curve, constants = _loss_table()
    if (
        name in FULL_PRECISION
        or bits_per_weight >= 16
        or (native_quant and name.startswith(native_quant.upper()))
    ):
        return QuantLoss(0.0, 1.0, "the published weights themselves")
    if name in named:
        kld, basis = named[name], f"{name} of Llama-3-8B"
    else:
        kld, basis = (
            _curve_kld(bits_per_weight, curve),
            f"interpolated at {bits_per_weight:.2f} bits per weight",
        )
    return _loss(kld, model_params, constants["ln_sd_curve"] if name not in named else 0.0, basis)


def _loss(kld: float, model_params: int, ln_sd: float, basis: str) -> QuantLoss:
    """Loss at a divergence of Llama-3-8B that is known to exp(+-ln_sd)."""
    _, _, constants = _loss_table()
    kld *= (constants["reference_params"] / model_params) ** constants["gamma"]
    cost = constants["k"] * kld
    spread = math.exp(
        math.sqrt(math.log1p(constants["k_rel_se"] ** 2) + constants["ln_sd_models"] ** 2 + ln_sd**2)
    )
    return QuantLoss(
        kld,
        max(math.exp(-cost), 1e-3),
        f"{basis}; llama.cpp perplexity table (MIT), ±{constants['k_rel_se']:.0%}",
        (math.exp(-cost / spread) - math.exp(-cost * spread)) / 2,
    )


_NATIVE_METHODS = {"FP8": "fp8", "MXFP4": "mxfp4", "INT4": "wna16"}


def format_loss(fmt: Format, model_params: int, native_quant: str | None = None) -> QuantLoss:
    """Loss of a format other than GGUF, by its bits per weight in the layers.

    No format but GGUF has a measured divergence in openly licensed tables, so the curve of GGUF over
    bits per weight stands in, with the spread of its worst member (plain rounding, like MLX's): the
    divergence is known to a factor of about ``exp(ln_sd_format)`` before the model adds its own.

    Raises:
        ValueError: ``model_params`` is not positive.
    """
    if model_params <= 0:
        raise ValueError("model_params must be positive")
    native = _NATIVE_METHODS.get(native_quant or "", "-")
    if fmt.method == "plain16" or fmt.method.startswith(native):
        return QuantLoss(0.0, 1.0, "the published weights themselves")
    _, curve, constants = _loss_table()
    bits = fmt.bits_per_weight
    basis = f"{fmt.name}: GGUF at {bits:.2f} bits per weight, the format itself not measured"
    return _loss(_curve_kld(bits, curve), model_params, constants["ln_sd_format"], basis)
