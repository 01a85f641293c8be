"""Reading ends: not for ever on a device, not waiting on a pipe, not without memory."""

import os
import stat
from pathlib import Path

import pytest

from sebench.errors import DataFileError
from sebench.files import LARGEST_BYTES, read_file


def test_a_regular_file_is_read_whole(tmp_path):
    (tmp_path / "some").write_bytes(b"\x00\xff" * 70_000)
    assert read_file(tmp_path / "some") == b"\x00\xff" * 70_000


@pytest.fixture
def odd(tmp_path):
    """Paths that a read of which would fail late, or never come back."""
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "huge").open("wb") as stream:
        stream.truncate(LARGEST_BYTES + 1)  # sparse: takes no space
    return {
        "pipe": (tmp_path / "pipe", "it is not a regular file"),
        "device": (Path("/dev/zero"), "it is not a regular file"),
        "huge": (tmp_path / "huge", "it is larger than 256 MiB"),
        "directory": (tmp_path, "Is a directory"),
        "missing": (tmp_path / "gone", "No such file or directory"),
    }


@pytest.mark.parametrize("name", ["pipe", "device", "huge", "directory", "missing"])
def test_everything_else_is_refused_at_once(odd, name):
    path, reason = odd[name]
    with pytest.raises(OSError, match=reason) as caught:
        read_file(path)
    assert caught.value.strerror == reason


def test_a_file_beyond_memory_is_an_error_like_others(tmp_path, monkeypatch):
    def exhausted(self):
        raise MemoryError

    (tmp_path / "some").write_bytes(b"x")
    monkeypatch.setattr(Path, "read_bytes", exhausted)
    with pytest.raises(OSError, match="there is not enough memory for it"):
        read_file(tmp_path / "some")


def _lock(path):
    from sebench.lockfile import load_lock

    return load_lock(path)


def _result(path):
    from sebench.store import load_result

    return load_result(path)


def _figures(path):
    from sebench.paper.figures import read_figures

    return read_figures(path)


def _settings(path):
    from sebench.configuration import load_configuration

    (path.parent / "sebench.toml").unlink(missing_ok=True)
    path.rename(path.parent / "sebench.toml")
    return load_configuration(path.parent)


_DEEP = 50_000


@pytest.mark.parametrize("read", [_lock, _result, _figures, _settings])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\x01\xff\xfe" * 99,
        b"[" * _DEEP,
        b"x = " + b"[" * _DEEP,
        b'{"a":' * _DEEP,
        b'{"schema": "sebench/1", "kind": "lock", "entries": ' + b"[" * _DEEP,
        b'{"schema": "sebench/1", "kind": "lock", "entries": [' + b"9" * 9000 + b"]}",
        b'{"schema": "sebench/1", "kind": "result", "seed": 1e9999}',
        b'{"schema": ["sebench/1"], "kind": {}}',
        b'{"schema": "sebench/1", "kind": "lock", "entries": 5}',
        b"null",
        b"source,model,variant,metric,value,note\ns,m,v,gflops,1e99999999,\n",
        b"source,model,variant,metric,value,note\ns,m,v,gflops," + b"9" * 5000 + b",\n",
        b'source,model,variant,metric,value,note\n"s,m,v,gflops',
        b"threads = " + b"9" * 9000,
        b"\xef\xbb\xbf",
    ],
)
def test_no_content_is_a_fault_of_the_program(tmp_path, read, content):
    path = tmp_path / "some"
    path.write_bytes(content)
    if read is _settings and not content:
        assert read(path).source is not None  # an empty configuration is one
        return
    with pytest.raises(DataFileError) as refused:
        read(path)
    assert len(str(refused.value)) < 10_000


def test_what_is_read_is_what_the_name_leads_to(tmp_path):
    (tmp_path / "some").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "some")
    assert read_file(tmp_path / "link") == b"x"
    assert stat.S_ISLNK((tmp_path / "link").lstat().st_mode)
