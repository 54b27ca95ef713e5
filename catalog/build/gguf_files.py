"""Build ``gguf_headers.csv`` and ``ud_sizes.csv`` from sizes of published GGUF files.

    python -m catalog.build.gguf_files --source FOLDER [--check]

Reads ``gguf_sizes.csv`` from ``FOLDER`` (columns model, gguf_repo_or_file, quant, size_bytes, kind,
source).  A tokenizer's metadata is the median, over its files whose type follows the mixing rules and
that ``gguf_files.csv`` does not rule out, of size - tensors - list of tensors.  Sizes of hand-made "UD"
files are carried over as tensor bytes: those of whole files less their metadata.  ``--check`` compares
instead of writing and exits with 1 when a file would change.
"""

from __future__ import annotations

import argparse
import csv
import io
import re
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from catalog.gguf_files import counted_bytes, file_notes, tensor_list_bytes
from catalog.mixing import FILE_TYPES
from catalog.models import find_model
from catalog.published_sizes import plain_type
from catalog.tensors import mtp_tensors, tensor_table
from catalog.types import LookupFailedError, Model
from catalog.weights import file_tensor_bytes

DATA = Path(__file__).parents[1] / "data"

TOKENIZERS: tuple[tuple[str, str, int, int], ...] = (
    ("Qwen2", r"qwen2.*|qwen3(?:_moe|_next)?|qwen3_vl.*", 151_600, 152_100),
    ("Qwen3.5", r"qwen3_5.*", 248_000, 248_400),
    ("Llama-3", r"llama.*|mllama.*", 128_000, 128_300),
    ("Gemma-2", r"gemma2?", 256_000, 256_000),
    ("Gemma-3", r"gemma3.*", 262_144, 262_400),
    ("Gemma-4", r"gemma4.*", 262_144, 262_400),
    ("Phi-3", r"phi3.*", 32_000, 32_100),
    ("cl100k", r"phi3|granite.*|olmo.*|phimoe", 100_000, 100_400),
    ("SmolLM2", r"llama|smol.*", 49_152, 49_300),
    ("Granite-3", r"granite.*", 49_152, 49_200),
    ("OLMo", r"olmo.*", 50_200, 50_400),
    ("o200k", r"gpt_oss", 200_000, 201_100),
    ("LFM2.5", r"lfm2.*", 128_000, 128_000),
    ("Tekken", r"mistral.*|ministral.*", 131_072, 131_100),
)
"""Name, architectures, smallest and largest vocabulary."""

ROUNDED = (
    (
        "Mistral v0.3",
        r"mistral|mixtral",
        32_768,
        32_768,
        760_000,
        22,
        20_000,
        "Mistral-7B-v0.3: size of its files less what llama-quantize counts; rounded",
    ),
    (
        "Llama-2",
        r"llama|mistral|mixtral",
        32_000,
        32_100,
        730_000,
        1,
        1_000_000,
        "the tokens of Phi-3, rounded; files that also hold merges (TinyLlama) have 1.7 MB",
    ),
)
"""Tokenizers without a plain file in the source: their metadata is known rounded only."""

HEADERS = """\
# Metadata that GGUF files begin with, without the list of tensors; nearly all of it is the tokenizer.
# Columns: tokenizer; architectures: regular expression for the whole Hugging Face model_type;
#   vocab_low, vocab_high: range of the vocabulary; metadata_bytes: median over n_files published files;
#   spread_bytes: largest distance of one of them; source.  The first line that matches a model counts.
# Written by catalog/build/gguf_files.py.
tokenizer,architectures,vocab_low,vocab_high,metadata_bytes,n_files,spread_bytes,source
"""
SIZES = """\
# Tensor bytes of published hand-made mixes ("UD"), whose sizes follow from no rule.
# Columns: model (id in models.jsonl); quant; tensor_bytes (of a whole file: less its metadata);
#   plain: the file type next to it; plain_bytes: what the mixing rules give for that, empty where the
#   file holds tensors that are not counted (prediction layers); file; source.
# Written by catalog/build/gguf_files.py.
model,quant,tensor_bytes,plain,plain_bytes,file,source
"""

BYTES_PER_ENTRY = 44
"""Metadata per vocabulary entry where no plain file of a tokenizer is known; the known ones have 23 to 65."""

_NAMES = {"MXFP4": "MXFP4_MOE", "FP16": "F16"}
_UD = re.compile(r"\bUD-[A-Z0-9_]+", re.IGNORECASE)


def _model(row: Mapping[str, str]) -> Model | None:
    try:
        model = find_model(_UD.sub("", row["model"]).strip("-"))
    except LookupFailedError:
        return None
    return model if model.not_estimated_because is None else None


def _source(row: Mapping[str, str]) -> str:
    """The source if it names a place, else what it was."""
    return row["source"] if "/" in row["source"] else "published file listing"


def _tokenizer(model: Model) -> str | None:
    for name, architectures, low, high in TOKENIZERS:
        if low <= model.vocab_size <= high and re.fullmatch(architectures, model.architecture):
            return name
    return None


def _list_bytes(model: Model) -> int:
    return tensor_list_bytes((*tensor_table(model), *mtp_tensors(model)))


def headers(rows: Sequence[Mapping[str, str]]) -> dict[str, tuple[int, int, int]]:
    """Metadata bytes, number of files and spread by tokenizer."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for row in rows:
        quant = _NAMES.get(row["quant"], row["quant"])
        model = _model(row)
        name = _tokenizer(model) if model else None
        quant = quant.removesuffix("(QAT)")
        if row["kind"] != "file_bytes" or quant not in FILE_TYPES or model is None or name is None:
            continue
        notes = file_notes(row["gguf_repo_or_file"], row["quant"])
        if notes.skip is None:
            found[name].append(int(row["size_bytes"]) - sum(counted_bytes(model, quant, notes)))
    result = {}
    for name, values in found.items():
        middle = round(median(values))
        result[name] = (middle, len(values), max(abs(value - middle) for value in values))
    return result


def _plain(model: Model, quant: str, row: Mapping[str, str]) -> tuple[str, str]:
    """The file type next to a hand-made one, and its bytes where the file holds the same tensors."""
    plain = plain_type(quant)
    stated = re.search(r"n_params=(\d+)", row["kind"])
    counted = sum(t.n_elements for t in (*tensor_table(model), *mtp_tensors(model)))
    if stated and abs(int(stated.group(1)) / counted - 1) > 1e-3:
        return plain, ""
    if file_notes(row["gguf_repo_or_file"], quant).prediction:
        return plain, ""
    return plain, str(file_tensor_bytes(model, plain, imatrix=True))


def hand_made(
    rows: Sequence[Mapping[str, str]], metadata: Mapping[str, tuple[int, int, int]]
) -> list[list[str]]:
    """Lines of ``ud_sizes.csv``, one per model and type; the first size of a type counts."""
    lines: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        label = _UD.search(row["quant"]) or _UD.search(row["gguf_repo_or_file"])
        model = _model(row)
        if label is None or model is None:
            continue
        quant = label.group().upper() + ("-QAT" if "QAT" in row["quant"] else "")
        size = int(row["size_bytes"])
        if row["kind"] == "file_bytes":
            known = metadata.get(_tokenizer(model) or "", (BYTES_PER_ENTRY * model.vocab_size, 0, 0))
            size -= known[0] + _list_bytes(model)
        key = (model.id, quant + ("-MTP" if "-MTP-" in row["gguf_repo_or_file"] else ""))
        plain, plain_size = _plain(model, key[1], row)
        lines.setdefault(key, [*key, str(size), plain, plain_size, row["gguf_repo_or_file"], _source(row)])
    return [lines[key] for key in sorted(lines)]


def build(source: Path) -> dict[str, str]:
    """Texts of the two files."""
    with source.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    metadata = headers(rows)
    table: list[list[object]] = [
        [name, architectures, low, high, *metadata[name], "median over the files of a public size listing"]
        for name, architectures, low, high in TOKENIZERS
        if name in metadata
    ]
    table += [list(line) for line in ROUNDED]
    texts = {}
    for name, head, lines in (
        ("gguf_headers.csv", HEADERS, table),
        ("ud_sizes.csv", SIZES, hand_made(rows, metadata)),
    ):
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows(lines)
        texts[name] = head + out.getvalue()
    return texts


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the two files, or compare them; 1 when a comparison fails."""
    parser = argparse.ArgumentParser(description="Fit the metadata of GGUF files and carry hand-made sizes.")
    parser.add_argument("--source", type=Path, required=True, help="folder that holds gguf_sizes.csv")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    options = parser.parse_args(arguments)
    changed = 0
    for name, text in build(options.source / "gguf_sizes.csv").items():
        path = DATA / name
        if not options.check:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            print(f"{name} would change")
            changed = 1
    return changed


if __name__ == "__main__":
    sys.exit(main())
