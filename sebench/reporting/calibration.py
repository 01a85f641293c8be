"""A calibration as a document: how noisy this machine is, and which margins it can hold."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import msgspec

from sebench.reporting.contract import document_json
from sebench.reporting.document import Cell, Column, Document, Paragraph, Table, text_cell
from sebench.schema import Calibration, HeldMargin, Noise

BIAS_LIMIT = 0.003
METHOD = (
    "A/A: a network against a second instance of itself, in the same fresh processes as any comparison. "
    "Between processes: standard deviation of their estimates. Smallest margin: two half-widths of the 95 % "
    "interval, 2 t s / sqrt(P); with a narrower one, many checks of unchanged code stay inconclusive."
)


def calibration_document(calibration: Calibration, noise: Noise, margins: Sequence[HeldMargin]) -> Document:
    """What `sebench calibrate` shows."""
    name = f"{calibration.spec.model} {calibration.spec.variant}"
    return Document(
        title=f"Calibration: {name}",
        body=(
            Paragraph(_answer(name, noise), strong=True),
            Table("Noise", _NOISE_COLUMNS, tuple(_noise_rows(noise))),
            Table("Margins that this machine can resolve", _MARGIN_COLUMNS, tuple(map(_margin_row, margins))),
        ),
        notes=(METHOD, *_bias_note(noise)),
    )


def calibration_json(calibration: Calibration, noise: Noise, margins: Sequence[HeldMargin]) -> str:
    """The ``calibration`` document."""
    content = {
        "model": calibration.spec.model,
        "variant": calibration.spec.variant,
        "fingerprint": calibration.fingerprint,
        "workload": msgspec.to_builtins(calibration.workload),
        "noise": msgspec.to_builtins(noise),
        "margins": msgspec.to_builtins(list(margins)),
    }
    return document_json("calibration", content)


_NOISE_COLUMNS = (Column("quantity", "quantity"), Column("value", "value", "right"))
_MARGIN_COLUMNS = (
    Column("effort", "effort"),
    Column("processes", "processes", "right"),
    Column("margin", "smallest margin", "right"),
)


def _answer(name: str, noise: Noise) -> str:
    return (
        f"The ratio of {name} to itself varies by {noise.sigma_process * 100:.2f} % (standard deviation) "
        f"between fresh processes: {noise.processes} processes, {noise.blocks} blocks, {noise.sessions} "
        f"session{'' if noise.sessions == 1 else 's'}"
    )


def _noise_rows(noise: Noise) -> Iterator[tuple[Cell, Cell]]:
    interval = ""
    if noise.bias_low is not None and noise.bias_high is not None:
        interval = f"[{math.exp(noise.bias_low):.4f}, {math.exp(noise.bias_high):.4f}]"
    yield text_cell("ratio to itself"), Cell(f"{math.exp(noise.bias):.4f}", math.exp(noise.bias), interval)
    levels = (
        ("SD between blocks", noise.sigma_block),
        ("SD between processes", noise.sigma_process),
        ("SD between sessions", noise.sigma_session),
        ("SD between sessions, of times", noise.sigma_session_time),
    )
    for label, sigma in levels:
        shown = "unknown: needs 5 sessions" if sigma is None else f"{sigma * 100:.2f} %"
        yield text_cell(label), Cell(shown, sigma)


def _margin_row(held: HeldMargin) -> tuple[Cell, Cell, Cell]:
    processes = Cell(str(held.processes), held.processes)
    return text_cell(held.effort or ""), processes, Cell(f"{held.smallest_ratio:.4f}", held.smallest_ratio)


def _bias_note(noise: Noise) -> Iterator[str]:
    if abs(noise.bias) > BIAS_LIMIT:
        yield f"The ratio to itself is off by more than {BIAS_LIMIT * 100:g} %: distrust small differences."
