"""``cudagraph``: the whole step recorded once as a CUDA graph, and replayed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import torch
from torch import nn

from sebench.profilers.runtimes.eager import Batch, PreparedStep, nothing, torch_step
from sebench.schema import Workload

T = TypeVar("T")
_WARMUP_STEPS = 3


def prepare(module: nn.Module, batch: Batch, workload: Workload, /) -> PreparedStep:
    """See `Prepare`: the step is captured before it is handed over."""
    # No event can be recorded for the host inside a graph, so its steps are not split.
    prepared = torch_step(module, replace(batch, mark=nothing), workload)
    return PreparedStep(captured(prepared.run), prepared.held)


def captured(step: Callable[[], T]) -> Callable[[], T]:
    """`step` recorded as one CUDA graph; calling it replays the graph on the tensors of the recording.

    Warm-up runs on a stream of its own, as capturing needs (torch's notes on CUDA graphs).
    """
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(_WARMUP_STEPS):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        output = step()

    def replay() -> T:
        graph.replay()
        return output

    return replay
