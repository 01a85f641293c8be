"""Ctrl-C while a worker watches gates: it is asked to end, and what it has is taken."""

import pytest

from sebench.runner.exciting import _listen
from sebench.schema import Excitation, ModelSpec, Preprocessing, Workload
from sebench.worker.protocol import Excited, Seen

DONE = Excited(
    excitation=Excitation(
        spec=ModelSpec(model="resnet50", variant="se"),
        workload=Workload(input_shape=(1, 3, 32, 32), threads=1),
        preprocessing=Preprocessing(
            resize=32, crop=(32, 32), interpolation="bilinear", mean=(0.0,), std=(1.0,), source="here"
        ),
        folder="val",
        classes=("a",),
        images=2,
        seen=1,
        interrupted=True,
        gates=(),
        seed=0,
    ),
    runtime={},
)


class Session:
    """Says what it is told to; in the place of an exception it is interrupted."""

    def __init__(self, *replies):
        self.replies = iter(replies)

    def receive(self):
        reply = next(self.replies)
        if isinstance(reply, BaseException):
            raise reply
        return reply


def test_the_first_asks_for_an_early_end(tmp_path):
    seen, stop = Seen(images=1, of=2), tmp_path / "stop"
    told = []
    assert _listen(Session(seen, KeyboardInterrupt(), seen, DONE), stop, told.append) is DONE
    assert told == [seen, seen]
    assert stop.exists()


def test_the_second_ends_it(tmp_path):
    session = Session(Seen(images=1, of=2), KeyboardInterrupt(), KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        _listen(session, tmp_path / "stop", lambda seen: None)


def test_before_anything_was_seen_there_is_nothing_to_wait_for(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        _listen(Session(KeyboardInterrupt()), tmp_path / "stop", lambda seen: None)
