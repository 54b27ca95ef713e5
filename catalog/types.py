"""The records of the catalog: frozen values, units in the names, ``None`` for unknown.

Sizes are integer bytes, bandwidths are GB/s (1e9 bytes per second), compute is TFLOP/s (1e12).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class CatalogError(Exception):
    """The shipped data is broken or a data file cannot be read (exit code 4)."""


class LookupFailedError(Exception):
    """A name matches nothing, or more than one thing.

    Attributes:
        query: what was asked for.
        candidates: the names that come nearest (ambiguity) or might have been meant (no match).
    """

    def __init__(self, kind: str, query: str, candidates: tuple[str, ...], ambiguous: bool) -> None:
        self.kind = kind
        self.query = query
        self.candidates = candidates
        self.ambiguous = ambiguous
        listed = ", ".join(candidates[:8])
        if ambiguous:
            text = f"{kind} {query!r} is ambiguous; did you mean one of: {listed}?"
        elif listed:
            text = f"no {kind} is called {query!r}; nearest names: {listed}"
        else:
            text = f"no {kind} is called {query!r}"
        super().__init__(text)


class LayerKind(StrEnum):
    """What kind of sequence mixer a layer has; one letter each in ``Model.layers``."""

    FULL = "F"
    """Softmax attention over the whole context (grouped-query)."""
    WINDOW = "S"
    """Softmax attention over a sliding window."""
    LATENT = "M"
    """Multi-head latent attention (MLA): one compressed latent per token."""
    LINEAR = "L"
    """Gated delta net or another linear attention with a fixed-size state."""
    SSM = "R"
    """Mamba-style state-space layer with a fixed-size state."""
    CONV = "C"
    """Short convolution (LFM2)."""
    PARALLEL_SSM = "P"
    """Full attention and a state-space mixer side by side in one layer (Falcon-H1)."""
    COMPRESSED = "K"
    """A window, and a compressed entry for every few tokens of which an indexer picks some (DeepSeek V4)."""
    REINDEXED = "I"
    """A window, and the compressed entries of an earlier layer with a choice of its own (DeepSeek V4.1)."""
    REUSED = "U"
    """A window, and the compressed entries and the choice of an earlier layer (DeepSeek V4.1)."""
    SUMMARY = "H"
    """A window, and one entry for many tokens, all of them read (DeepSeek V4)."""
    NONE = "-"
    """No sequence mixer: an FFN-only layer (Nemotron-H)."""


class Role(StrEnum):
    """What a tensor is for; decides where it lives and whether decoding a token reads it."""

    EMBEDDING = "embedding"
    """Input token embedding: one row is looked up per token, the rest is not read."""
    HEAD = "head"
    """Output matrix (and final norm); with tied embeddings, the embedding read as the head."""
    ATTENTION = "attention"
    """Attention, MLA, SSM, convolution weights and the norms of a layer."""
    FFN = "ffn"
    """Dense feed-forward, shared experts, routers: read for every token."""
    EXPERTS = "experts"
    """Routed experts: only the chosen ones are read for a token."""
    PER_LAYER_EMBEDDING = "per_layer_embedding"
    """Per-layer embeddings (Gemma 3n / 4 E models) and tables of n-grams: looked up, need not be in VRAM."""
    PREDICTION = "prediction"
    """Multi-token-prediction layers, which plain decoding neither loads nor reads."""


@dataclass(frozen=True, slots=True)
class Model:
    """One model of the catalog: the shape that decides bytes, FLOPs and cache.

    ``layers`` has one ``LayerKind`` letter per transformer layer.  ``extra`` holds the integer
    shape fields that only some architectures have (state-space sizes, linear-attention heads …),
    under their Hugging Face config names.
    """

    id: str
    name: str
    organization: str
    family: str
    architecture: str
    """Hugging Face ``model_type``."""
    license: str | None
    release_date: str | None
    context_length: int | None
    modality: tuple[str, ...]
    tool_use: bool | None
    stage: str
    """``base`` or ``instruct``."""
    total_params: int
    """Parameters of the text model, counted from the tensor table."""
    active_params: int
    """Parameters that one token uses, counted: everything but the experts not chosen."""
    published_params: int | None
    check: str
    """Result of comparing the count with the published total: ``exact`` or the reason of the gap."""
    hidden_size: int
    n_heads: int
    n_kv_heads: int
    head_dim: int
    ffn_size: int
    vocab_size: int
    tied_embeddings: bool
    layers: str
    sliding_window: int | None
    n_experts: int
    n_experts_active: int
    n_shared_experts: int
    moe_ffn_size: int
    shared_expert_ffn_size: int
    first_dense_layers: int
    moe_layer_step: int
    q_lora_rank: int
    kv_lora_rank: int
    qk_nope_head_dim: int
    qk_rope_head_dim: int
    v_head_dim: int
    extra: Mapping[str, int] = field(default_factory=dict)
    gguf_repos: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    native_quant: str | None = None
    """The quantization the weights are published in when it is not 16 bit (gpt-oss: MXFP4)."""
    source: str = ""
    not_estimated_because: str | None = None
    """Set for models that are listed but whose tensors are not understood, and for those that are counted
    (see ``check``) but that llama.cpp does not load."""
    variant_of: str | None = None
    """Id of the head of its lineage: the model whose shape, size and behaviour class it shares."""
    variant_kind: str | None = None
    """What it is to its head: ``base``, ``instruct``, ``finetune``, ``abliterated``, ``refresh``,
    ``pruned``, ``quantized`` …; ``None`` for a head."""
    vision_params: int | None = None
    """Parameters of the image and audio encoders with their projector, where they are known exactly: the
    published total without the counted text part, prediction layers and whatever else is no encoder.
    They are loaded from a file of their own (mmproj, F16 or BF16), and only when images or sound are
    used; ``None`` for models without encoders, and where the difference cannot be told apart."""
    ffn_sizes: tuple[int, ...] = ()
    """Width of the feed-forward part of every layer where they differ (Nemotron NAS), else empty."""

    dense_tensors: int = 0
    """Tensors of the layers outside the routed experts, counted: a runtime launches a kernel or two for
    each of them and token."""
    expert_tensors: int = 0
    """Stacked tensors of routed experts over all layers, counted."""

    @property
    def n_layers(self) -> int:
        return len(self.layers)

    @property
    def is_counted(self) -> bool:
        """Whether its parameters are counted from its tensors."""
        return bool(self.check) and not self.check.startswith("not counted")

    @property
    def is_moe(self) -> bool:
        return self.n_experts > 0


@dataclass(frozen=True, slots=True)
class GgmlType:
    """A ggml tensor type: blocks of ``block_size`` weights stored in ``block_bytes`` bytes."""

    name: str
    block_size: int
    block_bytes: int
    source: str

    @property
    def bits_per_weight(self) -> float:
        return self.block_bytes * 8 / self.block_size


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of a model as a GGUF file holds it.

    ``shape`` is in GGUF order: the row length first.  ``layer`` is ``None`` outside the layers.
    """

    name: str
    role: Role
    layer: int | None
    shape: tuple[int, ...]
    quantizable: bool

    @property
    def n_elements(self) -> int:
        n = 1
        for d in self.shape:
            n *= d
        return n


@dataclass(frozen=True, slots=True)
class Accelerator:
    """A GPU, or the GPU part of a chip with unified memory."""

    name: str
    vendor: str
    """``NVIDIA``, ``AMD``, ``Intel``, ``Apple`` …"""
    architecture: str
    """Class name that the efficiencies are keyed by, e.g. ``ada``, ``rdna3``, ``apple-m3``."""
    memory_bytes: tuple[int, ...]
    """Memory sizes sold, ascending; one entry for a discrete card."""
    memory_type: str | None
    bus_bits: int | None
    bandwidth_gbs: float
    fp16_tflops: float | None
    """Dense FP16 rate of the matrix units where there are any, else of the shaders."""
    unified: bool
    laptop: bool
    pcie_generation: float | None
    pcie_lanes: int | None
    nvlink_gbs: float | None
    """Total of both directions, as vendors publish it."""
    tdp_w: float | None
    compute_capability: float | None
    pci_ids: tuple[str, ...]
    """PCI device ids, upper-case hex; with the revision (``744C:C8``) where products share one."""
    released: str | None
    aliases: tuple[str, ...]
    source: str
    note: str | None = None
    fp8_tflops: float | None = None
    """Dense FP8 rate, recorded for the frontier chips."""
    ecc: bool = False
    """Whether the board ships with error correction on that costs bandwidth (GDDR; HBM has room for it)."""


@dataclass(frozen=True, slots=True)
class CpuFamily:
    """A CPU family with the memory it can drive.

    ``channels`` counts 64-bit equivalents per socket; ``max_mts`` is the official limit at one DIMM
    per channel, ``max_mts_2dpc`` at two.
    """

    name: str
    pattern: str
    """Regular expression, matched case-insensitively against the CPU's brand string."""
    vendor: str
    platform: str
    """Class that the CPU efficiencies are keyed by: ``desktop``, ``laptop``, ``server`` …"""
    memory_type: str
    channels: int
    max_mts: int
    max_mts_2dpc: int | None
    max_bandwidth_gbs: float | None
    """What the cores of one socket can draw at most, where it is below the memory's rate."""
    slots_per_channel: int | None
    """2 where boards have two DIMM slots per channel, 1 where one, 0 for soldered, None unknown."""
    source: str
    isa: tuple[str, ...] = ()
    """What inference kernels look at, that every CPU of the family has."""
    max_ccd_gbs: float | None = None
    """What the cores of one chiplet (CCD) can read, where chiplets share an I/O die."""
    max_core_gbs: float | None = None
    """What one core alone can read, where that was published or measured."""
    max_memory_bytes: int | None = None
    """What the CPU of the family that takes most takes, per socket; ``None`` where it is not settled."""


@dataclass(frozen=True, slots=True)
class Cpu:
    """A CPU by its own name, for ``rig --cpu``."""

    name: str
    family: str
    """Name of its ``CpuFamily``."""
    cores: int | None
    threads: int | None
    isa: tuple[str, ...]
    source: str


@dataclass(frozen=True, slots=True)
class MemoryKind:
    """A memory technology: ``DDR5`` and the data rates that exist."""

    name: str
    rates_mts: tuple[int, ...]
    """Standard data rates (JEDEC and the common overclocked kits), ascending."""
    jedec_floor_mts: int
    module_bits: int
    """Data width of one module on one channel."""
    source: str


@dataclass(frozen=True, slots=True)
class Link:
    """A connection between devices. ``bandwidth_gbs`` is per direction, ``usable_gbs`` its payload."""

    name: str
    bandwidth_gbs: float
    usable_gbs: float | None
    latency_us: float | None
    source: str
