"""Facts of this machine: what was detected, how, and how sure; produces a ``Rig``.

Probes read; they never judge, never write outside their cache folder, never use the network.
"""
