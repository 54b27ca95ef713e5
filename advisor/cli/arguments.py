"""The arguments of every command.  Imports nothing heavy: ``--help`` must be instant."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, NoReturn

from advisor import __version__
from advisor.cli import output
from advisor.cli.exits import Exit, complain

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

USES = ("chat", "coding", "agent", "rag", "reasoning")
SORTS = ("score", "speed", "memory", "params", "ttft", "name", "quant", "fit", "active", "context")
"""The names of ``advisor.core.order.ORDERS``, without importing it."""
_COUNT = re.compile(r"^(-?\d+)\s*([km]?)$", re.IGNORECASE)
_SCALE = {"": 1, "k": 1024, "m": 1024 * 1024}


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line that says what to do."""

    def error(self, message: str) -> NoReturn:
        """Print one line and exit with the code for bad input."""
        complain(f"{message}; see '{self.prog} --help'")
        raise SystemExit(Exit.BAD_INPUT)

    def print_help(self, file: SupportsWrite[str] | None = None) -> None:
        """Print the help; unlike the base class, say when stdout cannot be written."""
        if file is None:
            output.write(self.format_help().rstrip("\n"))
        else:
            super().print_help(file)


def token_count(text: str) -> int:
    """``8192``, ``8k`` or ``1M`` tokens (k and M are powers of 1024)."""
    match = _COUNT.match(text.strip())
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of tokens; write 8192, 8k or 1M")
    return int(match.group(1)) * _SCALE[match.group(2).lower()]


def runtime_year(text: str) -> float:
    """The decimal year of a build of llama.cpp (``b9049``, ``9049``) or of a month (``2026-05``)."""
    month = re.fullmatch(r"(20\d\d)-(0[1-9]|1[0-2])", text.strip())
    if month:
        return int(month.group(1)) + (int(month.group(2)) - 0.5) / 12
    build = re.fullmatch(r"b?(\d{4,6})", text.strip())
    if not build:
        raise argparse.ArgumentTypeError(f"{text!r} is no runtime version; write a build (b9049) or 2026-05")
    from advisor.validation.conditions import build_year

    return build_year(int(build.group(1)))


def build_parser() -> Parser:
    """The parser of ``rig-advisor``."""
    parser = Parser(
        prog="rig-advisor",
        description="Which language models run on this machine, how fast, why, and what would change "
        "if the machine did. Without a command: the terminal app, or the ranking when stdout is not a "
        "terminal.",
    )
    parser.add_argument("--version", action="version", version=f"rig-advisor {__version__}")
    _question(parser)
    _filter(parser)
    _order(parser)
    parser.add_argument("--open", metavar="VIEW", default=None, help=_OPEN_HELP)
    _serve(parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)

    probe = commands.add_parser("probe", help="what this machine is, and how sure that is")
    probe.add_argument("--measure", action="store_true", help="measure the RAM bandwidth (up to 2 s)")
    probe.add_argument(
        "--measure-vram",
        action="store_true",
        help="measure the GPUs' memory bandwidth through torch, cupy or numba, if installed",
    )
    origin = probe.add_mutually_exclusive_group()
    origin.add_argument("--rig", metavar="FILE", default=argparse.SUPPRESS, help="show a Rig; - for stdin")
    origin.add_argument(
        "--from",
        dest="captures",
        nargs="+",
        metavar="FILE",
        help="read captured files instead of this machine",
    )
    _json(probe)

    topology = commands.add_parser(
        "topology", help="how the machine is wired: channels, modules, links, and what limits what"
    )
    source = topology.add_mutually_exclusive_group()
    source.add_argument("--rig", metavar="FILE", default=argparse.SUPPRESS, help="a Rig; - for stdin")
    source.add_argument(
        "--from", dest="captures", nargs="+", metavar="FILE", help="captured files of another machine"
    )
    _json(topology)

    rig = commands.add_parser("rig", help="describe a machine you do not have, from the catalog")
    rig.add_argument("--gpu", action="append", default=[], metavar="[Nx] NAME", help="repeatable")
    rig.add_argument("--ram", metavar="2x32GB:DDR5-6000", help="modules, their size, kind and MT/s")
    rig.add_argument("--cpu", metavar="NAME")
    rig.add_argument("--name", help="what to call it")
    _json(rig)

    rank = commands.add_parser("rank", help="models by how well they run here")
    _question(rank)
    _filter(rank)
    _order(rank)
    rank.add_argument("--limit", type=int, metavar="N", help="rows to list")
    _formats(rank)

    explain = commands.add_parser("explain", help="why a model runs as it does, with every quantization")
    explain.add_argument("model", metavar="MODEL")
    explain.add_argument("--quant", metavar="Q", help="e.g. Q4_K_M; default: the best one")
    _question(explain)
    shape = explain.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="one JSON document on stdout")
    shape.add_argument("--markdown", action="store_true")
    shape.add_argument("--roofline", action="store_true", help="draw the roofline, with this model under it")

    what_if = commands.add_parser(
        "what-if",
        help="what would change if the rig did",
        description="Changes apply together; --or starts another scenario beside the first.",
    )
    _question(what_if)
    what_if.add_argument("--model", action="append", default=[], metavar="MODEL", help="compare these models")
    what_if.add_argument(
        "--models", metavar="A,B,C|FILE", help="compare these models; a file has one name a line"
    )
    what_if.add_argument(
        "--top", type=int, default=12, metavar="N", help="models to compare if none is named"
    )
    what_if.add_argument("--load", metavar="FILE", help="compare the scenarios of a file, too")
    what_if.add_argument("--save", metavar="FILE", help="write the scenarios to a file (TOML)")
    _changes(what_if)
    form = what_if.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON document on stdout")
    form.add_argument("--csv", action="store_true", help="a row for every scenario and model that fits")
    form.add_argument("--markdown", action="store_true", help="tables of what changes")

    plot = commands.add_parser(
        "plot",
        help="a picture of one model's speed over RAM bandwidth, context, users or quantization",
        description="Changes as in what-if draw further curves beside the present rig's.",
    )
    plot.add_argument("model", metavar="MODEL")
    plot.add_argument("--over", required=True, metavar="WHAT", help="ram-bandwidth, context, users or quant")
    plot.add_argument("--quant", metavar="Q", help="e.g. Q4_K_M; default: the best one")
    plot.add_argument("--plot", metavar="FILE.svg", help="draw it into a file, too (.svg, .png)")
    plot.add_argument("--load", metavar="FILE", help="draw the scenarios of a file, too")
    _question(plot)
    _changes(plot)
    shape = plot.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="one JSON document on stdout")
    shape.add_argument("--csv", action="store_true", help="a row for every point")
    upgrade = commands.add_parser(
        "upgrade", help=_UPGRADE_HELP, description=_UPGRADE_DOES, epilog=_PRICE_FILE
    )
    _upgrade(upgrade)

    model = commands.add_parser("model", help="what the catalog knows of a model, with sources")
    model.add_argument("name", metavar="NAME")
    _json(model)

    compare = commands.add_parser("compare", help="two to four models side by side on one machine")
    compare.add_argument(
        "models", nargs="+", metavar="MODEL[@QUANT]", help="without a quantization: the best one here"
    )
    _question(compare)
    _formats(compare)

    _models(commands.add_parser("models", help="all models of the catalog, with filters"))

    hardware = commands.add_parser("hardware", help="what the catalog knows of a GPU, CPU, link or memory")
    hardware.add_argument("name", metavar="NAME")
    _json(hardware)

    validate = commands.add_parser(
        "validate", help="predictions against measured rows, with error statistics"
    )
    validate.add_argument(
        "files", nargs="+", metavar="FILE", help="llama-bench output (csv, json, jsonl, md) or measured rows"
    )
    validate.add_argument("--rig", metavar="FILE", help="the rig that the rows were measured on")
    breakdown = validate.add_mutually_exclusive_group()
    breakdown.add_argument("--by", metavar="NAMES", help="break down by, e.g. vendor,arch+quant")
    breakdown.add_argument("--slices", action="store_true", help="break down by everything there is")
    validate.add_argument("--rows", action="store_true", help="list every row, not only where they are few")
    validate.add_argument("--plot", metavar="FILE.svg", help="draw predicted against measured (.svg, .png)")
    validate.add_argument("--plot-prefill", metavar="FILE.svg", help="the same for prefill speed")
    shape = validate.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="one JSON document on stdout")
    shape.add_argument("--markdown", action="store_true", help="the tables for a document")

    from advisor.cli.settings import DOES, HELP, add_settings

    add_settings(commands.add_parser("settings", help=HELP, description=DOES))
    schema = commands.add_parser("schema", help="JSON Schemas of everything printed with --json")
    schema.add_argument("name", nargs="?", metavar="NAME")
    return parser


def _models(parser: argparse.ArgumentParser) -> None:
    _question(parser)
    _filter(parser)
    parser.add_argument(
        "--sort",
        metavar="NAME",
        default="quality",
        help="quality, name, maker, params, active, kind, context, license, release, kv, size; "
        "on a rig also speed, fit, memory, score",
    )
    parser.add_argument("--reverse", action="store_true", help="the other direction")
    parser.add_argument(
        "--here", action="store_true", help="with speed and fit on this machine, or on that of --rig"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="rows to list")
    _formats(parser)


def _formats(parser: argparse.ArgumentParser) -> None:
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="one JSON document on stdout")
    shape.add_argument("--csv", action="store_true")
    shape.add_argument("--markdown", action="store_true")


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def _filter(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--filter",
        metavar="EXPR",
        default=argparse.SUPPRESS,
        help="models to list, e.g. 'qwen params<40 fit:full tok>20'",
    )


def _order(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--sort", metavar="COLUMN", choices=SORTS, default=argparse.SUPPRESS, help=", ".join(SORTS))
    add("--reverse", action="store_true", default=argparse.SUPPRESS, help="the other way round")


_OPEN_HELP = "open the app at a view: why:MODEL, 'what-if:CHANGE | CHANGE', topology, picture …"


def _serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--serve",
        action="store_true",
        help="show the app in a browser, to this machine only; from another one forward the port, "
        "'ssh -L 8000:127.0.0.1:8000 THIS-MACHINE', and open the address printed (needs the web extra)",
    )
    parser.add_argument("--port", type=int, metavar="N", help="port of --serve; default 8000, 0: any free")


def _question(parser: argparse.ArgumentParser) -> None:
    # Defaults are suppressed so that options given before a command are not overwritten by it.
    default = argparse.SUPPRESS
    add = parser.add_argument
    add(
        "--rig",
        metavar="FILE",
        default=default,
        help="a Rig as 'probe --json' or 'rig --json' prints it; - for stdin",
    )
    add("--context", type=token_count, metavar="N", default=default, help="tokens per user, e.g. 8192 or 32k")
    add("--users", type=int, metavar="N", default=default, help="simultaneous users")
    add("--use", metavar="USE", default=default, help=", ".join(USES))
    add(
        "--min-speed",
        type=float,
        metavar="N",
        default=default,
        help="least tok/s per user: of each model the best quantization that reaches it",
    )
    add("--kv-type", metavar="TYPE", default=default, help="KV cache type: f16, q8_0, q4_0, …")
    add(
        "--depth",
        type=token_count,
        metavar="N",
        default=default,
        help="tokens in the cache at the quoted speed",
    )
    add("--prompt", type=token_count, metavar="N", default=default, help="tokens of the prompt that is timed")
    add(
        "--runtime",
        metavar="R",
        default=default,
        help="llama.cpp, ollama, lmstudio, ik_llama, mlx, vllm, exllamav3, exllamav2",
    )
    add(
        "--fit-context",
        action="store_true",
        default=default,
        help="where a model does not fit, cut its context as far as the use case allows",
    )
    add(
        "--runtime-version",
        type=runtime_year,
        metavar="V",
        default=default,
        help="build of the runtime (b9049) or when it was made (2026-05): a known one narrows the intervals",
    )


class _Change(argparse.Action):
    """Collect changes in the order given, scenario by scenario."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        scenarios: list[list[tuple[str, str]]] = getattr(namespace, "scenarios", None) or [[]]
        name = (option_string or "").lstrip("-").replace("other-rig", "rig")
        if name == "or":
            scenarios.append([])
        else:
            scenarios[-1].append((name, str(values)))
        namespace.scenarios = scenarios


def _changes(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    for option, metavar, text in (
        ("--ram", "4x32GB:DDR5-5600", "other memory modules; +2x32GB:… adds some to the present ones"),
        ("--mts", "N", "the present modules at another speed"),
        ("--xmp", "on", "the present modules at the speed they are sold for (XMP, EXPO)"),
        ("--channels", "N", "another number of channels populated"),
        ("--board", "KIND [N slots]", "another board for the same CPU, such as DDR5"),
        ("--cpu", "NAME", "another CPU"),
        ("--add-gpu", "[Nx] NAME", "one more GPU; NAME over thunderbolt4 for an external one"),
        ("--replace-gpu", "[Nx] NAME", "this GPU instead of the present ones"),
        ("--remove-gpu", "N", "without the GPU of this number (from 1)"),
        ("--link", "KIND", "nvlink, pcie4x4, thunderbolt4, oculink; 'pcie4x4 for gpu 2' for one"),
        ("--power", "[N] WATTS", "limit the power of GPU N, or of all"),
        ("--psu", "WATTS", "check what the graphics cards may draw"),
        ("--ecc", "on|off", "error correction of the GPUs' memory"),
        ("--machine", "NAME [SIZE]", "a whole other machine, such as M3 Ultra 512GB"),
        ("--other-rig", "FILE", "a whole other machine from a file"),
        ("--second", "MACHINE over LINK", "a second machine: a file, a chip, or same; over ethernet10 …"),
        ("--name", "NAME", "what to call this scenario"),
    ):
        add(option, action=_Change, metavar=metavar, dest="scenarios", help=text)
    add("--or", action=_Change, nargs=0, dest="scenarios", help="start another scenario")


_UPGRADE_HELP = "the smallest or cheapest changes that reach a goal, or what a budget is best spent on"
_UPGRADE_DOES = (
    "With --goal: the changes of up to three parts (RAM kits, GPUs) that reach it, smallest first; with "
    "prices, cheapest first. Without: what the parts of --prices or --parts, within --budget, are best "
    "spent on."
)
_PRICE_FILE = (
    "Prices are yours; none ship with this program. A price file is TOML: date = 2026-11-01, then maybe "
    'currency = "EUR", then tables [gpu], [ram], [link], [machine] with lines such as '
    '"RTX 3090" = { price = 700, watts = 350 }, "2x32GB:DDR5-6000" = { price = 210 }, '
    "nvlink = { price = 90 }. Only parts in it are then considered."
)


def _upgrade(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--goal",
        action="append",
        default=[],
        metavar="MODEL[@QUANT]>=N",
        help="tok/s for one user, e.g. 'llama 3.3 70b@Q4_K_M>=10tok/s'; repeatable: all have to hold",
    )
    add("--budget", type=float, metavar="N", help="what the parts may cost together; needs --prices")
    add("--prices", metavar="FILE", help="prices and watts of parts, as a TOML file (see below)")
    add("--parts", metavar="LIST", help="parts to choose from, e.g. '2x RTX 3090, 2x48GB:DDR5-6000'")
    add(
        "--cards", metavar="WHICH", help="GPUs of the catalog: consumer, workstation, all; default: as needed"
    )
    add("--slots", type=int, metavar="N", help="slots for GPUs, those that are taken included")
    add("--limit", type=int, metavar="N", help="changes to list")
    _question(parser)
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="one JSON document on stdout")
    shape.add_argument("--csv", action="store_true", help="the changes as rows for a spreadsheet")
    shape.add_argument("--markdown", action="store_true", help="the changes as a table for a text")
