"""What each command does: thin calls into probes, pipeline and reports, imported when needed."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TextIO

from advisor.cli import output
from advisor.cli.exits import Exit, complain

if TYPE_CHECKING:
    from advisor.core.question import Question
    from probes.types import Rig

_MARKDOWN_ROWS = 40


def run(arguments: argparse.Namespace) -> int:
    """Dispatch to the command's function; without a command, the app or the ranking."""
    if arguments.command and (arguments.serve or arguments.port is not None):
        complain(f"--serve and --port show the app: leave out {arguments.command!r}")
        return Exit.BAD_INPUT
    commands: Mapping[str | None, Callable[[argparse.Namespace], int]] = {
        None: _default,
        "probe": _probe,
        "topology": _topology,
        "rig": _rig,
        "rank": _rank,
        "explain": _explain,
        "what-if": _what_if,
        "plot": _plot_curves,
        "upgrade": _upgrade,
        "model": _model,
        "models": _models,
        "compare": _compare,
        "hardware": _hardware,
        "validate": _validate,
        "schema": _schema,
        "settings": _settings,
    }
    from advisor.cli.settings import with_settings

    return with_settings(commands[arguments.command], arguments)


def print_json(document: Mapping[str, Any]) -> None:
    """One document on stdout, indented for a person. NaN is a defect and refused."""
    indent = 1 if _is_terminal(sys.stdout) else None
    output.write_utf8(json.dumps(document, ensure_ascii=False, indent=indent, allow_nan=False))


def _is_terminal(stream: TextIO | None) -> bool:
    """Whether there is such a stream (a closed one is ``None``) and it is a terminal."""
    return stream is not None and stream.isatty()


def _default(arguments: argparse.Namespace) -> int:
    if arguments.serve:
        from advisor.cli.serve import serve

        return serve(arguments, question_of(arguments), _filter_of(arguments))
    if arguments.port is not None:
        complain("--port is the port of --serve; add --serve")
        return Exit.BAD_INPUT
    # Under another driver, such as a browser's, neither stream is a terminal.
    if os.environ.get("TEXTUAL_DRIVER") or (_is_terminal(sys.stdout) and _is_terminal(sys.stdin)):
        # Textual waits for the next of its frames, read once at its import: a ranking need not wait 16 ms.
        os.environ.setdefault("TEXTUAL_FPS", "120")
        from advisor.tui.start import run as run_app

        return run_app(
            getattr(arguments, "rig", None),
            question_of(arguments),
            _filter_of(arguments),
            order=_order_of(arguments),
            view=arguments.open or "ranking",
            loaded=arguments.loaded,
        )
    if arguments.open:
        complain("--open opens the terminal app, and this is no terminal; the views' commands print text")
        return Exit.BAD_INPUT
    arguments.limit = None
    arguments.json = arguments.csv = arguments.markdown = False
    return _rank(arguments)


def question_of(arguments: argparse.Namespace) -> Question:
    """The question in the arguments.

    Raises:
        QuestionError: a value is out of range or unknown.
    """
    from advisor.core.question import Question

    given = {
        field: getattr(arguments, name)
        for field, name in (
            ("context", "context"),
            ("users", "users"),
            ("use", "use"),
            ("kv_type", "kv_type"),
            ("runtime", "runtime"),
            ("depth_tokens", "depth"),
            ("prompt_tokens", "prompt"),
            ("runtime_year", "runtime_version"),
            ("fit_context", "fit_context"),
            ("min_tokens_per_s", "min_speed"),
        )
        if hasattr(arguments, name)
    }
    return Question(**given)


def _filter_of(arguments: argparse.Namespace) -> str:
    return getattr(arguments, "filter", "")


def _order_of(arguments: argparse.Namespace) -> tuple[str, bool]:
    """Name of the sort order, and whether it is reversed."""
    return getattr(arguments, "sort", "score"), getattr(arguments, "reverse", False)


def rig_of(arguments: argparse.Namespace) -> Rig:
    """The rig named by ``--rig``, or this machine; its RAM is measured once and remembered if possible."""
    path = getattr(arguments, "rig", None)
    if path:
        from probes.rigfile import load_rig

        return load_rig(path)
    from probes.probe import probe_rig

    rig = probe_rig()
    if rig.memory.measured_bandwidth_bytes_per_s.known or not rig.memory.total_bytes.known:
        return rig
    from probes.cache import cache_dir, writable

    if writable():
        output.say("first run: measuring the RAM's read bandwidth (up to 2 s) …")
    else:
        try:
            folder = str(cache_dir())
        except RuntimeError:  # no home folder
            folder = "no home folder"
        output.say(
            "measuring the RAM's read bandwidth (up to 2 s); it cannot be remembered "
            f"({folder} is not writable; set RIG_ADVISOR_CACHE_DIR) …"
        )
    return probe_rig(measure=True)


def _probe(arguments: argparse.Namespace) -> int:
    from advisor.cli.probe import run_probe

    return run_probe(arguments)


def _topology(arguments: argparse.Namespace) -> int:
    from advisor.cli.probe import run_topology

    return run_topology(arguments)


def _rig(arguments: argparse.Namespace) -> int:
    from probes.hypothetical import hypothetical_rig
    from probes.rigfile import rig_to_document

    if not arguments.gpu and not arguments.ram and not arguments.cpu:
        complain('name at least one part, for example: rig --gpu "RTX 4090" --ram 2x32GB:DDR5-6000')
        return Exit.BAD_INPUT
    rig = hypothetical_rig(arguments.gpu, arguments.ram, arguments.cpu, name=arguments.name)
    if arguments.json:
        print_json(rig_to_document(rig))
    else:
        from advisor.report.rig_text import probe_text

        output.write(probe_text(rig))
    return Exit.OK


def _rank(arguments: argparse.Namespace) -> int:
    from advisor.core.question import QuestionError

    if arguments.limit is not None and arguments.limit < 1:
        raise QuestionError(f"--limit must be at least 1, not {arguments.limit}")
    question = question_of(arguments)
    from advisor.core.filter import parse_filter

    filter_text = _filter_of(arguments)
    parse_filter(filter_text)  # a mistyped filter is said before the machine is looked at
    rig = rig_of(arguments)
    if not has_hardware(rig):
        return Exit.NO_HARDWARE
    from dataclasses import replace

    from advisor.core.order import ordered
    from advisor.pipeline import rank_rig

    result = rank_rig(rig, question, filter_text)
    result = replace(result, ranking=ordered(result.ranking, *_order_of(arguments)))
    if arguments.json:
        from advisor.report.documents import rank_document

        print_json(rank_document(result, arguments.limit))
    else:
        from advisor.report import text

        if arguments.csv:
            output.write_utf8(text.rank_csv(result, arguments.limit))
        elif arguments.markdown:
            output.write(text.rank_markdown(result, arguments.limit or _MARKDOWN_ROWS))
        else:
            size = shutil.get_terminal_size((100, 40))
            output.write(text.rank_text(result, arguments.limit or max(size.lines - 12, 20), size.columns))
    if not len(result.ranking):
        if arguments.json or arguments.csv or arguments.markdown:  # the text says it itself
            complain(
                f"no model matches the filter {filter_text!r}"
                if filter_text.strip()
                else "no model is fast enough"
            )
        return Exit.NOTHING
    # Models that do not fit are an answer only to who asked for them.
    return Exit.OK if result.ranking.fitting or "fit:none" in filter_text.lower().split() else Exit.NOTHING


def has_hardware(rig: Rig) -> bool:
    """Whether there is anything to estimate for; says what to do where there is not."""
    if rig.memory.total_bytes.known or any(a.vram_bytes.known for a in rig.accelerators):
        return True
    complain(
        "neither RAM nor a GPU could be found here; describe the machine with 'rig-advisor rig' "
        "and pass it with --rig"
    )
    return False


def _explain(arguments: argparse.Namespace) -> int:
    question = question_of(arguments)
    from catalog.models import find_model

    model = find_model(arguments.model)
    if arguments.quant is not None:
        from advisor.knowledge import resolve_quant

        resolve_quant(arguments.quant, model, question)
    rig = rig_of(arguments)
    if not has_hardware(rig):
        return Exit.NO_HARDWARE
    from advisor.explanation import explain

    explanation = explain(rig, question, model, arguments.quant)
    if arguments.json:
        from advisor.report.explain_document import explain_document

        print_json(explain_document(explanation))
    elif arguments.markdown:
        from advisor.report.explain_text import explain_markdown

        output.write(explain_markdown(explanation))
    else:
        from advisor.report.explain_text import explain_text

        output.write(explain_text(explanation, picture=arguments.roofline))
    return Exit.OK if explanation.table.fits[explanation.row] else Exit.NOTHING


def _what_if(arguments: argparse.Namespace) -> int:
    from advisor.cli.what_if import run_what_if

    return run_what_if(arguments)


def _plot_curves(arguments: argparse.Namespace) -> int:
    from advisor.cli.plot import run_plot

    return run_plot(arguments)


def _upgrade(arguments: argparse.Namespace) -> int:
    from advisor.cli.upgrade import run_upgrade

    question = question_of(arguments)
    return run_upgrade(arguments, question)


def _model(arguments: argparse.Namespace) -> int:
    from advisor.report.model_facts import model_document
    from catalog.models import find_model

    document = model_document(find_model(arguments.name))
    if arguments.json:
        print_json(document)
    else:
        from advisor.report.model_text import model_text

        output.write(model_text(document))
    return Exit.OK


def _models(arguments: argparse.Namespace) -> int:
    from advisor.cli.models import run_models

    return run_models(arguments)


def _compare(arguments: argparse.Namespace) -> int:
    from advisor.cli.compare import run_compare

    return run_compare(arguments)


def _hardware(arguments: argparse.Namespace) -> int:
    from advisor.report.facts import hardware_document, hardware_text

    document = hardware_document(arguments.name)
    if arguments.json:
        print_json(document)
    else:
        output.write(hardware_text(document))
    return Exit.OK


def _validate(arguments: argparse.Namespace) -> int:
    from advisor.cli.validate import run_validate

    return run_validate(arguments)


def _settings(arguments: argparse.Namespace) -> int:
    from advisor.cli.settings import run_settings

    return run_settings(arguments)


def _schema(arguments: argparse.Namespace) -> int:
    from advisor.report.schemas import schema_document, schema_names

    if arguments.name is None:
        print_json({name: schema_document(name) for name in schema_names()})
        return Exit.OK
    if arguments.name not in schema_names():
        complain(f"no schema is called {arguments.name!r}; known: {', '.join(schema_names())}")
        return Exit.BAD_INPUT
    print_json(schema_document(arguments.name))
    return Exit.OK
