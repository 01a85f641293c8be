"""What is refused before Ray is even imported: the extra, the address, the labels."""

import socket

import pytest

from sebench.errors import SebenchError, UsageError
from sebench.runner.sweeping.ray import RayExecutor, executor, labels_of, require_reachable
from sebench.schema.sweep import Case

CASE = Case(id="0" * 12, model="resnet50", variant="se")


def test_without_the_extra_it_is_named(monkeypatch):
    monkeypatch.setattr(executor, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"^--ray needs Ray; pip install 'sebench-torch\[ray\]'$"):
        next(RayExecutor("auto")([CASE]))


def test_labels_add_up():
    assert labels_of(["zone=a", "disk=ssd", "zone=b"]) == {"zone": ("a", "b"), "disk": ("ssd",)}
    assert labels_of(["key=a=b"]) == {"key": ("a=b",)}


@pytest.mark.parametrize("said", ["zone", "zone=", "=a", ""])
def test_what_is_no_label_is_refused(said):
    with pytest.raises(UsageError, match=r"is not label=value; e\.g\. --on zone=a$"):
        labels_of([said])


@pytest.mark.parametrize("address", ["", "host", "host:", ":6379", "host:0", "host:65536", "host:ray"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(UsageError, match=r"is not an address; use auto or HOST:PORT$"):
        require_reachable(address)


@pytest.mark.parametrize("address", ["ray://host:10001", "auto"])
def test_rays_client_is_refused(address):
    with pytest.raises(UsageError, match=r"^--ray ray://host:10001: Ray's client is not supported"):
        require_reachable(address, environ={"RAY_ADDRESS": "ray://host:10001"})


def test_an_address_where_nothing_listens_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(
        SebenchError, match=rf"^--ray 127\.0\.0\.1:{port}: Connection refused; see 'ray status'"
    ):
        require_reachable(f"127.0.0.1:{port}")


def test_an_address_that_does_not_answer_is_given_up():
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        port = server.getsockname()[1]
        # Whoever comes while the queue is full is not answered at all.
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        try:
            with pytest.raises(
                SebenchError, match=rf"^--ray 127\.0\.0\.1:{port}: no answer; see 'ray status'"
            ):
                require_reachable(f"127.0.0.1:{port}", limit_s=0.2)
        finally:
            for each in waiting:
                each.close()


def test_what_answers_is_let_through():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        require_reachable(f"127.0.0.1:{port}")
        require_reachable("auto", environ={"RAY_ADDRESS": f"127.0.0.1:{port}"})
    require_reachable("auto", environ={})


def test_no_cases_need_no_cluster():
    assert list(RayExecutor("nowhere:1")([])) == []
