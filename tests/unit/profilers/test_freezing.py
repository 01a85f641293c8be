"""The runtime `freezing`: weights are constants of the compiled code, and the convolution takes the add."""

import shutil

import pytest
import torch
from torch import nn

from sebench.inputs import Inputs
from sebench.profilers.inputs import OwnInput
from sebench.profilers.runtimes import PREPARE, Batch
from sebench.schema import Workload

SHAPE = (1, 16, 8, 8)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(16, 16, 3, padding=1), nn.BatchNorm2d(16)

    def forward(self, x):
        return torch.relu(self.norm(self.convolution(x)) + x)


@pytest.mark.skipif(shutil.which("c++") is None, reason="needs a C++ compiler")
def test_weights_are_frozen_and_the_add_is_in_the_convolution():
    from torch._inductor.utils import run_and_get_code

    network, batch = Residual().eval(), torch.randn(SHAPE)
    own = OwnInput(lambda: Inputs((batch,)), "cpu")
    workload = Workload(input_shape=SHAPE, runtime="freezing")
    prepared, (code, *_) = run_and_get_code(PREPARE["freezing"], network, Batch(input=own, seed=0), workload)
    assert "_frozen_param" in code
    assert "mkldnn._convolution_pointwise" in code
    with torch.no_grad():
        torch.testing.assert_close(prepared.run(), network(batch), rtol=1e-4, atol=1e-5)
