"""What every call that builds networks has in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sebench.errors import Interrupted, UsageError
from sebench.models import factory_running


@contextmanager
def guarded() -> Iterator[None]:
    """Refuse to begin where that would not end, and end by Python's own exception on Ctrl-C.

    Raises:
        UsageError: the file of a network calls this while it is imported; worker processes import it too, so
            each would start others.
        KeyboardInterrupt: Ctrl-C, after what was measured has been handed over.
    """
    name = factory_running()
    if name is not None:
        raise UsageError(
            f"the file of {name} measures when it is imported, and worker processes import it",
            hint="put that under `if __name__ == '__main__':`",
        )
    try:
        yield
    except Interrupted:
        raise KeyboardInterrupt from None
