"""Networks and placements against independent descriptions: torchvision's models and formulas by hand."""

import pytest
import torch
import torchvision
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from sebench.models import build
from sebench.models.cifar import BottleneckUnit
from sebench.models.inception_resnet import ResidualInception
from sebench.models.layers import Concat, ConvNormAct
from sebench.models.resnet import Bottleneck, Widths
from sebench.models.shufflenet import ShuffleUnit
from sebench.models.slots import Slots
from sebench.schema import ModelSpec, Variant


def tensor_names(network):
    """Names of all parameters and buffers, module by module in order of registration."""
    return [
        f"{name}.{key}"
        for name, module in network.named_modules()
        for key, _ in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False))
    ]


def disturb_statistics(network):
    """Running statistics that tell normalisations apart."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)


@pytest.mark.parametrize(
    ("spec", "reference", "size"),
    [
        (ModelSpec(model="resnet50", stride_in="3x3"), torchvision.models.resnet50, 64),
        (ModelSpec(model="resnext50_32x4d"), torchvision.models.resnext50_32x4d, 64),
        (ModelSpec(model="vgg16_bn"), torchvision.models.vgg16_bn, 48),
        (ModelSpec(model="alexnet"), torchvision.models.alexnet, 96),
        (
            ModelSpec(model="inception_v3"),
            lambda: torchvision.models.inception_v3(aux_logits=False, init_weights=False),
            107,
        ),
    ],
    ids=lambda value: getattr(value, "model", ""),
)
@torch.no_grad()
def test_equals_torchvision(spec, reference, size):
    """The same weights give the same values, so the same graph."""
    ours = build(spec).module
    disturb_statistics(ours)
    with torch.device("meta"):
        theirs = reference().eval()
    values = ours.state_dict()
    names = zip(tensor_names(theirs), tensor_names(ours), strict=True)
    theirs.load_state_dict({name: values[own] for name, own in names}, assign=True)
    for module in theirs.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-5  # Inception's 1e-3 costs the same
    x = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(ours(x), theirs(x))


def bottleneck(position, *, projection):
    slots = Slots(Variant("se", {"r": 2, "position": position}))
    shortcut = ConvNormAct(4, 8, stride=2, relu=False) if projection else None
    torch.manual_seed(0)
    return Bottleneck(
        4 if projection else 8,
        Widths(4, 6, 8),
        slots,
        stage=3,
        stride=2 if projection else 1,
        stride_in="1x1",
        groups=1,
        projection=shortcut,
    ).eval()


@pytest.mark.parametrize("projection", [True, False])
@pytest.mark.parametrize("position", ["standard", "pre", "post", "identity", "3x3"])
@torch.no_grad()
def test_bottleneck_attends_at(position, projection):
    """Each placement of TPAMI Fig. 5 and Table 15, composed by hand."""
    block = bottleneck(position, projection=projection)
    x = torch.randn(2, 4 if projection else 8, 6, 6)
    shortcut = block.projection(x) if projection else x
    se = block.attention

    def branch(y, after_middle=lambda y: y):
        return block.conv3(after_middle(block.conv2(block.conv1(y))))

    expected = {
        "standard": lambda: torch.relu(shortcut + se(branch(x))),
        "pre": lambda: torch.relu(shortcut + branch(se(x))),
        "post": lambda: se(torch.relu(shortcut + branch(x))),
        "identity": lambda: torch.relu(se(shortcut) + branch(x)),
        "3x3": lambda: torch.relu(shortcut + branch(x, after_middle=se)),
    }[position]()
    torch.testing.assert_close(block(x), expected)


@pytest.mark.parametrize("position", ["standard", "pre", "post", "identity", "3x3"])
@torch.no_grad()
def test_pre_activation_unit_attends_at(position):
    torch.manual_seed(0)
    unit = BottleneckUnit(
        8, 2, Slots(Variant("se", {"r": 2, "position": position})), stage=2, stride=1
    ).eval()
    x = torch.randn(2, 8, 6, 6)
    se = unit.attention

    def branch(y, after_middle=lambda y: y):
        y = unit.conv2(torch.relu(unit.bn2(unit.conv1(y))))
        return unit.conv3(after_middle(torch.relu(unit.bn3(y))))

    activated = torch.relu(unit.bn1(x))
    expected = {
        "standard": lambda: x + se(branch(activated)),
        "pre": lambda: x + branch(se(activated)),
        "post": lambda: se(x + branch(activated)),
        "identity": lambda: se(x) + branch(activated),
        "3x3": lambda: x + branch(activated, after_middle=se),
    }[position]()
    torch.testing.assert_close(unit(x), expected)


@pytest.mark.parametrize("strided", [True, False])
@pytest.mark.parametrize("position", ["standard", "pre", "post", "identity"])
@torch.no_grad()
def test_shuffle_unit_attends_at(position, strided):
    torch.manual_seed(0)
    inputs = 12 if strided else 24
    unit = ShuffleUnit(inputs, 24, Slots(Variant("se", {"r": 2, "position": position})), 3, 3).eval()
    x = torch.randn(2, inputs, 6, 6)
    se = unit.attention
    shortcut = nn.functional.avg_pool2d(x, 3, 2, padding=1) if strided else x

    def branch(y):
        return unit.expand(unit.depthwise(nn.functional.channel_shuffle(unit.reduce(y), 3)))

    def join(left, right):
        return torch.relu(torch.cat((left, right), 1) if strided else left + right)

    expected = {
        "standard": lambda: join(shortcut, se(branch(x))),
        "pre": lambda: join(shortcut, branch(se(x))),
        "post": lambda: se(join(shortcut, branch(x))),
        "identity": lambda: join(se(shortcut), branch(x)),
    }[position]()
    torch.testing.assert_close(unit(x), expected)


@pytest.mark.parametrize("position", ["standard", "pre", "post", "identity"])
@torch.no_grad()
def test_inception_residual_attends_at(position):
    torch.manual_seed(0)
    branches = Concat(left=nn.Conv2d(6, 2, 1), right=nn.Conv2d(6, 3, 3, padding=1))
    slots = Slots(Variant("se", {"r": 2, "position": position}))
    block = ResidualInception(branches, 5, 6, slots, stage=3, scale=0.17, relu=True).eval()
    x = torch.randn(2, 6, 4, 4)
    se = block.attention

    def branch(y):
        return block.linear(torch.cat((branches.left(y), branches.right(y)), 1))

    expected = {
        "standard": lambda: torch.relu(x + 0.17 * se(branch(x))),
        "pre": lambda: torch.relu(x + 0.17 * branch(se(x))),
        "post": lambda: se(torch.relu(x + 0.17 * branch(x))),
        "identity": lambda: torch.relu(se(x) + 0.17 * branch(x)),
    }[position]()
    torch.testing.assert_close(block(x), expected)


def test_attention_follows_each_activation_of_a_plain_chain():
    built = build(ModelSpec(model="vgg16_bn", variant="se"), device="meta")
    unit = built.module.get_submodule("stage1.conv1")
    assert [name for name, _ in unit.body.named_children()] == ["conv", "bn", "relu"]
    assert built.module.get_submodule("stage1.conv1.attention").excite.fc1.in_features == 64


@torch.no_grad()
def test_an_empty_slot_runs_what_the_plain_network_runs():
    """Ops outside the filled stage are those of the plain network, in its order."""
    ops = {}
    for variant in ("plain", "se(stages=4)"):
        built = build(ModelSpec(model="cifar_wrn16_8", variant=variant), device="meta")
        with OpRecorder() as recorder:
            built.module.stage2(built.module.stem(torch.empty(built.input_shape, device="meta")))
        ops[variant] = recorder.names
    assert ops["plain"] == ops["se(stages=4)"]
    assert len(ops["plain"]) > 10


class OpRecorder(TorchDispatchMode):
    """Names of the aten ops that ran."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.append(str(func))
        return func(*args, **(kwargs or {}))
