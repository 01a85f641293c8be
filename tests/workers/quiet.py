"""The counters of a machine on which nobody else does anything."""

import time

from sebench.profilers.probes import Probe


def quiet_probe(**_where):
    """Only time passes."""
    return Probe(
        monotonic_s=time.monotonic(),
        boottime_s=None,
        process_cpu_s=time.process_time(),
        cpus=None,
        ticks=None,
        machine=None,
        throttled_periods=None,
    )
