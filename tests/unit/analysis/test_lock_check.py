"""The exact checks: to the last digit, or failed with the difference."""

import pytest
from msgspec.structs import replace

from sebench.analysis.lock import make_lock
from sebench.analysis.lock_check import change_text, check_lock
from sebench.errors import UnknownModelError
from sebench.schema import Lock
from tests.locks import COSTS, ENTRY, OPS, TORCH, counting, entry, op

METRICS = [
    "params",
    "buffers",
    "macs",
    "paper_macs",
    "flops",
    "bytes_read",
    "bytes_written",
    "saved_bytes",
    "ops",
]


def check(entries, count=None, torch=TORCH):
    return check_lock(make_lock(entries), count or counting(), torch=torch)


def failed(entries, count=None):
    return {c.metric: c for c in check(entries, count) if c.status == "failed"}


def test_an_unchanged_network_passes_every_metric():
    checks = check([ENTRY])
    assert [c.metric for c in checks] == METRICS
    assert {(c.kind, c.model, c.baseline, c.candidate, c.status, c.exact) for c in checks} == {
        ("lock", "resnet50", "lock", "se", "passed", True)
    }
    params = checks[0]
    assert (params.ratio.estimate, params.ratio.method, params.limit) == (1.0, "exact", None)
    assert (params.reason.code, params.reason.message) == ("lock-equal", "params 100")
    assert (params.before, params.after, params.unit) == (100, 100, "1")
    units = {c.metric: c.unit for c in checks}
    assert [units[metric] for metric in METRICS] == ["1", "1", "MAC", "MAC", "FLOP", "B", "B", "B", "1"]
    assert all(c.findings == () for c in checks)


def test_an_empty_lock_compares_nothing():
    assert check_lock(Lock(), counting(), torch=TORCH) == ()


def test_a_difference_fails_with_both_values_and_the_change():
    locked = entry(params=25_557_032)
    (found,) = failed([locked], counting(params=25_600_000)).values()
    assert found.reason.code == "lock-differs"
    assert found.reason.message == "params 25,557,032 -> 25,600,000 (+0.17 %)"
    assert found.ratio.estimate == found.ratio.ci_low == found.ratio.ci_high == 25_600_000 / 25_557_032


def test_values_have_their_units():
    (found,) = failed([entry({TORCH: replace(COSTS, bytes_read=80)})]).values()
    assert found.reason.message == "bytes_read 80 -> 88 B (+10.00 %)"
    assert (found.before, found.after, found.unit) == (80, 88, "B")


def test_one_parameter_in_millions_fails_too():
    (found,) = failed([entry(params=25_557_032)], counting(params=25_557_033)).values()
    assert found.reason.message == "params 25,557,032 -> 25,557,033 (+1)"


def test_op_counts_name_the_ops():
    found = failed([ENTRY], counting(ops=(*OPS, op("aten.mul", calls=2, flops=0))))
    assert list(found) == ["ops"]
    # 4 adds + 3 convolutions + 3 erfs, and 2 products more
    assert found["ops"].reason.message == "ops 10 -> 12 (+20.00 %): aten.mul 0 -> 2"
    assert found["ops"].ratio.estimate == 1.2


def test_other_ops_of_the_same_number_fail():
    swapped = (*OPS[:2], op("aten.mul", calls=4, flops=16, bytes_read=8, bytes_written=4))
    found = failed([ENTRY], counting(ops=swapped))
    assert found["ops"].reason.message == "ops 10 -> 10: aten.add 4 -> 0, aten.mul 0 -> 4"
    assert found["ops"].ratio.estimate == 1.0


def test_an_unknown_torch_version_is_reported_and_fails_nothing():
    locked = entry({"2.9": COSTS, "2.14": COSTS})
    checks = check([locked])
    assert [(c.metric, c.status) for c in checks] == [(metric, "passed") for metric in METRICS[:4]]
    (finding,) = checks[0].findings
    assert (finding.code, finding.severity) == ("lock-no-torch", "warning")
    assert finding.message == (
        "the lock has no values for torch 2.15 (it has 2.9, 2.14): "
        "FLOPs, bytes, op counts and saved bytes were not compared"
    )
    assert finding.hint == "`sebench lock --update` adds them"
    assert not any(c.findings for c in checks[1:])


def test_what_depends_on_no_version_still_fails_under_an_unknown_one():
    assert list(failed([entry({"2.14": COSTS}, macs=999)])) == ["macs"]


def test_a_network_that_cannot_be_built_any_more_fails():
    def gone(spec, shape, phase):
        raise UnknownModelError("unknown model 'nets.py:net': there is no file nets.py")

    (found,) = check([entry(model="nets.py:net", variant="plain")], gone)
    assert (found.metric, found.status, found.reason.code) == ("network", "failed", "lock-not-built")
    assert found.reason.message == (
        "cannot be counted any more: unknown model 'nets.py:net': there is no file nets.py"
    )
    assert found.ratio.estimate is None


def test_saved_bytes_that_cannot_be_counted_any_more_fail_with_the_reason():
    (found,) = failed([ENTRY], counting(saved_bytes=None)).values()
    assert found.reason.message == "saved_bytes 64 B -> unknown: batch norm needs two values"
    assert found.ratio.estimate is None


def test_saved_bytes_that_never_could_be_counted_are_not_compared():
    checks = check([entry({TORCH: replace(COSTS, saved_bytes=None)})], counting(saved_bytes=None))
    assert "saved_bytes" not in {c.metric for c in checks}
    assert {c.status for c in checks} == {"passed"}


def test_no_ratio_over_nothing():
    buffers = next(c for c in check([entry(buffers=0)]) if c.metric == "buffers")
    assert (buffers.status, buffers.ratio.estimate) == ("failed", None)
    assert buffers.reason.message == "buffers 0 -> 7"


def test_networks_are_told_apart():
    others = [
        entry(input_shape=(1, 3, 96, 96)),
        entry(num_classes=10, stride_in="3x3"),
    ]
    names = dict.fromkeys(c.candidate for c in check([ENTRY, *others]))
    assert list(names) == ["se, 1x3x96x96", "se, 1x3x224x224", "se, 10 classes, stride in the 3x3"]


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (100, 110, " (+10.00 %)"),
        (100, 50, " (-50.00 %)"),
        (10**9, 10**9 - 12, " (-12)"),
        (0, 5, ""),
        (None, 5, ""),
        (5, None, ""),
        (5, 5, ""),
        (5, 0, " (-100.00 %)"),
    ],
)
def test_changes_as_text(before, after, text):
    assert change_text(before, after) == text
