"""A profile as a document and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from sebench.reporting.answers import attention_name, place_text
from sebench.reporting.contract import document_json
from sebench.reporting.document import (
    Cell,
    Column,
    Content,
    Document,
    Paragraph,
    Row,
    Section,
    Table,
    text_cell,
)
from sebench.reporting.environment import environment_lines
from sebench.schema import (
    ASIS,
    UNDIVIDED,
    AblationCheck,
    Environment,
    Interval,
    PartProfile,
    Profile,
    SiteProfile,
    attributed,
)
from sebench.units import UNKNOWN, format_count, format_share

_MS, _GIGA = 1e3, 1e9
_DIGITS = 5
NOTES = (
    "time: median of the profiled steps. GB/s: bytes in and out of the part's operations over its time; "
    "faster than memory means that the caches held the data. bound: the least that memory, arithmetic and "
    "launches of this machine allow, and which of them it is",
    "weight-bound: memory traffic, most of it the weights of the FC layers, read again for every step",
)
_VERDICT_NOTE = "left out: the whole network against itself without that part, in paired blocks"
_OWN_NOTE = (
    "parts of an author's attention are told apart by data flow: up to the spatial reduction, from there to "
    "the factors, and where these meet the feature map. No part is left out for a check: that takes stand-ins"
)
_UNDIVIDED_NOTE = f"{UNDIVIDED}: a site as a whole; data flow does not tell its parts apart"


def profile_document(
    profiles: Sequence[Profile], environment: Environment | None = None, *, measured_at: str | None = None
) -> Document:
    """What `sebench profile` shows."""
    title = _title(profiles[0]) if len(profiles) == 1 else f"Profiles of {len(profiles)} pairs"
    body: tuple[Content, ...] = tuple(part for profile in profiles for part in _parts(profile, len(profiles)))
    found = attributed((profile.pair.title, profile.findings) for profile in profiles)
    findings = tuple(f"{finding.code}: {finding.message}" for finding in found)
    reasons = {part.reason: None for profile in profiles for part in profile.parts if part.reason}
    machine = () if environment is None else environment_lines(environment, measured_at)
    checks = (_VERDICT_NOTE,) if any(profile.ablations for profile in profiles) else ()
    own = (_OWN_NOTE,) if any(profile.pair.candidate.variant == ASIS for profile in profiles) else ()
    names = {part.part for profile in profiles for part in profile.parts}
    whole = (_UNDIVIDED_NOTE,) if UNDIVIDED in names else ()
    return Document(title, body, (*NOTES, *own, *whole, *checks, *reasons, *findings, *machine))


def profile_json(profiles: Sequence[Profile], environment: Environment | None = None) -> str:
    """The ``profile`` document; of several pairs, one entry each under ``profiles``."""
    entries = [_entry(profile) for profile in profiles]
    known = {"environment": None if environment is None else msgspec.to_builtins(environment)}
    content = entries[0] if len(entries) == 1 else {"profiles": entries}
    return document_json("profile", {**content, **known})


def _entry(profile: Profile) -> dict[str, Any]:
    return {
        "model": profile.pair.candidate.model,
        "variant": profile.pair.candidate.variant,
        "baseline": profile.pair.baseline.variant,
        "workload": msgspec.to_builtins(profile.workload),
        "parts": msgspec.to_builtins(profile.parts),
        "sites": msgspec.to_builtins(profile.sites),
        "step_s": profile.step_s,
        "profiled_step_s": profile.profiled_step_s,
        "inflation_ratio": profile.inflation_ratio,
        "machine": msgspec.to_builtins(profile.machine),
        "ablations": msgspec.to_builtins(profile.ablations),
        "predicted_difference_s": profile.predicted_difference_s,
        "reason": next((part.reason for part in profile.parts if part.reason), None),
        "measured_difference_s": msgspec.to_builtins(profile.measured_difference),
        "measured_ratio": msgspec.to_builtins(profile.measured_ratio),
        "findings": msgspec.to_builtins(profile.findings),
    }


def _title(profile: Profile) -> str:
    spec = profile.pair.candidate
    attention = "its own attention" if spec.variant == ASIS else spec.variant
    return f"{spec.model}: where the time of {attention} goes"


def _parts(profile: Profile, count: int) -> tuple[Content, ...]:
    body = (
        Paragraph(_answer(profile), strong=True),
        _stage_table(profile),
        *((_site_table(profile),) if profile.sites else ()),
        *((_check_table(profile),) if profile.ablations else ()),
        Paragraph(_prediction(profile)),
    )
    return body if count == 1 else (Section(_title(profile), body),)


def _answer(profile: Profile) -> str:
    name = attention_name(profile.pair.candidate.variant)
    total_s = sum(part.time_s for part in profile.parts)
    shares = sorted(_by_part(profile).items(), key=lambda entry: -entry[1])
    listed = ", ".join(f"{part} {100 * time_s / total_s:.0f} %" for part, time_s in shares)
    subject = f"{name[:1].upper()}{name[1:]} in {profile.pair.candidate.model}"
    return (
        f"{subject} {place_text(profile.workload)}: {total_s * _MS:.2f} ms of a step of "
        f"{profile.step_s * _MS:.1f} ms as profiled ({listed}); against {profile.pair.baseline.variant} the "
        f"step takes {_interval(profile.measured_difference)} ms more, ratio {_ratio(profile.measured_ratio)}"
    )


def _by_part(profile: Profile) -> dict[str, float]:
    found: dict[str, float] = {}
    for part in profile.parts:
        found[part.part] = found.get(part.part, 0.0) + part.time_s
    return found


def _prediction(profile: Profile) -> str:
    machine, predicted_s = profile.machine, profile.predicted_difference_s
    found = "unknown" if predicted_s is None else f"{predicted_s * _MS:.2f} ms"
    measured_at = f" (bounds measured {machine.measured_at[:10]})" if machine.measured_at else ""
    return (
        f"Predicted from added bytes / bandwidth + added operations x launch cost: {found}; "
        f"measured {_interval(profile.measured_difference)} ms. "
        f"This machine: {machine.copy_bytes_per_s / _GIGA:.1f} GB/s copying, "
        f"{machine.matmul_flops_per_s / _GIGA:.0f} GFLOP/s, {machine.launch_s * 1e6:.1f} us per operation"
        f"{measured_at}. "
        f"A step under the profiler took {profile.inflation_ratio:.2f} times as long as without it."
    )


def _stage_table(profile: Profile) -> Table:
    columns = (
        Column("stage", "stage"),
        Column("part", "part"),
        Column("phase", "pass"),
        Column("time_s", "time (ms)", "right"),
        Column("bytes", "MiB", "right"),
        Column("calls", "ops", "right"),
        Column("achieved_bytes_per_s", "GB/s", "right"),
        Column("bound_s", "bound (ms)", "right"),
        Column("share", "of bound", "right"),
        Column("verdict", "verdict"),
    )
    return Table("By stage", columns, tuple(_stage_row(part) for part in profile.parts))


def _stage_row(part: PartProfile) -> Row:
    share = part.bound_s / part.time_s if part.time_s and part.bound_s is not None else None
    return (
        text_cell(part.stage),
        text_cell(part.part),
        text_cell(part.phase),
        Cell(f"{part.time_s * _MS:.3f}", part.time_s),
        _scaled(part.bytes, 1 / 2**20, ".2f"),
        _scaled(part.calls, 1, ".0f"),
        _scaled(part.achieved_bytes_per_s, 1 / _GIGA, ".1f"),
        _scaled(part.bound_s, _MS, ".3f"),
        Cell(UNKNOWN if share is None else f"{100 * share:.0f} %", share),
        Cell(part.verdict or UNKNOWN, part.verdict),
    )


def _site_table(profile: Profile) -> Table:
    trains = profile.workload.phase == "training"
    columns = (
        Column("site", "site"),
        Column("stage", "stage"),
        Column("phase", "pass", role="value" if trains else "data"),
        Column("time_s", "time (ms)", "right"),
        Column("share", "of all", "right"),
        Column("params", "params", "right"),
        Column("macs", "MACs", "right"),
        Column("bytes", "MiB", "right"),
        Column("calls", "ops", "right"),
        Column("bound_s", "bound (ms)", "right"),
    )
    total_s = sum(site.time_s for site in profile.sites)
    return Table("By site", columns, tuple(_site_row(site, total_s) for site in profile.sites))


def _site_row(site: SiteProfile, total_s: float) -> Row:
    return (
        text_cell(site.site),
        text_cell(site.stage),
        text_cell(site.phase),
        Cell(f"{site.time_s * _MS:.3f}", site.time_s),
        Cell(format_share(site.time_s, total_s), site.time_s / total_s if total_s else None),
        Cell(format_count(site.params, _DIGITS), site.params),
        Cell(format_count(site.macs, _DIGITS), site.macs),
        _scaled(site.bytes, 1 / 2**20, ".2f"),
        _scaled(site.calls, 1, ".0f"),
        _scaled(site.bound_s, _MS, ".3f"),
    )


def _scaled(value: float | None, factor: float, digits: str) -> Cell:
    return Cell(UNKNOWN) if value is None else Cell(format(value * factor, digits), value)


def _check_table(profile: Profile) -> Table:
    columns = (
        Column("part", "part"),
        Column("profiled_s", "profiler (ms)", "right"),
        Column("ablated_s", "left out (ms)", "right", detail="[95 % CI]"),
        Column("agrees", "agree"),
    )
    return Table("Cross-check", columns, tuple(_check_row(check) for check in profile.ablations))


def _check_row(check: AblationCheck) -> Row:
    low, high = check.ablated.ci_low, check.ablated.ci_high
    known = low is not None and high is not None
    detail = f"[{(low or 0) * _MS:.2f}, {(high or 0) * _MS:.2f}]" if known else "no interval"
    estimate = check.ablated.estimate
    return (
        text_cell(check.part),
        Cell(f"{check.profiled_s * _MS:.2f}", check.profiled_s),
        Cell(UNKNOWN if estimate is None else f"{estimate * _MS:.2f}", estimate, detail),
        Cell("yes" if check.agrees else "no", check.agrees),
    )


def _interval(interval: Interval) -> str:
    if interval.estimate is None:
        return "an unknown number of"
    text = f"{interval.estimate * _MS:+.2f}"
    if interval.ci_low is None or interval.ci_high is None:
        return text
    return f"{text} [{interval.ci_low * _MS:.2f}, {interval.ci_high * _MS:.2f}]"


def _ratio(interval: Interval) -> str:
    if interval.estimate is None:
        return UNKNOWN
    if interval.ci_low is None or interval.ci_high is None:
        return f"{interval.estimate:.3f}"
    return f"{interval.estimate:.3f} [{interval.ci_low:.3f}, {interval.ci_high:.3f}] (95 %, one process)"
