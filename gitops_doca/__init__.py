"""Per-pool DOCA driver DaemonSets from a policy, a node inventory and a registry, ahead of time."""

__version__ = "0.1.0"
