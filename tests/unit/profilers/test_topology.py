from sebench.profilers.host import Host
from sebench.profilers.topology import Topology, read_cpuinfo, read_topology, usable_core_count

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
