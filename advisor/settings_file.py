"""Writing the file of settings: as a whole or not at all, with the file before it kept beside it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from advisor.settings import BUILT_IN, DEFAULTS, LOOKS, Settings, SettingsError, flatten, read_document

_HEAD = "# Settings of rig-advisor; what is not here is as built in.  See: rig-advisor settings --help"


def settings_text(settings: Settings) -> str:
    """The file for these settings: only what is not as built in, in a fixed order."""
    lines = [_HEAD]
    lines += [_line(n, getattr(settings, n)) for n in LOOKS if getattr(settings, n) != getattr(BUILT_IN, n)]
    defaults = [n for n in DEFAULTS if getattr(settings, n) != getattr(BUILT_IN, n)]
    if defaults:
        lines += ["", "[defaults]", *(_line(n, getattr(settings, n)) for n in defaults)]
    if settings.keys:
        lines += ["", "[keys]"]
        lines += [f"{_quoted(name)} = {_quoted(key)}" for name, key in sorted(settings.keys.items())]
    return "\n".join(lines) + "\n"


def _line(name: str, value: str | int | float) -> str:
    if isinstance(value, str):
        return f"{name} = {_quoted(value)}"
    # repr of a float is the shortest text that reads as the same number, and TOML's form of it.
    return f"{name} = {value!r}"


def _quoted(text: str) -> str:
    """A basic string of TOML: control characters, quotes and backslashes escaped."""
    escaped = "".join(
        f"\\{c}" if c in '"\\' else f"\\u{ord(c):04x}" if ord(c) < 0x20 or ord(c) == 0x7F else c for c in text
    )
    return f'"{escaped}"'


def save(settings: Settings, path: Path) -> Path | None:
    """Write the settings; the file that is replaced stays beside it with ``.bak`` behind its name.

    Returns:
        The path of the copy; ``None`` where there was no file or nothing changes.

    Raises:
        SettingsError: the file there cannot be understood, or cannot be written; it is as before.
    """
    text = settings_text(settings)
    before = read_document(path)  # a file that we cannot read is not ours to replace
    if before is not None:
        flatten(before, str(path))
    backup: Path | None = None
    temporary: str | None = None
    import tempfile

    try:
        target = path.resolve()  # a link stays a link
        target.parent.mkdir(parents=True, exist_ok=True)
        if before is not None:
            old = target.read_bytes()
            if old == text.encode("utf-8"):
                return None
            backup = target.with_name(target.name + ".bak")
            backup.write_bytes(old)
        descriptor, temporary = tempfile.mkstemp(prefix=target.name, dir=target.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(target)
    except OSError as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
        raise SettingsError(
            f"{path}: not written ({error.strerror or error}); nothing has changed there"
        ) from None
    return backup
