"""Files are whole or absent, whatever goes wrong while they are written."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from sebench.errors import DataFileError
from sebench.store import check_directory, check_writable, write_atomic
from tests.interpreter import FRESH


@pytest.fixture
def failing(monkeypatch):
    """Let one step of writing fail as on a full disk."""

    def fail(owner, name):
        def full(*arguments, **options):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(owner, name, full)

    return fail


def test_writing_replaces_the_whole_file_and_leaves_no_other(tmp_path):
    path = tmp_path / "out.txt"
    write_atomic(path, "first version, long")
    write_atomic(path, "second")
    assert path.read_text() == "second"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("step", [(os, "fsync"), (Path, "replace"), (Path, "chmod")])
def test_a_failed_write_keeps_the_old_file(tmp_path, failing, step):
    path = tmp_path / "out.txt"
    write_atomic(path, "old")
    failing(*step)
    with pytest.raises(DataFileError, match=r"cannot write .*out.txt: No space left on device"):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_device_is_reported():
    with pytest.raises(DataFileError, match="cannot write /dev/full: No space left on device"):
        write_atomic(Path("/dev/full"), "text")


def test_paths_that_cannot_be_written_are_found_before_measuring(tmp_path):
    check_writable(tmp_path / "new" / "folders" / "out.json")
    with pytest.raises(DataFileError, match="it is a directory"):
        check_writable(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(DataFileError, match="out.json: Not a directory"):
        check_writable(tmp_path / "file" / "out.json")


def test_a_file_that_must_not_be_replaced_is_not(tmp_path):
    path = tmp_path / "out.txt"
    write_atomic(path, "first", overwrite=False)
    with pytest.raises(DataFileError, match=r"out.txt exists already; it was left as it is"):
        write_atomic(path, "second", overwrite=False)
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_system_without_hard_links_will_do(tmp_path, failing):
    failing(Path, "hardlink_to")
    path = tmp_path / "out.txt"
    write_atomic(path, "first", overwrite=False)
    with pytest.raises(DataFileError, match="exists already"):
        write_atomic(path, "second", overwrite=False)
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_content_and_name_are_flushed_in_that_order(tmp_path, monkeypatch):
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda handle: flushed.append(stat.S_ISDIR(os.fstat(handle).st_mode)))
    write_atomic(tmp_path / "out.txt", "text")
    assert flushed == [False, True]


def test_a_directory_that_cannot_be_flushed_is_no_error(tmp_path, monkeypatch):
    def only_files(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "fsync", only_files)
    write_atomic(tmp_path / "out.txt", "text")
    assert (tmp_path / "out.txt").read_text() == "text"


def test_a_disk_without_room_is_found_by_writing_to_it(tmp_path, failing):
    """Making a file succeeds on a full disk; its bytes, or flushing them, do not."""
    failing(os, "fsync")
    for check in (lambda: check_directory(tmp_path), lambda: check_writable(tmp_path / "out.json")):
        with pytest.raises(DataFileError, match="No space left on device; choose another path or free some"):
            check()
    assert list(tmp_path.iterdir()) == []


def test_as_many_bytes_are_tried_as_a_result_takes(tmp_path):
    limit = (
        "import resource, pathlib, sys; from sebench.store import check_directory, check_writable;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000));"
        "folder = pathlib.Path(sys.argv[1]); check_writable(folder / 'out.json'); check_directory(folder)"
    )
    done = subprocess.run([FRESH, "-c", limit, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1].startswith(
        f"sebench.errors.DataFileError: cannot write {tmp_path}: File too large"
    )


def test_devices_are_asked_and_pipes_are_left_alone(tmp_path):
    check_writable(Path("/dev/null"))
    with pytest.raises(DataFileError, match="cannot write /dev/full: No space left on device"):
        check_writable(Path("/dev/full"))
    os.mkfifo(tmp_path / "pipe")
    check_writable(tmp_path / "pipe")


def test_without_a_temporary_folder_there_is_advice(tmp_path):
    script = (
        "import tempfile; tempfile.tempdir = '/dev/null/none'\n"
        "from sebench.store import temporary_file; temporary_file()"
    )
    done = subprocess.run([FRESH, "-c", script], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == (
        "sebench.errors.DataFileError: temporary files cannot be written: Not a directory; "
        "set TMPDIR to a writable directory"
    )
