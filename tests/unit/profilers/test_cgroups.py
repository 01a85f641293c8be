import pytest

from sebench.profilers.cgroups import cpu_quota_cores, memory_limit_bytes, throttling
from sebench.profilers.host import Host

V2_MOUNT = "31 23 0:28 {root} /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
V1_MOUNTS = (
    "30 23 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
    "32 30 0:29 {root} /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:11 - cgroup cgroup rw,cpu,cpuacct\n"
    "35 30 0:32 {root} /sys/fs/cgroup/memory rw,relatime shared:12 - cgroup cgroup rw,memory\n"
    "41 30 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
)


def tree(root, files):
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return Host.at(root)


def v2(root, group, files, mounted="/"):
    files = {f"sys/fs/cgroup/{path}": text for path, text in files.items()}
    files["proc/self/cgroup"] = f"0::{group}\n"
    files["proc/self/mountinfo"] = V2_MOUNT.format(root=mounted)
    return tree(root, files)


def v1(root, group, files, mounted="/"):
    files = {f"sys/fs/cgroup/{path}": text for path, text in files.items()}
    files["proc/self/cgroup"] = f"9:name=systemd:/\n4:memory:{group}\n1:cpu,cpuacct:{group}\n0::/\n"
    files["proc/self/mountinfo"] = V1_MOUNTS.format(root=mounted)
    return tree(root, files)


def test_v2_quota_of_the_own_group(tmp_path):
    host = v2(tmp_path, "/job", {"job/cpu.max": "150000 100000\n"})
    assert cpu_quota_cores(host) == 1.5  # 150 ms of CPU time per 100 ms


def test_v2_tightest_quota_on_the_way_up_binds(tmp_path):
    host = v2(
        tmp_path,
        "/slice/job",
        {"slice/job/cpu.max": "max 100000", "slice/cpu.max": "200000 100000", "cpu.max": "400000 100000"},
    )
    assert cpu_quota_cores(host) == 2.0


def test_v2_without_a_limit_is_none(tmp_path):
    assert cpu_quota_cores(v2(tmp_path, "/job", {"job/cpu.max": "max 100000"})) is None


def test_v2_path_seen_from_inside_a_container(tmp_path):
    # The host's path of the group is the root of the mount: the group's files are at the mount point.
    host = v2(tmp_path, "/docker/abc", {"cpu.max": "50000 100000"}, mounted="/docker/abc")
    assert cpu_quota_cores(host) == 0.5


def test_v2_path_outside_the_namespace_falls_back_to_the_mount_point(tmp_path):
    host = v2(tmp_path, "/../../other", {"cpu.max": "300000 100000"})
    assert cpu_quota_cores(host) == 3.0


def test_mount_prefix_is_a_path_and_not_a_string_prefix(tmp_path):
    host = v2(tmp_path, "/docker/abcdef", {"def/cpu.max": "1 1", "cpu.max": "2 1"}, mounted="/docker/abc")
    assert cpu_quota_cores(host) == 2.0


def test_v1_quota_and_unlimited(tmp_path):
    quota = {"cpu,cpuacct/job/cpu.cfs_quota_us": "250000", "cpu,cpuacct/job/cpu.cfs_period_us": "100000"}
    assert cpu_quota_cores(v1(tmp_path / "a", "/job", quota)) == 2.5
    unlimited = {**quota, "cpu,cpuacct/job/cpu.cfs_quota_us": "-1"}
    assert cpu_quota_cores(v1(tmp_path / "b", "/job", unlimited)) is None


def test_v1_customary_mount_without_mountinfo(tmp_path):
    host = tree(
        tmp_path,
        {
            "proc/self/cgroup": "1:cpu:/\n",
            "sys/fs/cgroup/cpu/tasks": "1\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "100000",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
        },
    )
    assert cpu_quota_cores(host) == 1.0


def test_v2_customary_mount_without_mountinfo(tmp_path):
    host = tree(
        tmp_path,
        {
            "proc/self/cgroup": "0::/job\n",
            "proc/self/mountinfo": "short cgroup2 line\n",
            "sys/fs/cgroup/cgroup.controllers": "cpu memory\n",
            "sys/fs/cgroup/job/cpu.max": "700000 100000",
        },
    )
    assert cpu_quota_cores(host) == 7.0


@pytest.mark.parametrize("text", ["", "max", "abc 100000", "100000 0", "100000"])
def test_damaged_quota_is_unknown(tmp_path, text):
    assert cpu_quota_cores(v2(tmp_path, "/", {"cpu.max": text})) is None


def test_memory_limits(tmp_path):
    two = v2(tmp_path / "v2", "/a/b", {"a/b/memory.max": "max", "a/memory.max": "4294967296"})
    assert memory_limit_bytes(two) == 4 * 2**30
    one = v1(tmp_path / "v1", "/j", {"memory/j/memory.limit_in_bytes": "1073741824"})
    assert memory_limit_bytes(one) == 2**30
    # LONG_MAX rounded down to a page is v1's way to say "no limit"
    none = v1(tmp_path / "no", "/", {"memory/memory.limit_in_bytes": "9223372036854771712"})
    assert memory_limit_bytes(none) is None


def test_throttling_is_summed_over_the_levels(tmp_path):
    host = v2(
        tmp_path,
        "/job",
        {
            "job/cpu.stat": "usage_usec 5\nnr_periods 10\nnr_throttled 3\nthrottled_usec 250000\n",
            "cpu.stat": "nr_periods 20\nnr_throttled 1\nthrottled_usec 500000\n",
        },
    )
    counters = throttling(host)
    assert counters is not None
    assert (counters.periods, counters.throttled_periods) == (30, 4)


def test_v1_counts_the_same(tmp_path):
    stat = {"cpu,cpuacct/cpu.stat": "nr_periods 4\nnr_throttled 2\nthrottled_time 1500000000\n"}
    counters = throttling(v1(tmp_path, "/", stat))
    assert counters is not None
    assert (counters.periods, counters.throttled_periods) == (4, 2)


def test_groups_without_bandwidth_control_count_nothing(tmp_path):
    assert throttling(v2(tmp_path, "/", {"cpu.stat": "usage_usec 5\n"})) is None


def test_no_cgroups_at_all(tmp_path):
    host = Host.at(tmp_path)
    assert cpu_quota_cores(host) is None
    assert memory_limit_bytes(host) is None
    assert throttling(host) is None


def test_a_group_without_any_mount(tmp_path):
    host = tree(tmp_path, {"proc/self/cgroup": "0::/job\n"})
    assert cpu_quota_cores(host) is None
