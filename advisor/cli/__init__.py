"""The command line: arguments in, one document on stdout, narration on stderr, an exit code."""
