"""Sweeps on a Ray cluster: the runner talks to Ray's driver, that to one actor per node, and that to sebench.

Each is a process of its own: Ray prints to standard output, waits without an end, sets threads by its own
count of processors and runs what crashed again.
"""

from sebench.runner.sweeping.ray.executor import RayExecutor, labels_of, require_cluster, require_reachable

__all__ = ["RayExecutor", "labels_of", "require_cluster", "require_reachable"]
