"""The steps that are timed: what they compute, on networks small enough to redo by hand."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from sebench.errors import WorkerError
from sebench.inputs import Inputs
from sebench.profilers.inputs import make_input, make_targets
from sebench.profilers.workload import inference_step, training_step
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


@pytest.mark.parametrize("output", [(torch.zeros(6, 5), torch.zeros(6, 5)), torch.zeros(6, 5, 2, 2), None])
def test_outputs_without_a_cross_entropy_are_refused(output):
    with pytest.raises(WorkerError, match=r"training needs logits of shape \(N, classes\)"):
        make_targets(TRAINING, output, seed=0)


def test_inputs_and_targets_are_seeded():
    assert torch.equal(data()[0].only, data()[0].only)
    assert torch.equal(data()[1], data()[1])
    assert set(data()[1].tolist()) <= set(range(5))
