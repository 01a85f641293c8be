"""Images per second and percentiles of single steps, from times that are chosen."""

import math

import pytest
from msgspec.structs import replace

from sebench.analysis.change import changes
from sebench.analysis.comparison import compare
from sebench.analysis.series import select_series
from sebench.analysis.trend import trend
from sebench.schema import Block, Segment, Workload
from tests import samples

BATCH = Workload(batch_size=8, input_shape=(8, 3, 224, 224), threads=2)


def metrics(measured, **fields):
    return {metric.metric: metric for metric in compare(samples.result(measured, **fields)).metrics}


def even_process(ratio, number, blocks=4):
    return samples.process([samples.block(0.05, 0.05 * ratio)] * blocks, number)


# --- throughput -----------------------------------------------------------------------------------------


def test_throughput_is_the_inverse_of_latency():
    ratios = (1.00, 1.01, 1.02, 1.03, 1.04, 1.05)
    runs = [even_process(ratio, number) for number, ratio in enumerate(ratios)]
    found = metrics(replace(samples.measurement(runs), workload=BATCH))
    latency, throughput = found["latency"], found["throughput"]
    assert throughput.baseline.value == pytest.approx(160)  # 8 images / 50 ms
    # The slow quarter of the steps, 51.75 ms and above, is the low quartile.
    assert throughput.candidate.q1 == pytest.approx(8 / latency.candidate.q3)
    assert throughput.candidate.q3 == pytest.approx(8 / latency.candidate.q1)
    assert throughput.ratio.estimate == 1 / latency.ratio.estimate
    assert (throughput.ratio.ci_low, throughput.ratio.ci_high) == (
        *(1 / latency.ratio.ci_high, 1 / latency.ratio.ci_low),
    )
    assert (throughput.unit, throughput.grade, throughput.exact) == ("images/s", latency.grade, False)
    # Mean over processes of 160 / ratio - 160
    expected = sum(160 / ratio - 160 for ratio in ratios) / 6
    assert throughput.difference.estimate == pytest.approx(expected)
    assert throughput.difference.ci_low < expected < throughput.difference.ci_high < 0


def test_throughput_of_too_few_blocks_has_no_interval():
    found = metrics(samples.measurement([even_process(1.1, 0, blocks=2)]))
    assert found["throughput"].ratio.estimate == pytest.approx(1 / 1.1)
    assert found["throughput"].ratio.ci_low is None
    assert found["throughput"].reason == found["latency"].reason
    assert found["throughput"].reason


def test_nothing_measured_is_one_row_and_no_rate():
    names = metrics(samples.measurement([samples.process([], error="out of memory")]))
    assert "latency" in names
    assert "throughput" not in names


def test_more_images_per_second_are_faster():
    def results(ratios, day):
        runs = [even_process(ratio, number) for number, ratio in enumerate(ratios)]
        made = samples.result(samples.measurement(runs), created_at=f"2026-01-0{day}T00:00:00+00:00")
        return replace(made, environment=replace(made.environment, git={"commit": str(day) * 40}))

    ratios = (1.00, 1.01, 1.02, 1.00, 1.01, 1.02)
    slow, fast = results([1.1 * ratio for ratio in ratios], 1), results(ratios, 2)
    (change,) = changes([slow], [fast])
    verdicts = {metric.metric: metric.verdict for metric in change.metrics}
    assert (verdicts["latency"], verdicts["throughput"]) == ("faster", "faster")
    (absolute,) = (m.candidate.ratio.estimate for m in change.metrics if m.metric == "throughput")
    assert absolute == pytest.approx(1.1)
    (back,) = changes([fast], [slow])
    assert {m.verdict for m in back.metrics if m.metric in ("latency", "throughput")} == {"slower"}


# --- percentiles ----------------------------------------------------------------------------------------


def ladder_process(number, factor=1.1, steps=50, blocks=2):
    """Steps of 1, 2, ... ms on both sides, `steps` per segment; those of the candidate `factor` as long."""
    ladder = tuple(0.001 * (index + 1) for index in range(steps))

    def segment(side):
        return Segment(side=side, steps_s=tuple(s * (factor if side == "candidate" else 1) for s in ladder))

    segments = tuple(segment(side) for side in ("baseline", "candidate", "candidate", "baseline"))
    run = samples.process([Block(order="ABBA", segments=segments, canary_s=0.004)] * blocks, number)
    return replace(run, steps_per_segment=steps)


def test_percentiles_are_those_of_single_steps():
    factors = (1.05, 1.06, 1.07, 1.09, 1.10, 1.11)
    found = metrics(samples.measurement([ladder_process(n, factor) for n, factor in enumerate(factors)]))
    # 200 steps per side and process: 1 ... 50 ms, four times each.
    assert [name for name in found if name.startswith("latency_p")] == [
        *("latency_p50", "latency_p90", "latency_p95"),
    ]
    p90 = found["latency_p90"]
    assert (p90.baseline.value, p90.baseline.n) == (pytest.approx(0.0451, abs=1e-4), 1200)
    assert (p90.baseline.q1, p90.unit) == (None, "s")
    assert p90.ratio.estimate == pytest.approx(math.sqrt(1.07 * 1.09))
    assert (p90.ratio.ci_low, p90.ratio.ci_high) == (pytest.approx(1.05), pytest.approx(1.11))
    assert (p90.ratio.processes, p90.ratio.blocks, p90.ratio.scope) == (6, 12, "process")
    # Median over processes of (factor - 1) times the percentile, which is the same in all of them
    assert p90.difference.estimate == pytest.approx(0.08 * p90.baseline.value)


@pytest.mark.parametrize(("steps", "shown"), [(4, False), (5, True)])
def test_every_process_has_to_have_the_steps(steps, shown):
    """Four segments a side: 20 steps show a median, 16 do not, and one short process is enough."""
    runs = [ladder_process(number, steps=50) for number in range(5)]
    runs.append(ladder_process(5, steps=steps))
    assert ("latency_p50" in metrics(samples.measurement(runs))) == shown


def test_means_over_steps_have_no_percentiles():
    """Accelerators are timed by the segment."""
    runs = [replace(ladder_process(number), steps_per_segment=200) for number in range(6)]
    assert not [name for name in metrics(samples.measurement(runs)) if name.startswith("latency_p")]


def test_one_process_has_an_estimate_without_an_interval():
    p50 = metrics(samples.measurement([ladder_process(0)]))["latency_p50"]
    assert (p50.ratio.estimate, p50.ratio.ci_low, p50.grade) == (pytest.approx(1.1), None, "C")
    assert p50.reason == "a 95 % interval needs 6 processes, there is 1"


def test_disturbed_blocks_and_failed_processes_do_not_count():
    sound = [ladder_process(number) for number in range(6)]
    failed = replace(ladder_process(6, factor=9), error="killed")
    disturbed = ladder_process(7, factor=9)
    blocks = tuple(replace(block, invalid=("steal",)) for block in disturbed.blocks)
    runs = [*sound, failed, replace(disturbed, blocks=blocks)]
    assert metrics(samples.measurement(runs))["latency_p50"].ratio.processes == 6


def test_a_wide_interval_is_not_to_be_relied_on():
    factors = (1.0, 1.1, 1.2, 1.3, 1.4, 1.5)
    found = metrics(samples.measurement([ladder_process(n, factor) for n, factor in enumerate(factors)]))
    assert found["latency_p50"].grade == "C"


def test_a_trend_pools_the_processes_of_a_commit():
    factors = (1.05, 1.06, 1.07)

    def made(day):
        runs = [ladder_process(n, factor) for n, factor in enumerate(factors)]
        values = {"git": {"commit": "a" * 40}}
        return samples.result(
            samples.measurement(runs),
            id=f"2026010{day}T000000Z-resnet50-plain-se-abcdef",
            created_at=f"2026-01-0{day}T00:00:00+00:00",
            environment=replace(samples.ENVIRONMENT, **values),
        )

    (point,) = trend(select_series([made(1), made(2)], "latency_p90")).points
    assert point.ratio.estimate == pytest.approx((1.05 * 1.06 * 1.07) ** (1 / 3))
    assert (point.ratio.processes, point.ratio.method) == (6, "process-t")
