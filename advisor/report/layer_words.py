"""The layers of a model in words."""

from __future__ import annotations

from collections import Counter

from catalog.types import LayerKind, Model

_WORDS = {
    LayerKind.FULL: "full attention",
    LayerKind.WINDOW: "sliding window",
    LayerKind.LATENT: "latent attention",
    LayerKind.LINEAR: "linear attention",
    LayerKind.SSM: "state space",
    LayerKind.CONV: "convolution",
    LayerKind.PARALLEL_SSM: "attention beside state space",
    LayerKind.COMPRESSED: "compressed attention",
    LayerKind.REINDEXED: "compressed attention, chosen anew",
    LayerKind.REUSED: "compressed attention, choice reused",
    LayerKind.SUMMARY: "summarised attention",
    LayerKind.NONE: "feed-forward only",
}


def layers_text(model: Model) -> str:
    """``64 layers: 48 linear attention, 16 full attention``; the kinds by how many there are."""
    if not model.layers:
        return "layers unknown"
    kinds = Counter(model.layers).most_common()
    if len(kinds) == 1:
        return f"{model.n_layers} layers of {_WORDS[LayerKind(kinds[0][0])]}"
    return f"{model.n_layers} layers: " + ", ".join(f"{n} {_WORDS[LayerKind(kind)]}" for kind, n in kinds)
