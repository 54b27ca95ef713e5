"""Widgets: pure line-drawing functions and the thin widgets that show them."""
