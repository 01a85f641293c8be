"""The notes of a comparison: conventions, what was left out, how it was measured, on what, and findings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from sebench.reporting.answers import confidence_text
from sebench.reporting.counts import uncounted_text
from sebench.reporting.environment import environment_lines
from sebench.reporting.metric_row import PaperPair, label
from sebench.schema import (
    Comparison,
    Environment,
    Finding,
    MetricComparison,
    attributed,
    is_printed,
    subject,
    subjects,
)

CONVENTION = (
    "{paper} = MACs + 1 per residual-add element + 1 per squeezed element; the paper prints "
    "multiply-adds as FLOPs. MACs: convolutions and linear layers. FLOPs = 2 x MACs + elementwise "
    "operations. bytes: tensor bytes in and out of each op, without caches."
)
COUNTED_FORWARD = "params, MACs, FLOPs and bytes are for one image's forward pass, also in training."
UNNAMED_CPU = "the paper does not name its CPU: its ratio can be compared, its times cannot"
ABSOLUTE_TIMES = (
    "Absolute times on shared machines are not comparable between runs; the ratio is what was measured."
)

_WITHIN = "the interval covers one process only, not variation between processes"
_BETWEEN = "the interval covers variation between processes"


def notes(
    comparisons: Sequence[Comparison],
    environment: Environment | None,
    *,
    papers: Sequence[tuple[MetricComparison, PaperPair]],
    measured_at: str | None,
    with_findings: bool = True,
) -> tuple[str, ...]:
    """All notes under a comparison, in the order in which a reader needs them."""
    if not comparisons:
        return ()
    comparisons = [_printed(comparison) for comparison in comparisons]
    timed = [m for comparison in comparisons for m in comparison.metrics if not m.exact]
    lines = (
        CONVENTION.format(paper=_paper_names(comparisons)),
        *((COUNTED_FORWARD,) if any(_trains(metric) for metric in timed) else ()),
        *_uncounted(comparisons),
        *_sampling(timed),
        *_gradient_traffic(comparisons),
        *_quantization(comparisons),
        *_reasons(comparisons),
        *_sources(papers),
        *(_findings(comparisons, environment) if with_findings else ()),
        *(environment_lines(environment, measured_at) if environment else ()),
        *((ABSOLUTE_TIMES,) if timed else ()),
    )
    return tuple(dict.fromkeys(lines))


def _printed(comparison: Comparison) -> Comparison:
    """Without the metrics that are in no printed table."""
    seen = tuple(metric for metric in comparison.metrics if is_printed(metric.metric, metric.workload))
    return replace(comparison, metrics=seen)


def _paper_names(comparisons: Sequence[Comparison]) -> str:
    """What the rows call the paper's figure: it prints GFLOPs of large networks and MFLOPs of small ones."""
    found = [label(m) for comparison in comparisons for m in comparison.metrics if m.metric == "paper_macs"]
    return " and ".join(dict.fromkeys(found)) or "paper GFLOPs"


def _trains(metric: MetricComparison) -> bool:
    return metric.workload is not None and metric.workload.phase == "training"


def finding_text(finding: Finding) -> str:
    """``code: message; hint``."""
    text = f"{finding.code}: {finding.message}"
    return f"{text}; {finding.hint}" if finding.hint else text


def _uncounted(comparisons: Iterable[Comparison]) -> Iterator[str]:
    for comparison in comparisons:
        if comparison.uncounted:
            yield f"{comparison.model}: {uncounted_text(comparison.uncounted)}"


def _sampling(metrics: Iterable[MetricComparison]) -> Iterator[str]:
    """One line per way of measuring, with the range of sample sizes."""
    steps: dict[tuple[float, str, str, str], list[int]] = {}
    names: dict[tuple[float, str, str, str], dict[str, None]] = {}
    for metric in metrics:
        if metric.ratio.estimate is not None and metric.ratio.blocks:
            ratio = metric.ratio
            scope = _WITHIN if ratio.scope == "within-process" else _BETWEEN
            noun = "windows" if metric.unit == "J" else "steps"
            way = (ratio.confidence, ratio.method, scope, noun)
            names.setdefault(way, {})[label(metric)] = None
            found = steps.setdefault(way, [])
            found.extend(n for n in (metric.baseline.n, metric.candidate.n) if n is not None)
    for way, sizes in steps.items():
        confidence, method, scope, noun = way
        yield (
            f"{', '.join(names[way])}: median and quartiles{_sizes_text(sizes, noun)}; "
            f"n = processes x blocks; difference and ratio with {confidence_text(confidence)} intervals, "
            f"{method}; {scope}."
        )


def _gradient_traffic(comparisons: Iterable[Comparison]) -> Iterator[str]:
    """What the exchange of gradients sends; no algorithm sends less than a ring (Patarasuk & Yuan 2009)."""
    for metric in (metric for comparison in comparisons for metric in comparison.metrics):
        if metric.metric == "gradient_bytes" and metric.workload:
            ranks = metric.workload.world_size
            yield (
                f"{label(metric)}: averaged over {ranks} ranks in every step, for which a ring sends "
                f"2(N-1)/N = {2 * (ranks - 1) / ranks:.3g} times as many bytes from each rank; "
                "times are those of the slowest rank."
            )


def _quantization(comparisons: Iterable[Comparison]) -> Iterator[str]:
    """What was quantized: without it a ratio in int8 says little."""
    for comparison in comparisons:
        for metric in comparison.metrics:
            for finding in metric.findings:
                if finding.code == "quantized":
                    about = subject(comparison, metric.workload, alone=False)
                    yield f"{label(metric)}, {about}: {finding.message}."


def _sizes_text(sizes: Sequence[int], noun: str) -> str:
    if not sizes:
        return ""
    low, high = min(sizes), max(sizes)
    return f" of {low} {noun} a side" if low == high else f" of {low} to {high} {noun} a side"


def _reasons(comparisons: Iterable[Comparison]) -> Iterator[str]:
    for comparison in comparisons:
        said: dict[tuple[str, str], list[str]] = {}
        for metric in comparison.metrics:
            if metric.reason or metric.status != "ok":
                status = "unavailable: " if metric.status != "ok" else ""
                reason = f"{status}{metric.reason or 'no reason was given'}"
                about = subject(comparison, metric.workload, alone=False)
                said.setdefault((about, reason), []).append(label(metric))
        for (about, reason), metrics in said.items():
            yield f"{about}, {', '.join(metrics)}: {reason}"


def _sources(papers: Sequence[tuple[MetricComparison, PaperPair]]) -> Iterator[str]:
    """Where the paper column comes from, and that its CPU is unknown."""
    sources: dict[str, dict[str, None]] = {}
    for metric, pair in papers:
        for figure in pair.figures:
            found = sources.setdefault(f"{label(metric)}: {figure.source}", {})
            found.update({figure.note: None} if figure.note else {})
    if sources:
        listed = (f"{source} ({', '.join(noted)})" if noted else source for source, noted in sources.items())
        yield f"paper, baseline/candidate (Hu et al., CVPR 2018): {'; '.join(listed)}"
    if any(figure.metric == "cpu_inference_latency" for _, pair in papers for figure in pair.figures):
        yield UNNAMED_CPU


def _findings(comparisons: Sequence[Comparison], environment: Environment | None) -> Iterator[str]:
    yield from map(finding_text, attributed(subjects(comparisons)))
    for finding in environment.findings if environment else ():
        if finding.severity != "info":
            yield finding_text(finding)
