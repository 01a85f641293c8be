from pathlib import Path

import psutil
import pytest

from sebench.profilers.host import (
    Host,
    Topology,
    lowest,
    parse_cpu_list,
    read_cpuinfo,
    read_topology,
    to_integer,
    usable_core_count,
)


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


CPU = "sys/devices/system/cpu"


def tree(root, files):
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return Host.at(root)


def test_usable_cores_with_unknown_topology():
    def topology(allowed, physical):
        return Topology(online=None, allowed=allowed, cores=None, sockets=None, physical_cores=physical)

    assert usable_core_count(topology((0, 1, 2), None), None) == 3
    assert usable_core_count(topology((0, 1, 2, 3), 2), None) == 2  # Windows: mask and totals, no siblings
    assert usable_core_count(topology(None, None), 2.0) is None


def test_topology_properties_are_unknown_without_a_mask(tmp_path):
    siblings = {f"{CPU}/cpu{cpu}/topology/core_cpus_list": f"{cpu % 2},{cpu % 2 + 2}" for cpu in range(4)}
    host = tree(tmp_path, {f"{CPU}/online": "0-3"} | siblings)
    topology = read_topology(host, read_cpuinfo(host))
    assert topology.allowed_cores is None
    assert topology.shared_cores is None
    assert topology.cores == (frozenset({0, 2}), frozenset({1, 3}))


def test_a_mask_wider_than_the_machine_is_cut(tmp_path):
    host = tree(tmp_path, {f"{CPU}/online": "0-1", "proc/self/status": "Cpus_allowed_list:\t0-127\n"})
    topology = read_topology(host, read_cpuinfo(host))
    assert topology.allowed == (0, 1)
    assert topology.cores is None, "no siblings, no core ids"


def test_cpuinfo_blocks(tmp_path):
    host = tree(tmp_path, {"proc/cpuinfo": "processor\t: 0\nflags\t: a b\n\nprocessor\t: 1\n\n"})
    assert read_cpuinfo(host) == ({"processor": "0", "flags": "a b"}, {"processor": "1"})
    assert read_cpuinfo(Host.at(tmp_path / "missing")) == ()
