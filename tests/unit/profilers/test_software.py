import subprocess
import sys
from importlib import metadata

import pytest

import sebench
from sebench.profilers.software import read_git, read_variables, read_versions

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
