"""Steps as runtimes make them."""

import pytest
import torch
from torch import nn

from sebench.errors import WorkerError
from sebench.profilers.inputs import OwnInput, make_source
from sebench.profilers.runtimes import PREPARE, Batch, PreparedStep
from sebench.schema import RUNTIMES, Workload

INFERENCE = Workload(input_shape=(2, 3, 4, 4), batch_size=2)
TRAINING = Workload(phase="training", input_shape=(2, 3, 4, 4), batch_size=2)


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(48, 5))


def batch(workload, **fields):
    source = make_source(workload, seed=3)
    return Batch(input=OwnInput(lambda: source, "cpu"), seed=3, **fields)


def test_a_forward_pass():
    module, given = network(), batch(INFERENCE)
    prepared = PREPARE["eager"](module, given, INFERENCE)
    assert prepared.held == ()
    with torch.inference_mode():
        assert torch.equal(prepared.run(), module(given.input.tensors[0]))


def test_a_training_step_holds_its_targets_and_marks_its_halves():
    marked = []
    given = batch(TRAINING, mark=lambda: marked.append("forward"))
    module = network()
    prepared = PREPARE["eager"](module, given, TRAINING)
    (targets,) = prepared.held
    assert targets.shape == (2,)
    assert prepared.run().shape == ()
    assert marked == ["forward"]
    assert all(parameter.grad is not None for parameter in module.parameters())


def test_a_network_that_writes_to_its_input_finds_it_unchanged_when_trained():
    class Writes(nn.Module):
        def __init__(self):
            super().__init__()
            self.classes = nn.Linear(48, 5)

        def forward(self, x):
            return self.classes(x.mul_(2.0).flatten(1))

    given = batch(TRAINING)
    before = given.input.tensors[0].clone()
    PREPARE["eager"](Writes(), given, TRAINING)
    # The forward pass that finds the number of classes has written to it.
    assert torch.equal(given.input.tensors[0], before)


def test_training_needs_an_output_with_a_gradient():
    step = PREPARE["eager"](nn.ReLU(), batch(TRAINING), TRAINING)
    assert step.held == ()  # without logits there are no classes
    with pytest.raises(WorkerError, match="training needs a floating-point output that has a gradient"):
        step.run()


def test_a_runtime_is_any_function_of_the_protocol():
    """A session of another library would hold what was exported, and read the batch anew for each step."""

    def prepare(module, batch, workload, /):
        weights = module[1].weight.detach().numpy().copy()

        def run():
            return torch.from_numpy(batch.input.tensors[0].numpy().reshape(2, 48) @ weights.T)

        return PreparedStep(run)

    module, given = network(), batch(INFERENCE)
    expected = PREPARE["eager"](module, given, INFERENCE).run() - module[1].bias
    assert torch.allclose(prepare(module, given, INFERENCE).run(), expected, atol=1e-6)


def test_only_runtimes_that_prepare_have_such_a_time():
    assert {info.name for info in RUNTIMES if not info.prepares} == {"eager"}
