"""What networks are called with."""

import torch

from sebench.inputs import Inputs

X, MASK = torch.ones(2, 3), torch.zeros(2)


def test_what_a_function_returns_becomes_arguments():
    assert Inputs.of(X) == Inputs((X,))
    assert Inputs.of((X, MASK)).args == (X, MASK)
    assert Inputs.of({"tokens": X}).kwargs == {"tokens": X}
    assert Inputs.of([X, MASK]).args == ([X, MASK],)  # as detection networks take images
    assert Inputs.of({1: X}).args == ({1: X},)  # no names, so one argument


def test_tensors_are_found_and_changed_wherever_they_are():
    inputs = Inputs(([X, {"a": MASK}], 7), {"scale": X})
    assert [tensor is each for tensor, each in zip(inputs.tensors(), (X, MASK, X), strict=True)] == [True] * 3
    doubled = inputs.map(lambda tensor: tensor * 2)
    assert doubled.args[1] == 7
    assert [float(tensor.sum()) for tensor in doubled.tensors()] == [12.0, 0.0, 12.0]  # 2 x 3 ones, doubled
    assert float(X.sum()) == 6.0


def test_they_are_passed_by_position_and_name():
    assert Inputs((1, 2), {"c": 3}).passed_to(lambda a, b, c: (a, b, c)) == (1, 2, 3)


def test_only_is_one_tensor_alone():
    assert Inputs((X,)).only is X
    assert Inputs((X, MASK)).only is None
    assert Inputs((X,), {"mask": MASK}).only is None
    assert Inputs(([X],)).only is None


def test_descriptions():
    assert Inputs((X,)).describe() == "one tensor (2, 3)"
    assert Inputs((X,), {"mask": MASK, "names": []}).describe() == "(2, 3) and mask=(2,) and names=list"
