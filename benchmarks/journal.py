"""Runs of a long benchmark as JSON lines: stopped at any moment, continued later, tabulated again.

The first line of every session says what is measured and where; the others are runs, each written as soon as
it is over. A session continues a file only if its setup is the same, time and load of the machine aside.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Record = dict[str, Any]
SETUP = "setup"
CHANGES = ("started_at", "load1")
"""Fields of a setup that differ between sessions."""


class Journal:
    """A file of runs.

    Args:
        path: the file; its folder is there.
        setup: what is measured and where; `started_at` and `load1` may differ between sessions.
        resume: continue a file that is there.

    Raises:
        SystemExit: there is a file and it is not to be continued, or it is of another setup.
    """

    def __init__(self, path: Path, setup: Record, *, resume: bool) -> None:
        self._path = path
        self.runs: list[Record] = []
        if path.exists():
            if not resume:
                raise SystemExit(f"{path} is there already: continue it with --resume, or name another file")
            path.write_text(_whole_lines(path.read_text(encoding="utf-8")), encoding="utf-8")
            setups, self.runs = read(path)
            for former in setups[:1]:
                require_same(path, former, setup)
        self._write({SETUP: setup})

    def add(self, run: Record) -> None:
        """Keep a run."""
        self.runs.append(run)
        self._write(run)

    def has(self, **fields: object) -> bool:
        """Whether a run with these values is there."""
        return any(all(run.get(name) == value for name, value in fields.items()) for run in self.runs)

    def _write(self, record: Record) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")


def read(path: Path) -> tuple[list[Record], list[Record]]:
    """Setups of the sessions and all runs of a file; a last line that was cut off does not count."""
    try:
        text = _whole_lines(path.read_text(encoding="utf-8"))
        lines: list[Record] = [json.loads(line) for line in text.splitlines()]
    except (OSError, ValueError) as error:
        raise SystemExit(f"{path} holds no runs: {error}") from error
    setups = [line[SETUP] for line in lines if SETUP in line]
    if not setups:
        raise SystemExit(f"{path} holds no runs: it does not say what was measured")
    return setups, [line for line in lines if SETUP not in line]


def require_same(path: Path, former: Record, now: Record) -> None:
    """Refuse to mix runs of two setups.

    Raises:
        SystemExit: a field differs; it is named.
    """
    for name in sorted(former.keys() | now.keys()):
        if name not in CHANGES and former.get(name) != now.get(name):
            raise SystemExit(f"{path} is of {name} {former.get(name)}, this is {name} {now.get(name)}")


def machine() -> Record:
    """What a report says of the machine and its software."""
    from sebench.profilers.environment import capture_environment

    found = capture_environment()
    return {
        "started_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "load1": found.load.get("load1"),
        "cpu": found.cpu.get("model"),
        "cores": found.cpu.get("usable_cores"),
        "virtualization": found.platform.get("virtualization"),
        "python": found.versions.get("python"),
        "torch": found.versions.get("torch"),
    }


def machine_text(setups: list[Record]) -> str:
    """The same as a sentence without its full stop; the dates are those of all sessions."""
    first, dates = setups[0], sorted({setup["started_at"][:10] for setup in setups})
    when = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    loads = [f"{setup['load1']:.1f}" for setup in setups if setup["load1"] is not None]
    virtual = ", virtual machine" if first["virtualization"] else ""
    return (
        f"{when}, {first['cpu']}, {first['cores']} cores{virtual}, Python {first['python']}, "
        f"torch {first['torch']}; load average at the start {', '.join(loads) or 'unknown'}"
    )


def tables(rows: Iterator[list[str]], *head: str) -> list[str]:
    """Lines of a Markdown table; the first column is text, the others are figures."""
    rules = ["---", *("---:" for _ in head[1:])]
    return [f"| {' | '.join(row)} |" for row in (list(head), rules, *rows)]


def _whole_lines(text: str) -> str:
    return text[: text.rfind("\n") + 1]
