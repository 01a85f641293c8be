import subprocess
import sys
from importlib import metadata

import msgspec
import pytest

import sebench
from sebench.profilers.environment import (
    capture_environment,
    read_git,
    read_variables,
    read_versions,
    usable_cores,
    usable_places,
)
from sebench.schema import Environment, fingerprint
from tests.interpreter import FRESH

CPU = "sys/devices/system/cpu"
CGROUP_V2 = {
    "proc/self/cgroup": "0::/job\n",
    "proc/self/mountinfo": "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
    "sys/fs/cgroup/job/cpu.max": "150000 100000\n",
    "sys/fs/cgroup/job/memory.max": "8589934592\n",
}


def tree(root, files):
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def laptop():
    """Two cores of two threads, on demand clocks, turbo; no container."""
    files = {
        "proc/cpuinfo": "processor : 0\nmodel name : Example CPU\nflags : avx2 fma\n",
        "proc/self/status": "Cpus_allowed_list:\t0-3\n",
        "proc/meminfo": "MemTotal: 16777216 kB\nMemAvailable: 8388608 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n",
        "proc/loadavg": "0.10 0.20 0.30 1/100 1\n",
        "proc/1/cgroup": "0::/init.scope\n",
        f"{CPU}/online": "0-3",
        f"{CPU}/intel_pstate/no_turbo": "0",
    }
    for cpu in range(4):
        files[f"{CPU}/cpu{cpu}/topology/core_cpus_list"] = f"{cpu // 2 * 2}-{cpu // 2 * 2 + 1}"
        files[f"{CPU}/cpu{cpu}/cpufreq/scaling_governor"] = "powersave"
    return files


def codes(environment):
    return {finding.code for finding in environment.findings}


def test_a_laptop(tmp_path):
    environment = capture_environment(
        root=tree(tmp_path, laptop()), environ={"OMP_NUM_THREADS": "2", "HOME": "/me"}
    )
    assert environment.cpu["usable_cores"] == 2
    assert environment.memory["available_bytes"] == 8 * 2**30
    assert environment.variables == {"OMP_NUM_THREADS": "2"}
    assert environment.runtime == {}
    assert codes(environment) == {"governor-not-performance", "turbo-on", "omp-threads-set"}


def test_a_container_with_a_quota(tmp_path):
    root = tree(tmp_path, laptop() | CGROUP_V2 | {".dockerenv": ""})
    environment = capture_environment(root=root, environ={})
    assert (environment.cpu["quota_cores"], environment.cpu["usable_cores"]) == (1.5, 1)
    assert environment.memory["limit_bytes"] == 8 * 2**30
    assert environment.platform["container"] == "docker"
    assert {"cpu-quota-fractional", "few-cores", "container"} <= codes(environment)
    assert usable_cores(root) == 1


def test_places_are_the_physical_cores_of_the_affinity_mask(tmp_path):
    assert usable_places(tree(tmp_path, laptop())) == ("{0,1}", "{2,3}")
    some = laptop() | {"proc/self/status": "Cpus_allowed_list:\t1-2\n"}
    assert usable_places(tree(tmp_path, some)) == ("{1}", "{2}")
    assert usable_places(tmp_path / "nothing") == ()


def test_no_proc_at_all(tmp_path):
    environment = capture_environment(root=tmp_path, environ={})
    assert environment.cpu["usable_cores"] is None
    assert set(environment.memory.values()) == {None}
    assert set(environment.load.values()) == {None}
    assert environment.findings == ()
    assert usable_cores(tmp_path) == 1


def test_this_machine_survives_a_round_trip():
    environment = capture_environment()
    assert msgspec.json.decode(msgspec.json.encode(environment), type=Environment) == environment
    assert environment.cpu["usable_cores"] == usable_cores() >= 1
    assert fingerprint(environment) == fingerprint(capture_environment())


def test_capturing_does_not_import_torch():
    script = (
        "import sys; from sebench.profilers.environment import capture_environment; capture_environment();"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([FRESH, "-c", script], check=False).returncode == 0


PATIENCE_S = 600.0  # a bound against hanging, which is never measured


def git(directory, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=trunk"]
    subprocess.run(["git", *identity, *arguments], cwd=directory, check=True, capture_output=True)


def test_versions_without_importing(monkeypatch):
    installed = {"torch": "2.13.0", "numpy": "2.1.0"}

    def version(name):
        if name not in installed:
            raise metadata.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(metadata, "version", version)
    versions = read_versions()
    assert (versions["torch"], versions["numpy"], versions["timm"]) == ("2.13.0", "2.1.0", None)
    assert versions["sebench"] == sebench.__version__
    assert versions["python"] == ".".join(map(str, sys.version_info[:3]))


def test_only_listed_variables_are_kept():
    environ = {
        "OMP_NUM_THREADS": "4",
        "LD_PRELOAD": "/lib/libjemalloc.so",
        "MALLOC_ARENA_MAX": "2",
        "HOME": "/home/someone",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "XOMP_NUM_THREADS": "1",
        "omp_num_threads": "1",
    }
    assert read_variables(environ) == {
        "LD_PRELOAD": "/lib/libjemalloc.so",
        "MALLOC_ARENA_MAX": "2",
        "OMP_NUM_THREADS": "4",
    }


@pytest.mark.parametrize("name", ["NVIDIA_API_KEY", "TORCH_HUB_TOKEN", "CUDA_REGISTRY_PASSWORD"])
def test_secrets_do_not_pass_the_prefixes(name):
    assert read_variables({name: "secret"}) == {}


def test_git_state(tmp_path):
    git(tmp_path, "init")
    assert read_git(tmp_path, timeout_s=PATIENCE_S) == {"commit": None, "dirty": False, "branch": "trunk"}
    (tmp_path / "file").write_text("one")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-m", "first")
    clean = read_git(tmp_path, timeout_s=PATIENCE_S)
    assert len(clean["commit"]) == 40
    assert clean["dirty"] is False
    (tmp_path / "untracked").write_text("x")
    assert read_git(tmp_path, timeout_s=PATIENCE_S) == clean
    (tmp_path / "file").write_text("two")
    assert read_git(tmp_path, timeout_s=PATIENCE_S) == clean | {"dirty": True}
    git(tmp_path, "checkout", "--detach")
    assert read_git(tmp_path, timeout_s=PATIENCE_S)["branch"] is None


UNKNOWN = {"commit": None, "dirty": None, "branch": None}


def test_git_outside_a_repository(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert read_git(tmp_path, timeout_s=PATIENCE_S) == UNKNOWN
    assert read_git(tmp_path / "missing", timeout_s=PATIENCE_S) == UNKNOWN


def test_git_not_installed(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda _name: None)
    assert read_git(tmp_path) == UNKNOWN


def test_git_that_hangs(tmp_path, monkeypatch):
    def hang(command, **options):
        raise subprocess.TimeoutExpired(command, options["timeout"])

    monkeypatch.setattr(subprocess, "run", hang)
    assert read_git(tmp_path) == UNKNOWN
