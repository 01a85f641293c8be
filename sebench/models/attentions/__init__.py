"""The kinds of attention beside SE: one file each, from the paper that its docstring cites.

Throughout, C channels of a map of H x W pixels are attended to, and h is the width of a bottleneck.
"""
