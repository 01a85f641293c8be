"""Names of metrics, and metrics that have no figure."""

from __future__ import annotations

from sebench.schema import Finding, Interval, MetricComparison, Quantity, Ratio, Workload

ENERGY_METRICS = ("energy", "energy_per_image", "net_energy")
METRICS = (
    *("params", "macs", "paper_macs", "flops", "bytes"),
    *("latency", "forward_latency", "backward_latency", "device_latency"),
    *("saved_bytes", "peak_memory", "reserved_memory", "resident_memory"),
    *ENERGY_METRICS,
)
"""All that a stored result may have."""


def unavailable(
    metric: str,
    unit: str,
    workload: Workload | None,
    reason: str,
    findings: tuple[Finding, ...] = (),
) -> MetricComparison:
    """A row that says why there is nothing, never 0.

    Args:
        metric: its name.
        unit: of what was to be measured.
        workload: likewise; None for what would have been counted.
        reason: one line.
        findings: beside it.
    """
    return MetricComparison(
        metric=metric,
        unit=unit,
        exact=workload is None,
        workload=workload,
        baseline=Quantity(value=None),
        candidate=Quantity(value=None),
        difference=Interval(estimate=None),
        ratio=Ratio(estimate=None, method="none"),
        grade=None,
        status="unavailable",
        reason=reason,
        findings=findings,
    )
