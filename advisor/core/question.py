"""What the user asks of a rig: context, users, use case, cache type, runtime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from advisor.core.runtimes import RUNTIME, RuntimeUnknownError, resolve_runtime


class QuestionError(ValueError):
    """The question makes no sense (a negative context, an unknown use case)."""


@dataclass(frozen=True, slots=True)
class UseCase:
    """How a kind of use weighs the parts of the score, and what one turn of it looks like.

    The weights are exponents of a geometric mean and sum to 1.  Targets are the speed at which the
    speed part reaches one half, a stated judgment: about reading speed (a few tokens/s) for chat,
    more where a program reads the output or thinking comes first.
    """

    name: str
    prompt_tokens: int
    output_tokens: int
    context_wanted: int
    decode_target_tokens_per_s: float
    ttft_target_s: float
    weight_quality: float
    weight_decode: float
    weight_prefill: float
    weight_fit: float
    weight_context: float


USE_CASES: Mapping[str, UseCase] = MappingProxyType(
    {
        case.name: case
        for case in (
            UseCase("chat", 1_000, 400, 8_192, 6.0, 8.0, 0.50, 0.32, 0.06, 0.07, 0.05),
            UseCase("coding", 6_000, 800, 32_768, 10.0, 20.0, 0.50, 0.25, 0.11, 0.06, 0.08),
            UseCase("agent", 16_000, 500, 65_536, 12.0, 30.0, 0.42, 0.22, 0.18, 0.06, 0.12),
            UseCase("rag", 8_000, 300, 16_384, 6.0, 15.0, 0.42, 0.20, 0.22, 0.06, 0.10),
            UseCase("reasoning", 1_000, 4_000, 32_768, 15.0, 15.0, 0.52, 0.33, 0.02, 0.06, 0.07),
        )
    }
)

KV_TYPES: Mapping[str, float] = MappingProxyType(
    {
        "f32": 4.0,
        "f16": 2.0,
        "bf16": 2.0,
        "q8_0": 34 / 32,
        "q5_1": 24 / 32,
        "q5_0": 22 / 32,
        "q4_1": 20 / 32,
        "q4_0": 18 / 32,
        "iq4_nl": 18 / 32,
    }
)
"""Bytes per cached element, from the ggml block layouts."""

RUNTIMES = tuple(RUNTIME)
"""Runtimes whose memory and speed are modelled."""

MAX_CONTEXT = 16_777_216
MAX_USERS = 4_096
MAX_SPEED = 100_000


@dataclass(frozen=True, slots=True)
class Question:
    """One question to the estimator.

    ``context`` is the length reserved per user; ``depth`` the tokens already in the cache at the
    moment the decode speed is quoted for.  ``depth`` defaults to the middle of a turn of the use
    case, and never exceeds the context.
    """

    context: int = 8_192
    users: int = 1
    use: str = "chat"
    kv_type: str = "f16"
    runtime: str = "llama.cpp"
    depth_tokens: int | None = None
    prompt_tokens: int | None = None
    cached_tokens: int = 0
    """Tokens already in the cache when the prompt arrives."""
    ubatch: int = 512
    flash_attention: bool = True
    kv_value_type: str | None = None
    """Type of the cached values where it differs from that of the keys."""
    runtime_year: float | None = None
    """When the runtime was built, as a decimal year; ``None`` for a current one."""
    all_gpus: bool = False
    """Share the layers out over all GPUs in proportion to their memory, as llama.cpp does by itself."""
    unified_kv: bool = False
    """One cache shared by all users, instead of a part of its own for each."""
    gpu_layers: int | None = None
    """Layers on the GPUs where they share the model with the CPU (``-ngl``); as many as fit unless stated."""
    cpu_expert_layers: int | None = None
    """Leading layers whose experts stay in RAM (``-ncmoe``); as few as fit unless stated."""
    fit_context: bool = False
    """Whether a model that does not fit may have a shorter context, down to what a turn takes."""
    min_tokens_per_s: float = 0.0
    """Least decode speed per user: models that are slower with every quantization are not ranked."""

    def __post_init__(self) -> None:
        _within("context", self.context, 1, MAX_CONTEXT)
        _within("users", self.users, 1, MAX_USERS)
        _within("ubatch", self.ubatch, 1, 65_536)
        if self.depth_tokens is not None:
            _within("depth", self.depth_tokens, 0, MAX_CONTEXT)
        _within("cached tokens", self.cached_tokens, 0, MAX_CONTEXT)
        if not 0 <= self.min_tokens_per_s <= MAX_SPEED:
            raise QuestionError(
                f"the least speed must be 0 to {MAX_SPEED:,} tok/s, not {self.min_tokens_per_s:g}"
            )
        if self.prompt_tokens is not None:
            _within("prompt", self.prompt_tokens, 1, MAX_CONTEXT)
        _one_of("use case", self.use, tuple(USE_CASES))
        _one_of("KV cache type", self.kv_type, tuple(KV_TYPES))
        _one_of("KV cache type of values", self.value_type, tuple(KV_TYPES))
        self._check_runtime()

    def _check_runtime(self) -> None:
        try:
            runtime = RUNTIME[resolve_runtime(self.runtime)]
        except RuntimeUnknownError as error:
            raise QuestionError(str(error)) from None
        object.__setattr__(self, "runtime", runtime.name)
        for name in (self.kv_type, self.value_type):
            if name not in runtime.kv_types:
                allowed = ", ".join(runtime.kv_types)
                raise QuestionError(f"{runtime.title} has no KV cache type {name!r}; use one of: {allowed}")
        if self.users > 1 and not runtime.many_users:
            raise QuestionError(
                f"{runtime.title} with {self.users} users is not estimated: no measurement of its batches; "
                "ask for 1 user, or for vllm or llama.cpp"
            )

    @property
    def least_context(self) -> int:
        """Tokens that one turn takes: a context may not be cut below."""
        turn = max(self.prompt + self.use_case.output_tokens, self.depth + 1, 2_048)
        return min(turn, self.context)

    @property
    def use_case(self) -> UseCase:
        return USE_CASES[self.use]

    @property
    def prompt(self) -> int:
        """Tokens of the prompt whose prefill is timed."""
        wanted = self.use_case.prompt_tokens if self.prompt_tokens is None else self.prompt_tokens
        return max(1, min(wanted, self.context))

    @property
    def depth(self) -> int:
        """Tokens in the cache at the moment of the quoted decode speed."""
        if self.depth_tokens is not None:
            return min(self.depth_tokens, self.context)
        return min(self.prompt + self.use_case.output_tokens // 2, self.context)

    @property
    def value_type(self) -> str:
        """Type of the cached values: that of the keys unless stated."""
        return self.kv_value_type or self.kv_type


def _within(what: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise QuestionError(f"{what} must be between {low:,} and {high:,}, not {value:,}")


def _one_of(what: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise QuestionError(f"unknown {what} {value!r}; use one of: {', '.join(allowed)}")
