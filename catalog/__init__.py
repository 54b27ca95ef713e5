"""Facts of the world: models, quantizations, accelerators, CPUs, memory, efficiencies.

The catalog is data files plus typed loaders.  It never looks at the machine it runs on and imports
neither ``probes`` nor ``advisor``.
"""
