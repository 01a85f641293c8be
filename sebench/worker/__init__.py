"""The measuring process: one request in, blocks out; it builds and measures, nothing else."""
