"""What a quantized network is calibrated on."""

import pytest
import torch

from sebench.errors import UsageError
from sebench.schema import ModelSpec, Workload
from sebench.worker.preparing import CALIBRATION_BATCHES, calibration_for, source_for
from sebench.worker.protocol import ExportRequest

FUNCTIONS = """
import torch

def tokens(n):
    return torch.randint(0, 9, (n, 4))

def zeros(n):
    return torch.zeros(n, 3, 8, 8)

def mixed(n):
    return torch.randint(0, 9, (n, 4)), torch.randn(n, 4)
"""


def request(inputs=None):
    load = Workload(input_shape=(2, 3, 8, 8), runtime="onnxruntime", quantize="int8")
    spec = ModelSpec(model="nets.py:net", example_inputs=inputs)
    return ExportRequest(spec=spec, workload=load, weight_seed=3, folder="")


def test_batches_are_seeded_and_none_is_the_one_that_is_timed():
    batches, again = calibration_for(request()), calibration_for(request())
    assert len(batches) == CALIBRATION_BATCHES
    torch.testing.assert_close(batches, again, rtol=0, atol=0)
    drawn = [*(batch[0] for batch in batches), *source_for(request().spec, request()).tensors()]
    assert {tuple(each.shape) for each in drawn} == {(2, 3, 8, 8)}
    assert len({each.sum().item() for each in drawn}) == CALIBRATION_BATCHES + 1


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            "tokens",
            "--quantize int8 is calibrated on floating-point inputs, and nets.py:tokens makes none; leave out"
            " --quantize",
        ),
        (
            "zeros",
            "--quantize int8 is calibrated on the inputs, and nets.py:zeros makes the same number throughout;"
            " return data as the network meets it, or random numbers (torch.randn)",
        ),
    ],
)
def test_inputs_that_say_nothing_about_ranges_are_refused(tmp_path, monkeypatch, function, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(FUNCTIONS)
    with pytest.raises(UsageError) as error:
        calibration_for(request(f"nets.py:{function}"))
    assert str(error.value) == message


def test_some_floating_point_input_suffices(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(FUNCTIONS)
    tokens, values = calibration_for(request("nets.py:mixed"))[0]
    assert (tokens.dtype, values.dtype) == (torch.int64, torch.float32)
