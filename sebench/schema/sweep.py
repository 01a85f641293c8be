"""A sweep: the cases of a matrix, and what became of each."""

from __future__ import annotations

from typing import Literal

from sebench.schema.base import Effort, Value
from sebench.schema.network import NO_OPTIONS, NetworkOptions
from sebench.schema.ranges import Id, Seconds, Seed
from sebench.schema.request import NOTHING_SAID, WorkloadRequest

CaseStatus = Literal["done", "failed", "skipped", "pending"]
"""``skipped`` cannot be meant, such as training in a runtime without it; ``failed`` was tried."""


class Case(Value, frozen=True, kw_only=True):
    """One entry of the matrix: a pair, what was said of its workload, and how hard it is measured.

    What was left unsaid is decided on the machine that measures the case: one sweep runs on machines with
    different numbers of cores.
    """

    id: Id
    """Twelve hexadecimal digits of a hash of all that is below but the seed: the same case, the same id."""
    model: str
    variant: str
    """Of the candidate, in canonical form."""
    baseline: str = "plain"
    request: WorkloadRequest = NOTHING_SAID
    options: NetworkOptions = NO_OPTIONS
    effort: Effort = "quick"
    budget_s: Seconds | None = None
    timeout_s: Seconds | None = None
    """After which it counts as failed; None sets no limit. Not part of the id."""
    seed: Seed = 0


class CaseOutcome(Value, frozen=True, kw_only=True):
    """What became of one case."""

    id: Id
    """Of the case."""
    status: CaseStatus = "pending"
    reason: str = ""
    """Why it was skipped or failed, in one line."""
    result: Id | None = None
    """The id of its stored result; None unless it is done."""
    machine: str = ""
    """The host that measured it."""
    wall_s: Seconds | None = None
    """What it took in all, preparing included."""


class Sweep(Value, frozen=True, kw_only=True):
    """All cases of a sweep and their outcomes, in the order of the matrix."""

    name: str
    cases: tuple[Case, ...]
    outcomes: tuple[CaseOutcome, ...]
    """One per case."""
