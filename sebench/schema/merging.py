"""What became of the files of several directories of results when they were merged into one."""

from __future__ import annotations

from sebench.schema.base import Value
from sebench.schema.ranges import Count
from sebench.schema.stored import SkippedFile


class Conflict(Value, frozen=True, kw_only=True):
    """A result whose id another result has already; both stay where they are."""

    id: str
    path: str
    """The file that was not merged."""
    existing: str
    """The file that has the id."""


class MergedSource(Value, frozen=True, kw_only=True):
    """One directory, and what became of its files."""

    directory: str
    new: Count = 0
    """Results that were copied."""
    present: Count = 0
    """Results that were there already, with the same content."""
    conflicts: tuple[Conflict, ...] = ()
    damaged: tuple[SkippedFile, ...] = ()
    """Files that are no results, and why; they stay where they are."""


class RepeatedCase(Value, frozen=True, kw_only=True):
    """A case of a sweep that was measured more than once; the sweep has the earlier result."""

    case: str
    """Its id."""
    kept: str
    """Id of the result that the sweep has."""
    dropped: str
    """Id of the other; it is stored like any result, but is not of the sweep."""


class MergedSweep(Value, frozen=True, kw_only=True):
    """One sweep, put together from the books of its shards."""

    name: str
    books: Count
    """How many."""
    done: Count = 0
    failed: Count = 0
    skipped: Count = 0
    pending: Count = 0
    repeated: tuple[RepeatedCase, ...] = ()
    missing: tuple[str, ...] = ()
    """Ids of results that books have and no source has; their cases are pending."""

    @property
    def cases(self) -> int:
        """Of all books together."""
        return self.done + self.failed + self.skipped + self.pending


class Merge(Value, frozen=True, kw_only=True):
    """Several directories of results, merged into one."""

    into: str
    dry_run: bool = False
    """Nothing was written; counts and conflicts are what there would have been."""
    sources: tuple[MergedSource, ...] = ()
    sweeps: tuple[MergedSweep, ...] = ()
    """In the order of their names."""
    reason: str | None = None
    """Why not everything was merged, but for conflicts and damaged files."""

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        """Of all sources."""
        return tuple(conflict for source in self.sources for conflict in source.conflicts)
