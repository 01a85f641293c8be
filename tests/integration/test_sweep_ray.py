"""``sebench sweep --ray``: what is refused before a run is begun. The rest: tests/processes/test_ray.py."""

import socket

import pytest

from sebench.runner.sweeping.ray import executor

SWEEP = "sweep -m mobilenet_v1 -b 1 -b 8 --image-size 32"


@pytest.fixture(autouse=True)
def _installed(monkeypatch):
    """Ray itself is asked for nothing here."""
    monkeypatch.setattr(executor, "find_spec", lambda name: name)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


def refused(invoke, arguments, exit_code):
    done = invoke(f"{SWEEP} {arguments}", check=False)
    assert (done.exit_code, done.stdout) == (exit_code, "")
    (line,) = done.stderr.splitlines()
    return line


def test_labels_without_a_cluster(invoke):
    assert refused(invoke, "--on zone=a", 2) == (
        "sebench: error: --on picks nodes of a Ray cluster; add --ray auto, or --ray HOST:PORT"
    )


def test_what_is_no_label(invoke):
    assert refused(invoke, "--ray auto --on zone", 2) == (
        "sebench: error: --on 'zone' is not label=value; e.g. --on zone=a"
    )


def test_what_is_no_address(invoke):
    assert refused(invoke, "--ray cluster", 2) == (
        "sebench: error: --ray 'cluster' is not an address; use auto or HOST:PORT"
    )


def test_without_the_extra(invoke, monkeypatch):
    monkeypatch.setattr(executor, "find_spec", lambda name: None)
    assert refused(invoke, "--ray auto", 2) == (
        "sebench: error: --ray needs Ray; pip install 'sebench-torch[ray]'"
    )


def test_an_address_that_does_not_answer_leaves_no_run_behind(invoke, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert refused(invoke, f"--ray 127.0.0.1:{port} --name nightly", 1).startswith(
        f"sebench: error: --ray 127.0.0.1:{port}: Connection refused; "
    )
    assert not list(tmp_path.rglob("sweep.json"))


def test_the_cases_are_shown_without_a_cluster(invoke):
    done = invoke(f"{SWEEP} --ray auto --on zone=a --dry-run")
    assert "mobilenet_v1" in done.stdout
