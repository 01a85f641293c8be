"""Hand-made gates."""

from __future__ import annotations

from sebench.schema import Check, Finding, Gate, Ratio, Reason, Workload

CPU = Workload(input_shape=(1, 3, 224, 224), threads=2)
REASONS = {
    "passed": Reason(code="within", message="the interval lies within the limit"),
    "failed": Reason(code="beyond", message="the interval lies beyond the limit"),
    "inconclusive": Reason(
        code="straddles", message="the limit lies inside the interval", hint="use --effort rigorous"
    ),
    "not_comparable": Reason(code="no-blocks", message="nothing valid was measured"),
}


def ratio(estimate, ci_low, ci_high, **fields):
    values = {
        "method": "hodges-lehmann/process-t",
        "scope": "process",
        "processes": 6,
        "blocks": 48,
        **fields,
    }
    return Ratio(estimate=estimate, ci_low=ci_low, ci_high=ci_high, **values)


def check(status="failed", **fields):
    values = {
        "kind": "ceiling",
        "model": "resnet50",
        "baseline": "plain",
        "candidate": "se",
        "metric": "latency",
        "status": status,
        "limit": 1.05,
        "ratio": ratio(1.082, 1.071, 1.093),
        "grade": "A",
        "workload": CPU,
        "p_value": 0.0002,
        "reason": REASONS[status],
    }
    return Check(**{**values, **fields})


def passed(**fields):
    values = {"ratio": ratio(1.018, 1.012, 1.024), "p_value": 0.9995, **fields}
    return check("passed", **values)


def inconclusive(**fields):
    values = {"ratio": ratio(1.048, 1.021, 1.076), "grade": "C", "p_value": 0.5604, **fields}
    return check("inconclusive", **values)


def not_comparable(**fields):
    values = {"ratio": Ratio(estimate=None, method="none"), "grade": None, "p_value": None, **fields}
    return check("not_comparable", **values)


def lock(status="passed", **fields):
    values = {
        "kind": "lock",
        "baseline": "lock",
        "metric": "params",
        "exact": True,
        "limit": None,
        "ratio": Ratio(estimate=1.0, ci_low=1.0, ci_high=1.0, method="exact"),
        "grade": None,
        "workload": None,
        "p_value": None,
        "reason": Reason(code="equal", message="28,088,024 as in the lock"),
        "before": 28_088_024,
        "after": 28_088_024,
        "unit": "1",
        "duration_s": 0.25,
        **fields,
    }
    return check(status, **values)


def exact(status="failed", **fields):
    """A ceiling on a figure without noise: 102,228,128 bytes plain, 112,352,096 with SE."""
    estimate = 112_352_096 / 102_228_128
    values = {
        "metric": "bytes",
        "exact": True,
        "ratio": Ratio(estimate=estimate, ci_low=estimate, ci_high=estimate, method="exact"),
        "grade": None,
        "workload": None,
        "p_value": None,
        "before": 102_228_128,
        "after": 112_352_096,
        "unit": "B",
        "duration_s": 1.5,
        **fields,
    }
    return check(status, **values)


def gate(*checks, status=None, on_inconclusive="fail", **fields):
    worst = next(
        (s for s in ("failed", "not_comparable", "inconclusive") if any(c.status == s for c in checks)),
        "passed" if checks else "not_comparable",
    )
    return Gate(status=status or worst, checks=tuple(checks), on_inconclusive=on_inconclusive, **fields)


def mixed():
    """One of every kind of outcome, with a finding."""
    warned = Finding(code="steal-high", severity="warning", message="the host took 2.4 % of the CPU")
    return gate(
        lock(),
        check(attempts=2, findings=(warned,)),
        passed(model="mobilenet_v1"),
        inconclusive(model="vgg16_bn"),
        exact(model="mobilenet_v1"),
        not_comparable(kind="stored", baseline="main.json", candidate="se(r=8)"),
        started_at="2026-01-02T03:04:05.678+00:00",
        duration_s=93.75,
    )
