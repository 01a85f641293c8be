"""The pytest plugin: fixture ``sebench``, options ``--sebench-*``, readable failures and a summary.

pytest loads this wherever sebench is installed, so nothing heavy is imported before a test measures.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Generator, Iterator
from dataclasses import replace
from numbers import Real
from typing import TYPE_CHECKING, Any, TypeGuard

import pytest

if TYPE_CHECKING:
    from sebench.api import ComparisonResult, CountResult, Judgement
    from sebench.api.overhead import Operator
    from sebench.schema import Effort

PROPERTY = "sebench"
"""Name under which every comparison with a limit is attached to its test, also in JUnit XML."""
_MARKER = "sebench: measures networks with sebench (given to every test that uses the fixture)"
_SWAPPED: dict[str, Operator] = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


class Sebench:
    """What the fixture hands out: the library, with the options of the command line applied."""

    def __init__(self, journal: _Journal, *, effort: Effort | None, save: str | None) -> None:
        self._journal, self._effort, self._save = journal, effort, save

    def compare(self, *networks: Any, **options: Any) -> ComparisonResult:  # noqa: ANN401 - as `sebench.compare`
        """`sebench.compare`, its result remembered for the summary.

        Args:
            networks: the model; none where the options name a baseline and a candidate.
            options: keywords of `sebench.compare`. ``--sebench-quick`` and ``--sebench-effort`` replace
                `effort`; ``--sebench-save`` is the default of `save`.
        """
        from pathlib import Path  # noqa: PLC0415 - see the module's docstring

        from sebench.api import compare  # noqa: PLC0415
        from sebench.errors import SebenchError  # noqa: PLC0415

        __tracebackhide__ = True
        if self._effort is not None:
            options["effort"] = self._effort
        if self._save is not None:
            options.setdefault("save", Path(self._save))
        try:
            return replace(compare(*networks, **options), watch=self._journal.write)
        except SebenchError as error:  # the message is written for the user, the frames are not
            raise error.with_traceback(None) from None

    def count(self, *network: Any, **options: Any) -> CountResult:  # noqa: ANN401 - as `sebench.count`
        """`sebench.count`."""
        from sebench.api import count  # noqa: PLC0415

        return count(*network, **options)


class _Journal:
    """Attaches what is judged to the test that is running, and collects it from the reports at the end.

    Reports are what reaches the terminal from xdist's workers too.
    """

    def __init__(self) -> None:
        self._item: pytest.Item | None = None
        self._lines: dict[str, list[str]] = {}

    def write(self, judgement: Judgement) -> None:
        """Remember a comparison with a limit."""
        if self._item is not None:
            entry = (PROPERTY, f"{judgement.overhead.pair}, {judgement}")
            if entry not in self._item.user_properties:
                self._item.user_properties.append(entry)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Know which test is running."""
        self._item = item
        try:
            return (yield)
        finally:
            self._item = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect: the last report of a test has everything that was attached to it."""
        if report.when == "teardown":
            lines = [str(value) for name, value in report.user_properties if name == PROPERTY]
            if lines:
                self._lines[report.nodeid] = lines

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say all of it."""
        if not self._lines:
            return
        from sebench.lines import single_line  # noqa: PLC0415 - see the module's docstring

        terminalreporter.section("sebench")
        for nodeid, lines in self._lines.items():
            terminalreporter.write_line(nodeid)
            for line in lines:
                terminalreporter.write_line(f"  {single_line(line)}")


_JOURNAL = pytest.StashKey[_Journal]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the command line."""
    group = parser.getgroup("sebench", "what networks cost")
    group.addoption(
        "--sebench-quick",
        action="store_true",
        help="one process per comparison: fast, and blind to what differs between processes",
    )
    group.addoption("--sebench-effort", choices=("quick", "standard", "rigorous"), help="of every comparison")
    group.addoption("--sebench-save", metavar="DIR", help="directory for the raw results")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and what collects the summary."""
    if config.option.sebench_quick and config.option.sebench_effort not in (None, "quick"):
        raise pytest.UsageError(
            f"--sebench-quick and --sebench-effort {config.option.sebench_effort} contradict each other"
        )
    config.addinivalue_line("markers", _MARKER)
    config.stash[_JOURNAL] = _Journal()
    config.pluginmanager.register(config.stash[_JOURNAL], "sebench-journal")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what measures, so that ``-m 'not sebench'`` leaves it out."""
    if "sebench" in getattr(item, "fixturenames", ()):
        item.add_marker("sebench")


@pytest.fixture(scope="session")
def sebench(pytestconfig: pytest.Config) -> Sebench:
    """Measure what a network costs: ``sebench.compare("resnet50").overhead("latency") < 1.10``."""
    if importlib.util.find_spec("torch") is None:
        pytest.skip("sebench needs torch, which is not installed")
    option = pytestconfig.option
    return Sebench(
        pytestconfig.stash[_JOURNAL],
        effort="quick" if option.sebench_quick else option.sebench_effort,
        save=option.sebench_save,
    )


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Say how far a failed assertion on an overhead was from holding."""
    loaded = sys.modules.get("sebench.api")
    if loaded is None:
        return None
    return list(_explanation(op, left, right)) or None


def _explanation(op: str, left: object, right: object) -> Iterator[str]:
    from sebench.api import Judgement, Overhead  # noqa: PLC0415
    from sebench.api.explanation import explain  # noqa: PLC0415

    if isinstance(left, Overhead) and _is_number(right):
        judged, limit, operator = left, right, _SWAPPED.get(_SWAPPED.get(op, op))
    elif isinstance(right, Overhead) and _is_number(left):
        judged, limit, operator = right, left, _SWAPPED.get(op)
    else:
        return
    if operator is not None:
        yield from explain(Judgement(judged, operator, limit, judged.verdict(operator, limit)))
    elif op in ("==", "!="):
        yield f"{left!r} {op} {right!r}"
        yield "an overhead cannot equal a number: compare it with <, <=, > or >=, or take float(...) of it"


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, Real) and not isinstance(value, bool)
