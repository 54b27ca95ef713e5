"""Writing a picture: SVG as it is, PNG where the renderer is installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

KINDS = (".svg", ".png")


class PictureError(Exception):
    """A picture cannot be written; the text says why and what to do."""


def check_picture(path: Path) -> None:
    """Complain of a name that no picture can be written to, before the work is done.

    Raises:
        PictureError: the ending is not known, or PNG cannot be made here.
    """
    if path.suffix.lower() not in KINDS:
        raise PictureError(f"{path}: a picture's name ends in .svg or .png")
    if path.suffix.lower() == ".png":
        _renderer()


def write_picture(path: Path, svg: str) -> None:
    """Write an SVG under a name that ends in .svg, or drawn as PNG under one that ends in .png.

    Raises:
        PictureError: the file cannot be written, or PNG cannot be made here.
    """
    data = png_of(svg) if path.suffix.lower() == ".png" else svg.encode("utf-8")
    try:
        path.write_bytes(data)
    except OSError as error:
        raise PictureError(f"{path}: cannot be written ({error.strerror}); choose another place") from error


def png_of(svg: str) -> bytes:
    """The picture as PNG at twice its size, with the fonts of this machine.

    Raises:
        PictureError: the renderer is not installed.
    """
    return bytes(_renderer()(svg_string=svg, zoom=2.0))


def _renderer() -> Callable[..., bytes]:
    try:
        from resvg_py import svg_to_bytes
    except ImportError as error:
        raise PictureError(
            "PNG needs resvg-py, which is not installed: 'pip install resvg-py', or write a .svg"
        ) from error
    return cast(Callable[..., bytes], svg_to_bytes)
