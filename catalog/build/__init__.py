"""Scripts that regenerate the shipped data from source files; nothing here is imported at run time."""
