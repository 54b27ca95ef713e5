"""The app's own themes: dark, light and high contrast; every other theme of Textual works as well."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from textual.theme import Theme

DARK = Theme(
    name="rig-dark",
    primary="#5ab0f2",
    secondary="#929eb2",
    accent="#c792ea",
    warning="#f0a64a",
    error="#f0716e",
    success="#7ac77a",
    foreground="#d9dee7",
    background="#12161d",
    surface="#181d26",
    panel="#222936",
    dark=True,
    variables={
        "foreground-muted": "#9aa4b5",
        "primary-muted": "#1c3247",
        "border": "#3a4456",
        "border-blurred": "#2b3342",
        "block-cursor-blurred-background": "#222936",
        "input-cursor-background": "#d9dee7",
    },
)

LIGHT = Theme(
    name="rig-light",
    primary="#0a5ca3",
    secondary="#525c6b",
    accent="#8438b8",
    warning="#8a4900",
    error="#b02424",
    success="#196332",
    foreground="#1d232c",
    background="#f7f8fa",
    surface="#eef0f4",
    panel="#e1e5ec",
    dark=False,
    variables={
        "foreground-muted": "#4a5464",
        "primary-muted": "#d3e3f3",
        "border": "#b7c0cd",
        "border-blurred": "#ccd3dd",
        "block-cursor-blurred-background": "#e1e5ec",
    },
)

HIGH_CONTRAST = Theme(
    name="rig-high-contrast",
    primary="#7cc7ff",
    secondary="#d0d6e0",
    accent="#e3b3ff",
    warning="#ffc04d",
    error="#ff9c9c",
    success="#7dff8a",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#1a1a1a",
    dark=True,
    variables={
        "foreground-muted": "#d8d8d8",
        "text-muted": "#d8d8d8",
        "primary-muted": "#002a4d",
        "border": "#ffffff",
        "border-blurred": "#c8c8c8",
        "block-cursor-blurred-background": "#2a2a2a",
        "input-cursor-background": "#ffffff",
    },
)

OWN: Mapping[str, tuple[Theme, str]] = MappingProxyType(
    {
        "dark": (DARK, "Light text on dark"),
        "light": (LIGHT, "Dark text on light"),
        "high-contrast": (HIGH_CONTRAST, "White and bright colours on black"),
    }
)
"""By the name of the setting, with what it looks like."""
