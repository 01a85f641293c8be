"""Training of networks side by side: the paper's recipe, data, the loop, checkpoints and curves."""
