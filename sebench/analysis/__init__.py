"""What follows from stored values: cost breakdowns, comparisons, grades. Pure, and free of torch.

Import the submodules: `costs` is light, `comparison` brings numpy and scipy.
"""
