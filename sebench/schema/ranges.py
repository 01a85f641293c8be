"""What numbers and names of stored values can be. Checked where a file is read, never where a value is made.

Generous: a figure outside was not measured, and arithmetic on it overflows or divides by zero.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
"""Of things or bytes."""
Positive = Annotated[int, Meta(ge=1, le=2**40)]
"""A size or a number of processes, steps, threads."""
Seed = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Shape = Annotated[tuple[Positive, ...], Meta(min_length=1, max_length=8)]
StepSeconds = Annotated[float, Meta(ge=1e-9, le=1e7)]
"""Something that was timed: a tick of the clock to a hundred days."""
Seconds = Annotated[float, Meta(ge=0, le=1e9)]
LogRatio = Annotated[float, Meta(ge=-40, le=40)]
"""Of two times in `StepSeconds`, or of one of them in seconds."""
Share = Annotated[float, Meta(ge=0, le=1e6)]
"""A part of something, or several of it."""
Confidence = Annotated[float, Meta(ge=0.5, le=0.9999)]
Joules = Annotated[float, Meta(ge=0, le=1e12)]
"""0 where the counter did not move."""
Watts = Annotated[float, Meta(ge=0, le=1e9)]
Rate = Annotated[float, Meta(ge=1, le=1e18)]
"""Bytes or operations per second."""
# Patterns of settings match as a whole; `expects` completes "... is not" in the message where one does not.
DeviceName = Annotated[
    str, Meta(pattern=r"auto|cpu|cuda(:[0-9]+)?", extra={"expects": "auto, cpu, cuda or cuda:N"})
]
Pixels = (
    Positive
    | Annotated[
        str,
        Meta(
            pattern=r"[1-9][0-9]*(x[1-9][0-9]*)?",
            extra={"expects": "a side or a height and width, e.g. 224 or 800x1333"},
        ),
    ]
)
"""Of an image: a side, or a height and width as ``800x1333``."""
ShapeText = Annotated[
    str,
    Meta(
        pattern=r"[1-9][0-9]*(x[1-9][0-9]*)+",
        extra={"expects": "a shape with the batch in front, e.g. 1x3x224x224"},
    ),
]
Id = Annotated[str, Meta(pattern=r"^\w[\w.+-]{0,199}\Z")]
"""Names a file and stands in addresses: letters, digits, ``_``, ``-``, ``.`` and ``+``."""
