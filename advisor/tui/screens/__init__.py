"""Screens: each owns its bindings and draws the app's state."""
