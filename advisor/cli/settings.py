"""``settings``: what is in effect, where it comes from, and changing it without the app."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from advisor.cli import output
from advisor.cli.exits import Exit
from advisor.report.format import UNITS, sizes_in
from advisor.settings import DEFAULTS, Loaded, SettingsError, changed, load, reset, settings_path

if TYPE_CHECKING:
    from advisor.settings import Settings

HELP = "what is set, where it comes from, and changing it"
DOES = (
    "Without an action: the settings in effect and where each comes from (flag, environment, file, default). "
    "'set NAME VALUE' and 'reset [NAME]' change the file; without a name, all of it is reset. Names: theme, "
    "units, glyphs, context, users, use, kv_type, runtime, min_speed, sort, and keys.ID for a key of the app."
)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``settings``."""
    parser.add_argument("action", nargs="?", choices=("set", "reset"), metavar="set|reset")
    parser.add_argument("name", nargs="?", metavar="NAME")
    parser.add_argument("value", nargs="?", metavar="VALUE")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


_UNSET = ("schema", "settings")
"""Commands that a broken file of settings must not keep from running."""


def with_settings(command: Callable[[argparse.Namespace], int], arguments: argparse.Namespace) -> int:
    """Run a command with what is set: defaults of its options, and the unit of memory sizes.

    Raises:
        SettingsError: something is set that cannot be used.
    """
    if arguments.command in _UNSET:
        return command(arguments)
    arguments.loaded = loaded = load()
    apply_defaults(arguments, loaded)
    with sizes_in(UNITS[loaded.settings.units]):
        return command(arguments)


def apply_defaults(arguments: argparse.Namespace, loaded: Loaded) -> None:
    """Let what the user set stand for the options that were not given.

    A cache type that the runtime of a flag does not have is left out, and so is everything that
    ``upgrade`` cannot search for: a default must not make a command fail that names nothing of it.
    """
    settings = loaded.settings
    values = {name: getattr(settings, name) for name in DEFAULTS if loaded.source(name) != "default"}
    if "runtime" in arguments or "kv_type" in arguments or "users" in arguments:
        values = _possible(arguments, values)
    if arguments.command == "upgrade":
        values.pop("runtime", None)
        values.pop("min_speed", None)
    for name, value in values.items():
        if name not in arguments:
            setattr(arguments, name, value)


def _possible(arguments: argparse.Namespace, values: dict[str, object]) -> dict[str, object]:
    """The defaults that go together with the flags."""
    from advisor.core.runtimes import RUNTIME, RuntimeUnknownError, resolve_runtime

    try:
        runtime = RUNTIME[
            resolve_runtime(str(getattr(arguments, "runtime", values.get("runtime", "llama.cpp"))))
        ]
    except RuntimeUnknownError:  # said when the question is made
        return values
    kept = dict(values)
    if kept.get("kv_type", runtime.kv_types[0]) not in runtime.kv_types:
        del kept["kv_type"]
    given = getattr(arguments, "kv_type", None)
    if given is not None and given not in runtime.kv_types and "runtime" not in arguments:
        kept.pop("runtime", None)
    users = getattr(arguments, "users", None)
    if users is not None and users > 1 and not runtime.many_users and "runtime" not in arguments:
        kept.pop("runtime", None)
    if not runtime.many_users and "runtime" in arguments:
        kept.pop("users", None)
    return kept


def run_settings(arguments: argparse.Namespace) -> int:
    """Print, or change the file and say where.

    Raises:
        SettingsError: bad input, or a file that cannot be understood or written.
    """
    if arguments.action is None:
        loaded = load()
        if loaded.settings.keys or loaded.settings.theme != "dark":
            from advisor.tui.settings import check_loaded

            check_loaded(loaded)
        from advisor.report.settings_text import settings_document, settings_text

        if arguments.json:
            from advisor.cli.run import print_json

            print_json(settings_document(loaded))
        else:
            output.write(settings_text(loaded))
        return Exit.OK
    loaded = load()
    before = loaded.in_file
    if arguments.action == "reset":
        if arguments.value is not None:
            raise SettingsError(f"reset takes one name; to set a value: settings set {arguments.name} …")
        after = reset(before, arguments.name) if arguments.name else type(before)()
    else:
        if arguments.name is None or arguments.value is None:
            raise SettingsError("set takes a name and a value, for example: settings set theme light")
        after = checked(before, arguments.name, arguments.value)
    from advisor.settings_file import save

    try:
        path = settings_path()
    except RuntimeError:
        raise SettingsError("there is no home folder; name a file with RIG_ADVISOR_CONFIG") from None
    backup = save(after, path)
    output.write(f"written to {path}" + (f"; the file before is {backup}" if backup else ""))
    return Exit.OK


def checked(settings: Settings, name: str, value: str) -> Settings:
    """Settings with one value changed, all of them possible together.

    Raises:
        SettingsError: they are not.
    """
    from advisor.settings import check_together

    after = changed(settings, name, value, "settings set")
    check_together(after, "settings set")
    check_names(after, "settings set")
    return after


def check_names(settings: Settings, where: str) -> None:
    """Refuse a theme, binding or key that the app does not have.  Looks at the app only where needed.

    Raises:
        SettingsError: there is none; the text names the nearest.
    """
    if settings.keys or settings.theme != "dark":
        from advisor.tui.settings import check_names as check

        check(settings, where)
