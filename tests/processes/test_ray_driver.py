"""Ray's driver where there is no cluster to join: a module that stands for Ray says how that ends."""

import os
import socket
import sys

import pytest

from sebench.errors import SebenchError, WorkerError
from sebench.runner.sweeping.ray import RayExecutor, executor
from sebench.schema.sweep import Case
from tests.interpreter import FRESH

CASE = Case(id="0" * 12, model="resnet50", variant="se")


@pytest.fixture
def refusal(tmp_path, monkeypatch):
    """What is said where ``ray.init`` does this."""
    monkeypatch.setattr(sys, "executable", FRESH)
    monkeypatch.setattr(executor, "find_spec", lambda name: name)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(tmp_path), *sys.path)))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)

    def run(body, address="auto", kind=SebenchError):
        (tmp_path / "ray.py").write_text(
            f"import os, sys, time\nprint('(raylet) words')\ndef init(**arguments):\n    {body}\n"
        )
        with pytest.raises(kind) as caught:
            list(RayExecutor(address)([CASE]))
        return str(caught.value)

    return run


def test_no_cluster_on_this_machine(refusal):
    assert refusal("raise ConnectionError('Could not find any running Ray instance.')") == (
        "--ray auto: there is no Ray cluster on this machine; make one with 'ray start --head', or start "
        "sebench on a machine of one"
    )


def test_another_ray_than_that_of_the_cluster(refusal):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        said = refusal("raise RuntimeError('Version mismatch:\\n  Ray: 2.60.0.')", address)
    assert said == (
        f"--ray {address}: Version mismatch: Ray: 2.60.0; start sebench on a machine of the cluster, with "
        "the Ray that runs there"
    )


def test_a_cluster_that_does_not_answer(refusal, monkeypatch):
    monkeypatch.setattr(executor, "JOIN_S", 0.5)
    assert refusal("time.sleep(600)", kind=WorkerError) == "--ray auto: no Ray cluster answered within 0.5 s"


def test_an_address_is_always_named_and_nothing_is_reported(refusal):
    said = refusal("raise ValueError(repr((arguments['address'], os.environ['RAY_USAGE_STATS_ENABLED'])))")
    assert said.startswith("--ray auto: ('auto', '0'); ")


def test_a_ray_that_ends_the_process_is_one_line(refusal):
    said = refusal(
        "sys.stderr.write('the head is gone\\n'); sys.stderr.flush(); os._exit(1)", kind=WorkerError
    )
    assert said == (
        "Ray's driver ended with status 1: the head is gone; the head of the cluster may be gone; go on with "
        "--resume when it is back"
    )
