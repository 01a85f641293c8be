"""From names and numbers to a checked plan: networks, workloads, how much is measured. Nothing is built."""
