"""The terminal app (Textual): it draws what ``advisor.pipeline`` computes and holds no formula."""
