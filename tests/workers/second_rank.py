"""Rank 1 of a single training step: ``second_rank.py PORT MICRO_BATCH_SIZE``; prints a gradient as JSON."""

import json
import sys

import torch
from torch import nn

from sebench.inputs import Inputs
from sebench.profilers.distributed import process_group, reach_store
from sebench.profilers.inputs import make_input, make_targets
from sebench.profilers.workload import training_step
from sebench.schema import Workload

SHAPE = (12, 3, 4, 4)


def network():
    """Without batch norm, whose statistics are each rank's own."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(48, 5))


if __name__ == "__main__":
    port, micro_batch_size = int(sys.argv[1]), int(sys.argv[2]) or None
    workload = Workload(
        phase="training",
        batch_size=SHAPE[0],
        input_shape=SHAPE,
        world_size=2,
        micro_batch_size=micro_batch_size,
    )
    store = reach_store(port, timeout_s=600.0)
    with process_group(store, rank=1, world_size=2, device="cpu", timeout_s=600.0):
        module = network()
        batch = make_input(workload, seed=4, rank=1)
        training_step(
            module, Inputs((batch,)), make_targets(workload, module(batch), seed=4, rank=1), workload
        )()
        sys.stdout.write(json.dumps(module[1].bias.grad.tolist()) + "\n")
