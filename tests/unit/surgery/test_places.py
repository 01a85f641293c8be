"""Where attention goes: the paper's rule on tiny networks, one rule at a time."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from sebench.counters import record
from sebench.errors import UsageError
from sebench.models import build
from sebench.schema import ModelSpec
from sebench.surgery.places import calls_of_class, find_places, insert_after, no_place

IMAGE = (1, 3, 16, 16)


def conv(inputs, outputs, kernel=3, stride=1):
    return nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False)


class Basic(nn.Module):
    """ResNet's block: projection where the width changes, a ReLU that runs twice."""

    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.conv1, self.bn1 = conv(inputs, outputs, stride=stride), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = conv(outputs, outputs), nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        projection = nn.Sequential(conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))
        self.projection = projection if inputs != outputs else None

    def forward(self, x):
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        y += x if self.projection is None else self.projection(x)
        return self.relu(y)


class Unit(nn.Module):
    """Block whose add is written by a test."""

    def __init__(self, channels=8):
        super().__init__()
        self.conv1, self.conv2 = conv(channels, channels), conv(channels, channels)
        self.bn = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()

    def branch(self, x):
        return self.conv2(self.relu(self.bn(self.conv1(x))))


def stemmed(*blocks, channels=8):
    return nn.Sequential(conv(3, channels), *blocks)


def found(network, shape=IMAGE):
    with torch.device("meta"):
        network = network() if isinstance(network, type) else network
    return find_places(network, record(network, shape))


def paths(network, shape=IMAGE):
    return [place.path for place in found(network, shape)]


def test_a_residual_branch_ends_before_its_add():
    places = found(stemmed(Basic(8, 8), Basic(8, 16, stride=2)))
    assert [place.path for place in places] == ["1.bn2", "2.bn2"]
    assert [place.boundary.site for place in places] == ["1.bn2.attention", "2.bn2.attention"]
    assert [(place.channels, place.dimensions, place.stage) for place in places] == [
        (8, 2, "stride 1"),
        (16, 2, "stride 2"),
    ]
    assert [place.stage_number for place in places] == [0, 1]  # 2**0 and 2**1


def test_a_branch_may_end_with_a_convolution():
    class PreActivation(Unit):
        def forward(self, x):
            return x + self.branch(x)

    assert paths(stemmed(PreActivation(), PreActivation())) == ["1.conv2", "2.conv2"]


def test_a_branch_ends_before_it_is_scaled_unless_a_module_follows():
    class Scaled(Unit):
        def __init__(self, last):
            super().__init__()
            self.gamma = nn.Parameter(torch.ones(8, 1, 1))
            self.last = last

        def forward(self, x):
            return x + self.last(self.gamma * self.branch(x) * 0.5)

    assert paths(stemmed(Scaled(lambda y: y))) == ["1.conv2"]
    assert paths(stemmed(Scaled(nn.Identity()))) == ["1.last"]


def test_attention_goes_before_a_dropped_path():
    class Dropped(Unit):
        def __init__(self):
            super().__init__()
            self.drop = nn.Dropout()

        def forward(self, x):
            return self.drop(self.branch(x)) + x

    assert paths(stemmed(Dropped())) == ["1.conv2"]


def test_a_branch_that_ends_in_a_function_has_no_module_to_attend_after():
    class Functional(Unit):
        def forward(self, x):
            return functional.silu(self.branch(x)) + x

    (place,) = found(stemmed(Functional()))
    assert (place.block, place.path, place.channels) == ("1", None, 8)
    assert place.add is not None


def test_a_module_that_runs_twice_is_no_end():
    class Shared(Unit):
        def forward(self, x):
            return self.relu(self.branch(x)) + x

    (place,) = found(stemmed(Shared()))
    assert place.path is None


def test_a_branch_that_is_used_elsewhere_too_has_no_module_to_attend_after():
    class Used(Unit):
        def forward(self, x):
            y = self.branch(x)
            return (y + x) * y

    assert paths(stemmed(Used())) == [None]


def test_sums_of_linear_branches_are_no_residual_adds():
    class Parallel(nn.Module):
        """RepVGG's block: one convolution, written as three."""

        def __init__(self):
            super().__init__()
            self.wide = nn.Sequential(conv(8, 8), nn.BatchNorm2d(8))
            self.narrow = nn.Sequential(conv(8, 8, 1), nn.BatchNorm2d(8))
            self.identity, self.relu = nn.BatchNorm2d(8), nn.ReLU()

        def forward(self, x):
            return self.relu(self.wide(x) + self.narrow(x) + self.identity(x))

    # No residual branch, no concatenation: the outputs of the blocks of the chain.
    assert paths(stemmed(Parallel(), Parallel())) == ["1.relu", "2.relu"]


def test_other_adds_are_no_residual_adds():
    class Adds(nn.Module):
        """A position embedding, one by convolution, a number, and two parallel branches with activations."""

        def __init__(self):
            super().__init__()
            self.stem, self.position, self.relu = conv(3, 8), conv(8, 8), nn.ReLU()
            self.embedding = nn.Parameter(torch.zeros(8, 16, 16))
            self.left = nn.Sequential(conv(8, 8), nn.ReLU(), conv(8, 8), nn.ReLU())
            self.right = nn.Sequential(conv(8, 8), nn.ReLU(), conv(8, 8), nn.ReLU())

        def forward(self, x):
            x = self.relu(self.stem(x) + self.embedding)
            x = self.relu(x + self.position(x)) + 1
            return self.left(x) + self.right(x)

    assert paths(Adds) == []


def test_what_skips_whole_blocks_is_no_shortcut():
    class Pyramid(nn.Module):
        """Lateral convolutions and a top-down add, as in an FPN."""

        def __init__(self):
            super().__init__()
            self.stem, self.fine, self.coarse = conv(3, 8), Basic(8, 8), Basic(8, 16, stride=2)
            self.lateral1, self.lateral2 = conv(8, 8, 1), conv(16, 8, 1)

        def forward(self, x):
            fine = self.fine(self.stem(x))
            top = self.lateral2(self.coarse(fine))
            return self.lateral1(fine) + functional.interpolate(top, scale_factor=2), top

    assert paths(Pyramid) == ["fine.bn2", "coarse.bn2"]


def test_shortcuts_over_several_blocks_do_not_hide_branches():
    class Level(nn.Module):
        """RoR: a shortcut around two blocks is added to the sum of the last one."""

        def __init__(self):
            super().__init__()
            self.one, self.two, self.relu = Unit(), Unit(), nn.ReLU()

        def forward(self, x):
            y = self.relu(x + self.one.branch(x))
            return self.relu((y + self.two.branch(y)) + x)

    assert paths(stemmed(Level())) == ["1.one.conv2", "1.two.conv2"]


def test_branches_of_a_transformer_are_no_places():
    class Mixer(nn.Module):
        """Tokens, with a convolution within the MLP, as in PVT v2."""

        def __init__(self):
            super().__init__()
            self.conv, self.norm = conv(8, 8), nn.LayerNorm(8)
            self.inner, self.outer = nn.Linear(8, 8), nn.Linear(8, 8)

        def forward(self, tokens):
            y = self.inner(self.norm(tokens)).transpose(1, 2).unflatten(2, (16, 16))
            y = functional.gelu(self.conv(y)).flatten(2).transpose(1, 2)
            return tokens + self.outer(y)

    class Tokens(nn.Module):
        def forward(self, x):
            return x.flatten(2).transpose(1, 2)

    assert paths(stemmed(Tokens(), Mixer(), Mixer())) == []


class Inverted(nn.Module):
    """MobileNetV2's block: it adds only where the shape stays."""

    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.conv1, self.conv2 = conv(inputs, 2 * inputs, 1), conv(2 * inputs, outputs, stride=stride)
        self.bn1, self.bn2, self.relu = nn.BatchNorm2d(2 * inputs), nn.BatchNorm2d(outputs), nn.ReLU6()
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x):
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return x + y if self.adds else y


def test_blocks_without_an_add_attend_where_the_others_do():
    class Separable(nn.Module):
        def __init__(self):
            super().__init__()
            self.depthwise, self.pointwise, self.relu = (
                nn.Conv2d(8, 8, 3, padding=1, groups=8),
                conv(8, 8),
                nn.ReLU(),
            )

        def forward(self, x):
            return self.pointwise(self.relu(self.depthwise(x)))

    network = nn.Sequential(conv(3, 8), Separable(), Inverted(8, 8), Inverted(8, 16, 2), conv(16, 32, 1))
    # The stem and the last convolution are no blocks: they hold one convolution.
    assert paths(network) == ["1.pointwise", "2.bn2", "3.bn2"]


def test_what_gives_the_output_of_the_network_is_no_block_without_an_add():
    assert paths(stemmed(Inverted(8, 8), Inverted(8, 2))) == ["1.bn2"]


def test_each_of_the_parallel_branches_of_a_block_attends_also_where_the_shortcut_is_no_projection():
    class Shake(nn.Module):
        def __init__(self, inputs, outputs):
            super().__init__()
            self.left = nn.Sequential(conv(inputs, outputs), nn.ReLU(), conv(outputs, outputs))
            self.right = nn.Sequential(conv(inputs, outputs), nn.ReLU(), conv(outputs, outputs))
            self.one, self.two = conv(inputs, outputs // 2, 1), conv(inputs, outputs // 2, 1)
            self.adds = inputs == outputs

        def forward(self, x):
            y = 0.5 * (self.left(x) + self.right(x))
            return y + (x if self.adds else torch.cat((self.one(x), self.two(x)), 1))

    assert paths(stemmed(Shake(8, 8), Shake(8, 16), nn.ReLU())) == [
        "1.left.2",
        "1.right.2",
        "2.left.2",
        "2.right.2",
    ]


def test_a_block_has_one_place():
    class Former(nn.Module):
        """A mixer and an MLP, both of convolutions."""

        def __init__(self):
            super().__init__()
            self.mixer = nn.Sequential(conv(8, 8), nn.ReLU(), conv(8, 8))
            self.mlp = nn.Sequential(conv(8, 16, 1), nn.ReLU(), conv(16, 8, 1))

        def forward(self, x):
            x = x + self.mixer(x)
            return x + self.mlp(x)

    assert paths(stemmed(Former(), Former())) == ["1.mlp.2", "2.mlp.2"]


def test_of_a_block_within_a_block_the_outer_one_counts():
    class Residual(Unit):
        def forward(self, x):
            return x + self.branch(x)

    class Former(Residual):
        def __init__(self):
            super().__init__()
            self.mixer = Residual()

        def forward(self, x):
            return super().forward(self.mixer(x))

    assert paths(stemmed(Former(), Former())) == ["1.conv2", "2.conv2"]


def test_a_branch_of_which_some_channels_are_added_is_attended_to_as_a_whole():
    class Partial(Unit):
        def __init__(self):
            super().__init__()
            self.last = conv(8, 12)

        def forward(self, x):
            y = self.last(self.branch(x))
            return torch.cat((y[:, :8] + x, y[:, 8:]), 1)

    (place,) = found(stemmed(Partial()))
    assert (place.path, place.channels, place.add) == ("1.last", 12, None)


def test_a_branch_may_end_with_pooling():
    class Entry(nn.Module):
        """Xception's block where it strides."""

        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.ReLU(), conv(8, 16), nn.ReLU(), conv(16, 16), nn.MaxPool2d(2))
            self.projection = conv(8, 16, 1, stride=2)

        def forward(self, x):
            return self.body(x) + self.projection(x)

    assert paths(stemmed(Entry())) == ["1.body.4"]


def test_cells_that_concatenate_sums_end_with_the_concatenation():
    class Cell(nn.Module):
        """NASNet's: sums of branches and of what comes in."""

        def __init__(self):
            super().__init__()
            self.left = nn.Sequential(nn.ReLU(), conv(8, 8), nn.ReLU(), conv(8, 8))
            self.right = nn.Sequential(nn.ReLU(), conv(8, 8), nn.ReLU(), conv(8, 8))
            self.narrow = conv(16, 8, 1)

        def forward(self, x):
            x = self.narrow(x)
            return torch.cat((self.left(x) + x, self.right(x) + x), 1)

    assert paths(stemmed(Cell(), Cell(), channels=16)) == ["1", "2"]


def test_blocks_may_be_written_in_one_forward():
    class Flat(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.relu = conv(3, 8), nn.ReLU()
            self.convs = nn.ModuleList(conv(8, 8) for _ in range(4))

        def forward(self, x):
            x = self.stem(x)
            for first, second in zip(self.convs[::2], self.convs[1::2], strict=True):
                x = x + second(self.relu(first(x)))
            return x

    assert paths(Flat) == ["convs.1", "convs.3"]


class Inception(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.wide = nn.Sequential(conv(inputs, 8), nn.ReLU())
        self.narrow = nn.Sequential(conv(inputs, 8, 1), nn.ReLU())

    def forward(self, x):
        return torch.cat((self.wide(x), torch.cat((self.narrow(x), x[:, :4]), 1)), 1)


def test_without_adds_blocks_that_concatenate_are_attended_to():
    places = found(nn.Sequential(conv(3, 8), nn.Sequential(Inception(8), Inception(20))))
    assert [(place.path, place.channels) for place in places] == [("1.0", 20), ("1.1", 20)]


def test_of_a_dense_block_only_the_last_concatenation_counts():
    class Dense(nn.ModuleDict):
        """Runs over its children, so attention has to come behind it."""

        def __init__(self, inputs):
            super().__init__({str(index): conv(inputs + 4 * index, 4) for index in range(3)})

        def forward(self, x):
            features = [x]
            for layer in self.values():
                features.append(functional.relu(layer(torch.cat(features, 1))))
            return torch.cat(features, 1)

    places = found(nn.Sequential(conv(3, 8), Dense(8), conv(20, 8, 1), Dense(8)))
    assert [place.channels for place in places] == [20, 20]  # 8 + 3 x 4
    assert [place.boundary.site for place in places] == ["1_attention", "3_attention"]


def test_a_module_that_runs_over_its_children_holds_no_attention():
    class Concat(nn.Module):
        def __init__(self):
            super().__init__()
            self.wide, self.narrow = conv(8, 8), conv(8, 8, 1)

        def forward(self, x):
            return torch.cat([child(x) for child in self.children()], 1)

    class Module(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.attention = Concat(), None

        def forward(self, x):
            return self.body(x)

    places = found(nn.Sequential(conv(3, 8), Module(), conv(16, 8), Module()))
    assert [place.boundary.site for place in places] == ["1.inserted_attention", "3.inserted_attention"]


def test_a_module_that_returns_a_tuple_is_not_followed_by_attention():
    class Paired(Basic):
        """Its second convolution returns its result beside nothing."""

        def __init__(self, inputs, outputs):
            super().__init__(inputs, outputs)
            self.conv2 = Pair(self.conv2)

        def forward(self, x):
            return torch.relu(x + self.conv2(torch.relu(self.conv1(x)))[0])

    class Pair(nn.Module):
        def __init__(self, layer):
            super().__init__()
            self.layer, self.last = layer, Last()

        def forward(self, x):
            return self.last(self.layer(x))

    class Last(nn.Module):
        def forward(self, x):
            return x.sigmoid(), None

    (place,) = found(stemmed(Paired(8, 8)))
    assert place.boundary is None


def test_a_stem_is_no_chain_of_blocks():
    class Layer(nn.Module):
        def __init__(self, inputs):
            super().__init__()
            self.conv, self.relu = conv(inputs, 8), nn.ReLU()

        def forward(self, x):
            return self.relu(self.conv(x))

    assert paths(nn.Sequential(Layer(3), Layer(8))) == ["0.relu", "1.relu"]
    assert paths(nn.Sequential(Layer(3), Layer(8), conv(8, 64))) == []


def test_stages_are_no_blocks():
    class Stage(nn.Module):
        """Holds blocks of two kinds in turn, so the blocks are no chain."""

        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(Inverted(8, 16, 2), Plain(), Inverted(16, 8, 1), Plain())

        def forward(self, x):
            return self.layers(x)

    class Plain(Unit):
        def __init__(self):
            super().__init__()
            self.widening = None

        def forward(self, x):
            return self.branch(x[:, :8]).repeat(1, x.shape[1] // 8, 1, 1)

    assert paths(stemmed(Stage(), Stage())) == []


def test_a_chain_of_torchs_own_layers_names_the_override():
    with torch.device("meta"):
        network = nn.Sequential(conv(3, 8), nn.ReLU(), conv(8, 8), nn.ReLU())
    recording = record(network, IMAGE)
    assert find_places(network, recording) == ()
    assert str(no_place(network, recording)) == (
        "no place for attention found in Sequential: it has no residual branches with convolutions, "
        "no concatenations and no repeated blocks; name modules with --insert-after, e.g. '\\d+', or "
        "write both networks: --baseline FILE.py:without --candidate FILE.py:with_attention"
    )


@pytest.mark.parametrize(("dimensions", "layer"), [(1, nn.Conv1d), (3, nn.Conv3d)])
def test_sounds_and_volumes(dimensions, layer):
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.conv2, self.relu = layer(8, 8, 3, padding=1), layer(8, 8, 1), nn.ReLU()

        def forward(self, x):
            return x + self.conv2(self.relu(self.conv1(x)))

    (place,) = found(nn.Sequential(layer(3, 8, 3, padding=1), Residual()), (1, 3, *(8,) * dimensions))
    assert (place.path, place.dimensions, place.channels) == ("1.conv2", dimensions, 8)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "places", "adds"),
    [
        *[("torchvision:resnet18", 8, 8), ("torchvision:resnet34", 16, 16), ("torchvision:resnet50", 16, 16)],
        *[("torchvision:mobilenet_v2", 17, 10), ("timm:efficientnet_b0", 16, 9)],
        *[("torchvision:convnext_tiny", 18, 18), ("torchvision:densenet121", 4, 0)],
        *[("torchvision:googlenet", 9, 0), ("torchvision:inception_v3", 11, 0)],
        *[
            ("torchvision:shufflenet_v2_x1_0", 16, 0),
            ("timm:mobilenetv1_100", 13, 0),
            ("timm:repvgg_a0", 21, 0),
        ],
        *[("torchvision:vgg16", 0, 0), ("torchvision:vit_b_16", 0, 0), ("timm:pvt_v2_b0", 0, 0)],
    ],
)
def test_places_as_the_documentation_lists_them(name, places, adds):
    pytest.importorskip(name.partition(":")[0])
    network = build(ModelSpec(model=name), device="meta").module
    every = find_places(network, record(network, (1, 3, 224, 224)))
    assert (len(every), sum(place.add is not None for place in every)) == (places, adds)
    assert all(place.boundary is not None for place in every)


@pytest.fixture(scope="module")
def network():
    with torch.device("meta"):
        return nn.Sequential(
            conv(3, 8), Basic(8, 8), Basic(8, 16), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 2)
        )


@pytest.fixture(scope="module")
def recording(network):
    return record(network, IMAGE)


def test_places_after_modules_that_are_named(network, recording):
    places = insert_after(network, recording, r"[12]\.conv1|0")
    assert [(place.path, place.channels, place.add) for place in places] == [
        ("0", 8, None),
        ("1.conv1", 8, None),
        ("2.conv1", 16, None),
    ]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("[", "--insert-after '[' is no regular expression: unterminated character set at position 0"),
        (
            r"1\.conv9",
            r"--insert-after '1\\.conv9' matches no module of Sequential; did you mean '1.conv",
        ),
        ("5", "--insert-after: '5' does not return one feature map; name modules with --insert-after, e.g. "),
        (r"1\.relu", "--insert-after: '1.relu' runs several times, or over its children; "),
    ],
)
def test_modules_that_cannot_be_attended_to(network, recording, pattern, message):
    with pytest.raises(UsageError) as error:
        insert_after(network, recording, pattern)
    assert message in str(error.value)


def test_calls_of_a_class_that_is_named(network, recording):
    name = f"{Basic.__module__}.Basic"
    assert [call.path for call in calls_of_class(network, recording, "Basic")] == ["1", "2"]
    assert calls_of_class(network, recording, name) == calls_of_class(network, recording, "Basic")
    with pytest.raises(UsageError, match="Sequential runs no module of class 'Basics'; did you mean 'Basic'"):
        calls_of_class(network, recording, "Basics")
