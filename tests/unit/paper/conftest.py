"""Counts of the papers' networks, made once in a run of the tests."""

import pytest

from sebench.runner.counting.auditing import counter
from sebench.store import CountCache


@pytest.fixture(scope="session")
def counts(shared_cache):
    return CountCache(shared_cache / "sebench" / "counts")


@pytest.fixture(scope="session")
def count(counts):
    return counter(counts)
