"""What the runner, Ray's driver and the process of a case say to each other: JSON, one message a line.

Ray writes to the standard output of every process that imports it, so none of this ever goes through one.
"""

from __future__ import annotations

import os
from typing import BinaryIO

import msgspec

from sebench.schema import Result, Value
from sebench.schema.sweep import Case, CaseOutcome


class Versions(Value, frozen=True, kw_only=True):
    """What has to be the same wherever cases of one sweep are measured; None is not installed."""

    sebench: str | None
    sources: str | None
    """SHA-256 (hex) of sebench's own sources: two working trees may have one version."""
    torch: str | None
    python: str
    """Major and minor, e.g. ``3.11``."""


class Job(Value, frozen=True, kw_only=True):
    """What the driver is started for."""

    address: str
    """``auto`` or ``HOST:PORT``."""
    labels: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    """Nodes to take: those that have one of the values of every label."""
    own: Versions
    """Of the machine that the sweep was started on, which reads the results."""
    command: tuple[str, ...]
    """Arguments of a node's Python that start the process of a case."""
    directory: str
    """Where cases run on nodes that have it too."""
    argv: tuple[str, ...] = ()
    """Recorded in the results."""
    cache: bool = True
    """Whether nodes keep counts of networks."""
    calibrations: str | None = None
    """Folder of the calibrations of a node; None looks nothing up."""
    patience_s: float
    """After which a node that does not answer is left out."""
    pending_s: float
    """After which a case that no node can take has failed."""


class Cases(Value, frozen=True, kw_only=True):
    """What the driver hears next, as soon as it has said which nodes there are."""

    cases: tuple[Case, ...]
    code: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    """By case, SHA-256 (hex) of the files that networks of the user's own are written in."""


class CaseRequest(Value, frozen=True, kw_only=True):
    """What the process of a case is asked."""

    case: Case
    code: tuple[str, ...] = ()
    """Of the files of its networks, where the sweep was started; none where they are not the user's own."""
    ahead: tuple[Case, ...] = ()
    """Cases that are likely to come next: their networks may be counted with that of this one."""
    argv: tuple[str, ...] = ()
    cache: bool = True
    calibrations: str | None = None
    nice: int | None = None
    """What the node runs at, which Ray's processes do not; None where that is not known."""


class CaseReply(Value, frozen=True, kw_only=True):
    """What became of the case."""

    outcome: CaseOutcome
    result: Result | None = None


class News(Value, frozen=True, kw_only=True, tag=True):
    """What the driver says; each kind is a subclass."""


class Loaded(News, frozen=True, kw_only=True):
    """Ray is imported: what follows waits for the cluster alone."""


class Alive(News, frozen=True, kw_only=True):
    """The driver is at work, and there is nothing to tell."""


class Refused(News, frozen=True, kw_only=True):
    """Nothing was measured, and nothing will be."""

    message: str
    hint: str | None = None
    usage: bool = False
    """Whether what was asked for cannot be meant."""


class NodeFacts(Value, frozen=True, kw_only=True):
    """A node as it describes itself."""

    node: str
    """Ray's id of it."""
    host: str
    versions: Versions
    boot: str = ""
    """The same for all that runs on one machine until it is started again, containers included."""
    cpus: tuple[int, ...] = ()
    """That its processes may use; empty where that is not known."""
    processor: str = ""
    gpus: int = 0
    """That Ray knows of."""
    visible_gpus: tuple[str, ...] = ()
    """As in ``CUDA_VISIBLE_DEVICES``; empty where cases cannot be kept to one of several."""


class Joined(News, frozen=True, kw_only=True):
    """Nodes that take cases from now on."""

    nodes: tuple[NodeFacts, ...]


class LeftOut(News, frozen=True, kw_only=True):
    """A node that takes none."""

    host: str
    reason: str


class Began(News, frozen=True, kw_only=True):
    """A node has begun with a case."""

    case: str
    host: str


class Lost(News, frozen=True, kw_only=True):
    """A node, or Ray's process there, is gone; its cases wait for another one."""

    host: str
    cases: tuple[str, ...]


class Over(News, frozen=True, kw_only=True):
    """A case is over; a node may have said that of it more than once, the driver does not."""

    reply: msgspec.Raw
    """A `CaseReply`, as it was sent by the node."""


Message = Loaded | Alive | Refused | Joined | LeftOut | Began | Lost | Over


def take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output for messages alone, on descriptors that nobody else in this process knows.

    Whatever is printed goes to standard error; whoever reads from standard input finds its end.
    """
    requests, replies = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.close(null)
    return os.fdopen(requests, "rb"), os.fdopen(replies, "wb")
