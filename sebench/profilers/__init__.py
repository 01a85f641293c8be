"""What a clock and the host can tell: devices, interleaved timing, the machine and its noise.

Import the submodules: `cpu`, `workload` and `runtime` bring torch, the others do not.
"""
