"""The machine as a document, and in the two lines that go under every measurement."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sebench.reporting.document import Cell, Column, Document, Paragraph, Row, Table, text_cell
from sebench.reporting.records import CellValue
from sebench.schema import OWN_FACTS, Environment, Finding
from sebench.units import format_bytes

_GROUPS = ("cpu", "memory", "platform", "load", "runtime", "versions", "variables", "git")
_SEVERITIES = ("error", "warning", "info")
_UNKNOWN = "unknown"


def environment_document(environment: Environment) -> Document:
    """What `sebench env` shows: what to mind first, then every fact, unknown ones included."""
    rows = tuple(row for group in _GROUPS for row in _facts(group, getattr(environment, group)))
    columns = (
        Column("group", "group", role="group"),
        Column("fact", "fact"),
        Column("value", "value", wrap=True),
    )
    return Document(
        title="This machine as a benchmark sees it",
        body=(_findings(environment.findings), Table("Facts", columns, rows)),
    )


def environment_lines(environment: Environment, measured_at: str | None = None) -> tuple[str, str]:
    """Machine and software in one line each.

    Args:
        environment: The machine.
        measured_at: UTC, ISO 8601.
    """
    cpu, versions, platform = environment.cpu, environment.versions, environment.platform
    hardware = (
        str(environment.device.get("name") or ""),
        str(cpu.get("model") or "unknown CPU"),
        _named(cpu.get("usable_cores"), "usable of {} cores", cpu.get("physical_cores")),
        _named(environment.runtime.get("num_threads"), "torch threads"),
        _machine_kind(platform),
    )
    software = (
        _version("torch", versions.get("torch")),
        *(_version(name, facts.get(name)) for name, facts in environment.runtime.get(OWN_FACTS, {}).items()),
        _version("python", versions.get("python")),
        _version("sebench", versions.get("sebench")),
        _version(str(platform.get("system") or "kernel"), platform.get("kernel")),
        measured_at or "date unknown",
    )
    return (
        "machine: " + ", ".join(part for part in hardware if part),
        "software: " + ", ".join(part for part in software if part),
    )


def _machine_kind(platform: Mapping[str, Any]) -> str:
    kinds = (platform.get("virtualization"), platform.get("container"))
    return ", ".join(str(kind) for kind in kinds if kind and kind != "none")


def _named(count: object, name: str, of: object = None) -> str:
    return "" if count is None else f"{count} {name.format(_UNKNOWN if of is None else of)}"


def _version(name: str, version: object) -> str:
    return f"{name} {version}" if version else ""


# --- findings -------------------------------------------------------------------------------------------


def _findings(findings: tuple[Finding, ...]) -> Table | Paragraph:
    if not findings:
        return Paragraph("No source of noise was found.")
    ordered = sorted(findings, key=lambda finding: _SEVERITIES.index(finding.severity))
    columns = (
        Column("severity", "severity"),
        Column("code", "code", role="fold"),
        Column("message", "finding", wrap=True),
        Column("hint", "advice", wrap=True),
    )
    rows = tuple(tuple(map(text_cell, (f.severity, f.code, f.message, f.hint or ""))) for f in ordered)
    return Table("Findings", columns, rows)


# --- facts ----------------------------------------------------------------------------------------------


def _facts(group: str, facts: Mapping[str, Any]) -> Iterator[Row]:
    for name, value in facts.items():
        if isinstance(value, Mapping) and value:
            yield from _facts(group, {f"{name}.{inner}": item for inner, item in value.items()})
        else:
            yield text_cell(group), text_cell(name), Cell(_fact_text(name, value), _raw(value))


def _fact_text(name: str, value: object) -> str:
    if value is None:
        return _UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_fact_text(str(key), item)}" for key, item in value.items()) or "none"
    if isinstance(value, list | tuple):
        separator = "; " if any(isinstance(item, Mapping) for item in value) else ", "
        return separator.join(_fact_text(name, item) for item in value) or "none"
    if isinstance(value, int | float):
        return _number_text(name, value)
    return str(value)


def _number_text(name: str, value: float) -> str:
    if name.endswith("_bytes"):
        return format_bytes(value)
    if "_hz" in name:
        return f"{value / 1e9:.2f} GHz"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _raw(value: object) -> CellValue:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return json.dumps(value, default=str)
