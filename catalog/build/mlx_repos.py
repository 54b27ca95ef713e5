"""Build ``catalog/data/mlx_repos.csv``: where MLX files of the models are published.

    python -m catalog.build.mlx_repos [--check]

``mlx_repos.txt`` beside this file lists repositories by the source that names them.  A repository belongs to
the model whose name is left when format words and bit widths are taken off the end; a list entry that fits no
model, or several, is an error, so the list stays true.  ``--check`` compares instead of writing and exits
with 1 when the file would change.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from catalog.models import load_models
from catalog.types import Model

SOURCES = Path(__file__).with_name("mlx_repos.txt")
OUTPUT = Path(__file__).parents[1] / "data" / "mlx_repos.csv"

HEADER = """\
# Repositories with MLX files.  Written by catalog/build/mlx_repos.py from mlx_repos.txt, which names the
# source of each; edit that and rebuild.
#   model   id in models.jsonl
#   repos   Hugging Face repositories, separated by blanks: the publisher's own first, then mlx-community
model,repos
"""

_SUFFIX = re.compile(
    r"""(?ix) [-_.]+ (?:
        mlx | lm | hf | text | vlm | mtp | qat | optiq | experimental | dwq(?:[-_]?\w+)? | dynamic | affine
        | [bf]p?f?16 | fp32 | fp[48] | mxfp[48] | nvfp4 | gs?\d+ | hi | lo | msq
        | [qo]?\d(?:\.\d+)?[-_]?bits? | q\d(?:_\w+)? | d?q\d(?:_k_\w+|plus)? | oq\d\w* | mixed(?:[-_]\d)+
        | \d+bpw | int[48] | \d{6,8}
    ) $"""
)


def plain_name(repository: str) -> str:
    """A repository's name without publisher, format words and bit widths, for comparing."""
    name = repository.rsplit("/", 1)[-1]
    while True:
        shorter = _SUFFIX.sub("", name)
        if shorter == name or not shorter:
            return _compared(name)
        name = shorter


def _compared(name: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", name.rsplit("/", 1)[-1].casefold()).strip("-")


def names_of(models: Iterable[Model]) -> dict[str, frozenset[str]]:
    """Ids by every name of the models; the instruct edition owns a name that it shares with its base."""
    owners: dict[str, set[str]] = {}
    for model in models:
        for name in (model.id, re.sub(r"(?i)(-hf|-bf16)+$", "", model.id), *model.aliases):
            owners.setdefault(_compared(name), set()).add(model.id)
    return {name: frozenset(ids) for name, ids in owners.items()}


def read_sources(text: str) -> dict[str, str]:
    """Source by repository; lines in brackets name the source of those below."""
    found: dict[str, str] = {}
    source = ""
    for line in text.splitlines():
        entry = line.strip()
        if entry.startswith("["):
            source = entry.strip("[]")
        elif entry and not entry.startswith("#"):
            found.setdefault(entry, source)
    return found


def assign(repositories: Iterable[str], models: Sequence[Model]) -> dict[str, list[str]]:
    """Repositories by model id.

    Raises:
        ValueError: the name of a repository is not that of exactly one model.
    """
    owners = names_of(models)
    found: dict[str, list[str]] = {}
    for repository in repositories:
        ids = owners.get(plain_name(repository), frozenset())
        if len(ids) != 1:
            raise ValueError(f"mlx_repos.txt: {repository} fits {len(ids)} models")
        found.setdefault(next(iter(ids)), []).append(repository)
    for identifier, repos in found.items():
        publisher = identifier.split("/")[0].casefold()
        order = (publisher, "mlx-community", "lmstudio-community")
        repos.sort(key=lambda repo: (_place(repo.split("/")[0].casefold(), order), repo.casefold()))
    return found


def _place(publisher: str, order: Sequence[str]) -> int:
    return order.index(publisher) if publisher in order else len(order)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="catalog.build.mlx_repos", description="Build catalog/data/mlx_repos.csv"
    )
    parser.add_argument(
        "--check", action="store_true", help="compare with the shipped file instead of writing it"
    )
    options = parser.parse_args(arguments)
    by_model = assign(read_sources(SOURCES.read_text(encoding="utf-8")), load_models())
    lines = [f"{identifier},{' '.join(repos)}\n" for identifier, repos in sorted(by_model.items())]
    text = HEADER + "".join(lines)
    print(f"{len(by_model)} models, {sum(map(len, by_model.values()))} repositories", file=sys.stderr)
    if options.check:
        same = OUTPUT.exists() and OUTPUT.read_text(encoding="utf-8") == text
        print("unchanged" if same else "would change", file=sys.stderr)
        return 0 if same else 1
    OUTPUT.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
