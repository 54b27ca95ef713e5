"""The fit: from published measurements to the efficiencies that ship, with the error it leaves.

    python -m advisor.fitting [--check]

Reads ``catalog/data/measurements``, writes ``catalog/data/efficiencies.json`` and the accuracy report.
"""
