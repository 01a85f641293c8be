"""From a plan to results: counts, worker processes, raw samples.

Import the submodules: `plan` and `counting` are light, `measuring` brings numpy and scipy; none brings
torch before something is counted.
"""
