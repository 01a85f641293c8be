"""Rows of a sweep, the axes that vary, and what may be compared along them."""

import pytest
from msgspec.structs import replace

from sebench.analysis.sweep import AS_USUAL, AXES, sweep_axes, sweep_lines, sweep_rows
from sebench.schema import NETWORK_OPTIONS, WORKLOAD_OPTIONS, NetworkOptions, Workload
from sebench.schema.sweep import Sweep
from tests import samples
from tests.sweeps import LARGE, Making, small


def axis_of(rows, key):
    return next(axis for axis in sweep_axes(rows) if axis.key == key)


def along(rows, key):
    """What each line along an axis holds fixed, and the values on it."""
    axis = axis_of(rows, key)
    return [
        ({other.key: value for other, value in line.fixed}, [axis.read(row) for row in line.rows])
        for line in sweep_lines(rows, axis, sweep_axes(rows))
    ]


def test_a_row_has_what_its_result_says():
    made = Making()
    made.done(1.2, batch_size=8)
    (row,) = made.rows
    assert (row.status, row.reason, row.machine, row.host, row.wall_s) == (
        "done", "", "Sample CPU", "host-a", 10.0,
    )  # fmt: skip
    assert row.result == made.results[0].id
    assert row.workload == Workload(batch_size=8, input_shape=(8, 3, 224, 224), threads=2)
    assert row.ratio.estimate == pytest.approx(1.2, rel=1e-4)
    assert row.ratio.ci_low < 1.2 < row.ratio.ci_high
    assert (row.ratio.scope, row.latency.grade) == ("process", "A")
    # Every segment of the baseline takes 0.05 s.
    assert (row.baseline.value, row.baseline.q1, row.baseline.q3) == (0.05, 0.05, 0.05)
    assert row.candidate.q1 < row.candidate.value < row.candidate.q3
    assert (row.params_ratio, row.macs_ratio) == (110 / 100, 1001 / 1000)


def test_cases_keep_the_order_of_the_matrix_whatever_the_results():
    made = small()
    backwards = sweep_rows(made.sweep, reversed(made.results))
    assert backwards == made.rows
    assert [row.case.id for row in made.rows] == [case.id for case in made.cases]


def test_results_of_others_are_passed_over():
    made, other = Making(), Making()
    made.done(1.1)
    stray = replace(other.done(1.5), id="of-nobody")
    assert sweep_rows(made.sweep, [stray, *made.results]) == made.rows


def test_a_case_has_a_row_per_workload():
    made = Making()
    inference = Workload(input_shape=(1, 3, 224, 224), threads=2)
    training = Workload(phase="training", batch_size=16, input_shape=(16, 3, 224, 224), threads=2)
    made.done(1.1, inference, training)
    assert [row.workload for row in made.rows] == [inference, training]
    assert [row.latency.workload for row in made.rows] == [inference, training]
    assert axis_of(made.rows, "phase").values == ("inference", "training")


@pytest.mark.parametrize("status", ["failed", "skipped", "pending"])
def test_a_case_without_a_result_has_its_reason(status):
    made = Making()
    made.failed("it does not fit", status=status)
    (row,) = made.rows
    assert (row.status, row.reason, row.result, row.ratio, row.latency) == (
        status, "it does not fit", None, None, None,
    )  # fmt: skip


def test_a_case_without_an_outcome_is_pending():
    made = Making()
    made.done(1.1)
    case = made.case(batch_size=2)
    assert [(row.case.id, row.status) for row in made.rows] == [
        ("000000000000", "done"),
        (case.id, "pending"),
    ]


def test_a_result_that_was_deleted_is_said():
    made = Making()
    made.done(1.1)
    (row,) = sweep_rows(made.sweep, [])
    assert (row.status, row.reason) == ("pending", f"its result {made.results[0].id} is not in the store")


def test_a_failed_case_is_of_the_set_up_of_its_host():
    made = Making()
    made.done(1.1, batch_size=1)
    made.failed(batch_size=64)
    made.failed(batch_size=128, host="elsewhere")
    assert [row.machine for row in made.rows] == ["Sample CPU", "Sample CPU", "elsewhere"]


# --- axes -------------------------------------------------------------------------------------------------


def test_axes_are_those_of_the_catalogues():
    keys = [axis.key for axis in AXES]
    assert len(keys) == len(set(keys))
    assert set(keys) == {
        *("model", "variant", "baseline", "machine"),
        *(option.field for option in NETWORK_OPTIONS),
        *(option.field for option in WORKLOAD_OPTIONS),
    }


def test_only_what_varies_is_an_axis():
    rows = small().rows
    assert [(axis.key, axis.values, axis.is_numeric) for axis in sweep_axes(rows)] == [
        ("model", ("resnet50", "mobilenet_v1"), False),
        ("phase", ("inference", "training"), False),
        ("batch_size", (1, 8), True),
        ("threads", (1, 2), True),
        ("runtime", ("eager", "onnxruntime"), False),
    ]


def test_numbers_ascend_and_names_keep_their_order():
    made = Making()
    for batch, variant in ((16, "se"), (2, "eca"), (4, "cbam")):
        made.done(1.1, batch_size=batch, variant=variant)
    assert axis_of(made.rows, "batch_size").values == (2, 4, 16)
    assert axis_of(made.rows, "variant").values == ("se", "eca", "cbam")


def test_the_batch_is_no_part_of_the_input():
    made = Making()
    for batch in (1, 8):
        for size in (160, 224):
            made.done(1.1, batch_size=batch, image_size=size)
    made.failed(image_size="320x160")
    made.failed(input_shape="1x80x300")
    assert axis_of(made.rows, "input_shape").values == (160, 224, "320x160", "input 80x300")


def test_options_of_networks_are_axes():
    made = Making()
    made.done(1.1)
    made.done(1.2, options=NetworkOptions(num_classes=10))
    assert axis_of(made.rows, "num_classes").values == (AS_USUAL, "10 classes")


def test_what_is_left_to_the_machine_is_no_value():
    made = Making()
    made.done(1.1, device="auto")
    made.failed(device="auto")
    assert sweep_axes(made.rows) == ()


# --- lines ------------------------------------------------------------------------------------------------


def test_along_a_line_everything_else_is_alike():
    assert along(small().rows, "batch_size") == [
        ({"model": "resnet50", "threads": 1}, [1, 8]),
        ({"model": "resnet50", "threads": 2}, [1, 8]),
        ({"model": "mobilenet_v1", "threads": 1}, [1, 8]),
        # (mobilenet_v1, 2 threads) failed at batch 8: one point is no line.
    ]


def test_nothing_to_compare_is_no_line():
    made = Making()
    made.done(1.1, batch_size=1, threads=1)
    made.done(1.2, batch_size=8, threads=2)
    assert [axis.key for axis in sweep_axes(made.rows)] == ["batch_size", "threads"]
    assert along(made.rows, "batch_size") == along(made.rows, "threads") == []


def test_what_the_machine_fills_in_does_not_keep_machines_apart():
    made = Making()
    for environment, threads, host in ((samples.ENVIRONMENT, 2, "a"), (LARGE, 8, "b")):
        workload = Workload(input_shape=(1, 3, 224, 224), threads=threads)
        made.done(1.1, workload, environment=environment, host=host)
    axes = sweep_axes(made.rows)
    assert [axis.key for axis in axes] == ["threads", "machine"]
    (line,) = sweep_lines(made.rows, axes[1], axes)
    assert [row.machine for row in line.rows] == ["Sample CPU", "Large CPU"]
    assert (line.fixed, [axis.key for axis in line.following]) == ((), ["threads"])
    assert sweep_lines(made.rows, axes[0], axes) == ()


def test_phases_that_nobody_chose_between_are_lines_of_their_own():
    made = Making()
    for batch in (1, 8):
        shape = (batch, 3, 224, 224)
        made.done(
            1.1,
            Workload(batch_size=batch, input_shape=shape, threads=2),
            Workload(batch_size=batch, input_shape=shape, threads=2, phase="training"),
            batch_size=batch,
        )
    assert along(made.rows, "batch_size") == [
        ({"phase": "inference"}, [1, 8]),
        ({"phase": "training"}, [1, 8]),
    ]


def test_an_emulated_batch_is_not_compared_with_a_native_one():
    made = Making()
    for batch, micro in ((1, None), (8, None), (16, 8), (32, 8)):
        workload = Workload(
            batch_size=batch, input_shape=(batch, 3, 224, 224), threads=2, micro_batch_size=micro
        )
        made.done(1.1, workload, batch_size=batch)
    assert [values for _, values in along(made.rows, "batch_size")] == [[1, 8], [16, 32]]


def test_rows_without_a_ratio_are_on_no_line():
    made = Making()
    for batch in (1, 8, 16):
        made.done(1.1, batch_size=batch)
    spoilt = replace(made.results[1], measurements=(replace(made.results[1].measurements[0], processes=()),))
    rows = sweep_rows(made.sweep, [made.results[0], spoilt, made.results[2]])
    assert rows[1].ratio is None
    assert rows[1].latency.status == "unavailable"
    assert along(rows, "batch_size") == [({}, [1, 16])]


def test_an_empty_sweep_has_nothing():
    assert sweep_rows(Sweep(name="x", cases=(), outcomes=()), []) == ()
    assert sweep_axes(()) == ()
