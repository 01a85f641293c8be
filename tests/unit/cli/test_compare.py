"""What was measured is shown first, whatever becomes of storing it."""

import json

import pytest

from sebench.cli.compare import Collector
from sebench.errors import DataFileError
from sebench.store import ResultStore
from tests import samples

TIMED = samples.result(samples.measurement([samples.process([samples.block(0.05, 0.055)] * 3)]))
UNTIMED = samples.result(samples.measurement([samples.process([])]))


class Full(ResultStore):
    """A directory on a disk that has filled up since it was checked."""

    def add(self, result):
        raise DataFileError(f"cannot write {self.directory}/{result.id}.json: No space left on device")


def collected(store, *results):
    collector = Collector(store, quiet=False)
    for result in results:
        collector.add(result)
    return collector


def test_on_a_full_disk_the_comparison_is_printed_and_then_the_error(tmp_path, capsys):
    status = collected(Full(tmp_path), TIMED, TIMED).present("json", "-")
    out, err = capsys.readouterr()
    latency = json.loads(out)["comparisons"][1]["metrics"][5]
    assert (status, latency["metric"]) == (1, "latency")
    assert latency["ratio"]["estimate"] == pytest.approx(1.1)  # 0.055 / 0.05
    assert err.splitlines()[-1] == (
        "sebench: error: what was measured is shown, but not stored (2 times): "
        f"cannot write {tmp_path}/{TIMED.id}.json: No space left on device"
    )


def test_where_neither_file_can_be_written_it_goes_to_standard_output(tmp_path, capsys):
    with pytest.raises(DataFileError, match="cannot write /dev/full: No space left on device"):
        collected(Full(tmp_path), TIMED).present("json", "/dev/full")
    assert json.loads(capsys.readouterr().out)["kind"] == "comparison"


def test_the_picture_comes_after_the_text(tmp_path, capsys):
    collector = Collector(None, quiet=True, plot=tmp_path / "made" / "c.svg")
    collector.add(TIMED)
    assert collector.present("table", "-") == 0
    assert "resnet50 with SE against plain on this CPU: ratio 1.100" in capsys.readouterr().out
    drawn = (tmp_path / "made" / "c.svg").read_text()
    assert drawn.index("Latency ratio") < drawn.index("Top-1 error against latency")
    assert "errors: quoted from Hu et al." in drawn


def test_a_picture_that_cannot_be_written_is_said_last(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    collector = Collector(ResultStore(tmp_path / "kept"), quiet=True, plot=tmp_path / "file" / "c.svg")
    collector.add(TIMED)
    assert collector.present("json", "-") == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["kind"] == "comparison"
    assert err.splitlines()[-1].startswith(
        f"sebench: error: the picture was not drawn: cannot write {tmp_path}"
    )
    assert [path.stem for path in ResultStore(tmp_path / "kept").paths()] == [TIMED.id]


def test_nothing_timed_is_drawn_by_counts(tmp_path, capsys):
    collector = Collector(None, quiet=True, plot=tmp_path / "c.svg")
    collector.add(UNTIMED)
    assert collector.present("table", "-") == 1
    drawn = (tmp_path / "c.svg").read_text()
    assert "Latency ratio" not in drawn
    assert "paper GFLOPs, counted" in drawn


def test_a_result_is_stored(tmp_path, capsys):
    assert collected(ResultStore(tmp_path), TIMED).present("table", "-") == 0
    assert [path.stem for path in ResultStore(tmp_path).paths()] == [TIMED.id]


def test_without_a_timed_block_nothing_is_stored_and_nothing_is_graded(tmp_path, capsys):
    assert collected(ResultStore(tmp_path), UNTIMED).present("json", "-") == 1
    assert ResultStore(tmp_path).paths() == ()
    latency = json.loads(capsys.readouterr().out)["comparisons"][0]["metrics"][5]
    assert (latency["metric"], latency["status"], latency["grade"]) == ("latency", "unavailable", None)
    collected(None, UNTIMED).present("table", "-")
    (row,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("latency  ")]
    assert row.split()[1:5] == ["-", "-", "-", "unavailable"]
    assert row.split()[-1] == "-"  # after the paper's ratio
