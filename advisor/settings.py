"""The user's settings: how things are shown, what is asked by default, and which keys do what.

A value comes from a flag, else from the environment, else from the file, else it is built in.  The
file is ``settings.toml`` in the platform's configuration folder, or what ``RIG_ADVISOR_CONFIG``
names.  Only the standard library is imported, and the parser of the file only where there is a file.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

CONFIG_VARIABLE = "RIG_ADVISOR_CONFIG"
"""Names the file of settings; one that is not there is as an empty one."""
_FILE_NAME = "settings.toml"
_MAX_BYTES = 1024**2
UNITS = ("GiB", "GB")
GLYPHS = ("auto", "unicode", "ascii")
NO_COLOR_THEME = "ansi-dark"
"""Textual's theme of the terminal's own colours, which under ``NO_COLOR`` sends none."""
SORTS = ("score", "speed", "memory", "params", "ttft", "name", "quant", "fit", "active", "context")
USES = ("chat", "coding", "agent", "rag", "reasoning")


class SettingsError(ValueError):
    """A setting cannot be used; the text says where it stands and what to write."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set; the defaults here are those that are built in."""

    theme: str = "dark"
    units: str = "GiB"
    """Of memory sizes; bandwidths are always GB/s."""
    glyphs: str = "auto"
    context: int = 8_192
    """Tokens per user."""
    users: int = 1
    use: str = "chat"
    kv_type: str = "f16"
    runtime: str = "llama.cpp"
    min_speed: float = 0.0
    """Least decode tokens/s per user; 0 for any."""
    sort: str = "score"
    keys: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Keys by id of the binding, where they are not the built-in ones."""


BUILT_IN = Settings()
LOOKS = ("theme", "units", "glyphs")
DEFAULTS = ("context", "users", "use", "kv_type", "runtime", "min_speed", "sort")
NAMES = (*LOOKS, *DEFAULTS)
"""The settings besides the keys, in the order in which they are shown and written."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings in effect, and where each of them comes from."""

    settings: Settings
    path: Path
    found: bool
    """Whether there is a file."""
    in_file: Settings = BUILT_IN
    """What the file says, the built-in values for what it does not say."""
    set_in_file: frozenset[str] = frozenset()
    variables: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Variable of the environment that set a value, by the name of the setting."""

    def source(self, name: str) -> str:
        """Where a setting comes from: ``environment``, ``file`` or ``default``."""
        if name in self.variables:
            return "environment"
        return "file" if name in self.set_in_file else "default"


def settings_path(environment: Mapping[str, str] | None = None, platform: str | None = None) -> Path:
    """The file of settings: ``RIG_ADVISOR_CONFIG``, else in the platform's own place."""
    env = os.environ if environment is None else environment
    system = sys.platform if platform is None else platform
    override = env.get(CONFIG_VARIABLE)
    if override:
        return Path(override)
    if system == "win32":
        base = env.get("LOCALAPPDATA")
        return (Path(base) / "rig-advisor" if base else Path.home() / ".rig-advisor") / _FILE_NAME
    if system == "darwin":
        return Path.home() / "Library" / "Application Support" / "rig-advisor" / _FILE_NAME
    xdg = env.get("XDG_CONFIG_HOME")
    # The XDG specification has relative paths ignored.
    folder = Path(xdg) if xdg and Path(xdg).is_absolute() else Path.home() / ".config"
    return folder / "rig-advisor" / _FILE_NAME


def load(environment: Mapping[str, str] | None = None) -> Loaded:
    """The settings in effect.

    Raises:
        SettingsError: the file or a variable of the environment says something that cannot be used.
    """
    env = os.environ if environment is None else environment
    try:
        path = settings_path(env)
    except RuntimeError:  # no home folder: there is no file either
        path = Path(_FILE_NAME)
        document = None
    else:
        document = read_document(path)
    stated = flatten(document or {}, str(path))
    in_file = BUILT_IN
    for name, value in stated.items():
        in_file = changed(in_file, name, value, str(path))
    check_together(in_file, str(path))
    effective, variables = in_file, {}
    for name in NAMES:
        for variable in _variables(name):
            text = env.get(variable, "").strip()
            if text:
                effective = changed(effective, name, _switch(variable, text), f"the environment ({variable})")
                variables[name] = variable
                break
    if "NO_COLOR" in env:
        effective, variables["theme"] = replace(effective, theme=NO_COLOR_THEME), "NO_COLOR"
    check_together(effective, "the environment" if variables else str(path))
    named = frozenset("keys" if name.startswith("keys.") else name for name in stated) | stated.keys()
    return Loaded(effective, path, document is not None, in_file, named, MappingProxyType(variables))


def _variables(name: str) -> tuple[str, ...]:
    own = f"RIG_ADVISOR_{name.upper()}"
    # Older than the setting, and a switch: 1 for ASCII, 0 for Unicode.
    return (own, "RIG_ADVISOR_ASCII") if name == "glyphs" else (own,)


def _switch(variable: str, text: str) -> str:
    if variable != "RIG_ADVISOR_ASCII":
        return text
    return "unicode" if text.lower() in ("0", "no", "false") else "ascii"


def read_document(path: Path) -> dict[str, Any] | None:
    """The file as it stands; ``None`` where there is none.

    Raises:
        SettingsError: it cannot be read or is no TOML.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError(
            f"{path}: the settings cannot be read ({error.strerror or error}); "
            f"give access or name another file with {CONFIG_VARIABLE}"
        ) from None
    if len(data) > _MAX_BYTES:
        raise SettingsError(f"{path}: larger than 1 MiB, so no file of settings; move it away")
    import tomllib

    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise SettingsError(
            f"{path}: no valid TOML ({error}); correct it or move it away: it is left as it is"
        ) from None


def flatten(document: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The values of a file by the name of their setting; those of keys are ``keys.ID``.

    Raises:
        SettingsError: a name that there is not, with the nearest that there is.
    """
    found: dict[str, Any] = {}
    for name, value in document.items():
        if name == "defaults" and isinstance(value, dict):
            for inner, default in value.items():
                if inner not in DEFAULTS:
                    raise SettingsError(f"{where}: unknown default {inner!r}; {_near(inner, DEFAULTS)}")
                found[inner] = default
        elif name == "keys" and isinstance(value, dict):
            found.update(_flat_keys(value, "keys."))
        elif name in LOOKS:
            found[name] = value
        elif name in DEFAULTS:
            raise SettingsError(f"{where}: {name} belongs below a line [defaults]; move it there")
        elif name in ("defaults", "keys"):
            raise SettingsError(f"{where}: {name} must be a table; write its lines below [{name}]")
        else:
            known = (*LOOKS, "defaults", "keys")
            raise SettingsError(f"{where}: unknown setting {name!r}; {_near(name, known)}")
    return found


def _flat_keys(table: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Ids may be quoted or written as tables of tables: both read alike."""
    found: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            found.update(_flat_keys(value, f"{prefix}{name}."))
        else:
            found[prefix + name] = value
    return found


def _near(name: str, known: tuple[str, ...]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"write one of: {', '.join(known)}"


def changed(settings: Settings, name: str, value: Any, where: str) -> Settings:
    """Settings with another value of one of them, given as a file or a person has it.

    Raises:
        SettingsError: there is no such setting, or it cannot have this value.
    """
    name = name.removeprefix("defaults.")
    if name.startswith("keys.") and len(name) > len("keys."):
        if isinstance(value, list) and all(isinstance(key, str) for key in value):
            value = ",".join(value)
        if not isinstance(value, str) or not value.strip():
            raise SettingsError(f'{where}: {name} must be a key, such as "x" or "ctrl+x,f5", not {value!r}')
        keys = {**settings.keys, name.removeprefix("keys."): value.strip()}
        return replace(settings, keys=MappingProxyType(keys))
    if name not in NAMES:
        raise SettingsError(f"{where}: unknown setting {name!r}; {_near(name, NAMES)}")
    checked: Any
    if name in ("context", "users"):
        checked = _count(name, value, where)
    elif name == "min_speed":
        checked = _speed(value, where)
    else:
        checked = _text(name, value, where)
    # The fields are named here, not typed: each was checked above.
    values: dict[str, Any] = {f.name: getattr(settings, f.name) for f in fields(Settings)}
    return Settings(**(values | {name: checked}))


def _text(name: str, value: Any, where: str) -> str:
    choices: dict[str, tuple[str, ...]] = {"units": UNITS, "glyphs": GLYPHS, "use": USES, "sort": SORTS}
    if not isinstance(value, str) or not value.strip():
        raise SettingsError(f"{where}: {name} must be text, not {value!r}")
    text = value.strip()
    known = choices.get(name)
    if known is None:
        return text
    same = [choice for choice in known if choice.lower() == text.lower()]
    if not same:
        raise SettingsError(f"{where}: {name} cannot be {text!r}; {_near(text, known)}")
    return same[0]


def _count(name: str, value: Any, where: str) -> int:
    number: int | None = value if isinstance(value, int) and not isinstance(value, bool) else None
    if isinstance(value, str):
        text = value.strip().lower()
        scale = {"k": 1024, "m": 1024**2}.get(text[-1:], 1) if name == "context" else 1
        digits = text[:-1] if scale > 1 else text
        number = int(digits) * scale if digits.isascii() and digits.isdigit() and len(digits) < 12 else None
    example = "8192 or 32k" if name == "context" else "1 or 4"
    if number is None:
        raise SettingsError(f"{where}: {name} must be a whole number, such as {example}, not {value!r}")
    return number


def _speed(value: Any, where: str) -> float:
    try:
        number = float(value) if not isinstance(value, bool | list | dict) else -1.0
    except (TypeError, ValueError, OverflowError):
        number = -1.0
    if not 0 <= number <= 100_000:
        raise SettingsError(f"{where}: min_speed must be 0 to 100,000 tokens/s, not {value!r}; 0 is any")
    return number


def check_together(settings: Settings, where: str) -> None:
    """See that the defaults make a question that can be asked.

    Raises:
        SettingsError: they do not.
    """
    if all(getattr(settings, name) == getattr(BUILT_IN, name) for name in DEFAULTS):
        return
    from advisor.core.question import Question, QuestionError

    try:
        Question(
            context=settings.context,
            users=settings.users,
            use=settings.use,
            kv_type=settings.kv_type,
            runtime=settings.runtime,
        )
    except QuestionError as error:
        raise SettingsError(f"{where}: {error}") from None


def reset(settings: Settings, name: str) -> Settings:
    """Settings with the built-in value of one of them; ``keys`` for all keys.

    Raises:
        SettingsError: there is no such setting.
    """
    name = name.removeprefix("defaults.")
    if name == "keys":
        return replace(settings, keys=BUILT_IN.keys)
    if name.startswith("keys."):
        kept = {k: v for k, v in settings.keys.items() if k != name.removeprefix("keys.")}
        return replace(settings, keys=MappingProxyType(kept))
    if name not in NAMES:
        raise SettingsError(f"unknown setting {name!r}; {_near(name, (*NAMES, 'keys'))}")
    values: dict[str, Any] = {f.name: getattr(settings, f.name) for f in fields(Settings)}
    return Settings(**(values | {name: getattr(BUILT_IN, name)}))
