"""Which side lacks a network, by what a count of the other says."""

import pytest

from sebench.errors import BuildError, UnknownModelError
from sebench.runner.gate.lacking import failure_reason
from sebench.runner.gate.target import Target
from sebench.schema import ModelSpec, Pair, Session
from tests.samples import WORKLOAD

COMMIT = "0123456789abcdef" * 2 + "01234567"
HEAD = ModelSpec(model="nets.py:net")
HERE = UnknownModelError(
    "unknown model 'nets.py:net': nets.py has no function 'net'", hint="did you mean 'net2'?"
)
AT_BASE = UnknownModelError(
    "nets.py:net at 0123456789ab: unknown model 'nets.py:net': there is no file nets.py"
)


def target(kind="base-ref"):
    pair = Pair(baseline=ModelSpec(model="nets.py:net", commit=COMMIT), candidate=HEAD)
    return Target(
        kind=kind,
        session=Session(pair=pair, workload=WORKLOAD),
        limits=(("params", 1.0),),
        baseline="main (0123456789ab)",
        candidate="this tree",
    )


def counting(base=None, here=None):
    """Stands for a `Counter`; the errors of its two sides."""

    def count(spec, shape):
        assert shape == (1, *WORKLOAD.input_shape[1:])
        error = here if spec == HEAD else base
        if error is not None:
            raise error

    return count


@pytest.mark.parametrize(
    ("error", "counter", "code", "message"),
    [
        (
            AT_BASE,
            counting(),
            "new-network",
            "nets.py:net is new: main (0123456789ab) does not have it (there is no file nets.py)",
        ),
        (
            HERE,
            counting(),
            "gone-network",
            "nets.py:net is gone: main (0123456789ab) has it, this tree does not "
            "(nets.py has no function 'net'; did you mean 'net2'?)",
        ),
        # It is there, though it does not run.
        (
            HERE,
            counting(base=BuildError("it cannot be built")),
            "gone-network",
            "nets.py:net is gone: main (0123456789ab) has it, this tree does not "
            "(nets.py has no function 'net'; did you mean 'net2'?)",
        ),
        *(
            (
                error,
                counting(base=AT_BASE, here=HERE),
                "unknown-network",
                "nets.py:net is neither in this tree (nets.py has no function 'net'; did you mean 'net2'?) "
                "nor at main (0123456789ab)",
            )
            for error in (HERE, AT_BASE)
        ),
        (BuildError("it cannot be built"), None, "error", "it cannot be built"),
    ],
)
def test_the_side_that_lacks_it_is_named(error, counter, code, message):
    reason = failure_reason(error, target(), counter)
    assert (reason.code, reason.message) == (code, message)


def test_elsewhere_there_is_no_other_side():
    reason = failure_reason(HERE, target("factories"), None)
    assert (reason.code, reason.message, reason.hint) == ("unknown-network", HERE.message, HERE.hint)
