from pathlib import Path

import psutil
import pytest

from sebench.profilers.host import Host, lowest, parse_cpu_list, to_integer


@pytest.mark.parametrize(
    ("text", "cpus"),
    [
        ("0", (0,)),
        ("0-3", (0, 1, 2, 3)),
        ("0-1,8,10-11", (0, 1, 8, 10, 11)),
        ("", None),
        (None, None),
        ("garbage", None),
        ("1-x", None),
    ],
)
def test_cpu_lists(text, cpus):
    assert parse_cpu_list(text) == cpus


def test_integers_are_none_where_there_is_none():
    assert to_integer("12") == 12
    assert to_integer("max") is None
    assert to_integer(None) is None


def test_lowest_ignores_the_unknown():
    assert lowest([None, 2.5, 1.5]) == 1.5
    assert lowest([None]) is None


def test_files_are_read_under_the_root(tmp_path):
    (tmp_path / "value").write_bytes(b" 42\n\0")
    host = Host.at(tmp_path)
    assert host.integer("value") == 42
    assert host.exists("value")
    assert not host.exists("missing")
    assert host.text("missing") is None
    assert host.text(".") is None, "a directory has no text"


def test_undecodable_bytes_do_not_raise(tmp_path):
    (tmp_path / "vendor").write_bytes(b"ACME\xff")
    assert Host.at(tmp_path).text("vendor") == "ACME\N{REPLACEMENT CHARACTER}"


def test_keyed_integers_skip_what_is_not_a_number(tmp_path):
    (tmp_path / "stat").write_text("nr_periods 7\nMemTotal:  16 kB\nlonely\nname text\n")
    assert Host.at(tmp_path).keyed_integers("stat") == {"nr_periods": 7, "MemTotal": 16}


def test_only_the_real_root_is_live(tmp_path):
    assert Host.at(Path("/")).live
    assert Host.at(tmp_path).ask(lambda: 1) is None


@pytest.mark.parametrize("error", [OSError, psutil.AccessDenied, RuntimeError, RuntimeWarning])
def test_refused_system_calls_are_unknown(error):
    def refuse() -> int:
        raise error("no")

    assert Host().ask(refuse) is None
    assert Host().ask(lambda: 3) == 3
