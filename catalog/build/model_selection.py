"""Which rows of the raw model list become models of the catalog.

Re-uploads and quantized copies are folded into the row of the original publisher, and their ids become
aliases of it.  So are base and instruct editions, unless the lineage lists them as variants.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from catalog.build.model_lineage import Lineage

Row = dict[str, Any]

STAGE_WORDS = frozenset(
    ["instruct", "it", "chat", "base", "hf", "bf16", "fp8", "sft", "dpo", "pt", "pretrain", "preview", "text"]
)
"""Words of a name that say how the same model was finished or stored."""

MINIMUM_DOWNLOADS = 20_000
"""Monthly downloads that make a model without a known GGUF repository a candidate."""


@dataclass(frozen=True, slots=True)
class Selected:
    """A row that ships, with the ids of the rows folded into it."""

    row: Row
    folded: tuple[str, ...]
    release_date: str | None
    license: str | None
    gguf_repos: tuple[str, ...]
    variant_of: str | None = None
    variant_kind: str | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """What was chosen, and why the other rows were not."""

    models: tuple[Selected, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)


def base_name(model_id: str) -> str:
    """The part of an id after the publisher."""
    return model_id.rsplit("/", 1)[-1]


def fold_key(model_id: str) -> str:
    """Name without the words that only say how the same model was finished or stored."""
    name = base_name(model_id).lower().replace("_", "-").replace("meta-llama", "llama")
    return "-".join(word for word in name.split("-") if word not in STAGE_WORDS)


def stage_of(row: Row) -> str:
    """``base`` when the row or its name says so, else ``instruct``."""
    words = re.split(r"[-_]", base_name(str(row["id"])).lower())
    if {"instruct", "chat", "it"} & set(words):
        return "instruct"
    return (
        "base" if {"base", "pretrain"} & set(words) or row.get("base_or_instruct") == "base" else "instruct"
    )


def _preference(row: Row, reuploads: tuple[str, ...]) -> tuple[int, int, int, int, str]:
    """Sort key: original publisher first, then checked, then instruct, then the most downloaded."""
    identifier = str(row["id"])
    checked = not str(row["verified"]).startswith(("no", "unchecked"))
    words = set(re.split(r"[-_]", base_name(identifier).lower()))
    explicit_instruct = bool({"instruct", "chat", "it"} & words)
    return (
        int(identifier.startswith(reuploads)),
        0 if explicit_instruct else 1 if stage_of(row) == "instruct" else 2,
        int(not checked),
        -int(row["hf_downloads_30d"]),
        identifier,
    )


def _first(values: Iterable[Any]) -> Any:
    return next((value for value in values if value), None)


def select(rows: Iterable[Row], rules: Mapping[str, Any]) -> Selection:
    """Choose and fold rows.

    A row is a candidate when its publisher is listed (or the row itself is a listed fine-tune), no
    exclusion matches, and either a GGUF repository is known, or it has ``MINIMUM_DOWNLOADS``, or
    it is listed by name in the rules.  Variants of the lineage are candidates in any case.
    """
    lineage: Lineage = rules["lineage"]
    publishers = set(rules["publishers"])
    named = set(rules["finetunes"]) | set(rules["include"]) | set(rules["unsupported"])
    named |= {str(row["id"]) for row in rules["add"]} | lineage.heads
    exclusions = [(re.compile(pattern), reason) for pattern, reason in rules["exclude"]]
    fold: Mapping[str, str] = rules["fold"]
    reuploads = tuple(rules["reuploads"])
    left_out: dict[str, str] = {}
    groups: dict[str, list[Row]] = defaultdict(list)
    by_id = {str(row["id"]): row for row in rows}
    of_variant = _variant_groups(by_id, lineage, reuploads)
    taken = {str(row["id"]) for group in of_variant.values() for row in group}
    for identifier, row in sorted(by_id.items()):
        if identifier in taken:
            continue
        target = fold.get(identifier, identifier)
        reason = next((why for pattern, why in exclusions if pattern.search(identifier)), None)
        if reason and identifier not in named and identifier not in fold:
            left_out[identifier] = reason
        elif (
            identifier.split("/")[0] not in publishers
            and identifier not in named
            and not identifier.startswith(reuploads)
        ):
            left_out[identifier] = "a fine-tune or a publisher outside the selection"
        else:
            groups[fold_key(target)].append(row)
    models = []
    for key in sorted(groups):
        group = [row for row in groups[key] if str(row["id"]) not in fold] or groups[key]
        group = sorted(group, key=lambda row: _preference(row, reuploads))
        keeper = group[0]
        everyone = [keeper] + [row for row in groups[key] if row is not keeper]
        if str(keeper["id"]).startswith(reuploads):
            left_out.update({str(row["id"]): "only a re-upload is known" for row in everyone})
            continue
        gguf = tuple(dict.fromkeys(repo for row in everyone for repo in row["gguf_repos"]))
        downloads = max(int(row["hf_downloads_30d"]) for row in everyone)
        if not gguf and downloads < MINIMUM_DOWNLOADS and not named & {str(row["id"]) for row in everyone}:
            left_out.update(
                {str(row["id"]): "no GGUF repository known and few downloads" for row in everyone}
            )
            continue
        models.append(_selected(everyone))
    for identifier, group in of_variant.items():
        head, kind = lineage.variants[identifier]
        models.append(replace(_selected(group), variant_of=head, variant_kind=kind))
    return Selection(tuple(models), left_out)


def _selected(everyone: list[Row]) -> Selected:
    """The first row with the others folded in; they fill its date, licence and list of files."""
    keeper = everyone[0]
    dates = sorted(row["release_date"] for row in everyone if row.get("release_date"))
    return Selected(
        row=keeper,
        folded=tuple(sorted(str(row["id"]) for row in everyone if row is not keeper)),
        release_date=keeper.get("release_date") or _first(dates),
        license=keeper.get("license") or _first(row.get("license") for row in everyone),
        gguf_repos=tuple(dict.fromkeys(repo for row in everyone for repo in row["gguf_repos"])),
    )


def _variant_groups(
    by_id: Mapping[str, Row], lineage: Lineage, reuploads: tuple[str, ...]
) -> dict[str, list[Row]]:
    """The row of every variant, with the re-uploads that have its name."""
    groups = {identifier: [by_id[identifier]] for identifier in sorted(lineage.variants)}
    by_name = {_plain_name(identifier): identifier for identifier in groups}
    for identifier, row in sorted(by_id.items()):
        original = by_name.get(_plain_name(identifier))
        if original and identifier not in groups and identifier.startswith(reuploads):
            groups[original].append(row)
    return groups


def _plain_name(model_id: str) -> str:
    return re.sub(r"(?i)^meta-|-(hf|bf16)$", "", base_name(model_id)).lower()
