"""Arguments of a wrong type are refused by name before anything else happens."""

import inspect

import pytest
import torch

import sebench
from sebench.api.arguments import _KINDS
from sebench.errors import UsageError

FUNCTIONS = (
    sebench.check,
    sebench.compare,
    sebench.count,
    sebench.evaluate,
    sebench.load,
    sebench.profile,
    sebench.sweep,
    sebench.table,
    sebench.tune,
)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sebench.count("resnet50", variant=5), r"variant is 5, an int; it takes a variant \('se'"),
        (lambda: sebench.count("resnet50", batch_size="a"), "batch_size is 'a', a str; it takes an int"),
        (lambda: sebench.count("resnet50", batch_size=True), "batch_size is True, a bool; it takes an int"),
        (lambda: sebench.count(3), r"model is 3, an int; it takes a name \('resnet50', 'nets.py:net'\)"),
        (lambda: sebench.count(None), "model is None; it takes a name"),
        (
            lambda: sebench.count("resnet50", input_shape="1x3x8x8"),
            "input_shape is '1x3x8x8', a str",
        ),
        (lambda: sebench.count(torch.nn.ReLU(), input_shape=3), "input_shape is 3, an int; it takes a seq"),
        (
            lambda: sebench.count("resnet50", image_size="8"),
            r"image_size is '8', a str; .*\(height, ",
        ),
        (lambda: sebench.compare(["resnet50"]), "model is .*, a list; it takes a name"),
        (lambda: sebench.compare("resnet50", threads=2.5), "threads is 2.5, a float; it takes an int"),
        (lambda: sebench.compare("resnet50", budget_s="5"), "budget_s is '5', a str; it takes a number"),
        (lambda: sebench.compare("resnet50", energy=1), "energy is 1, an int; it takes True or False"),
        (lambda: sebench.compare("resnet50", model_args=[1]), r"model_args is \[1\], a list; .* dictionary"),
        (lambda: sebench.profile(3), "model is 3, an int; it takes a name"),
        (lambda: sebench.check([3]), r"model is \[3\], a list; it takes .*, or a sequence of those"),
        (
            lambda: sebench.check("resnet50", max_overhead=1.05),
            "max_overhead is 1.05, a float; .* dict",
        ),
        (lambda: sebench.compare("resnet50", effort=None), "effort is None; it takes a string"),
        (
            lambda: sebench.compare("resnet50", image_size=(8,)),
            r"image_size is \(8,\), a tuple; it takes an int",
        ),
        (
            lambda: sebench.compare("resnet50", image_size=b"x"),
            "image_size is b'x', a bytes; it takes an int",
        ),
        (lambda: sebench.compare("resnet50", save=3), "save is 3, an int; it takes a path"),
        (lambda: sebench.count("resnet50", batch_size=None), "batch_size is None; it takes an int"),
        (lambda: sebench.check("resnet50", against=None), "against is None; it takes a path"),
        (lambda: sebench.check(calibrations=None), "calibrations is None; it takes a path"),
        (
            lambda: sebench.sweep(axes=["mobilenet_v1"]),
            r"axes is \['mobilenet_v1'\], a list; it takes a dict",
        ),
        (lambda: sebench.sweep(axes=3), "axes is 3, an int; it takes a dictionary"),
        (lambda: sebench.sweep(axes={3: "se"}), "axes is {3: 'se'}, a dict; .* with strings as keys"),
        (lambda: sebench.sweep(name=3), "name is 3, an int; it takes a string"),
        (lambda: sebench.sweep(file=3), "file is 3, an int; it takes a path"),
        (lambda: sebench.sweep(resume=1), "resume is 1, an int; it takes True or False"),
        (lambda: sebench.sweep(timeout_s="9"), "timeout_s is '9', a str; it takes a number"),
        (lambda: sebench.sweep(save=None), "save is None; it takes a path"),
        (lambda: sebench.tune("resnet50", forms=None), "forms is None; it takes True, False"),
        (lambda: sebench.tune("resnet50", axes=3), "axes is 3, an int; it takes a dictionary"),
        (lambda: sebench.table("2", results=None), "results is None; it takes a path"),
        (lambda: sebench.load(results=None), "results is None; it takes a path"),
        (lambda: sebench.table(None), "name is None; it takes the name of a table"),
        (lambda: sebench.load(3), r"names is \(3,\), a tuple; it takes a path, or a sequence of those"),
    ],
)
def test_a_wrong_type_is_named_with_what_is_taken(call, message):
    with pytest.raises(UsageError, match=f"^{message}"):
        call()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_argument_has_a_kind_that_takes_its_default(function):
    for parameter in inspect.signature(function).parameters.values():
        kind = _KINDS[parameter.name]
        if parameter.default not in (None, parameter.empty):
            default = parameter.default
            assert kind.takes(default) or (default == () and kind.takes("")), parameter.name
