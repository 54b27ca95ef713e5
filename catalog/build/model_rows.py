"""From a row of the raw model list to a ``Model``: layer letters, shape fields, names.

Nothing is guessed here: a field that the source leaves open stays 0 or ``None``, and the layers of an
architecture whose layout is not known are the empty string.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from catalog.build.model_selection import Selected, base_name, stage_of
from catalog.types import LayerKind, Model

Row = dict[str, Any]

EXTRA_FIELDS = (
    "attention_bias",
    "attention_chunk_size",
    "attention_k_eq_v",
    "attention_output_bias",
    "compress_ratio",
    "conv_L_cache",
    "conv_kernel",
    "dspark_markov_rank",
    "dspark_n_routed_experts",
    "dspark_stages",
    "dspark_target_layers",
    "engram_first_layer",
    "engram_first_rows",
    "engram_max_ngram_size",
    "engram_n_heads",
    "engram_second_layer",
    "full_attention_interval",
    "global_head_dim",
    "hc_lowrank",
    "hc_mult",
    "hidden_size_per_layer_input",
    "index_head_dim",
    "index_kpool",
    "index_n_heads",
    "index_skip_topk_offset",
    "index_topk",
    "index_topk_freq",
    "intermediate_size_mlp",
    "linear_conv_kernel_dim",
    "linear_key_head_dim",
    "linear_num_key_heads",
    "linear_num_value_heads",
    "linear_value_head_dim",
    "mamba_d_conv",
    "mamba_d_head",
    "mamba_d_ssm",
    "mamba_d_state",
    "mamba_expand",
    "mamba_head_dim",
    "mamba_n_groups",
    "mamba_n_heads",
    "mamba_num_heads",
    "mamba_rms_norm",
    "mlp_bias",
    "moe_latent_size",
    "n_groups",
    "ngram_rows",
    "ngram_size",
    "ngram_width",
    "num_attention_heads_sliding",
    "num_global_key_value_heads",
    "num_hash_layers",
    "num_kv_shared_layers",
    "num_ln_in_parallel_attn",
    "num_nextn_predict_layers",
    "o_groups",
    "o_lora_rank",
    "output_gate_by_element",
    "ple_conv_kernel_size",
    "ple_layer",
    "ssm_state_size",
    "state_size",
    "summary_ratio",
    "swa_num_key_value_heads",
    "uncompressed_from_layer",
    "use_double_wide_mlp",
    "use_qk_norm",
    "vocab_size_per_layer_input",
)
"""Integer fields of single architectures, passed on under their Hugging Face names."""

OVERRIDDEN = "overridden"
"""Key of a row under which the overrides note which fields they set, and by which source."""

_FACTS = {
    **{"license": "licence", "release_date": "date", "context_length": "context", "modality": "modality"},
    **{"tool_use": "tool use", "base_or_instruct": "stage", "gguf_repos": "files"},
    **dict.fromkeys(("published_total_params", "published_is_text", "shape_reason"), "published total"),
    **dict.fromkeys(("name", "organization"), ""),
}
"""What a field of a row is called beside its source; any other belongs to the shape."""

_STATE_SPACE = frozenset(
    {"nemotron_h", "granitemoehybrid", "falcon_mamba", "jamba", "zamba", "zamba2", "mamba"}
)
_NOT_UNDERSTOOD = frozenset({"zamba", "zamba2"})
_OWN_LETTERS = frozenset({"deepseek_v4", "deepseek_v41"})
"""Architectures whose rows have the letters of ``LayerKind`` itself: the other rows have none for them."""
_PATTERN = {
    "M": LayerKind.SSM,
    "*": LayerKind.FULL,
    "-": LayerKind.NONE,
    "E": LayerKind.NONE,
}
_LETTERS = {
    "F": LayerKind.FULL,
    "S": LayerKind.WINDOW,
    "C": LayerKind.WINDOW,  # Llama 4's chunked attention keeps at most one chunk, like a window
    "?": LayerKind.FULL,  # sparse attention that indexes a full-length cache
    "H": LayerKind.PARALLEL_SSM,
    "V": LayerKind.CONV,
    "D": LayerKind.NONE,
    "E": LayerKind.NONE,
}


_WINDOWED = frozenset(
    {LayerKind.WINDOW, LayerKind.COMPRESSED, LayerKind.SUMMARY, LayerKind.REINDEXED, LayerKind.REUSED}
)


def spread(counts: Mapping[str, int]) -> str:
    """Layers of which only the counts are known: the rarer kind evenly between the others."""
    (rare, few), (common, many) = sorted(counts.items(), key=lambda item: (item[1], item[0]))
    total = few + many
    places = {int((i + 0.5) * total / few) for i in range(few)}
    return "".join(rare if i in places else common for i in range(total))


def layer_letters(row: Row) -> tuple[str, str | None]:
    """``Model.layers`` of a row and, where the order was not published, a remark about it."""
    architecture = str(row["architecture"])
    if architecture in _NOT_UNDERSTOOD:
        return "", None
    latent = LayerKind.LATENT if row.get("kv_lora_rank") else LayerKind.FULL
    pattern = row.get("hybrid_override_pattern")
    if pattern:
        return "".join(_PATTERN[letter] for letter in pattern), None
    linear = LayerKind.SSM if architecture in _STATE_SPACE else LayerKind.LINEAR
    letters: str | None = row.get("layer_types")
    if letters and architecture in _OWN_LETTERS:
        known = set(letters) <= {str(kind) for kind in LayerKind}
        return (letters if known else ""), None
    remark = None
    counts: Mapping[str, int] | None = row.get("layer_types_count")
    if not letters and counts and len(counts) > 1:
        names = {"full_attention": "F", "linear_attention": "L", "conv": "V", "sliding_attention": "S"}
        letters = spread({names[kind]: n for kind, n in counts.items()})
        remark = "order of the layers not published: the rarer kind is spread evenly"
    if not letters:
        return str(latent) * int(row["n_layers"]), None
    out = []
    for letter in letters:
        if letter == "L":
            out.append(linear)
        elif letter in "F?":
            out.append(latent)
        elif letter in _LETTERS:
            out.append(_LETTERS[letter])
        else:
            return "", None
    return "".join(out), remark


def display_name(row: Row) -> str:
    """Name without storage suffixes: ``-hf``, ``-BF16``."""
    return re.sub(r"(?i)(-hf|-bf16)+$", "", str(row.get("name") or base_name(str(row["id"]))))


_FAMILIES: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"(?i)r1-distill|r1-0528-qwen3", "DeepSeek R1 distilled"),
    (r"(?i)^llama-guard", "Llama Guard"),
    (r"(?i)^(?:meta-)?llama-(\d+(?:\.\d)?)-(?:\d|scout|maverick)", r"Llama \1"),
    (r"(?i)^qwen(\d(?:\.\d)?)-coder", r"Qwen\1 Coder"),
    (r"(?i)^qwen(\d(?:\.\d)?)-vl", r"Qwen\1 VL"),
    (r"(?i)^qwen(\d(?:\.\d)?)-next", r"Qwen\1 Next"),
    (r"(?i)^qwen(\d(?:\.\d)?)", r"Qwen\1"),
    (r"(?i)^gemma-3n", "Gemma 3n"),
    (r"(?i)^gemma-(\d)", r"Gemma \1"),
    (r"(?i)^(ministral|magistral|devstral|codestral|mixtral)", lambda m: m.group(1).capitalize()),
    (
        r"(?i)^mistral-(small|medium|large|nemo|7b)",
        lambda m: "Mistral " + m.group(1).capitalize().replace("7b", "7B"),
    ),
    (r"(?i)^phi-(\d(?:\.5)?)", r"Phi-\1"),
    (r"(?i)^(glm)-(\d(?:\.\d)?|z1)", lambda m: "GLM-" + m.group(2).upper()),
    (r"(?i)^deepseek-(coder-v2|v\d(?:\.\d)?|r1|coder)", lambda m: "DeepSeek " + m.group(1).capitalize()),
    (
        r"(?i)^kimi-(k2|linear|vl|dev)",
        lambda m: "Kimi " + {"vl": "VL"}.get(m.group(1).lower(), m.group(1).capitalize()),
    ),
    (r"(?i)^granite-(\d)", r"Granite \1"),
    (r"(?i)^olmo-?(\d)", r"OLMo \1"),
    (r"(?i)^(lfm2(?:\.5)?)", lambda m: m.group(1).upper()),
    (r"(?i)^falcon-?(h1|3|mamba)", lambda m: "Falcon " + m.group(1).capitalize()),
    (r"(?i)^nvidia-nemotron-(?:nano|3)|^nemotron-3|^nemotron-cascade", "Nemotron"),
    (r"(?i)^minimax-(\w+)", lambda m: "MiniMax " + m.group(1)),
)


def family_of(name: str) -> str:
    """Model line, for grouping: ``Qwen3.5``, ``Llama 3.1``; else the leading words of the name."""
    for pattern, result in _FAMILIES:
        match = re.search(pattern, name)
        if match:
            return result(match) if callable(result) else match.expand(result)
    words: list[str] = []
    for word in re.split(r"[-_ ]", name):
        if words and re.match(r"(?i)^\d+(\.\d+)?[bmk]$|^(instruct|chat|it|base)$", word):
            break
        words.append(word)
    return " ".join(words[:3])


def sources_of(row: Row, rules: Mapping[str, Any]) -> str:
    """Where a row comes from, and the source of every fact that the overrides set."""
    identifier = str(row["id"])
    told: dict[str, list[str]] = {}
    for fields, source in row.get(OVERRIDDEN, ()):
        facts = sorted({_FACTS.get(field, "shape") for field in fields} - {""})
        told.setdefault(source.replace("{id}", identifier), []).extend(facts)
    by_pattern = (("context", "context_length"), ("weights", "native_quant"), ("active", "active_notes"))
    for fact, rule in by_pattern:
        source = next((why for pattern, _, why in rules[rule] if re.search(pattern, identifier)), None)
        if source:
            told.setdefault(source, []).append(fact)
    vision = rules["vision_params"].get(identifier)
    if vision:
        told.setdefault(vision[1], []).append("encoders")
    parts = [f"{', '.join(dict.fromkeys(facts))}: {source}" for source, facts in told.items()]
    return "; ".join([source_of(row), *parts])


def source_of(row: Row) -> str:
    """Short name of where the shape comes from; the header of the file explains the names."""
    text = str(row.get("source", ""))
    if row.get("shape_from"):
        return f"llmfit, shape of {row['shape_from']}"
    if row.get("added_from"):
        return f"override, like {row['added_from']}"
    for marker, name in (
        ("aiconfigurator", "aiconfigurator"),
        ("maxtext", "maxtext"),
        ("test file", "public-config"),
    ):
        if marker in text.split(";")[0]:
            return name
    sibling = re.search(r"same-size sibling (\S+)", text)
    return f"llmfit, shape of {sibling.group(1).rstrip(',;)')}" if sibling else "llmfit"


def _int(row: Row, key: str) -> int:
    value = row.get(key)
    return int(value) if isinstance(value, int | float | bool) else 0


def context_of(row: Row, rules: Mapping[str, Any]) -> int | None:
    """Published context length; a rule of the overrides wins over the row."""
    for pattern, value, _ in rules["context_length"]:
        if re.search(pattern, str(row["id"])):
            return None if value is None else int(value)
    value = row.get("context_length")
    return int(value) if value else None


def to_model(selected: Selected, rules: Mapping[str, Any]) -> tuple[Model, str | None]:
    """A ``Model`` with its shape; the counts are still those of the source.

    Returns the remark about the layer order as well, if there is one.
    """
    row = selected.row
    identifier = str(row["id"])
    publisher = identifier.split("/")[0]
    layers, remark = layer_letters(row)
    name = display_name(row)
    n_experts = _int(row, "n_experts")
    ffn_size = _int(row, "ffn_size_effective") or _int(row, "ffn_size")
    organization = (
        row.get("organization") or rules["publishers"].get(publisher) or rules["display_names"].get(publisher)
    )
    window = row.get("sliding_window") or row.get("attention_chunk_size")
    step = row.get("moe_layer_step")
    if isinstance(step, list):  # one flag per layer: the leading zeros are the dense layers
        row = {**row, "moe_layer_step": 1, "first_k_dense": step.index(1)}
    published = row.get("published_total_params")
    native = next((fmt for pattern, fmt, _ in rules["native_quant"] if re.search(pattern, identifier)), None)
    extra = {key: int(row[key]) for key in EXTRA_FIELDS if isinstance(row.get(key), int | bool)}
    model = Model(
        id=identifier,
        name=name,
        organization=str(organization or publisher),
        family=family_of(name),
        architecture=str(row["architecture"]),
        license=selected.license,
        release_date=selected.release_date,
        context_length=context_of(row, rules),
        modality=tuple(sorted(row["modality"], key=("text", "vision", "audio").index)),
        tool_use=row.get("tool_use"),
        stage=stage_of(row),
        total_params=_int(row, "computed_text_params") or _int(row, "published_total_params"),
        active_params=_int(row, "computed_active_params") or _int(row, "active_params"),
        published_params=int(published) if published else None,
        check="",
        hidden_size=_int(row, "hidden_size"),
        n_heads=_int(row, "n_heads"),
        n_kv_heads=_int(row, "n_kv_heads"),
        head_dim=_int(row, "head_dim"),
        ffn_size=ffn_size,
        vocab_size=_int(row, "vocab_size"),
        tied_embeddings=bool(row.get("tied_embeddings")),
        layers=layers,
        sliding_window=int(window) if window and _WINDOWED.intersection(layers) else None,
        n_experts=n_experts,
        n_experts_active=_int(row, "n_experts_active"),
        n_shared_experts=_int(row, "n_shared_experts"),
        moe_ffn_size=(_int(row, "moe_ffn_size") or ffn_size) if n_experts else 0,
        shared_expert_ffn_size=_int(row, "shared_expert_ffn_size"),
        first_dense_layers=_int(row, "first_k_dense"),
        moe_layer_step=_int(row, "moe_layer_step"),
        q_lora_rank=_int(row, "q_lora_rank"),
        kv_lora_rank=_int(row, "kv_lora_rank"),
        qk_nope_head_dim=_int(row, "qk_nope_head_dim"),
        qk_rope_head_dim=_int(row, "qk_rope_head_dim"),
        v_head_dim=_int(row, "v_head_dim"),
        extra=extra,
        gguf_repos=selected.gguf_repos,
        native_quant=native,
        source=sources_of(row, rules),
        variant_of=selected.variant_of,
        variant_kind=selected.variant_kind,
        ffn_sizes=tuple(row.get("ffn_sizes") or ()),
    )
    return model, remark
