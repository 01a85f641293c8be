"""A worker's pipes: what is read, what is said, and how often it says that it is alive."""

import io

import msgspec
import pytest

from sebench.errors import DeviceError
from sebench.schema import Workload
from sebench.worker import channel
from sebench.worker.channel import ALIVE_PERIOD_S, Fatal, WorkerChannel
from sebench.worker.protocol import Alive, Done, Reply, Span


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(channel.time, "monotonic", clock)
    return clock


def said(replies):
    return [msgspec.json.decode(line, type=Reply) for line in replies.getvalue().splitlines()]


def test_signs_of_life_are_no_more_frequent_than_they_need_be(clock):
    replies = io.BytesIO()
    worker = WorkerChannel(io.BytesIO(), replies, None, None)
    worker.alive()
    assert said(replies) == []
    clock.now_s += ALIVE_PERIOD_S
    worker.alive()
    worker.alive()
    assert said(replies) == [Alive()]
    clock.now_s += 0.7 * ALIVE_PERIOD_S
    worker.send(Done())  # is a sign of life too
    clock.now_s += 0.7 * ALIVE_PERIOD_S
    worker.alive()
    assert said(replies) == [Alive(), Done()]


def test_messages_are_read_until_the_other_end_closes():
    span = Span(side="baseline", count=2)
    worker = WorkerChannel(io.BytesIO(msgspec.json.encode(span) + b"\n"), io.BytesIO(), None, None)
    assert worker.read(Span) == span
    assert worker.read(Span) is None


def test_a_device_that_is_missing_is_why_a_worker_cannot_go_on():
    def select(workload):
        raise DeviceError("there is no such device")

    with pytest.raises(Fatal, match="^there is no such device$") as caught:
        WorkerChannel(io.BytesIO(), io.BytesIO(), None, select).device(Workload(input_shape=(1, 3, 8, 8)))
    assert caught.value.code == "device"
