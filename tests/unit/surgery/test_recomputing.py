"""Gates that keep no feature map: the same values and gradients, and what is kept instead."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint

from sebench import counters, models
from sebench.schema import ModelSpec
from sebench.surgery.recomputing import recompute

BATCH, CHANNELS, HIDDEN, SIDE = 2, 8, 2, 5


class Gate(nn.Module):
    """Squeeze-and-Excitation, its product written in several ways."""

    def __init__(self, product: str = "plain") -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(CHANNELS, HIDDEN, 1), nn.Conv2d(HIDDEN, CHANNELS, 1)
        self.product = product

    def forward(self, x: Tensor) -> Tensor:
        """Scale a feature map."""
        pooled = nn.functional.adaptive_avg_pool2d(x, 1) if self.product == "pool" else x.mean((2, 3), True)
        gate: Tensor = self.fc2(self.fc1(pooled).relu()).sigmoid()
        if self.product == "expanded":
            return x * gate.expand_as(x)
        if self.product == "flipped":
            return gate * x
        if self.product == "keyword":
            return torch.mul(x, other=gate)
        return x * gate


class Block(nn.Module):
    """Convolution, batch norm, gate."""

    def __init__(self, product: str = "plain", *, written: bool = False) -> None:
        super().__init__()
        self.conv, self.norm, self.gate = nn.Conv2d(3, CHANNELS, 1), nn.BatchNorm2d(CHANNELS), Gate(product)
        self.written = written

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to (N, 8, H, W)."""
        y = self.norm(self.conv(x))
        if self.written:
            y = nn.functional.leaky_relu_(y, 0.5)
        out: Tensor = self.gate(y)
        return out


def both(network: nn.Module, side: int = SIDE, sites: int = 1) -> tuple[nn.Module, nn.Module]:
    """A network in training, as it is and recomputing."""
    other = copy.deepcopy(network)
    assert len(recompute(other, counters.record(network, (BATCH, 3, side, side)))) == sites
    return network.train(), other.train()


def step(network: nn.Module, x: Tensor, run: Callable[[Tensor], Tensor] | None = None) -> dict[str, Tensor]:
    """Output, gradients and buffers of a training step, by name."""
    network.zero_grad()
    output = (run or network)(x)
    (output.float() if output.dtype == torch.bfloat16 else output).square().mean().backward()
    gradients = {name: each.grad for name, each in network.named_parameters() if each.grad is not None}
    return {"": output.detach(), **gradients, **dict(network.named_buffers())}


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor], tolerance: float) -> None:
    """Every difference is within a share of the largest value of its tensor."""
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        apart = (found[name].double() - tensor.double()).abs().max()
        assert apart <= tolerance * tensor.double().abs().max().clamp(min=1e-3), name


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_a_native_network_has_the_same_gradients(memory_format: torch.memory_format) -> None:
    network = models.build(ModelSpec(model="resnet50", variant="se"), seed=1).module.double()
    asis, recomputing = both(network, 32, sites=16)
    assert list(asis.state_dict()) == list(recomputing.state_dict())
    x = torch.randn(BATCH, 3, 32, 32, dtype=torch.float64).to(memory_format=memory_format)
    placed = [each.to(memory_format=memory_format) for each in (asis, recomputing)]
    assert_same(step(placed[1], x), step(placed[0], x), 1e-10)


@pytest.mark.parametrize("product", ["plain", "pool", "expanded", "flipped", "keyword"])
def test_a_found_gate_has_the_same_gradients_however_it_is_written(product: str) -> None:
    asis, recomputing = both(Block(product).double())
    x = torch.randn(BATCH, 3, SIDE, SIDE, dtype=torch.float64)
    assert_same(step(recomputing, x), step(asis, x), 1e-12)


def test_gradients_agree_with_finite_differences() -> None:
    _, recomputing = both(Block().double())
    names, weights = zip(*recomputing.named_parameters(), strict=True)

    def run(x: Tensor, *given: Tensor) -> Tensor:
        out: Tensor = torch.func.functional_call(recomputing, dict(zip(names, given, strict=True)), (x,))
        return out

    x = torch.randn(BATCH, 3, SIDE, SIDE, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(run, (x, *(each.detach().requires_grad_() for each in weights)))


def kept(network: nn.Module, x: Tensor) -> int:
    """Bytes that a forward pass keeps for the backward pass, weights and input aside."""
    storages: dict[int, int] = {}
    own = {each.untyped_storage().data_ptr() for each in (x, *network.parameters(), *network.buffers())}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = network(x)
    del output
    return sum(storages.values())


def test_no_feature_map_is_kept() -> None:
    asis, recomputing = both(Block())
    x = torch.randn(BATCH, 3, SIDE, SIDE)
    # Both keep, of 4 bytes each: the input of the norm 2*8*5*5 = 400, mean and 1/std 8 + 8; of the gate the
    # descriptors 2*8 = 16, the hidden layer behind the ReLU 2*2 = 4, the gate 2*8 = 16.
    common = 4 * (400 + 16 + 16 + 4 + 16)
    # The one also keeps the feature map, 2*8*5*5 = 400.
    assert (kept(asis, x), kept(recomputing, x)) == (common + 1600, common)


def test_bfloat16_is_as_exact_as_without() -> None:
    asis, recomputing = both(Block())
    x = torch.randn(BATCH, 3, SIDE, SIDE)
    truth = step(copy.deepcopy(asis).double(), x.double())
    with torch.autocast("cpu", torch.bfloat16):
        found = [step(each, x) for each in (asis, recomputing)]
    errors = [max(float((each[k].double() - truth[k]).abs().max()) for k in truth) for each in found]
    assert errors[1] <= 1.5 * errors[0]


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpointed_blocks_have_the_same_gradients(reentrant: bool) -> None:
    asis, recomputing = both(Block().double())
    x = torch.randn(BATCH, 3, SIDE, SIDE, dtype=torch.float64, requires_grad=True)

    def again(network: nn.Module) -> Callable[[Tensor], Tensor]:
        return lambda given: checkpoint(network, given, use_reentrant=reentrant)

    expected = step(asis, x, again(asis))
    assert_same(step(recomputing, x, again(recomputing)), expected, 1e-12)


@pytest.fixture
def process_group(tmp_path: Path) -> Iterator[None]:
    """A group of this process alone."""
    store = torch.distributed.FileStore(str(tmp_path / "store"), 1)  # type: ignore[attr-defined]
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.usefixtures("process_group")
def test_data_parallel_training_has_the_same_gradients() -> None:
    asis, recomputing = both(Block().double())
    x = torch.randn(BATCH, 3, SIDE, SIDE, dtype=torch.float64)
    expected = step(DistributedDataParallel(asis), x)
    assert_same(step(DistributedDataParallel(recomputing), x), expected, 1e-12)


def test_a_map_that_was_written_to_is_not_taken_for_what_it_was() -> None:
    asis, recomputing = Block(written=True).double().train(), Block(written=True).double().train()
    recomputing.load_state_dict(asis.state_dict())
    # The recording is of a block without the activation in between: whoever calls it differently later.
    assert recompute(recomputing, counters.record(Block(), (BATCH, 3, SIDE, SIDE))) == ("gate",)
    x = torch.randn(BATCH, 3, SIDE, SIDE, dtype=torch.float64)
    assert_same(step(recomputing, x), step(asis, x), 1e-12)


def test_evaluation_is_left_alone() -> None:
    asis, recomputing = (each.eval() for each in both(Block()))
    x = torch.randn(BATCH, 3, SIDE, SIDE)
    assert torch.equal(asis(x), recomputing(x))


def test_gates_behind_something_else_than_batch_norm_are_left() -> None:
    network = Block(written=True)
    assert recompute(network, counters.record(network, (BATCH, 3, SIDE, SIDE))) == ()
    assert type(network.gate) is Gate
