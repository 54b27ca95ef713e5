"""Judgment: bytes → placement → time → ranking → what-if; then CLI, JSON and TUI over it."""

__version__ = "0.1.0"
