"""Every Python process of sebench that finds this first believes that nobody else uses the machine.

Blocks during which the hypervisor or a quota took time do not count. On a busy machine that may be all of
them, and then there is no interval for a test to look at.
"""

import sys

# pytest itself measures nothing, and wants to see a plugin's package imported first by itself.
if "pytest" not in sys.orig_argv:
    import dataclasses

    from sebench.profilers import probes

    _read_probe = probes.read_probe

    def read_quiet_probe(*args, **kwargs):
        """What belongs to this process alone."""
        probe = _read_probe(*args, **kwargs)
        return dataclasses.replace(probe, boottime_s=None, ticks=None, machine=None, throttled_periods=None)

    probes.read_probe = read_quiet_probe
