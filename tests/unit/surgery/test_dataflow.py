"""Questions about a recording, asked of recordings written by hand."""

from sebench.counters.recording import ModuleCall, Op, Recording
from sebench.surgery.dataflow import Dataflow


def op(module):
    return Op("relu", module, inputs=(), outputs=(), macs=0, is_view=False, has_bias=False)


def call(path, first, last):
    return ModuleCall(path, first, last, arguments={}, outputs=())


def test_the_calls_around_an_op_are_those_it_runs_in_from_the_inside():
    modules = ("a.0", "a.1", "a", "", "a.0")
    calls = (
        call("a.0", 0, 1),
        call("a.skipped", 1, 1),  # runs nothing
        call("a.1", 1, 2),
        call("a", 0, 3),
        call("b.0", 4, 5),
        call("b", 4, 5),  # nothing but its child
        call("", 0, 5),
    )
    flow = Dataflow(Recording(ops=tuple(map(op, modules)), values=(), calls=calls, outputs=()))
    around = [[each.path for each in flow.calls_around(index)] for index in range(5)]
    assert around == [["a.0", "a", ""], ["a.1", "a", ""], ["a", ""], [""], ["b.0", "b", ""]]
