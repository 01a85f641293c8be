"""Peak memory of both sides; what a worker answers is set."""

import pytest
from msgspec.structs import replace

from sebench.runner.measuring import resources
from sebench.runner.measuring.resources import measure_memory
from sebench.runner.workers.session import WorkerDied, WorkerFailed
from sebench.schema import MemoryRun, ModelSpec, Pair, Session, Workload
from sebench.worker.protocol import MemoryMeasured

PAIR = Pair(baseline=ModelSpec(model="toy"), candidate=ModelSpec(model="toy", variant="se"))
SESSION = Session(
    pair=PAIR, workload=Workload(phase="training", batch_size=2, input_shape=(2, 3, 8, 8), threads=3)
)


@pytest.fixture
def asked(monkeypatch):
    """Every question, in order; the candidate's second process does not answer."""
    seen = []

    def ask(request, kind, **how):
        seen.append((request, how))
        if (request.side, request.process) == ("candidate", 1):
            raise how["command"][0]
        run = MemoryRun(process=request.process, side=request.side, peak_bytes=8)
        return MemoryMeasured(run=run)

    monkeypatch.setattr(resources, "ask", ask)
    return seen


@pytest.mark.parametrize("error", [WorkerDied("gone"), WorkerFailed("out of memory")])
def test_each_side_is_measured_twice_and_a_failure_is_a_reason(asked, error):
    found = measure_memory(SESSION, seed=4, command=(error,), timeout_s=600.0)
    runs = [(run.side, run.process, run.peak_bytes, run.error) for run in found.processes]
    assert runs == [
        ("baseline", 0, 8, None),
        ("candidate", 0, 8, None),
        ("baseline", 1, 8, None),
        ("candidate", 1, None, str(error)),
    ]
    assert {how["timeout_s"] for _, how in asked} == {600.0}
    assert {how["environ"]["OMP_NUM_THREADS"] for _, how in asked} == {"3"}
    assert {request.weight_seed for request, _ in asked} == {4}


def test_ranks_are_told_their_place(asked):
    two = replace(SESSION, workload=replace(SESSION.workload, world_size=2))
    measure_memory(two, seed=4, command=(WorkerDied("gone"),), timeout_s=600.0)
    assert asked[0][1]["environ"]["WORLD_SIZE"] == "2"
