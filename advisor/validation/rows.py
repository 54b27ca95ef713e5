"""Reading measurement files: each row becomes a ``Case`` that the estimator can answer."""

from __future__ import annotations

import contextlib
import csv
import re
from collections import defaultdict
from collections.abc import Callable, Iterator

from advisor.core.placement import Strategy
from advisor.core.question import Question
from advisor.validation.cases import GIB, LONGEST_CELL, MIB, Case, Row, SkipRowError, number, scaled, whole
from advisor.validation.conditions import build_year
from advisor.validation.layouts import layout_of
from advisor.validation.quants import UnknownQuantError
from advisor.validation.speeds import gpu_case, hybrid_case
from catalog.gguf_files import file_notes
from catalog.models import find_model, load_models
from catalog.types import LookupFailedError
from probes.types import Fact, Rig, RigError

__all__ = ["GIB", "Case", "SkipRowError", "csv_cases", "csv_kinds"]

Reader = Callable[[Row, str, Rig | None], Case]


def csv_cases(text: str, rig: Rig | None) -> tuple[str, Iterator[tuple[str, Case | str]]] | None:
    """The kind of a CSV text and its rows as (id, case or the reason for skipping it), in file order.

    ``None`` if the header is not known.
    """
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    try:
        header = set(rows.fieldnames or ())
    except csv.Error:
        return None
    for kind, columns, reader in _KINDS:
        if columns <= header:
            return kind, _cases(rows, reader, rig)
    return None


def _cases(rows: csv.DictReader[str], reader: Reader, rig: Rig | None) -> Iterator[tuple[str, Case | str]]:
    for count, raw in enumerate(_readable(rows), 1):
        # Columns that a file lacks read as empty cells.
        row = defaultdict(str, {k: (v or "").strip() for k, v in raw.items() if isinstance(k, str)})
        name = row.get("id") or str(count)
        try:
            longest = max(map(len, row.values()), default=0)
            if longest > LONGEST_CELL:
                raise SkipRowError(f"a cell of {longest:,} characters is no measurement's")
            yield name, reader(row, name, rig)
        except (SkipRowError, UnknownQuantError, LookupFailedError, RigError, ValueError) as error:
            yield name, str(error)


def _readable(rows: csv.DictReader[str]) -> Iterator[dict[str, str]]:
    """The rows up to the first that the CSV reader gives up on (a cell beyond its limit)."""
    with contextlib.suppress(csv.Error):
        yield from rows


def _run_case(row: Row, name: str, rig: Rig | None) -> Case:
    from dataclasses import replace

    if rig is None:
        raise SkipRowError("rows of real runs need the rig they ran on; give it with --rig")
    if row["tool"] != "llama-bench":
        raise SkipRowError(f"rows of {row['tool']} carry no speed to compare")
    threads = whole(row, "threads", 1)
    bandwidth = number(row, "bw2_gbs" if threads > 1 else "bw1_gbs")
    if bandwidth:
        fact = Fact(bandwidth * 1e9, "measured beside the run", "measured")
        rig = replace(rig, memory=replace(rig.memory, measured_bandwidth_bytes_per_s=fact))
    rig = replace(
        rig, cpu=replace(rig.cpu, usable_cores=Fact(float(threads), "threads of the run", "reported"))
    )
    depth = whole(row, "depth", 0)
    generated = whole(row, "n_gen", 0)
    prompt = whole(row, "n_prompt", 0)
    quality = "excluded" if row.get("excluded_because") else "measured"
    return Case(
        id=name,
        model=row["model"],
        quant=row["quant"],
        rig=rig,
        question=Question(
            context=max(depth + generated + prompt, 512),
            users=max(whole(row, "batch", 1), 1),
            depth_tokens=depth + generated // 2,
            prompt_tokens=prompt or 512,
            cached_tokens=depth,
            kv_type=row["kv_type"] or "f16",
        ),
        strategy=Strategy.CPU,
        measured_tokens_per_s=number(row, "tg_tps"),
        measured_prefill_tokens_per_s=number(row, "pp_tps"),
        tensor_bytes=number(row, "tensor_bytes"),
        labels=(("threads", str(threads)), ("quality", quality)),
        engine="cpu",
        parallel="none",
        era=build_year(int(build.group(1))) if (build := re.fullmatch(r"b(\d{4,5})", row["build"])) else None,
    )


_SAME_MODEL = 0.001
"""Parameters that a row states differ by less from those of the model that its name finds."""


def _dry_run_case(row: Row, name: str, _rig: Rig | None) -> Case:
    model, stated = find_model(row["model"]), number(row, "n_params")
    if stated and abs(stated / model.total_params - 1) > _SAME_MODEL:
        of_row, of_model = f"{row['model']} has {stated:,.0f}", f"{model.name} {model.total_params:,}"
        raise SkipRowError(f"{of_row} parameters, {of_model}: not that model")
    return Case(
        id=name,
        model=row["model"],
        quant=row["quant"],
        rig=None,
        question=Question(),
        strategy=None,
        measured_bytes=number(row, "tensor_bytes"),
        imatrix=row["imatrix"] == "1",
    )


def _size_case(row: Row, name: str, _rig: Rig | None) -> Case:
    file, quant, kind = row["gguf_repo_or_file"], row["quant"], row.get("kind", "file_bytes")
    mix = re.search(r"\bUD-[A-Z0-9_]+", file)
    return Case(
        id=name,
        model=_model_of_file(row["model"], file, quant, kind),
        quant=mix.group() if mix and "UD-" not in quant else quant,
        rig=None,
        question=Question(),
        strategy=None,
        measured_bytes=number(row, "size_bytes"),
        file=file,
        whole_file=kind.startswith("file_bytes"),
        labels=(("size of", "file" if kind.startswith("file_bytes") else "tensors"),),
    )


_AFTER_NAME = re.compile(
    r"[-.](?:i1-)?(?:UD-)?(?:I?Q\d_|F16|BF16|MXFP4)[^/]*$|[-_.]GGUF$|\.gguf$", re.IGNORECASE
)


def _model_of_file(model: str, file: str, quant: str, kind: str) -> str:
    """The stated name if the catalog knows it, else the one in the name of the file if it knows that.

    Failing both, the model whose shape the notes on the file give it, or one of the architecture and the
    exact number of parameters that the row states.
    """
    for name in (model, _AFTER_NAME.sub("", file)):
        try:
            find_model(name)
        except LookupFailedError:
            continue
        return name
    stated = re.search(r"n_params=(\d+)", kind)
    if stated:
        return _model_of_size(quant.partition(" ")[0], int(stated.group(1))) or model
    return file_notes(file, quant).shape or model


def _model_of_size(architecture: str, n_params: int) -> str | None:
    """A model of the catalog by its architecture, as llama.cpp names it, and its parameters."""
    wanted = re.sub(r"[-_]", "", architecture.lower())
    for model in load_models():
        if model.total_params == n_params and model.architecture.replace("_", "") == wanted:
            return model.id
    return None


def _fit_case(row: Row, name: str, _rig: Rig | None) -> Case:
    """The runtime states the context of all sequences together and rounds MiB down."""
    sequences = max(whole(row, "n_seq", 1), 1)
    return Case(
        id=name,
        model=row["model"],
        quant="F16",
        rig=None,
        question=Question(
            context=whole(row, "ctx", 4096) // sequences,
            users=sequences,
            kv_type=row["kv_type"],
            ubatch=whole(row, "n_ubatch", 512),
            flash_attention=row["flash_attn"] != "off",
        ),
        strategy=None,
        measured_weights_bytes=scaled(number(row, "model_mib_f16"), MIB),
        measured_kv_bytes=scaled(number(row, "context_mib"), MIB),
        measured_compute_bytes=scaled(number(row, "compute_mib"), MIB),
        labels=(("sequences", row["n_seq"]),),
    )


_MEMORY_MODELS = {
    "LLaMA v2": "Llama-2-13b",
    "Meta_Llama_3.1_8b_it": "Llama-3.1-8B-Instruct",
    "opensourcerelease_DeepSeek R1 Bf16": "DeepSeek-R1",
    "Command-R 35B class (40 layers)": "c4ai-command-r-v01",
}
"""Names that logs give models, and what their sizes show them to be."""


def _memory_case(row: Row, name: str, _rig: Rig | None) -> Case:
    """A run's log.  Two cache types are listed by name; the keys have the second."""
    if row["runtime"].startswith("vllm"):
        raise SkipRowError("vLLM reserves a set share of the cards, whatever the model needs")
    gpu, cpu = number(row, "weights_buffer_mib_gpu"), number(row, "weights_buffer_mib_cpu")
    ubatch = re.search(r"ubatch=(\d+)", row["notes"])
    value_type, _, key_type = (row["kv_type"].lower() or "f16").rpartition("/")
    weights = (gpu or 0) + (cpu or 0)
    context, users = whole(row, "context", 4096), 1
    return Case(
        id=name,
        model=_MEMORY_MODELS.get(row["model"], row["model"]),
        # Where no format is stated only cache and buffers are compared: "mix" is never counted.
        quant=row["quant"].replace("Q2_K - Medium", "Q2_K") or "mix of Q8_0",
        rig=None,
        question=Question(
            context=context,
            users=users,
            kv_type=key_type,
            kv_value_type=value_type or None,
            ubatch=int(ubatch.group(1)) if ubatch else 512,
            flash_attention="fa=0" not in row["notes"],
        ),
        strategy=None,
        measured_weights_bytes=weights * MIB if weights else None,
        measured_kv_bytes=scaled(number(row, "kv_buffer_mib"), MIB),
        measured_compute_bytes=scaled(number(row, "compute_buffer_mib"), MIB),
        measured_total_bytes=scaled(number(row, "total_reported_mib"), MIB),
        tensor_bytes=scaled(number(row, "model_file_gib"), GIB),
        layout=layout_of(row),
    )


_KINDS: tuple[tuple[str, set[str], Reader], ...] = (
    ("GPU speeds", {"hardware", "n_devices", "tg_tps", "backend"}, gpu_case),
    ("CPU and hybrid speeds", {"category", "placement", "tg_tps", "cpu"}, hybrid_case),
    ("llama-bench runs", {"tool", "bw1_gbs", "tg_tps"}, _run_case),
    ("memory use", {"kv_buffer_mib", "compute_buffer_mib"}, _memory_case),
    ("llama-fit-params", {"context_mib", "compute_mib", "n_ubatch"}, _fit_case),
    ("dry-run sizes", {"tensor_bytes", "imatrix", "fallback_tensors"}, _dry_run_case),
    ("file sizes", {"size_bytes", "gguf_repo_or_file"}, _size_case),
)


def csv_kinds() -> tuple[str, ...]:
    """The kinds of CSV files that are known by their header."""
    return tuple(kind for kind, _, _ in _KINDS)
