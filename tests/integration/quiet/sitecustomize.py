"""Every Python process of sebench that finds this first believes that nobody else uses the machine.

Blocks during which the hypervisor or a quota took time do not count. On a busy machine that may be all of
them, and then there is no interval for a test to look at.

Where ``SEBENCH_TESTS_FEWEST_BLOCKS`` is set, it also measures no more blocks than it must (fewest_blocks.py).
Where ``SEBENCH_TESTS_SMALL_MATRIX`` is, the machine's rates are those of small matrices and short copies:
many a CPU takes a minute for the matrices of a profile in half precision.
"""

import os
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

    is_worker = "-P" in sys.orig_argv
    # The workers, which start the fastest without it, measure as many as they are told.
    if os.environ.get("SEBENCH_TESTS_FEWEST_BLOCKS") and not is_worker:
        import fewest_blocks

        fewest_blocks.pytest_configure()
    if os.environ.get("SEBENCH_TESTS_SMALL_MATRIX") and is_worker:
        from sebench.profilers import roofline

        roofline.MATMUL_SIDE = 128
        roofline.COPY_BYTES = 2**20
