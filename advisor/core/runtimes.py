"""What each runtime can do: formats, devices, placements, cache types.

A runtime is offered only where its speed is fitted to measurements of its own engine, or where it runs
another one's engine (Ollama and LM Studio run llama.cpp's).  The others are refused, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType

from advisor.core.strategy import Strategy

_ALL_OF_LLAMA_CPP = (
    Strategy.ACCELERATOR,
    Strategy.EXPERTS_IN_RAM,
    Strategy.LAYERS_SPLIT,
    Strategy.CPU,
    Strategy.KV_IN_RAM,
)
_GGML_CACHE = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")
_TURING = frozenset({"kepler", "maxwell", "pascal", "volta"})
"""NVIDIA's architectures before compute capability 7.5."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """A runtime and its abilities."""

    name: str
    title: str
    weights: str
    """Files it loads: ``gguf``, ``mlx``, ``safetensors``, ``exl2`` or ``exl3``."""
    strategies: tuple[Strategy, ...]
    """Placements that it has, and that are chosen from."""
    kv_types: tuple[str, ...]
    """Cache types by their llama.cpp names; the nearest of the runtime's own (``q8_0``: FP8 in vLLM)."""
    also: tuple[Strategy, ...] = ()
    """Placements that are worked out beside the chosen one, but never chosen: experimental ones."""
    cache: str = "llama.cpp"
    """Whose reservation of the cache it has: ``llama.cpp``, ``vllm``, ``mlx`` or ``exllama``."""
    gpu_engine: str | None = None
    """Engine on GPUs, as efficiencies are keyed; ``None``: llama.cpp's, by the GPU's backend."""
    cpu_engine: str = "cpu"
    engine_with_ram_only: bool = False
    """Whether ``gpu_engine`` was measured with weights in RAM only; without them it is taken to be
    llama.cpp's."""
    binds_to_node: bool = False
    """Whether its commands bind a run to one NUMA node."""
    vendors: tuple[str, ...] = ()
    """Makers of GPUs that it runs on; all where empty."""
    too_old: frozenset[str] = frozenset()
    """Architectures of those makers that it does not run on."""
    devices: str = "any GPU, and CPUs"
    """The same for people."""
    takes_share_of_gpu: bool = False
    """Whether it takes a share of the GPU's memory instead of leaving some free (vLLM)."""
    splits_layers: bool = True
    """Whether it puts whole layers on several GPUs."""
    divides_heads: bool = False
    """Whether tensor parallelism needs the attention heads to divide evenly."""
    many_users: bool = True
    """Whether batches of it were measured."""
    remark: str = ""
    """What an estimate leaves open, for people."""

    @property
    def uses_ram(self) -> bool:
        """Whether weights may lie in the RAM beside a GPU."""
        return Strategy.CPU in self.strategies


RUNTIME: Mapping[str, Runtime] = MappingProxyType(
    {
        runtime.name: runtime
        for runtime in (
            Runtime(
                "llama.cpp",
                "llama.cpp",
                "gguf",
                _ALL_OF_LLAMA_CPP,
                _GGML_CACHE,
                also=(Strategy.TENSOR_PARALLEL,),
                binds_to_node=True,
            ),
            Runtime(
                "ollama",
                "Ollama",
                "gguf",
                (Strategy.ACCELERATOR, Strategy.LAYERS_SPLIT, Strategy.CPU),
                ("f16", "q8_0", "q4_0"),
                remark="Ollama moves whole layers, not experts, to RAM, and shares layers out over several "
                "GPUs by itself",
            ),
            Runtime(
                "lmstudio",
                "LM Studio",
                "gguf",
                (Strategy.ACCELERATOR, Strategy.EXPERTS_IN_RAM, Strategy.LAYERS_SPLIT, Strategy.CPU),
                _GGML_CACHE,
                remark="of LM Studio's engines this is llama.cpp; ask for 'mlx' on a Mac for the other one",
            ),
            Runtime(
                "ik_llama",
                "ik_llama.cpp",
                "gguf",
                _ALL_OF_LLAMA_CPP,
                ("f16", "bf16", "q8_0"),
                gpu_engine="ik_llama",
                cpu_engine="ik_llama",
                engine_with_ram_only=True,
                binds_to_node=True,
                vendors=("NVIDIA",),
                devices="CPUs and NVIDIA GPUs",
                remark="cache, buffers and what lies wholly on GPUs are taken to be as with llama.cpp; "
                "its own formats (IQ4_KS and the like) are not ranked",
            ),
            Runtime(
                "mlx",
                "MLX",
                "mlx",
                (Strategy.ACCELERATOR,),
                ("f16", "q8_0", "q4_0"),
                cache="mlx",
                gpu_engine="mlx",
                vendors=("Apple",),
                devices="Apple chips",
                many_users=False,
                remark="scratch memory is taken to be that of llama.cpp",
            ),
            Runtime(
                "vllm",
                "vLLM",
                "safetensors",
                (Strategy.ACCELERATOR, Strategy.TENSOR_PARALLEL),
                ("f16", "bf16", "q8_0"),
                cache="vllm",
                gpu_engine="vllm",
                vendors=("NVIDIA",),
                too_old=_TURING,
                devices="NVIDIA GPUs from Turing on (others run, but nobody measured them)",
                takes_share_of_gpu=True,
                splits_layers=False,
                divides_heads=True,
                remark="scratch memory is taken to be that of llama.cpp",
            ),
            Runtime(
                "exllamav3",
                "ExLlamaV3",
                "exl3",
                (Strategy.ACCELERATOR, Strategy.TENSOR_PARALLEL),
                ("f16", "q8_0", "q4_0"),
                cache="exllama",
                gpu_engine="exllamav3",
                vendors=("NVIDIA",),
                too_old=_TURING,
                devices="NVIDIA GPUs from Turing on",
                many_users=False,
                remark="its experimental experts on the CPU are not modelled; windowed layers are counted at "
                "full length",
            ),
            Runtime(
                "exllamav2",
                "ExLlamaV2",
                "exl2",
                (Strategy.ACCELERATOR,),
                ("f16", "q8_0", "q4_0"),
                cache="exllama",
                gpu_engine="exllamav2",
                vendors=("NVIDIA",),
                devices="NVIDIA GPUs",
                many_users=False,
                remark="windowed layers are counted at full length",
            ),
        )
    }
)
"""Sources of the abilities.  llama.cpp b11434: its own help.  Ollama: its FAQ and the parameters of a
Modelfile (no option moves experts alone; ``OLLAMA_KV_CACHE_TYPE`` takes f16, q8_0, q4_0).  LM Studio: its
documentation of load settings (``numCpuExpertLayersRatio``).  ik_llama.cpp: docs/parameters.md (types that a
plain build has kernels for).  mlx-lm 0.32.2: its server and generate options.  vLLM: its list of supported
hardware.  ExLlamaV3 1.6: its build list (compute capability 7.5 to 12.0), model_init.py, TabbyAPI's
config_sample.yml."""

_SAME = {
    "llamacpp": "llama.cpp",
    "llama-cpp": "llama.cpp",
    "llama": "llama.cpp",
    "lm-studio": "lmstudio",
    "lm_studio": "lmstudio",
    "lm studio": "lmstudio",
    "mlx-lm": "mlx",
    "mlx_lm": "mlx",
    "ik_llama.cpp": "ik_llama",
    "ik-llama": "ik_llama",
    "ikllama": "ik_llama",
    "exllama": "exllamav3",
    "exl3": "exllamav3",
    "exl2": "exllamav2",
    "tabbyapi": "exllamav3",
}
_FEW = "too few published measurements state a placement ({})"
_REFUSED = {
    "ktransformers": _FEW.format("one machine, eight GPUs") + "; ik_llama also keeps experts in RAM",
    "kt-kernel": _FEW.format("one machine, eight GPUs") + "; ik_llama also keeps experts in RAM",
    "sglang": _FEW.format("one") + "; vllm is the nearest",
    "tensorrt-llm": "it compiles an engine for each GPU, and its measurements are of servers under load; "
    "vllm is the nearest",
    "transformers": "its measurements are of old versions only; vllm runs the same files",
    "mlc": "its measurements do not cover what it loads today; llama.cpp is the nearest",
    "exo": "several machines are not modelled; llama.cpp runs on one of them",
}


class RuntimeUnknownError(ValueError):
    """No runtime of that name is modelled; the text says why and names the nearest."""


def resolve_runtime(text: str) -> str:
    """The runtime of a name, however it is spelt.

    Raises:
        RuntimeUnknownError: it is not known, or not modelled.
    """
    name = text.strip().lower()
    name = _SAME.get(name, name)
    if name in RUNTIME:
        return name
    if name in _REFUSED:
        raise RuntimeUnknownError(f"the runtime {text!r} is not estimated: {_REFUSED[name]}")
    names = [*RUNTIME, *_SAME, *_REFUSED]
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f" (did you mean {near[0]}?)" if near else ""
    raise RuntimeUnknownError(f"unknown runtime {text!r}{hint}; use one of: {', '.join(RUNTIME)}")
