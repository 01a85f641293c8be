"""Names of series, and which results they leave."""

from msgspec.structs import replace

from sebench.reporting.series import latest, pair_name, series_name, workload_name
from sebench.schema import ModelSpec, Pair, Workload
from tests import samples

TRAINING = Workload(device="cuda", phase="training", batch_size=256, input_shape=(256, 3, 224, 224))


def result(day, *workloads, **fields):
    measured = tuple(
        replace(samples.measurement([samples.process([samples.block(1, 2)])]), workload=workload)
        for workload in workloads
    )
    return samples.result(
        samples.measurement([]),
        **{
            "id": f"day-{day}",
            "created_at": f"2026-01-{day:02}T00:00:00+00:00",
            "measurements": measured,
            **fields,
        },
    )


def test_a_workload_names_what_is_unusual_about_it():
    assert workload_name(samples.WORKLOAD) == "cpu inference 1x3x224x224 float32, 2 threads"
    unusual = replace(TRAINING, runtime="compile", micro_batch_size=64, cudnn_benchmark=False)
    assert workload_name(unusual) == (
        "cuda training 256x3x224x224 float32, 1 thread, "
        "execution=compile, micro_batch_size=64, cudnn_benchmark=False"
    )


def test_a_pair_names_both_networks():
    pair = Pair(baseline=ModelSpec(model="a.py:old"), candidate=ModelSpec(model="a.py:new", num_classes=10))
    assert pair_name(pair) == "a.py:old asis -> a.py:new asis, 10 classes"


def test_exact_metrics_go_with_the_first_workload(make):
    pair = make.comparison()
    named = "resnet50: plain -> se, cpu inference 1x3x224x224 float32, 2 threads"
    assert [series_name(pair, metric) for metric in pair.metrics] == [named] * 6
    static = make.comparison(*make.static())
    assert series_name(static, static.metrics[0]) == "resnet50: plain -> se"


def test_a_result_goes_when_all_of_it_was_measured_again():
    old, both, new = result(1, TRAINING), result(2, samples.WORKLOAD, TRAINING), result(3, samples.WORKLOAD)
    # `both` stays: nobody measured its training again.
    assert latest([new, old, both]) == ((both, new), (old,))


def test_static_results_supersede_each_other():
    first, second = result(1), result(2)
    assert latest([second, first]) == ((second,), (first,))
