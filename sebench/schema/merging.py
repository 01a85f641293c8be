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


class Merge(Value, frozen=True, kw_only=True):
    """Several directories of results, merged into one."""

    into: str
    dry_run: bool = False
    """Nothing was written; counts and conflicts are what there would have been."""
    sources: tuple[MergedSource, ...] = ()
    reason: str | None = None
    """Why not everything was merged, but for conflicts and damaged files."""

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        """Of all sources."""
        return tuple(conflict for source in self.sources for conflict in source.conflicts)
