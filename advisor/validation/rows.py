"""Reading measurement files: each row becomes a ``Case`` that the estimator can answer."""

from __future__ import annotations

import contextlib
import csv
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from advisor.core.placement import Strategy
from advisor.core.question import Question
from advisor.validation.layouts import Layout, layout_of
from advisor.validation.quants import UnknownQuantError
from catalog.gguf_files import file_notes
from catalog.models import find_model, load_models
from catalog.types import LookupFailedError
from probes.types import Fact, Rig, RigError, unknown

Row = Mapping[str, str]
GIB = 1024**3
MIB = 1024**2


class SkipRowError(ValueError):
    """A row that cannot be answered; the text is the reason."""


@dataclass(frozen=True, slots=True)
class Case:
    """One measurement: what was run, on what, and what came out.

    ``prefill_on_all_cores`` is true where fewer threads decoded than worked on the prompt.
    ``tensor_bytes`` is the size of the file that was run, where stated.
    ``file`` is the repository or name of the published file that ``measured_bytes`` is of; ``whole_file``
    says that the bytes include the file's metadata.
    """

    id: str
    model: str
    quant: str
    rig: Rig | None
    question: Question
    strategy: Strategy | None
    measured_tokens_per_s: float | None = None
    measured_prefill_tokens_per_s: float | None = None
    measured_weights_bytes: float | None = None
    measured_kv_bytes: float | None = None
    measured_compute_bytes: float | None = None
    measured_total_bytes: float | None = None
    measured_bytes: float | None = None
    tensor_bytes: float | None = None
    prefill_on_all_cores: bool = False
    imatrix: bool = True
    file: str | None = None
    whole_file: bool = False
    labels: tuple[tuple[str, str], ...] = ()
    layout: Layout | None = None
    """What a log states of how memory was laid out, where that is not the app's own model."""
    title: str = ""
    """What the file calls the model, where it names no model of the catalog."""


Reader = Callable[[Row, str, Rig | None], Case]


def csv_cases(text: str, rig: Rig | None) -> tuple[str, Iterator[tuple[str, Case | str]]] | None:
    """The kind of a CSV text and its rows as (id, case or the reason for skipping it), in file order.

    ``None`` if the header is not known.
    """
    rows = csv.DictReader(text.splitlines())
    try:
        header = set(rows.fieldnames or ())
    except csv.Error:
        return None
    for kind, columns, reader in _KINDS:
        if columns <= header:
            return kind, _cases(rows, reader, rig)
    return None


def _cases(rows: csv.DictReader[str], reader: Reader, rig: Rig | None) -> Iterator[tuple[str, Case | str]]:
    for number, raw in enumerate(_readable(rows), 1):
        row = {key: (value or "").strip() for key, value in raw.items() if isinstance(key, str)}
        name = row.get("id") or str(number)
        try:
            yield name, reader(row, name, rig)
        except (SkipRowError, UnknownQuantError, LookupFailedError, RigError, ValueError) as error:
            yield name, str(error)


def _readable(rows: csv.DictReader[str]) -> Iterator[dict[str, str]]:
    """The rows up to the first that the CSV reader gives up on (a cell beyond its limit)."""
    with contextlib.suppress(csv.Error):
        yield from rows


def _number(row: Row, key: str) -> float | None:
    """The first number in a cell; no column has negative ones."""
    match = re.search(r"-?\d+(?:\.\d+)?", row.get(key, ""))
    value = float(match.group()) if match else None
    return value if value is not None and 0 <= value < _NO_SUCH_NUMBER else None


_NO_SUCH_NUMBER = 1e15


def _whole(row: Row, key: str, default: int) -> int:
    value = _number(row, key)
    return default if value is None else round(value)


def _gpu_case(row: Row, name: str, _rig: Rig | None) -> Case:
    runtime = row["runtime"].lower()
    devices = _whole(row, "n_devices", 1)
    if runtime in ("vllm", "exllama", "exllamav2", "exllamav3", "mlc-llm", "sglang", "deepspeed") or (
        "tensorrt" in runtime or "autoawq" in runtime or "ctranslate" in runtime
    ):
        raise SkipRowError(f"the runtime {row['runtime']} is not modelled yet")
    rig = _rig_with_gpu(row["hardware"], devices, row["backend"], _number(row, "vram_gb"))
    depth = _whole(row, "context_depth", 0)
    generated = _whole(row, "tg_tokens", 0)
    prompt = _whole(row, "pp_tokens", 512) or 512
    batch = max(_whole(row, "batch", 1), 1)
    mean_depth = depth + generated // 2
    context = max(depth + max(prompt, generated) + 256, 512)
    return Case(
        id=name,
        model=row["model"],
        quant=row["quant"],
        rig=rig,
        question=Question(
            context=context,
            users=batch,
            depth_tokens=mean_depth,
            prompt_tokens=prompt,
            cached_tokens=depth,
            flash_attention=row["flash_attn"] != "0",
        ),
        strategy=Strategy.ACCELERATOR,
        measured_tokens_per_s=_number(row, "tg_tps"),
        measured_prefill_tokens_per_s=_number(row, "pp_tps"),
        tensor_bytes=_scaled(_number(row, "model_size_gib"), GIB),
        labels=(
            ("vendor", row["vendor"]),
            ("arch", f"{row['arch']} {row['backend']}"),
            ("type", row["model_type"]),
            ("quality", row["quality"]),
            ("devices", "one" if devices == 1 else "several"),
            ("depth", "long" if mean_depth >= 8192 else "short"),
            ("batch", "one" if batch == 1 else "many"),
            *_case_label(row["quality"], devices, batch, mean_depth, row["model_type"]),
        ),
    )


def _case_label(
    quality: str, devices: int, batch: int, depth: int, model_type: str
) -> tuple[tuple[str, str], ...]:
    """The slice that accuracy is published for; rows of lesser quality are in none."""
    if quality != "measured":
        return ()
    if batch > 1:
        return (("case", "batch > 1"),)
    if devices > 1:
        return (("case", "several GPUs, layer split"),)
    if depth >= 8192:
        return (("case", "depth of 8k and more"),)
    kind = "MoE" if model_type == "moe" else "dense"
    return (("case", f"one GPU or unified memory, {kind}"),)


@lru_cache(maxsize=4096)
def _rig_with_gpu(hardware: str, count: int, backend: str, memory_gib: float | None) -> Rig:
    from dataclasses import replace

    from probes.hypothetical import hypothetical_rig

    spec = f"{count}x {hardware}" if count > 1 else hardware
    if memory_gib and not re.search(r"\d\s*GB\b", hardware):
        try:
            rig = hypothetical_rig([f"{spec} {memory_gib:g}GB"], None, None)
        except (LookupFailedError, RigError):
            rig = hypothetical_rig([spec], None, None, any_memory=True)
    else:
        rig = hypothetical_rig([spec], None, None, any_memory=True)
    name = {"mlx": "metal"}.get(backend, backend)
    gpus = tuple(replace(a, backend=Fact(name, "the measurement", "reported")) for a in rig.accelerators)
    memory = rig.memory
    if not memory.total_bytes.known:
        memory = replace(memory, total_bytes=Fact(512 * GIB, "not stated: assumed ample", "guess"))
    return replace(rig, accelerators=gpus, memory=memory)


def _hybrid_case(row: Row, name: str, _rig: Rig | None) -> Case:
    runtime = row["runtime"].lower()
    if not ("llama.cpp" in runtime or runtime.startswith("ollama")) or "rpc" in runtime:
        raise SkipRowError(f"the runtime {row['runtime']} is not modelled yet")
    category = row["category"]
    if category in ("d", "e", "h"):
        raise SkipRowError(
            f"category {category} (several machines, speculation, before/after) is not modelled yet"
        )
    placement = row["placement"].lower()
    if category == "b":
        strategy: Strategy | None = Strategy.LAYERS_SPLIT
    elif "igpu" in placement or "tp1" in placement:
        strategy = Strategy.ACCELERATOR
    elif placement.startswith("cpu"):
        strategy = Strategy.CPU
    elif re.match(r"tp\d", placement):
        raise SkipRowError("tensor parallel is not modelled yet")
    else:
        strategy = Strategy.EXPERTS_IN_RAM
    rig = _rig_of_row(row, on_gpu=strategy is not Strategy.CPU)
    depth = _whole(row, "context_depth", 0)
    batch = max(_whole(row, "batch", 1), 1)
    return Case(
        id=name,
        model=row["model"],
        quant=row["quant"],
        rig=rig,
        question=Question(
            context=max(depth + 1024, 1024),
            users=batch,
            depth_tokens=depth + 64,
            prompt_tokens=512,
            cached_tokens=depth,
        ),
        strategy=strategy,
        measured_tokens_per_s=_number(row, "tg_tps"),
        measured_prefill_tokens_per_s=_number(row, "pp_tps"),
        prefill_on_all_cores="pp at full threads" in row["notes"],
        tensor_bytes=_scaled(_number(row, "model_size_gib"), GIB),
        labels=(
            ("category", category),
            ("quality", "measured"),
            *_hybrid_label(row, category, batch),
            ("depth", "long" if depth >= 8192 else "short"),
            ("batch", "one" if batch == 1 else "many"),
        ),
    )


def _hybrid_label(row: Row, category: str, batch: int) -> tuple[tuple[str, str], ...]:
    ram = "known RAM" if row["ram_bandwidth_gbs_spec"] or row["ram_bandwidth_gbs_measured"] else "unknown RAM"
    if batch > 1:
        return ()
    if category == "a":
        return (("case", f"CPU only, {ram}"),)
    if category in ("b", "c"):
        return (("case", f"partly in RAM, {ram}"),)
    return ()


def _rig_of_row(row: Row, *, on_gpu: bool) -> Rig:
    """A rig from the columns of a CPU or hybrid row."""
    from dataclasses import replace

    from probes.hypothetical import hypothetical_rig

    gpu = re.sub(r"\s*\(.*\)|\s+\d+\s?GB$", "", row["gpu"]) if on_gpu else ""
    count = max(_whole(row, "n_gpus", 1), 1)
    specs = [f"{count}x {gpu}" if count > 1 else gpu] if gpu else []
    cpu = re.sub(r"\s*\(.*\)|\s+\d+\s?GB$", "", row["cpu"]).strip()
    try:
        rig = hypothetical_rig(specs, None, cpu or None)
    except (LookupFailedError, RigError):
        rig = hypothetical_rig(specs, None, None) if specs else _bare_rig(cpu)
    memory = rig.memory
    spec = _number(row, "ram_bandwidth_gbs_spec")
    measured = _number(row, "ram_bandwidth_gbs_measured")
    source = "the measurement's own columns"
    memory = replace(
        memory,
        total_bytes=memory.total_bytes if memory.total_bytes.known else Fact(2048 * GIB, source, "guess"),
        type=Fact(row["ram_type"], source, "reported") if row["ram_type"] else memory.type,
        bandwidth_bytes_per_s=Fact(spec * 1e9, source, "reported") if spec else memory.bandwidth_bytes_per_s,
        measured_bandwidth_bytes_per_s=Fact(measured * 1e9, source, "measured")
        if measured
        else unknown("not measured"),
    )
    if not spec and not measured and not memory.bandwidth_bytes_per_s.known and not rig.accelerators:
        raise SkipRowError("neither the RAM's bandwidth nor its modules are stated")
    threads = _number(row, "threads")
    info = rig.cpu
    if threads and (info.physical_cores.value or 1_000) > threads:
        info = replace(info, usable_cores=Fact(threads, source, "reported"))
    return replace(rig, memory=memory, cpu=info)


def _bare_rig(cpu: str) -> Rig:
    from dataclasses import replace

    from probes.hypothetical import hypothetical_rig

    rig = hypothetical_rig([], "1x64GB:DDR4-3200", None)
    name: Fact[str] = Fact(cpu, "the measurement's own columns", "reported") if cpu else unknown("not stated")
    memory = replace(
        rig.memory,
        bandwidth_bytes_per_s=unknown("not stated"),
        channels=unknown("not stated"),
        mts=unknown("not stated"),
        total_bytes=unknown("not stated"),
        modules=(),
    )
    return replace(rig, cpu=replace(rig.cpu, name=name), memory=memory)


def _run_case(row: Row, name: str, rig: Rig | None) -> Case:
    from dataclasses import replace

    if rig is None:
        raise SkipRowError("rows of real runs need the rig they ran on; give it with --rig")
    if row["tool"] != "llama-bench":
        raise SkipRowError(f"rows of {row['tool']} carry no speed to compare")
    threads = _whole(row, "threads", 1)
    bandwidth = _number(row, "bw2_gbs" if threads > 1 else "bw1_gbs")
    if bandwidth:
        fact = Fact(bandwidth * 1e9, "measured beside the run", "measured")
        rig = replace(rig, memory=replace(rig.memory, measured_bandwidth_bytes_per_s=fact))
    rig = replace(
        rig, cpu=replace(rig.cpu, usable_cores=Fact(float(threads), "threads of the run", "reported"))
    )
    depth = _whole(row, "depth", 0)
    generated = _whole(row, "n_gen", 0)
    prompt = _whole(row, "n_prompt", 0)
    return Case(
        id=name,
        model=row["model"],
        quant=row["quant"],
        rig=rig,
        question=Question(
            context=max(depth + generated + prompt, 512),
            users=max(_whole(row, "batch", 1), 1),
            depth_tokens=depth + generated // 2,
            prompt_tokens=prompt or 512,
            cached_tokens=depth,
            kv_type=row["kv_type"] or "f16",
        ),
        strategy=Strategy.CPU,
        measured_tokens_per_s=_number(row, "tg_tps"),
        measured_prefill_tokens_per_s=_number(row, "pp_tps"),
        tensor_bytes=_number(row, "tensor_bytes"),
        labels=(("threads", str(threads)), ("quality", "measured")),
    )


_SAME_MODEL = 0.001
"""Parameters that a row states differ by less from those of the model that its name finds."""


def _dry_run_case(row: Row, name: str, _rig: Rig | None) -> Case:
    model, stated = find_model(row["model"]), _number(row, "n_params")
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
        measured_bytes=_number(row, "tensor_bytes"),
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
        measured_bytes=_number(row, "size_bytes"),
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
    sequences = max(_whole(row, "n_seq", 1), 1)
    return Case(
        id=name,
        model=row["model"],
        quant="F16",
        rig=None,
        question=Question(
            context=_whole(row, "ctx", 4096) // sequences,
            users=sequences,
            kv_type=row["kv_type"],
            ubatch=_whole(row, "n_ubatch", 512),
            flash_attention=row["flash_attn"] != "off",
        ),
        strategy=None,
        measured_weights_bytes=_scaled(_number(row, "model_mib_f16"), MIB),
        measured_kv_bytes=_scaled(_number(row, "context_mib"), MIB),
        measured_compute_bytes=_scaled(_number(row, "compute_mib"), MIB),
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
    gpu, cpu = _number(row, "weights_buffer_mib_gpu"), _number(row, "weights_buffer_mib_cpu")
    ubatch = re.search(r"ubatch=(\d+)", row["notes"])
    value_type, _, key_type = (row["kv_type"].lower() or "f16").rpartition("/")
    weights = (gpu or 0) + (cpu or 0)
    context, users = _whole(row, "context", 4096), 1
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
        measured_kv_bytes=_scaled(_number(row, "kv_buffer_mib"), MIB),
        measured_compute_bytes=_scaled(_number(row, "compute_buffer_mib"), MIB),
        measured_total_bytes=_scaled(_number(row, "total_reported_mib"), MIB),
        tensor_bytes=_scaled(_number(row, "model_file_gib"), GIB),
        layout=layout_of(row),
    )


def _scaled(value: float | None, unit: int) -> float | None:
    return None if value is None else value * unit


_KINDS: tuple[tuple[str, set[str], Reader], ...] = (
    ("GPU speeds", {"hardware", "n_devices", "tg_tps", "backend"}, _gpu_case),
    ("CPU and hybrid speeds", {"category", "placement", "tg_tps", "cpu"}, _hybrid_case),
    ("llama-bench runs", {"tool", "bw1_gbs", "tg_tps"}, _run_case),
    ("memory use", {"kv_buffer_mib", "compute_buffer_mib"}, _memory_case),
    ("llama-fit-params", {"context_mib", "compute_mib", "n_ubatch"}, _fit_case),
    ("dry-run sizes", {"tensor_bytes", "imatrix", "fallback_tensors"}, _dry_run_case),
    ("file sizes", {"size_bytes", "gguf_repo_or_file"}, _size_case),
)


def csv_kinds() -> tuple[str, ...]:
    """The kinds of CSV files that are known by their header."""
    return tuple(kind for kind, _, _ in _KINDS)
