"""Where a run kept its weights: the placement column of CPU and hybrid rows."""

from __future__ import annotations

import re
from dataclasses import dataclass

from advisor.core.placement import Strategy
from catalog.types import LayerKind, Model


@dataclass(frozen=True, slots=True)
class Split:
    """A placement: how the work is divided, and the numbers that the row states of it."""

    strategy: Strategy
    expert_layers_in_ram: int | None = None
    gpu_layers: int | None = None


_RANGE = r"(\d{1,4})-(\d{1,4})"
_ALL_GPU = re.compile(r"^(?:igpu|gpu|\d gpus?|tp\d+\b.*|all layers on \d gpus)$")


def expert_layers(model: Model) -> tuple[int, ...]:
    """The layers with routed experts: all but the dense first ones, every ``moe_layer_step``-th."""
    if not model.is_moe:
        return ()
    if LayerKind.NONE in model.layers:
        return tuple(i for i, kind in enumerate(model.layers) if kind == LayerKind.NONE)
    step = max(model.moe_layer_step, 1)
    return tuple(i for i in range(model.first_dense_layers, model.n_layers) if (i + 1) % step == 0)


def split_of(placement: str, model: Model) -> Split:
    """The split that a placement describes: ``experts of layers 32-93 on cpu``, ``ngl 25``, ``tp4``.

    Numbers that the text leaves open (``experts mostly cpu``) stay ``None``.
    """
    text = placement.lower()
    if text.startswith("cpu"):
        return Split(Strategy.CPU)
    if _ALL_GPU.match(text):
        return Split(Strategy.ACCELERATOR)
    layers = re.search(r"\bngl (\d{1,4})\b", text)
    gpu_layers = int(layers.group(1)) if layers else None
    if not model.is_moe or text == f"ngl {gpu_layers}":
        return Split(Strategy.LAYERS_SPLIT, gpu_layers=gpu_layers)
    return Split(Strategy.EXPERTS_IN_RAM, _experts_in_ram(text, expert_layers(model)), gpu_layers)


def _experts_in_ram(text: str, layers: tuple[int, ...]) -> int | None:
    counted = re.search(
        r"\b(\d{1,4}) layers' experts cpu|\b(\d{1,4}) cpu expert layers|last (\d{1,4}) of \d+ exp", text
    )
    if counted:
        return min(int(next(g for g in counted.groups() if g)), len(layers))
    if re.search(r"mostly|partly|more layers|experts cpu \+ gpu|hybrid", text):
        return None
    in_ram = re.search(rf"(?:experts|ffn) of layers {_RANGE} (?:on )?cpu", text)
    if in_ram:
        return _between(layers, in_ram)
    part = re.search(rf"up/gate exps of layers {_RANGE} gpu", text)
    if part:  # two of an expert's three matrices
        return round(len(layers) - _between(layers, part) * 2 / 3)
    on_gpu = re.search(rf"except layers {_RANGE} on gpu|ffn of layers {_RANGE} gpu", text)
    if on_gpu:
        first, last = (int(g) for g in on_gpu.groups() if g)
        return len(layers) - sum(first <= layer <= last for layer in layers)
    return len(layers) if re.search(r"experts? cpu|exps=cpu", text) else None


def _between(layers: tuple[int, ...], found: re.Match[str]) -> int:
    return sum(int(found.group(1)) <= layer <= int(found.group(2)) for layer in layers)
