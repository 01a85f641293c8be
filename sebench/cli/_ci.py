"""What the gate leaves for a CI system: a JUnit file, annotations in the log, the summary of the job."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sebench.cli._boundary import say
from sebench.schema import Gate
from sebench.store import write_atomic


def write_ci_outputs(gate: Gate, *, junit: Path | None, environ: Mapping[str, str]) -> None:
    """Tell the CI system about `gate`.

    Annotations go to standard error: GitHub reads workflow commands from both streams, and standard output
    carries only what was asked for.

    Args:
        gate: All checks of one invocation.
        junit: Where the user wants JUnit XML; None is nowhere.
        environ: Environment variables; ``GITHUB_ACTIONS`` and ``GITHUB_STEP_SUMMARY`` are looked at.

    Raises:
        DataFileError: `junit` cannot be written. A summary that cannot is a warning: nobody asked for it.
    """
    from sebench.reporting import exports

    if environ.get("GITHUB_ACTIONS") == "true":
        for line in exports.github_annotations(gate).splitlines():
            say(line)
    summary = environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        _append(Path(summary), exports.github_summary(gate))
    if junit is not None:  # the last, as it may fail
        write_atomic(junit, exports.junit_xml(gate))


def _append(path: Path, text: str) -> None:
    try:
        with path.open("a", encoding="utf-8") as stream:
            stream.write(f"{text}\n")
    except OSError as error:
        say(f"warning: the job summary was not written to {path}: {error.strerror}")
