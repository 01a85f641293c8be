"""The steps that are timed: what they compute, on networks small enough to redo by hand."""

from dataclasses import dataclass

import pytest
import torch
from torch import nn
from torch.nn import functional

from sebench.errors import WorkerError
from sebench.inputs import Inputs
from sebench.profilers.inputs import make_input, make_targets
from sebench.profilers.workload import check_finite, inference_step, training_step
from sebench.schema import Workload

SHAPE = (6, 3, 4, 4)
TRAINING = Workload(phase="training", batch_size=6, input_shape=SHAPE)


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(48, 5))


def data(workload=TRAINING):
    batch = make_input(workload, seed=1)
    return Inputs((batch,)), make_targets(workload, network()(batch), seed=2)


def gradient(module, workload):
    step = training_step(module, *data(), workload)
    loss = step()
    return loss, module[1].weight.grad.clone(), step


def test_a_training_step_leaves_the_gradient_of_the_mean_cross_entropy():
    module, (batch, targets) = network(), data()
    loss, found, step = gradient(module, TRAINING)
    reference = network()
    expected = functional.cross_entropy(batch.passed_to(reference), targets)
    expected.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    torch.testing.assert_close(found, reference[1].weight.grad)
    step()  # gradients are zeroed, not added up
    torch.testing.assert_close(module[1].weight.grad, found)


def test_micro_batches_add_up_to_the_same_gradient_uneven_ones_too():
    _, native, _ = gradient(network(), TRAINING)
    emulated = Workload(phase="training", batch_size=6, input_shape=SHAPE, micro_batch_size=4)  # 4 + 2
    loss, found, _ = gradient(network(), emulated)
    torch.testing.assert_close(found, native)
    assert emulated.emulated
    assert loss.item() == pytest.approx(gradient(network(), TRAINING)[0].item(), rel=1e-6)


def test_the_mark_is_set_once_between_forward_and_backward_and_not_in_an_emulated_batch():
    marks = []

    def marking(module, workload):
        def mark():
            marks.append(module[1].weight.grad is None)

        return training_step(module, *data(), workload, mark)

    marking(network(), TRAINING)()
    assert marks == [True]  # no gradient yet
    marking(network(), Workload(phase="training", input_shape=SHAPE, micro_batch_size=3))()
    assert marks == [True]


def test_weights_move_only_with_an_optimizer():
    module = network()
    before = module[1].weight.clone()
    gradient(module, TRAINING)
    assert torch.equal(module[1].weight, before)
    gradient(module, Workload(phase="training", input_shape=SHAPE, optimizer="sgd"))
    assert not torch.equal(module[1].weight, before)


def test_training_runs_in_train_mode_and_inference_in_eval_mode():
    module = nn.Sequential(nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 5))
    training_step(module, *data(), TRAINING)()
    assert module.training
    assert module[1].num_batches_tracked == 1
    inference_step(module, data()[0], TRAINING)()
    assert not module.training
    assert module[1].num_batches_tracked == 1


@dataclass
class Detected:
    boxes: torch.Tensor
    labels: torch.Tensor


class Returning(nn.Module):
    """Two layers, whose results are returned in some container."""

    def __init__(self, container):
        super().__init__()
        self.one, self.two, self.container = nn.Linear(48, 5), nn.Linear(48, 3), container

    def forward(self, x):
        x = x.flatten(1)
        return self.container(self.one(x), self.two(x))


CONTAINERS = {
    "tuple": lambda one, two: (one, two),
    "dict": lambda one, two: {"out": one, "aux": {"deep": two}, "name": "x"},
    "dataclass": lambda one, two: Detected(boxes=one, labels=two),
    "without a gradient": lambda one, two: (one, two, two.detach(), two.argmax(1)),
    "a map": lambda one, two: torch.cat((one, two), 1)[..., None],
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_other_outputs_have_the_sum_of_their_mean_squares_as_loss(name):
    torch.manual_seed(0)
    module, batch = Returning(CONTAINERS[name]), data()[0]
    targets = make_targets(TRAINING, batch.passed_to(module), seed=2)
    assert targets is None
    loss = training_step(module, batch, targets, TRAINING)()
    one, two = (layer(batch.only.flatten(1)) for layer in (module.one, module.two))
    expected = one.square().mean() + two.square().mean()
    if name == "a map":  # of 5 + 3 channels
        expected = (one.square().sum() + two.square().sum()) / (6 * 8)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    assert module.one.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("output", [torch.zeros(12, 5), torch.zeros(6, 5).long(), torch.zeros(6, 5, 1), None])
def test_only_one_row_of_floating_point_numbers_per_image_is_logits(output):
    assert make_targets(TRAINING, output, seed=2) is None


def test_micro_batches_of_other_outputs_add_up_to_the_same_loss():
    torch.manual_seed(0)
    module, batch = Returning(CONTAINERS["tuple"]), data()[0]
    emulated = Workload(phase="training", batch_size=6, input_shape=SHAPE, micro_batch_size=4)  # 4 + 2
    losses = [training_step(module, batch, None, workload)().item() for workload in (TRAINING, emulated)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


def test_logits_that_are_more_in_training_have_no_cross_entropy():
    """An Inception network returns logits in evaluation mode, and logits and auxiliary ones in training."""
    torch.manual_seed(0)
    module, (batch, targets) = Returning(CONTAINERS["tuple"]), data()
    expected = sum(part.square().mean() for part in batch.passed_to(module)).item()
    assert training_step(module, batch, targets, TRAINING)().item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    "container",
    [
        lambda one, two: one.detach(),
        lambda one, two: {"classes": one.argmax(1)},
        lambda one, two: None,
        lambda one, two: one[:0],
    ],
)
def test_outputs_without_a_gradient_have_no_training(container):
    module, batch = Returning(container), data()[0]
    with pytest.raises(WorkerError) as refused:
        training_step(module, batch, make_targets(TRAINING, batch.passed_to(module), seed=2), TRAINING)()
    assert str(refused.value) == (
        "training needs a floating-point output that has a gradient, and the network returns none; "
        "measure --phase inference"
    )


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_output_is_checked(name):
    module, batch = Returning(CONTAINERS[name]), data()[0]
    check_finite(inference_step(module, batch, TRAINING)(), "net")
    module.two.weight.data[0, 0] = torch.inf
    with pytest.raises(WorkerError, match="^net returned NaN or infinity in"):
        check_finite(inference_step(module, batch, TRAINING)(), "net")
    with pytest.raises(WorkerError, match="^net returned NoneType without a tensor in it$"):
        check_finite(None, "net")


def test_inputs_and_targets_are_seeded():
    assert torch.equal(data()[0].only, data()[0].only)
    assert torch.equal(data()[1], data()[1])
    assert set(data()[1].tolist()) <= set(range(5))
