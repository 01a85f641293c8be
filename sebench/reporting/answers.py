"""One sentence per pair: what the comparison says, how sure it is, and on what grounds."""

from __future__ import annotations

import re

from sebench.schema import (
    ASIS,
    ATTENTION_KINDS,
    CUSTOM,
    PLAIN,
    Comparison,
    MetricComparison,
    Ratio,
    Workload,
    unusual_words,
)
from sebench.units import format_percent

_CLASS = re.compile(r"custom\(class=[^,)]*:(\w+),?(.*)\)")
NOISY_HALF_WIDTH = 0.05
"""Beyond this half-width, relative to the ratio, the sentence starts with "too noisy" and gives a range."""
_FINE_HALF_WIDTH = 0.002


def answers(comparison: Comparison) -> tuple[str, ...]:
    """The sentences for one pair: one per workload that was timed, or one on exact costs if none was."""
    timed = [metric for metric in comparison.metrics if metric.metric == "latency"]
    if not timed:
        return (_static_answer(comparison),)
    sentences = tuple(_latency_answer(comparison, metric) for metric in timed)
    return tuple(map(_interrupted, sentences)) if comparison.is_interrupted else sentences


def _interrupted(sentence: str) -> str:
    begins_so = sentence.startswith(("Too ", "No "))
    return f"Interrupted: {sentence[0].lower() if begins_so else sentence[0]}{sentence[1:]}"


def ratio_text(ratio: Ratio, decimals: int | None = None) -> tuple[str, str]:
    """A sampled ratio and its interval, e.g. ``("1.018", "[1.012, 1.024]")``; empty where unknown.

    Three decimals, or four where the interval is narrow enough to carry them, unless `decimals` says.
    """
    if ratio.estimate is None:
        return "", ""
    decimals = ratio_decimals(ratio) if decimals is None else decimals
    if ratio.ci_low is None or ratio.ci_high is None:
        return f"{ratio.estimate:.{decimals}f}", ""
    low, high = f"{ratio.ci_low:.{decimals}f}", f"{ratio.ci_high:.{decimals}f}"
    return f"{ratio.estimate:.{decimals}f}", f"[{low}, {high}]"


def ratio_decimals(ratio: Ratio) -> int:
    """Decimals that the interval of `ratio` warrants."""
    half_width = _half_width(ratio)
    return 4 if half_width is not None and half_width < _FINE_HALF_WIDTH else 3


def sizes_text(ratio: Ratio) -> str:
    """Sample sizes, e.g. ``6 processes x 8 blocks``; the schema holds the blocks of all processes."""
    processes = f"{ratio.processes} process" + ("" if ratio.processes == 1 else "es")
    if ratio.processes and ratio.blocks % ratio.processes == 0:
        return f"{processes} x {ratio.blocks // ratio.processes} blocks"
    return f"{processes}, {ratio.blocks} blocks"


def confidence_text(confidence: float) -> str:
    """0.95 -> '95 %'."""
    return f"{confidence * 100:.4g} %"


def attention_name(variant: str) -> str:
    """A variant as running text calls it: 'se(r=8)' -> 'SE(r=8)', 'asis' -> 'own attention'.

    A stored result may name an attention that is unknown here; it is shown in capitals.
    """
    name, bracket, options = variant.partition("(")
    if name in (PLAIN, ASIS):
        return {PLAIN: "plain", ASIS: "own attention"}[name]
    if name == CUSTOM.name:
        own = _CLASS.fullmatch(variant)
        return variant if own is None else f"{own[1]}({own[2]})" if own[2] else own[1]
    label = ATTENTION_KINDS[name].label if name in ATTENTION_KINDS else name.upper()
    return f"{label}{bracket}{options}"


def place_text(workload: Workload | None) -> str:
    """Where a time holds, e.g. ``on this CPU`` or ``on this GPU in training at batch 256 (compile)``."""
    if workload is None:
        return "on this machine"
    place = "on this CPU" if workload.device == "cpu" else "on this GPU"
    if workload.phase == "training":
        place += f" in training at batch {workload.batch_size}"
    elif workload.batch_size != 1:
        place += f" at batch {workload.batch_size}"
    unusual = ", ".join(unusual_words(workload))
    return f"{place} ({unusual})" if unusual else place


def _latency_answer(comparison: Comparison, metric: MetricComparison) -> str:
    same = "A/A: " if comparison.baseline == comparison.candidate else ""
    place, ratio = place_text(metric.workload), metric.ratio
    if metric.status != "ok" or ratio.estimate is None:
        reason = metric.reason or "no reason was given"
        return f"{same}{_subject(comparison)} {place}: latency is unavailable: {reason}"
    if ratio.ci_low is None or ratio.ci_high is None:
        reason = metric.reason or "there is no interval"
        return f"Too few blocks to say: {same}{_subject(comparison)} {place}: {_evidence(metric)}: {reason}"
    noisy = ""
    if _too_noisy(ratio):
        noisy = "Too noisy for one figure: " if _excludes_one(ratio) else "Too noisy to say: "
    sentence = f"{noisy}{same}{_claim(comparison, ratio, ratio.estimate)} {place}: {_evidence(metric)}"
    return sentence.replace("no difference", "No difference", 1) if sentence.startswith("no ") else sentence


def _claim(comparison: Comparison, ratio: Ratio, estimate: float) -> str:
    model, (baseline, candidate) = comparison.model, _side_names(comparison)
    shown = _excludes_one(ratio)
    if comparison.baseline == comparison.candidate:
        verdict = "a difference shown where there is none" if shown else "no difference shown"
        return f"{verdict}, {model} {baseline} against itself"
    if not shown:
        of = "" if comparison.of_two_networks else f" for {model}"
        return f"no difference shown between {baseline} and {candidate}{of}"
    change = _change_text(ratio, estimate)
    if comparison.of_two_networks:
        return f"{candidate} is {change} than {baseline}"
    than = "" if comparison.baseline == "plain" else f" than {baseline}"
    return f"{candidate.replace('own', 'Own', 1)} makes {model} {change}{than}"


def _change_text(ratio: Ratio, estimate: float) -> str:
    """E.g. ``1.8 % slower``, or ``36 to 52 % slower`` where one figure would say more than is known."""
    direction = "slower" if estimate > 1 else "faster"
    if ratio.ci_low is None or ratio.ci_high is None or not _too_noisy(ratio):
        return f"{abs(estimate - 1) * 100:.{ratio_decimals(ratio) - 2}f} % {direction}"
    least, most = sorted(abs(limit - 1) * 100 for limit in (ratio.ci_low, ratio.ci_high))
    # The interval excludes 1, so "0 to 12 %" would be wrong.
    return f"{least:.0f} to {most:.0f} % {direction}" if least >= 1 else f"up to {most:.0f} % {direction}"


def _evidence(metric: MetricComparison) -> str:
    estimate, interval = ratio_text(metric.ratio)
    parts = [
        f"ratio {estimate} {interval}".rstrip(),
        confidence_text(metric.ratio.confidence) if interval else "no interval",
        sizes_text(metric.ratio),
        f"grade {metric.grade}",
    ]
    if metric.ratio.scope == "within-process":
        parts.append("one process only: the interval leaves out variation between processes")
    return ", ".join(parts)


def _static_answer(comparison: Comparison) -> str:
    known = {
        metric.metric: metric.ratio.estimate
        for metric in comparison.metrics
        if metric.exact and metric.ratio.estimate is not None
    }
    changes = [
        f"{format_percent(known[name])} {label}"
        for name, label in (("params", "params"), ("macs", "MACs"), ("bytes", "bytes moved"))
        if name in known
    ]
    costs = ", ".join(changes) if changes else "nothing is known"
    return f"{_subject(comparison)}: {costs}; latency was not measured"


def _subject(comparison: Comparison) -> str:
    if comparison.of_two_networks:
        return comparison.model
    baseline, candidate = _side_names(comparison)
    return f"{comparison.model} with {candidate} against {baseline}"


def _side_names(comparison: Comparison) -> tuple[str, str]:
    """Baseline and candidate as running text calls them; names of networks are left as they are."""
    if comparison.of_two_networks:
        return comparison.baseline, comparison.candidate
    return attention_name(comparison.baseline), attention_name(comparison.candidate)


def _half_width(ratio: Ratio) -> float | None:
    if not ratio.estimate or ratio.ci_low is None or ratio.ci_high is None:
        return None
    return (ratio.ci_high - ratio.ci_low) / 2 / ratio.estimate


def _too_noisy(ratio: Ratio) -> bool:
    half_width = _half_width(ratio)
    return half_width is None or half_width > NOISY_HALF_WIDTH


def _excludes_one(ratio: Ratio) -> bool:
    above = ratio.ci_low is not None and ratio.ci_low > 1
    below = ratio.ci_high is not None and ratio.ci_high < 1
    return above or below
