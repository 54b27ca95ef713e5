"""The models of the catalog, and finding one by the name a person types."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import fields
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from typing import Any

from catalog import compiled
from catalog.names import Entry, NameIndex, tokens
from catalog.types import CatalogError, LookupFailedError, Model

DATA = Path(__file__).with_name("data") / "models.jsonl"

_TUPLES = ("modality", "gguf_repos", "aliases", "ffn_sizes")
_EMPTY: dict[str, Any] = {
    "modality": (),
    "license": None,
    "release_date": None,
    "context_length": None,
    "tool_use": None,
    "published_params": None,
    "vision_params": None,
    "sliding_window": None,
    "tied_embeddings": False,
    "layers": "",
    "n_kv_heads": 0,
    "n_heads": 0,
    "head_dim": 0,
    "ffn_size": 0,
    "n_experts": 0,
    "n_experts_active": 0,
    "n_shared_experts": 0,
    "moe_ffn_size": 0,
    "shared_expert_ffn_size": 0,
    "first_dense_layers": 0,
    "moe_layer_step": 0,
    "q_lora_rank": 0,
    "kv_lora_rank": 0,
    "qk_nope_head_dim": 0,
    "qk_rope_head_dim": 0,
    "v_head_dim": 0,
    "hidden_size": 0,
    "vocab_size": 0,
    "check": "",
    "extra": {},
    "gguf_repos": (),
    "aliases": (),
    "native_quant": None,
    "source": "",
    "not_estimated_because": None,
    "variant_of": None,
    "variant_kind": None,
    "dense_tensors": 0,
    "expert_tensors": 0,
    "ffn_sizes": (),
}
"""What a field that a line leaves out means."""

_FIELDS = tuple(field.name for field in fields(Model))
_in_order = itemgetter(*_FIELDS)

_GROUP = re.compile(r"(\d+)\(([^()]*)\)")
_RUN = re.compile(r"(\d+)(\D)")


@lru_cache(maxsize=512)
def expand_layers(code: str) -> str:
    """Layer letters of a run-length code: ``"2(3LF)"`` is ``LLLFLLLF``."""
    grouped = _GROUP.sub(lambda match: match.group(2) * int(match.group(1)), code)
    return _RUN.sub(lambda match: match.group(2) * int(match.group(1)), grouped)


def parse_models(text: str) -> tuple[Model, ...]:
    """Models from the text of a ``models.jsonl`` file.

    Raises:
        CatalogError: a line is not a JSON object with the fields of ``Model``.
    """
    lines = [line for line in text.splitlines() if line and line[0] != "#"]
    rows = []
    try:
        # one array instead of a parse per line
        for record in json.loads("[" + ",".join(lines) + "]"):
            values = {**_EMPTY, **record}
            if len(values) > len(_FIELDS):
                raise ValueError(f"unknown field {', '.join(sorted(set(values) - set(_FIELDS)))}")
            rows.append(_in_order(values))
        return tuple(_from_row(row) for row in rows)
    except (ValueError, TypeError, KeyError) as error:
        raise CatalogError(
            f"models.jsonl is broken ({error}); reinstall, or rebuild it from source"
        ) from error


def _from_row(row: Sequence[Any]) -> Model:
    values = dict(zip(_FIELDS, row, strict=True))
    values.update({name: tuple(values[name]) for name in _TUPLES}, layers=expand_layers(values["layers"]))
    return Model(**values)


def read_source() -> tuple[Model, ...]:
    """All models of the reviewed file, sorted by id.

    Raises:
        CatalogError: the file is missing or broken.
    """
    try:
        text = DATA.read_text(encoding="utf-8")
    except OSError as error:
        raise CatalogError(f"cannot read {DATA.name}: {error.strerror}; reinstall the package") from error
    return parse_models(text)


@lru_cache(maxsize=1)
def load_models() -> tuple[Model, ...]:
    """All models, sorted by id; read once, from the compiled table.

    Raises:
        CatalogError: the compiled table is missing or broken.
    """
    return compiled.read("models", Model)


_OPTIONAL = frozenset(["instruct", "it", "chat", "base", "hf", "meta", "nvidia", "c4ai", "preview", "bf16"])
"""Words that may be left out of a name: how a model is finished, and publishers inside names."""

_IGNORED = frozenset(
    [
        *("gguf", "instruct", "it", "chat", "latest", "text", "model", "hf", "mlx", "the", "128k"),
        *("uncensored", "abliterated", "heretic", "decensored"),
    ]
)
"""Words that may be added to a name: they change the file or the manners, not the shape."""

_FILE = re.compile(r"(?i)\.(gguf|safetensors|bin)$")
_SHARD = re.compile(r"-\d{5}-of-\d{5}$")
_REMARK = re.compile(r"\s*\([^)]*\)$")
_QUANT = re.compile(
    r"""(?ix) [-_.@:\ ]+ (?:
        (?:ud|i1|imatrix|imat)? [-_.]?
        (?:i?q\d(?:_[0-9a-z]+)*|tq\d_\d|mxfp\d(?:_moe)?|nvfp\d|f16|f32|fp16|bf16|fp8|fp4)
        | gguf | awq | gptq | exl[23] | mlx | bnb | hqq | qat | i1 | ud | imatrix | autoround | dynamic | dwq
        | mtp | \d+k | int[48] | w\d+a\d+ | \d+bits? | \d(?:\.\d+)?bpw | g(?:s)?(?:32|64|128) | vllm
    ) $""",
)


def strip_quant(name: str) -> str:
    """A model name without file ending, shard number, trailing remark and quantization suffixes.

    ``Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf`` becomes ``Meta-Llama-3.1-8B-Instruct``.
    """
    plain = _SHARD.sub("", _FILE.sub("", _REMARK.sub("", name.strip())))
    while True:
        shorter = _QUANT.sub("", plain)
        if shorter == plain or not shorter:
            return plain
        plain = shorter


def _weight(model: Model) -> float:
    """Which of equally good matches is meant: a head, then one with an estimate, then the more packaged."""
    return (
        (0 if model.variant_of else 1000)
        + (0 if model.not_estimated_because else 100)
        + len(model.gguf_repos)
    )


_SPELT_POINT = re.compile(r"(?<=\d)_(?=\d)")


def _pointed(name: str) -> str:
    """A name with its versions as numbers: ``internlm2_5`` is ``internlm2.5``."""
    return _SPELT_POINT.sub(".", name)


def _entries(models: Iterable[Model]) -> list[Entry[Model]]:
    return [
        Entry(
            name=_pointed(model.name),
            value=model,
            aliases=(_pointed(model.id), *map(_pointed, model.aliases)),
            weight=_weight(model),
        )
        for model in models
    ]


@lru_cache(maxsize=1)
def _index() -> NameIndex[Model]:
    return NameIndex("model", _entries(load_models()), optional=_OPTIONAL, ignorable=_IGNORED)


@lru_cache(maxsize=1)
def _heads() -> NameIndex[Model]:
    heads = [model for model in load_models() if model.variant_of is None]
    return NameIndex("model", _entries(heads), optional=_OPTIONAL, ignorable=_IGNORED)


def _resolve(query: str, *, suggest: bool = True) -> Model:
    """What the index says, or the head of the lineage that an ambiguous name means."""
    try:
        return _index().resolve(query, suggest=suggest)
    except LookupFailedError as error:
        if not error.ambiguous:
            raise
        return _head_meant(query, error)


def _head_meant(query: str, ambiguous: LookupFailedError) -> Model:
    """The head that an ambiguous name means when its lineage is the reason for the ambiguity.

    Raises:
        LookupFailedError: the name fits several heads (they are the candidates), or none.
    """
    try:
        head = _heads().resolve(query, suggest=False)
    except LookupFailedError as error:
        raise (error if error.ambiguous else ambiguous) from None
    lineage = {model.name for model in load_models() if head.id in (model.id, model.variant_of)}
    if lineage.isdisjoint(ambiguous.candidates):
        raise ambiguous
    return head


_LEAST_LETTERS = 4
_ALIKE = 0.75
"""How alike a misspelt word must be to a known one: one letter wrong, missing or swapped in four."""


@lru_cache(maxsize=1)
def _words() -> frozenset[str]:
    """Every word of letters in the names of the catalog."""
    names = (name for model in load_models() for name in (model.id, model.name, *model.aliases))
    return frozenset(word for name in names for word in tokens(name) if word.isalpha())


def _respelt(query: str) -> str | None:
    """The query with misspelt words replaced by the nearest known ones; ``None`` if nothing changes.

    Numbers are never changed: they tell models apart.
    """
    import difflib  # only wrong names pay for it

    words = []
    changed = False
    for word in tokens(query):
        if word.isalpha() and len(word) >= _LEAST_LETTERS and word not in _words() | _IGNORED | _OPTIONAL:
            near = difflib.get_close_matches(word, sorted(_words()), n=1, cutoff=_ALIKE)
            if not near:
                return None
            word, changed = near[0], True
        words.append(word)
    return " ".join(words) if changed else None


def find_model(query: str) -> Model:
    """The one model that ``query`` names.

    A query is an id, a name, an Ollama tag, a GGUF file name or what a person would type; file ending
    and quantization suffix are ignored (``catalog.quants`` reads those).  A name that fits a model and
    its variants means the head of the lineage.  A misspelt word is read as the nearest known one when
    nothing matches as it stands.

    Raises:
        LookupFailedError: nothing matches, or several models do; it lists the candidates.
    """
    index = _index()
    whole = _FILE.sub("", query.strip())
    plain = strip_quant(query)
    if not plain:
        raise LookupFailedError("model", query, (), ambiguous=False)
    with contextlib.suppress(LookupFailedError):
        return index.resolve(_pointed(whole), suggest=False)
    plain = _pointed(plain)
    try:
        return _resolve(plain)
    except LookupFailedError as error:
        respelt = None if error.ambiguous else _respelt(plain)
        if respelt is not None:
            with contextlib.suppress(LookupFailedError):
                return _resolve(respelt, suggest=False)
        candidates = error.candidates if error.ambiguous else (*_finetuned(plain), *error.candidates)
        raise LookupFailedError("model", query, tuple(dict.fromkeys(candidates)), error.ambiguous) from None


def _finetuned(name: str) -> tuple[str, ...]:
    """The base of an unlisted fine-tune, as a suggestion: only a person can know that it is one."""
    from catalog.finetunes import finetune_base  # only wrong names pay for it

    try:
        return (finetune_base(name).name,)
    except LookupFailedError:
        return ()
