"""The terminal app in a browser: a web server on this machine's loopback address, and nothing else."""
