"""One pair on several machines: order, what counts, and what is shown."""

import math

import pytest
from msgspec.structs import replace

from sebench.analysis.across import across
from sebench.analysis.set_ups import set_up_names
from sebench.schema import Workload, WorkloadRequest
from tests import samples
from tests.sweeps import LARGE, SPREAD, THIRD
from tests.sweeps import on_machine as result


def test_the_highest_ratio_comes_first_and_is_shown_to_be():
    (table,) = across([result(1.05), result(1.2, LARGE), result(1.1, THIRD)])
    assert [row.machine for row in table.rows] == ["Large CPU", "Third CPU", "Sample CPU"]
    assert table.is_decided
    first, second, third = table.rows
    assert first.highest_over_this is None
    assert second.highest_over_this.estimate == pytest.approx(1.2 / 1.1)
    assert third.highest_over_this.estimate == pytest.approx(1.2 / 1.05)
    # Three machines make three pairs: 1 - 0.05 / 3 each.
    assert second.highest_over_this.confidence == pytest.approx(1 - 0.05 / 3)
    assert second.highest_over_this.method == "welch-t over processes"


def test_limits_are_welchs():
    from scipy.stats import ttest_ind

    (table,) = across([result(1.1), result(1.2, LARGE)])
    found = table.rows[1].highest_over_this
    logs = [[math.log(ratio * each) for each in SPREAD] for ratio in (1.2, 1.1)]
    expected = ttest_ind(*logs, equal_var=False).confidence_interval(0.95)
    assert (math.log(found.ci_low), math.log(found.ci_high)) == pytest.approx((expected.low, expected.high))


def test_machines_that_overlap_are_not_told_apart():
    (table,) = across([result(1.1), result(1.102, LARGE)])
    assert not table.is_decided
    assert table.rows[1].reason is None  # compared, without a difference to be shown
    assert table.rows[1].highest_over_this.ci_low < 1


def test_one_process_says_nothing_of_another_machine():
    (table,) = across([result(1.5), result(2.5, LARGE, spread=(1.0,))])
    row = table.rows[1]
    assert (row.highest_over_this.ci_low, row.highest_over_this.method) == (None, "quotient")
    assert row.reason == "one process, whose interval leaves out variation between processes"
    assert not table.is_decided


def test_a_calibrated_machine_can_do_with_one_process():
    def calibrated(found):
        scaled = found.measurements[0].processes[0].blocks[0].segments[1].steps_s[0] / 0.05
        blocks = [samples.block(0.05, 0.05 * scaled * (1 + 0.001 * (place % 3))) for place in range(8)]
        run = replace(found.measurements[0].processes[0], blocks=tuple(blocks))
        return replace(
            found, measurements=(replace(found.measurements[0], processes=(run,), sigma_process=0.005),)
        )

    (table,) = across([calibrated(result(1.1)), calibrated(result(1.5, LARGE))])
    assert table.is_decided
    assert table.rows[1].highest_over_this.method == "normal, calibrated between processes"


def test_grade_c_shows_nothing():
    # Quartiles of the processes far apart: the interval is wider than 10 %.
    wild = (0.7, 0.8, 1.0, 1.0, 1.25, 1.4)
    (table,) = across([result(1.1, spread=wild), result(3.0, LARGE)])
    assert table.rows[1].latency.grade == "C"
    assert table.rows[1].reason == "a grade of C"
    assert not table.is_decided


def test_of_one_set_up_the_newest_counts():
    (table,) = across([result(1.3, day=0), result(1.1, day=5), result(1.2, day=2), result(1.15, LARGE)])
    assert [(row.machine, row.older) for row in table.rows] == [("Large CPU", 0), ("Sample CPU", 2)]
    assert table.rows[1].latency.ratio.estimate == pytest.approx(1.1, rel=1e-3)


def test_a_newer_result_without_a_ratio_does_not_count():
    broken = result(1.2, day=9)
    broken = replace(broken, measurements=(replace(broken.measurements[0], processes=()),))
    (table,) = across([result(1.1), broken])
    assert [(row.older, round(row.latency.ratio.estimate, 2)) for row in table.rows] == [(0, 1.1)]


def test_threads_and_device_are_the_machines_own_and_all_else_is_alike():
    def on(threads=2, **fields):
        return replace(samples.WORKLOAD, threads=threads, **fields)

    eight = Workload(batch_size=8, input_shape=(8, 3, 224, 224), threads=2)
    tables = across(
        [
            result(1.1, workload=on(2)),
            result(1.2, LARGE, workload=on(8)),
            result(1.3, THIRD, workload=on(2, device="cuda:0")),
            result(1.4, workload=eight),
        ]
    )
    assert [[row.machine for row in table.rows] for table in tables] == [
        ["Third CPU", "Large CPU", "Sample CPU"],
        ["Sample CPU"],
    ]


def test_a_request_narrows_workloads():
    eight = Workload(batch_size=8, input_shape=(8, 3, 224, 224), threads=2)
    results = [result(1.1), result(1.4, workload=eight)]
    (table,) = across(results, workloads=WorkloadRequest(batch_size=8))
    assert table.rows[0].workload == eight


def test_other_networks_are_other_tables():
    other = result(1.2, LARGE)
    other = replace(other, pair=replace(other.pair, candidate=replace(other.pair.candidate, num_classes=10)))
    assert len(across([result(1.1), other])) == 2
    assert across([]) == ()


# --- names of set-ups -------------------------------------------------------------------------------------


def test_set_ups_go_by_their_hardware():
    names = set_up_names([samples.ENVIRONMENT, LARGE, samples.ENVIRONMENT])
    assert list(names.values()) == ["Sample CPU", "Large CPU"]


def test_an_accelerator_goes_before_the_processor():
    (name,) = set_up_names([replace(LARGE, device={"name": "Sample GPU"})]).values()
    assert name == "Sample GPU"


def test_alike_hardware_is_told_apart_by_what_differs():
    newer = replace(samples.ENVIRONMENT, versions={"torch": "2.13.0"})
    two = replace(samples.ENVIRONMENT, variables={"OMP_NUM_THREADS": "2"})
    assert list(set_up_names([samples.ENVIRONMENT, newer]).values()) == [
        "Sample CPU (torch 2.11)",
        "Sample CPU (torch 2.13)",
    ]
    assert list(set_up_names([samples.ENVIRONMENT, two]).values()) == [
        "Sample CPU (OMP_NUM_THREADS unset)",
        "Sample CPU (OMP_NUM_THREADS 2)",
    ]


def test_many_differences_leave_digits_of_the_fingerprint():
    other = replace(
        samples.ENVIRONMENT,
        cpu={"model": "Sample CPU", "usable_cores": 4, "quota_cores": 3},
        versions={"torch": "2.13.0"},
    )
    names = set_up_names([samples.ENVIRONMENT, other])
    assert names == {digest: f"Sample CPU (set-up {digest[:6]})" for digest in names}


def test_unknown_hardware_has_a_name():
    (name,) = set_up_names([replace(samples.ENVIRONMENT, cpu={})]).values()
    assert name == "unknown machine"
