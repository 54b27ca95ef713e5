"""Build ``catalog/data/models.jsonl`` from the raw model list.

    python -m catalog.build.models --source FOLDER [--check]

``FOLDER`` holds ``models_raw.json``.  Selection and reviewed corrections are in
``model_overrides.json`` beside this file, variants and their heads in ``model_lineage.json``.  The
parameters of every model are counted from its tensor table and compared with the published total; a gap
without an explanation stops the model from shipping with an estimate.  The output is sorted and does not
depend on the time of the run; ``--check`` compares instead of writing and exits with 1 when the file
would change.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from catalog.build import compiled
from catalog.build.model_lineage import SAME_MAKER, best_shape, difference, read_lineage, shapes_to_try
from catalog.build.model_names import give_aliases, stale_aliases
from catalog.build.model_rows import OVERRIDDEN, to_model
from catalog.build.model_selection import Row, Selected, base_name, select
from catalog.build.model_vision import encoder_params, has_no_encoders, parts_apart, vision_params
from catalog.tensors import NOT_LOADED, UnsupportedArchitectureError, count_params
from catalog.types import Model

OVERRIDES = Path(__file__).with_name("model_overrides.json")
LINEAGE = Path(__file__).with_name("model_lineage.json")
OUTPUT = Path(__file__).parents[1] / "data" / "models.jsonl"

EXACT = 0.001
"""Largest relative gap between count and published total that needs no explanation."""
ROUNDING = 0.03
"""Largest relative gap that a fused, padded or rounded tensor explains."""

LEAST_VISION_PART = 60_000_000
"""No vision tower of the catalog is smaller."""

SHAPE_FIELDS = (
    *("n_layers", "hidden_size", "n_heads", "n_kv_heads", "head_dim", "ffn_size", "ffn_size_effective"),
    *("layer_types", "layer_types_count", "sliding_window", "n_experts", "n_experts_active", "moe_ffn_size"),
    *(
        "n_shared_experts",
        "shared_expert_ffn_size",
        "first_k_dense",
        "conv_L_cache",
        "vocab_size",
        "tied_embeddings",
    ),
)
"""Fields that an override's ``shape_of`` takes from another row."""

HEADER = """\
# Models of the catalog: one JSON object per line, sorted by id.  Written by catalog/build/models.py; edit
# catalog/build/model_overrides.json or model_lineage.json and rebuild instead of editing here.
#
# Fields are those of catalog.types.Model; a field that is absent is null, 0, empty or false.
#   layers   one letter per layer (catalog.types.LayerKind), run-length coded: "3LF" is LLLF, "8(3LF)" is that
#            eight times; empty where the layout is not understood
#   check    comparison of the parameters counted from the tensor table with the published total
#   vision_params  parameters of the image and audio encoders, counted where encoders.jsonl has their shape,
#            else left of the published total after the text part and prediction layers; absent where that is
#            not certain
#   extra    shape fields of single architectures under their Hugging Face config names
#   variant_of, variant_kind   id of the head of its lineage, and what it is to it: base, instruct, thinking,
#            refresh, context, checkpoint, abliterated, finetune, pruned (explained in model_lineage.json)
#   source   where the shape comes from, then what of it or beside it was corrected and by which source:
#     llmfit          model list of llmfit 1.1.17 (MIT); also names, licences, dates, totals, GGUF files
#     aiconfigurator  config.json files in aiconfigurator-core 0.12.0 (Apache-2.0)
#     maxtext         hf_model_configs.py of AI-Hypercomputer/maxtext (Apache-2.0)
#     public-config   config.json constants quoted in public test files
#     override        a row that the lists lack, as a change to a like-shaped row
#   Corrections and their reasons are in catalog/build/model_overrides.json.
#   Ollama tags: modelroom 1.2.0 catalog (CC BY 4.0) and the public Ollama library.
"""


def apply_overrides(rows: Sequence[Row], rules: Mapping[str, Any]) -> list[Row]:
    """Rows with corrections applied and the missing models added.

    Raises:
        KeyError: an override names a row that does not exist.
    """
    by_id: dict[str, Row] = {str(row["id"]): dict(row) for row in rows}
    for entry in rules["set"]:
        for identifier in entry["ids"]:
            fields = dict(entry["fields"])
            sibling = fields.pop("shape_of", None)
            if sibling:
                by_id[identifier].update({key: by_id[sibling].get(key) for key in SHAPE_FIELDS})
            by_id[identifier].update(fields)
            told = (*by_id[identifier].get(OVERRIDDEN, ()), (tuple(entry["fields"]), entry["source"]))
            by_id[identifier][OVERRIDDEN] = told
    for entry in rules["add"]:
        like = by_id[entry["like"]]
        by_id[entry["id"]] = {
            **like,
            "name": base_name(entry["id"]),
            "hf_downloads_30d": 0,
            **entry["fields"],
            "id": entry["id"],
            "added_from": entry["like"],
            OVERRIDDEN: ((tuple(entry["fields"]), entry["source"]),),
        }
    return list(by_id.values())


def explain_gap(model: Model, row: Row, counted: int, rules: Mapping[str, Any]) -> str | None:
    """What ``check`` says about a count, or ``None`` when the gap has no explanation."""
    has_mtp = _has_mtp(model, rules)
    published = model.published_params
    if published is None:
        like = row.get("added_from")
        return row.get("shape_reason") or (f"no published total; same shape as {like}" if like else None)
    gap = published - counted
    share = abs(gap) / published
    suffix = " (of the text part)" if row.get("published_is_text") else ""
    if gap == 0:
        return "exact" + suffix
    second_head = model.vocab_size * model.hidden_size if model.tied_embeddings else 0
    if gap == second_head:
        return "exact: the published total stores the tied head a second time"
    apart = parts_apart(model, gap, has_mtp, rules)
    if apart:
        return apart
    if share <= EXACT:
        return f"within 0.1 %: {abs(gap):,} {'fewer' if gap > 0 else 'more'} counted" + suffix
    known_gap, known_reason = rules["gap_reasons"].get(model.id, (0, ""))
    if gap == known_gap:
        return f"published total holds {gap:,} more: {known_reason}"
    if gap > 0 and "vision" in model.modality and share <= (0.25 if published > 2e9 else 0.6):
        parts = ["the vision and audio parts" if "audio" in model.modality else "the vision part"]
        if second_head and gap - second_head > LEAST_VISION_PART:
            parts.append("perhaps a second copy of the tied head")
        if has_mtp:
            parts.append("the multi-token-prediction layer")
        return f"text part only: the published total holds {gap:,} more for {' and '.join(parts)}"
    if gap > 0 and has_mtp and share <= 0.05:
        return f"published total holds {gap:,} more: the multi-token-prediction layer, which is not loaded"
    if share <= ROUNDING and row.get("arch_confidence") != "config_json":
        reason = "some shape fields are class defaults"
        return f"{abs(gap):,} {'fewer' if gap > 0 else 'more'} counted ({100 * share:.1f} %): {reason}"
    return None


def _has_mtp(model: Model, rules: Mapping[str, Any]) -> bool:
    """Whether checkpoints of a model may hold prediction layers."""
    return (
        bool(model.extra.get("num_nextn_predict_layers"))
        or model.architecture in rules["mtp_architectures"][0]
    )


def build(rows: Sequence[Row], rules: Mapping[str, Any]) -> tuple[tuple[Model, ...], dict[str, str]]:
    """All models that ship, and why the other rows do not."""
    corrected = apply_overrides(rows, rules)
    by_id = {str(row["id"]): row for row in corrected}
    selection = select(corrected, rules)
    left_out = dict(selection.left_out)
    folded: dict[str, tuple[str, ...]] = {}
    models: dict[str, Model] = {}
    for selected in sorted(selection.models, key=lambda chosen: chosen.variant_of is not None):
        identifier = str(selected.row["id"])
        head = models.get(selected.variant_of or "")
        if selected.variant_of is None:
            model, reason = counted_model(selected, rules)
        elif head is None:
            left_out[identifier] = f"a variant of {selected.variant_of}, which does not ship"
            continue
        else:
            model, reason = counted_variant(selected, by_id[head.id], head, rules)
        if reason is not None and identifier not in rules["unsupported"]:
            left_out[identifier] = reason
            if head is not None and selected.variant_kind in SAME_MAKER:
                folded[head.id] += (identifier, *selected.folded)
            continue
        is_text_total = bool(selected.row.get("published_is_text"))
        if reason is None and (is_text_total or not has_no_encoders(model)):
            encoders = encoder_params(model)
            if encoders is None and not is_text_total:
                encoders = vision_params(model, _has_mtp(model, rules), head, rules)
            model = replace(model, vision_params=encoders)
        models[identifier] = model
        folded[identifier] = selected.folded
        if head is not None and selected.variant_kind == "base":
            models[head.id] = completed(head, model)
    named = give_aliases(list(models.values()), folded, rules)
    return tuple(sorted(named, key=lambda model: model.id.lower())), left_out


def completed(head: Model, base: Model) -> Model:
    """A head with the licence and the date that only its base edition states."""
    return replace(
        head,
        license=head.license or base.license,
        release_date=head.release_date or base.release_date,
    )


def counted_model(selected: Selected, rules: Mapping[str, Any]) -> tuple[Model, str | None]:
    """A model with its parameters counted, and the reason where they cannot be.

    A model that is counted but that llama.cpp does not load has no reason, and no estimate.
    """
    row = selected.row
    model, remark = to_model(selected, rules)
    reason: str | None = None
    check: str | None = None
    try:
        refused = rules["refused"].get(model.id)
        if refused:
            raise UnsupportedArchitectureError(model, refused)
        counted = count_params(model)
        check = explain_gap(model, row, counted.total, rules)
        if check is None:
            published = model.published_params or 0
            reason = f"counted {counted.total:,} parameters, published {published:,}: not explained"
        else:
            model = replace(
                model,
                total_params=counted.total,
                active_params=counted.active,
                dense_tensors=counted.dense_tensors,
                expert_tensors=counted.expert_tensors,
            )
    except UnsupportedArchitectureError as error:
        reason = str(error)
    if reason is not None:
        total = model.published_params or model.total_params
        model = replace(model, total_params=total, active_params=model.active_params or total)
        check = "not counted"
    notes = [remark] if remark else []
    notes += [text for pattern, text, _ in rules["active_notes"] if re.search(pattern, model.id)]
    note = "".join(f"; {text}" for text in notes)
    unusable = reason or NOT_LOADED.get(model.architecture)
    return replace(model, check=f"{check}{note}", not_estimated_because=unusable), reason


def counted_variant(
    selected: Selected, head_row: Row, head: Model, rules: Mapping[str, Any]
) -> tuple[Model, str | None]:
    """A variant, with the shape among those it may have that reproduces its published total."""

    def check(row: Row) -> str | None:
        model, reason = counted_model(replace(selected, row=row), rules)
        return model.check if reason is None else None

    row = best_shape(shapes_to_try(selected.row, head_row), check)
    if row is None:
        row = shapes_to_try(selected.row, head_row)[0]
    model, reason = counted_model(replace(selected, row=row), rules)
    if model.context_length is None:
        model = replace(model, context_length=head.context_length)
    if model.license is None and model.variant_kind in SAME_MAKER:
        model = replace(model, license=head.license)
    if model.variant_kind == "base":
        model = replace(model, stage="base")
    differs = None if reason else difference(model, head)
    return (replace(model, check=f"{model.check}; {differs}") if differs else model), reason


def compress(layers: str) -> str:
    """Run-length code of a layer string; the shortest of the codes with one repeated group."""
    best = _runs(layers)
    for size in range(2, len(layers) // 2 + 1):
        times = len(layers) // size
        head = layers[:size]
        repeated = 1
        while repeated < times and layers[repeated * size : (repeated + 1) * size] == head:
            repeated += 1
        if repeated > 1:
            code = f"{repeated}({_runs(head)})" + _runs(layers[repeated * size :])
            best = min(best, code, key=lambda text: (len(text), text))
    return best


def _runs(letters: str) -> str:
    out = ""
    start = 0
    for i in range(1, len(letters) + 1):
        if i == len(letters) or letters[i] != letters[start]:
            count = i - start
            out += (str(count) if count > 1 else "") + letters[start]
            start = i
    return out


def to_line(model: Model) -> str:
    """One compact JSON object; fields that hold their empty value are left out."""
    record = {}
    for spec in dataclasses.fields(model):
        value = getattr(model, spec.name)
        if spec.name == "layers":
            value = compress(value)
        is_empty = value in (None, 0, "", (), False) or value == {}
        if not is_empty or (spec.name == "tool_use" and value is not None):
            record[spec.name] = value
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="catalog.build.models", description="Build catalog/data/models.jsonl and compile it"
    )
    parser.add_argument("--source", type=Path, required=True, help="folder that holds models_raw.json")
    parser.add_argument(
        "--check", action="store_true", help="compare with the shipped file instead of writing it"
    )
    parser.add_argument(
        "--explain", action="store_true", help="list the rows that do not ship, with the reason"
    )
    options = parser.parse_args(arguments)
    rows = json.loads((options.source / "models_raw.json").read_text(encoding="utf-8"))
    rules = json.loads(OVERRIDES.read_text(encoding="utf-8"))
    rules["lineage"] = read_lineage(json.loads(LINEAGE.read_text(encoding="utf-8"))["heads"])
    models, left_out = build(rows, rules)
    text = HEADER + "".join(to_line(model) + "\n" for model in models)
    if options.explain:
        for identifier, reason in sorted(left_out.items()):
            print(f"{identifier}\t{reason}", file=sys.stderr)
    estimated = [model for model in models if model.not_estimated_because is None]
    kinds = Counter(model.check.split(":")[0].split(" (")[0][:40] for model in estimated)
    print(
        f"{len(estimated)} models with an estimate, {len(models) - len(estimated)} without", file=sys.stderr
    )
    for kind, count in kinds.most_common(12):
        print(f"  {count:4d} {kind}", file=sys.stderr)
    for identifier in stale_aliases(models, rules):
        print(f"model_overrides.json: {identifier} has aliases but does not ship", file=sys.stderr)
    if options.check:
        same = OUTPUT.exists() and OUTPUT.read_text(encoding="utf-8") == text
        print("unchanged" if same else "would change", file=sys.stderr)
        return 0 if same else 1
    OUTPUT.write_text(text, encoding="utf-8")
    compiled.write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
