"""Whole networks for sounds, volumes, segmentation and detection: attention taken out, and replaced."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from sebench import counters
from sebench.errors import CountError
from sebench.inputs import Inputs
from sebench.profilers.workload import check_finite, inference_step, training_step
from sebench.schema import Workload, parse_variant
from sebench.surgery.capture import capture
from sebench.surgery.captured_insertion import replace_captured
from sebench.surgery.gates import find_gates
from sebench.surgery.insertion import inserted_sites
from sebench.surgery.places import find_places
from sebench.surgery.proof import prove
from sebench.surgery.removal import replacements, take_out
from sebench.surgery.replacing import replace_gates

SE = parse_variant("se")


def cost(network, shape, inputs=None):
    counted = counters.count(network, shape, inputs=inputs)
    return counted.params, sum(op.macs for op in counted.ops)


def layers(channels, hidden, bias=True):
    """Parameters of two layers, C to h and h to C; their MACs per sample."""
    return 2 * channels * hidden + (channels + hidden if bias else 0), 2 * channels * hidden


def stripped_and_proven(network, shape, inputs=None):
    """Show what a network is without its gates, each of which is a module.

    Returns:
        Its recording, the gates, and the proof.
    """
    inputs = Inputs((torch.zeros(shape),)) if inputs is None else inputs
    recording = counters.record(network, shape, inputs)
    gates = find_gates(recording)
    assert all(found.gate.module for found in gates)
    stripped = take_out(copy.deepcopy(network), replacements(recording, gates))
    proof = prove(network, stripped, inputs, recording, gates)
    assert proof.difference == 0  # the same ops on the same values
    return recording, gates, proof


class TDNN(nn.Module):
    def __init__(self, inputs, outputs, kernel=1, dilation=1):
        super().__init__()
        self.conv = nn.Conv1d(
            inputs, outputs, kernel, dilation=dilation, padding="same", padding_mode="reflect"
        )
        self.activation, self.norm = nn.ReLU(), nn.BatchNorm1d(outputs)

    def forward(self, x):
        return self.norm(self.activation(self.conv(x)))


class Res2Net(nn.Module):
    def __init__(self, channels, scale, dilation):
        super().__init__()
        part = channels // scale
        self.scale = scale
        self.blocks = nn.ModuleList(TDNN(part, part, 3, dilation) for _ in range(scale - 1))

    def forward(self, x):
        done = []
        for index, part in enumerate(x.chunk(self.scale, 1)):
            if index == 0:
                done.append(part)
            else:
                done.append(self.blocks[index - 1](part if index == 1 else part + done[-1]))
        return torch.cat(done, 1)


def mask_of(lengths, size):
    return (torch.arange(size, device=lengths.device)[None] < (lengths * size)[:, None])[:, None].float()


class SEBlock(nn.Module):
    """Squeezes what the lengths of the sounds leave of each."""

    def __init__(self, channels, hidden):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv1d(channels, hidden, 1), nn.Conv1d(hidden, channels, 1)

    def forward(self, x, lengths=None):
        if lengths is None:
            squeezed = x.mean(2, keepdim=True)
        else:
            mask = mask_of(lengths, x.shape[-1])
            squeezed = (x * mask).sum(2, keepdim=True) / mask.sum(2, keepdim=True)
        return torch.sigmoid(self.conv2(torch.relu(self.conv1(squeezed)))) * x


class SERes2Net(nn.Module):
    def __init__(self, channels, hidden, dilation):
        super().__init__()
        self.tdnn1, self.tdnn2 = TDNN(channels, channels), TDNN(channels, channels)
        self.res2net_block = Res2Net(channels, 4, dilation)
        self.se_block = SEBlock(channels, hidden)

    def forward(self, x, lengths=None):
        return x + self.se_block(self.tdnn2(self.res2net_block(self.tdnn1(x))), lengths)


class Pooling(nn.Module):
    """Mean and deviation over time, weighed by attention."""

    def __init__(self, channels):
        super().__init__()
        self.tdnn, self.conv = TDNN(channels, 8), nn.Conv1d(8, channels, 1)

    def forward(self, x, lengths):
        mask = mask_of(lengths, x.shape[-1])
        weights = self.conv(torch.tanh(self.tdnn(x))).masked_fill(mask == 0, float("-inf")).softmax(2)
        mean = (weights * x).sum(2)
        deviation = (weights * (x - mean[:, :, None]).square()).sum(2).clamp(1e-12).sqrt()
        return torch.cat((mean, deviation), 1)


class Ecapa(nn.Module):
    """ECAPA-TDNN in small: 10 features of a sound to an embedding."""

    def __init__(self):
        super().__init__()
        self.stem = TDNN(10, 32, 5)
        self.blocks = nn.ModuleList(SERes2Net(32, 4, dilation) for dilation in (2, 3))
        self.mfa, self.asp = TDNN(64, 64), Pooling(64)
        self.fc = nn.Linear(128, 12)

    def forward(self, x, lengths=None):
        x, found = self.stem(x.transpose(1, 2)), []
        for block in self.blocks:
            x = block(x, lengths)
            found.append(x)
        if lengths is None:
            lengths = torch.ones(x.shape[0], device=x.device)
        return self.fc(self.asp(self.mfa(torch.cat(found, 1)), lengths))


class Whole(Ecapa):
    """Every sound is as long as the batch."""

    def forward(self, x):
        return super().forward(x, torch.ones(x.shape[0], device=x.device))


SOUNDS = Inputs((torch.zeros(2, 40, 10),))  # two of 40 frames
OF_LENGTHS = Inputs((torch.linspace(-1, 1, 800).reshape(2, 40, 10),), {"lengths": torch.tensor([0.5, 1.0])})


@pytest.mark.parametrize(
    ("kind", "inputs"), [(Ecapa, SOUNDS), (Whole, SOUNDS), (Ecapa, OF_LENGTHS)], ids=["none", "made", "given"]
)
def test_speech(kind, inputs):
    shape = (2, 40, 10)
    torch.manual_seed(0)
    network = kind().eval()
    recording, gates, proof = stripped_and_proven(network, shape, inputs)
    assert [found.gate.path for found in gates] == ["blocks.0.se_block", "blocks.1.se_block"]
    assert {(found.gate.channels, found.gate.hidden, found.gate.dimensions) for found in gates} == {
        (32, (4,), 1)
    }
    params, macs = layers(32, 4)
    assert (proof.params, proof.macs) == (2 * params, 2 * macs * 2)
    before = cost(network, shape, inputs)
    replace_gates(network, recording, gates, SE, 0)
    assert inserted_sites(network) == ("blocks.0.se_block.attention", "blocks.1.se_block.attention")
    # r = 16 hides 32 / 16 = 2 instead of 4.
    other_params, other_macs = layers(32, 2)
    assert cost(network, shape, inputs) == (
        before[0] + 2 * (other_params - params),
        before[1] + 2 * 2 * (other_macs - macs),
    )
    assert inputs.passed_to(network).shape == (2, 12)


class ChannelSE(nn.Module):
    """MONAI's gate."""

    def __init__(self, channels, hidden):
        super().__init__()
        self.avg_pool = nn.AdaptiveAvgPool3d(1)
        self.fc = nn.Sequential(
            nn.Linear(channels, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, channels), nn.Sigmoid()
        )

    def forward(self, x):
        batch, channels = x.shape[:2]
        return x * self.fc(self.avg_pool(x).view(batch, channels)).view(batch, channels, 1, 1, 1)


def convolved(inputs, outputs, kernel=1, stride=1, groups=1):
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm3d(outputs),
    )


class SEBottleneck(nn.Module):
    def __init__(self, inputs, width, stride=1):
        super().__init__()
        outputs = 2 * width
        self.conv1 = nn.Sequential(*convolved(inputs, width), nn.ReLU(inplace=True))
        self.conv2 = nn.Sequential(*convolved(width, width, 3, stride, groups=4), nn.ReLU(inplace=True))
        self.conv3, self.se_layer = convolved(width, outputs), ChannelSE(outputs, outputs // 8)
        self.project = (
            convolved(inputs, outputs, stride=stride) if stride > 1 or inputs != outputs else nn.Identity()
        )
        self.act = nn.ReLU(inplace=True)

    def forward(self, x):
        residual = self.project(x)
        x = self.se_layer(self.conv3(self.conv2(self.conv1(x))))
        x += residual
        return self.act(x)


def test_volumes():
    shape = (1, 1, 8, 8, 8)
    torch.manual_seed(0)
    blocks = (SEBottleneck(8, 8), SEBottleneck(16, 8), SEBottleneck(16, 16, stride=2))
    pool = (nn.AdaptiveAvgPool3d(1), nn.Flatten())
    network = nn.Sequential(convolved(1, 8, 3), *blocks, *pool, nn.Linear(32, 2)).eval()
    recording, gates, proof = stripped_and_proven(network, shape)
    assert [(found.gate.channels, found.gate.hidden, found.gate.dimensions) for found in gates] == [
        (16, (2,), 3),
        (16, (2,), 3),
        (32, (4,), 3),
    ]
    small, large = layers(16, 2), layers(32, 4)
    assert (proof.params, proof.macs) == tuple(2 * a + b for a, b in zip(small, large, strict=True))
    before = cost(network, shape)
    replace_gates(network, recording, gates, parse_variant("se(r=8)"), 0)
    assert cost(network, shape) == before  # the same widths


def segmenting(name):
    segmentation = pytest.importorskip("torchvision").models.segmentation
    torch.manual_seed(0)
    return getattr(segmentation, name)(weights=None, weights_backbone=None, num_classes=4).eval()


MOBILENET_V3_LARGE = [
    (72, 24),
    (120, 32),
    (120, 32),
    (480, 120),
    (672, 168),
    (672, 168),
    (960, 240),
    (960, 240),
]
"""Channels, and a quarter of them to a multiple of 8."""


def test_segmentation_returns_a_dict():
    shape = (1, 3, 64, 64)
    network = segmenting("deeplabv3_mobilenet_v3_large")
    _, gates, proof = stripped_and_proven(network, shape)
    assert [(found.gate.channels, *found.gate.hidden) for found in gates] == MOBILENET_V3_LARGE
    assert proof.params == sum(layers(*widths)[0] for widths in MOBILENET_V3_LARGE)
    assert proof.macs == sum(layers(*widths)[1] for widths in MOBILENET_V3_LARGE)


def test_segmentation_is_trained():
    network, batch = segmenting("lraspp_mobilenet_v3_large"), torch.randn(2, 3, 32, 32)
    workload = Workload(phase="training", batch_size=2, input_shape=tuple(batch.shape))
    loss = training_step(network, Inputs((batch,)), None, workload)()
    assert loss.isfinite()
    assert all(weight.grad is not None for weight in network.parameters())


@pytest.mark.slow
def test_a_segmentation_head_that_gates_inline_is_captured():
    shape = (1, 3, 64, 64)
    network = segmenting("lraspp_mobilenet_v3_large")
    recording = counters.record(network, shape)
    gates = find_gates(recording)
    assert [found.gate.module for found in gates] == [True] * 8 + [False]
    assert replacements(recording, gates) is None
    captured = capture(network, Inputs((torch.zeros(shape),)))
    asis = captured.as_it_is()
    assert list(asis(torch.zeros(shape))) == ["out"]
    proof = prove(
        network, captured.without_gates(), Inputs((torch.zeros(shape),)), recording, gates, captured=asis
    )
    # The head: one convolution from 960 channels to 128 without bias.
    assert proof.params == sum(layers(*widths)[0] for widths in MOBILENET_V3_LARGE) + 960 * 128
    assert len(inserted_sites(replace_captured(captured, SE, 0))) == 9


class Detector(nn.Module):
    """Boxes wherever a score is above the mean, as many as there are."""

    def __init__(self):
        super().__init__()
        self.stem, self.se = nn.Conv2d(3, 16, 3, padding=1), SEImage()
        self.scores, self.boxes = nn.Conv2d(16, 1, 1), nn.Conv2d(16, 4, 1)

    def forward(self, images):
        x = self.se(torch.relu(self.stem(images)))
        found = []
        for score, box in zip(
            self.scores(x).flatten(1), self.boxes(x).flatten(2).transpose(1, 2), strict=True
        ):
            kept = score > score.mean()
            found.append({"boxes": box[kept], "scores": score[kept].sigmoid()})
        return found


class SEImage(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(16, 4, 1), nn.Conv2d(4, 16, 1)

    def forward(self, x):
        return x * torch.sigmoid(self.fc2(functional.relu(self.fc1(x.mean((2, 3), keepdim=True)))))


def test_detection_has_gates_though_it_cannot_be_counted():
    shape = (2, 3, 8, 8)
    torch.manual_seed(0)
    network = Detector().eval()
    with pytest.raises(CountError) as refused:
        counters.count(network, shape)
    assert str(refused.value) == (
        "Detector needs real data: how much torch.nonzero() returns depends on values; "
        "counting has shapes but no values"
    )
    before = copy.deepcopy(network.state_dict())
    for built in (network, copy.deepcopy(network).to("meta")):
        (found,) = find_gates(counters.record(built, shape))
        assert (found.gate.path, found.gate.channels, found.gate.hidden) == ("se", 16, (4,))
        assert (found.gate.params, found.gate.macs) == (layers(16, 4)[0], layers(16, 4)[1] * 2)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_detection_without_its_attention_is_detection_with_its_gates_at_one():
    torch.manual_seed(0)
    network = Detector().eval()
    _, _, proof = stripped_and_proven(network, (2, 3, 8, 8))
    assert (proof.params, proof.macs) == (layers(16, 4)[0], 2 * layers(16, 4)[1])
    batch = torch.randn(2, 3, 8, 8)
    output = inference_step(network, Inputs((batch,)), Workload(batch_size=2, input_shape=(2, 3, 8, 8)))()
    assert [sorted(image) for image in output] == [["boxes", "scores"]] * 2
    check_finite(output, "detector")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "gates", "places"), [("ssdlite320_mobilenet_v3_large", 8, 0), ("retinanet_resnet50_fpn", 0, 16)]
)
def test_detection_of_torchvision(name, gates, places):
    detection = pytest.importorskip("torchvision").models.detection
    shape = (1, 3, 64, 64)
    with torch.device("meta"):
        network = getattr(detection, name)(weights=None, weights_backbone=None).eval()
    with pytest.raises(CountError, match=r"needs real data: how much torch.nonzero\(\) returns"):
        counters.count(network, shape)
    recording = counters.record(network, shape)
    assert len(find_gates(recording)) == gates
    if places:
        assert len(find_places(network, recording)) == places
