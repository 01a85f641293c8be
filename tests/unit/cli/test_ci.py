"""What the gate leaves behind for a CI system."""

from xml.etree import ElementTree

import pytest

from sebench.cli._ci import write_ci_outputs
from sebench.errors import DataFileError
from tests import gates


def test_nothing_is_asked_for(tmp_path, capsys):
    write_ci_outputs(gates.mixed(), junit=None, environ={"GITHUB_ACTIONS": "false"})
    assert capsys.readouterr() == ("", "")
    assert not list(tmp_path.iterdir())


def test_junit(tmp_path):
    path = tmp_path / "new" / "sebench.xml"
    write_ci_outputs(gates.mixed(), junit=path, environ={})
    (suite,) = ElementTree.parse(path).getroot()  # noqa: S314 - just written
    assert suite.get("tests") == "6"
    assert (suite.get("timestamp"), suite.get("time")) == ("2026-01-02T03:04:05", "93.750")


def test_junit_that_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(DataFileError, match="it is a directory"):
        write_ci_outputs(gates.mixed(), junit=tmp_path, environ={})


def test_annotations_leave_standard_output_alone(capsys):
    write_ci_outputs(gates.mixed(), junit=None, environ={"GITHUB_ACTIONS": "true"})
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.partition(" ")[0] for line in err.splitlines()] == ["::error"] * 4


def test_a_gate_that_passed_annotates_nothing(capsys):
    write_ci_outputs(gates.gate(gates.passed()), junit=None, environ={"GITHUB_ACTIONS": "true"})
    assert capsys.readouterr() == ("", "")


def test_the_summary_is_appended(tmp_path):
    summary = tmp_path / "summary.md"
    summary.write_text("from an earlier command\n", encoding="utf-8")
    for _ in range(2):
        write_ci_outputs(
            gates.gate(gates.check(model="r\u00e9s")),
            junit=None,
            environ={"GITHUB_STEP_SUMMARY": str(summary)},
        )
    text = summary.read_text(encoding="utf-8")
    assert text.startswith("from an earlier command\n# Gate: failed\n")
    assert text.count("# Gate: failed\n") == 2
    assert "r\u00e9s se latency" in text


def test_a_summary_that_cannot_be_written_is_a_warning(tmp_path, capsys):
    for path in (tmp_path, tmp_path / "gone" / "summary.md"):  # a directory, and one in none
        write_ci_outputs(gates.mixed(), junit=None, environ={"GITHUB_STEP_SUMMARY": str(path)})
        _, err = capsys.readouterr()
        assert err.startswith(f"warning: the job summary was not written to {path}: ")
        assert err.count("\n") == 1
