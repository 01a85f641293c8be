"""Memory as metrics: exact where every fresh process says the same."""

from sebench.analysis.memory import memory_metrics, saved_by_stage, saved_metric
from sebench.schema import MemoryMeasurement, MemoryRun, SavedBytes, SavedForBackward, Workload

WORKLOAD = Workload(phase="training", batch_size=8, input_shape=(8, 3, 224, 224))


def run(side, number=0, **fields):
    return MemoryRun(process=number, side=side, **fields)


def metrics(*runs):
    return {m.metric: m for m in memory_metrics(MemoryMeasurement(workload=WORKLOAD, processes=runs))}


def test_what_repeats_is_exact():
    found = metrics(
        run("baseline", 0, peak_bytes=1000, resident_bytes=2000),
        run("candidate", 0, peak_bytes=1100, resident_bytes=2300),
        run("baseline", 1, peak_bytes=1000, resident_bytes=2002),
        run("candidate", 1, peak_bytes=1100, resident_bytes=2302),
    )
    peak, resident = found["peak_memory"], found["resident_memory"]
    assert list(found) == ["peak_memory", "resident_memory"]
    assert (peak.exact, peak.ratio.estimate, peak.difference.estimate) == (True, 1.1, 100)
    assert (peak.ratio.method, peak.baseline.n, peak.unit, peak.workload) == ("exact", 2, "B", WORKLOAD)
    # medians 2001 and 2301, for information
    assert (resident.exact, resident.difference.estimate, resident.ratio.ci_low) == (False, 300, None)
    assert resident.findings == ()


def test_what_varies_is_said_and_no_longer_exact():
    found = metrics(
        run("baseline", peak_bytes=1000),
        run("candidate", peak_bytes=1100),
        run("baseline", 1, peak_bytes=1001),
    )
    peak = found["peak_memory"]
    assert (peak.exact, [f.code for f in peak.findings]) == (False, ["memory-varies"])


def test_nothing_measured_is_unavailable_with_the_reason_never_zero():
    (peak,) = metrics(run("baseline", error="out of memory"), run("candidate", peak_bytes=1)).values()
    assert (peak.status, peak.reason, peak.baseline.value) == ("unavailable", "out of memory", None)
    (peak,) = metrics().values()
    assert peak.reason == "torch reports no allocations here"


def test_saved_bytes_are_counted():
    def kept(*sizes):
        return tuple(SavedBytes(stage="2", site=None, saved_bytes=size) for size in sizes)

    metric = saved_metric(
        SavedForBackward(workload=WORKLOAD, baseline=kept(100, 200), candidate=kept(100, 260))
    )
    assert (metric.exact, metric.baseline.value, metric.candidate.value, metric.ratio.estimate) == (
        True,
        300,
        360,
        1.2,
    )


def test_saved_bytes_by_stage_add_up_over_modules_and_sites():
    def kept(*rows):
        return tuple(SavedBytes(stage=stage, site=site, saved_bytes=size) for stage, site, size in rows)

    stages = saved_by_stage(
        SavedForBackward(
            workload=WORKLOAD,
            baseline=kept(("stem", None, 10), ("2", None, 100)),
            candidate=kept(("stem", None, 10), ("2", None, 100), ("2", "a.se", 30), ("3", "b.se", 7)),
        )
    )
    assert [(s.stage, s.baseline_bytes, s.candidate_bytes) for s in stages] == [
        ("stem", 10, 10), ("2", 100, 130), ("3", 0, 7),
    ]  # fmt: skip
