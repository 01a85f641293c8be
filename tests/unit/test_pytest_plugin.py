"""The plugin in runs of pytest of their own; measurements are replaced by known ones."""

import math
import tomllib
from pathlib import Path

import pytest

import sebench.api  # noqa: F401 - runs inside this process must not import numpy a second time
from sebench.store import ResultStore
from tests import samples

REPOSITORY = Path(__file__).parents[2]
# Blocked by its name and loaded by its module, the plugin is there once, installed or not.
PLUGIN = ("-p", "no:sebench", "-p", "sebench.pytest_plugin", "-p", "no:cacheprovider")
STORY = "latency overhead 1.073 [1.060, 1.085] (95 %, 6 processes x 4 blocks, grade A)"
# What `compare` measures here: the result that lies beside the tests. 1.0725 [1.0602, 1.0849]
CONFTEST = """
import pytest
from pathlib import Path
from sebench.api import comparing
from sebench.store import load_result

PLANS = []

@pytest.fixture(scope="session", autouse=True)
def no_measuring():
    def run(plan, context=None, **options):
        PLANS.append(plan)
        yield load_result(Path(__file__).with_name("known.json"))
    patch = pytest.MonkeyPatch()
    patch.setattr(comparing, "run", run)
    yield
    patch.undo()
"""


@pytest.fixture
def run(pytester, monkeypatch):
    """Run pytest on a test file beside a known result; options as on its command line."""
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    blocks = {0: math.exp(0.06), 1: math.exp(0.08)}
    known = samples.result(
        samples.measurement(
            samples.process([samples.block(1.0, blocks[number % 2])] * 4, number) for number in range(6)
        )
    )
    ResultStore(pytester.path).add(known).rename(pytester.path / "known.json")
    pytester.makeconftest(CONFTEST)

    def start(text, *options):
        pytester.makepyfile(test_cost=text)
        return pytester.runpytest_inprocess(*PLUGIN, *options)

    return start


def test_a_limit_that_holds(run):
    done = run(
        """
        def test_cost(sebench):
            result = sebench.compare("resnet50")
            assert result.overhead("latency") < 1.10
            assert result.overhead("params") <= 1.10
        """
    )
    done.assert_outcomes(passed=1)
    done.stdout.fnmatch_lines(
        [
            "*= sebench =*",
            "",
            "test_cost.py::test_cost",
            f"  resnet50: plain -> se, {STORY}: passed against 1.1".replace("[", "[[]"),
            "  resnet50: plain -> se, params overhead 1.100 (exact): passed against 1.1",
        ],
        consecutive=True,
    )


@pytest.mark.parametrize(
    ("assertion", "lines"),
    [
        (
            'overhead("latency") < 1.05',
            [f"assert {STORY}: failed against 1.05", "resnet50: plain -> se, on this CPU", "lies above 1.05"],
        ),
        (
            '1.05 > result.overhead("latency")',
            [f"assert {STORY}: failed against 1.05", "the whole interval lies above 1.05"],
        ),
        (
            'overhead("latency") < 1.07',
            [
                f"assert {STORY}: inconclusive against 1.07",
                "the interval contains 1.07: neither side of it is shown",
                "narrow the interval (effort='rigorous', a larger budget_s, a quieter machine), or allow",
            ],
        ),
        (
            'overhead("latency") > 1.10',
            [f"{STORY}: failed against > 1.1", "the whole interval lies below 1.1"],
        ),
        (
            'overhead("params") < 1.1',
            ["params overhead 1.100 (exact): failed against 1.1", "an exact figure: it is not < 1.1"],
        ),
        ('overhead("params") == 1.1', ["an overhead cannot equal a number: compare it with <, <=, > or >="]),
        ('overhead("latncy") < 1', ["UsageError: no metric 'latncy' in resnet50: plain -> se; did you mean"]),
        (
            'overhead("latency") < "1"',
            ["TypeError: '<' not supported between instances of 'Overhead' and 'str'"],
        ),
    ],
)
def test_failures_say_what_the_interval_shows(run, assertion, lines):
    text = assertion if "result" in assertion else f"result.{assertion}"
    done = run(f"def test_cost(sebench):\n    result = sebench.compare('resnet50')\n    assert {text}\n")
    done.assert_outcomes(failed=1)
    said = done.stdout.str()
    for line in lines:
        assert line in said
    assert "Full output truncated" not in said


def test_errors_show_the_test_and_not_the_inside_of_sebench(run):
    done = run("def test_cost(sebench):\n    sebench.compare('resnet5')\n")
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["E*UnknownModelError: unknown model 'resnet5'; did you mean 'resnet50'*"])
    done.stdout.no_fnmatch_line("*sebench/runner*")


@pytest.mark.parametrize(
    ("options", "asked", "measured"),
    [
        ((), "", "standard"),
        ((), "effort='rigorous'", "rigorous"),
        (("--sebench-quick",), "effort='rigorous'", "quick"),
        (("--sebench-effort", "rigorous"), "", "rigorous"),
        (("--sebench-effort", "quick", "--sebench-quick"), "", "quick"),
    ],
)
def test_effort(run, options, asked, measured):
    done = run(
        f"""
        import conftest

        def test_cost(sebench):
            sebench.compare("resnet50", {asked})
            assert conftest.PLANS[-1].policy.effort == {measured!r}
        """,
        *options,
    )
    done.assert_outcomes(passed=1)


def test_options_that_contradict_each_other_are_refused(run):
    done = run("", "--sebench-quick", "--sebench-effort", "rigorous")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["ERROR: --sebench-quick and --sebench-effort rigorous contradict each other"])


def test_saving(run, pytester):
    done = run("def test_cost(sebench):\n    sebench.compare('resnet50')\n", "--sebench-save", "kept")
    done.assert_outcomes(passed=1)
    assert len(ResultStore(pytester.path / "kept").paths()) == 1


MANY = """
import pytest

@pytest.fixture(scope="module")
def result(sebench):
    return sebench.compare("resnet50")

@pytest.mark.parametrize("limit", [1.10, 1.20, 1.30, 1.40])
def test_cost(result, limit):
    assert result.overhead("latency") < limit

def test_free():
    pass
"""


@pytest.mark.parametrize("workers", [(), pytest.param(("-n", "2"), marks=pytest.mark.slow)])
def test_one_measurement_serves_many_tests_and_workers_report_what_they_judged(run, workers):
    done = run(MANY, *workers)
    done.assert_outcomes(passed=5)
    done.stdout.fnmatch_lines_random(
        [f"  *{STORY}: passed against {limit}".replace("[", "[[]") for limit in ("1.1", "1.2", "1.3", "1.4")]
    )


def test_the_marker_is_given_to_what_uses_the_fixture(run):
    done = run(MANY, "-m", "not sebench", "--strict-markers")
    done.assert_outcomes(passed=1, deselected=4)


def test_junit_properties(run, pytester):
    run(
        "def test_cost(sebench):\n    assert sebench.compare('resnet50').overhead('macs') < 2\n",
        "--junit-xml=o.xml",
    )
    assert (
        '<property name="sebench" value="resnet50: plain -&gt; se, '
        'macs overhead 1.0010 (exact): passed against 2" />'
    ) in (pytester.path / "o.xml").read_text()


def test_without_torch_tests_are_skipped(pytester, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    pytester.makepyfile(
        """
        import sys
        sys.modules["torch"] = None

        def test_cost(sebench):
            raise AssertionError("unreachable")

        def test_free():
            pass
        """
    )
    done = pytester.runpytest_subprocess(*PLUGIN, "-rs")
    done.assert_outcomes(passed=1, skipped=1)
    done.stdout.fnmatch_lines(["SKIPPED * sebench needs torch, which is not installed"])


def test_a_fixture_of_the_same_name_in_a_conftest_wins(run, pytester):
    with (pytester.path / "conftest.py").open("a") as conftest:
        conftest.write("\n@pytest.fixture\ndef sebench():\n    return 'mine'\n")
    run("def test_cost(sebench):\n    assert sebench == 'mine'\n").assert_outcomes(passed=1)


def test_other_runs_of_pytest_pay_nothing(pytester, monkeypatch):
    """Wherever sebench is installed, every run of pytest loads the plugin: through its entry point, here."""
    entry = pytester.mkdir("installed") / "sebench_plugin-1.dist-info"
    entry.mkdir()
    (entry / "METADATA").write_text("Metadata-Version: 2.1\nName: sebench-plugin\nVersion: 1\n")
    group = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    lines = [f"{name} = {module}" for name, module in group.items()]
    (entry / "entry_points.txt").write_text("\n".join(["[pytest11]", *lines]))
    monkeypatch.setenv("PYTHONPATH", f"{entry.parent}:{REPOSITORY}")
    pytester.makeini("[pytest]\nfilterwarnings = error\naddopts = --strict-markers\n")
    pytester.makeconftest(
        """
        import sys

        def pytest_unconfigure(config):
            assert config.pluginmanager.has_plugin("sebench")
            heavy = {"torch", "pandas", "scipy", "numpy", "msgspec", "rich", "sebench.api", "sebench.schema"}
            print("loaded:", sorted(heavy & set(sys.modules)))
        """
    )
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    assert done.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert done.stderr.str() == ""
    done.stdout.fnmatch_lines(["loaded: []"])
    done.stdout.no_fnmatch_line("*= sebench =*")
