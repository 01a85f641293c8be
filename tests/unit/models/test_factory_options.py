"""Arguments, weights and functions of the user's, as a network is built with them."""

import pytest
import torch
from torch import nn

from sebench import models, surgery
from sebench.errors import BuildError, UsageError
from sebench.models.arguments import in_order, keywords_of, require_accepted, require_complete
from sebench.runner.planning.pairs import resolve_spec
from sebench.schema import ModelSpec, NetworkOptions

NETS = """
import torch
from torch import nn

class Gate(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.full((channels, 1, 1), 0.25) + torch.rand(channels, 1, 1))
        self.reads = self.weight.sum().item()

    def forward(self, x):
        return x * self.weight

def net(width=4, num_classes=3, act="relu"):
    return nn.Sequential(nn.Conv2d(1, width, 3), nn.Flatten(), nn.Linear(width * 4, num_classes))

def example_inputs(batch_size):
    return torch.rand(batch_size, 1, 4, 4)

def no_tensor(batch_size):
    return "nothing"
"""


@pytest.fixture(autouse=True)
def nets(tmp_path, monkeypatch):
    (tmp_path / "options_nets.py").write_text(NETS)
    monkeypatch.chdir(tmp_path)


def spec(**options):
    return models.resolve(ModelSpec(model="options_nets.py:net", **options))


def test_arguments_are_literals_or_text_in_the_order_of_their_keys():
    assert in_order(["width=8", "act = gelu"]) == ("act=gelu", "width=8")
    found = keywords_of(spec(num_classes=5, model_args=("width=8", "act=gelu", "sizes=[1, 2]", "none=None")))
    assert found == {"num_classes": 5, "act": "gelu", "none": None, "sizes": [1, 2], "width": 8}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["width"], "--model-arg 'width' is not KEY=VALUE; e.g. --model-arg width_mult=0.5"),
        (["1x=2"], "--model-arg '1x=2' is not KEY=VALUE; e.g. --model-arg width_mult=0.5"),
        (["width=1", "width=2"], "--model-arg width is given twice; keep one of them"),
    ],
)
def test_what_is_no_argument(arguments, message):
    with pytest.raises(UsageError) as error:
        in_order(arguments)
    assert str(error.value) == message


def test_a_factory_is_called_with_them():
    built = models.build(spec(num_classes=5, model_args=("width=8",)))
    # 8 x 9 + 8 of the convolution, 8 x 2 x 2 x 5 + 5 of the linear layer
    assert sum(p.numel() for p in built.module.parameters()) == 80 + 165
    with pytest.raises(UsageError, match="takes no argument 'widht'; did you mean 'width'"):
        models.build(spec(model_args=("widht=8",)))
    with pytest.raises(UsageError, match="--num-classes and --model-arg num_classes"):
        spec(num_classes=5, model_args=("num_classes=4",))


def test_a_factory_without_arguments_says_so():
    with pytest.raises(UsageError, match="f takes no argument 'a'; it has no arguments"):
        require_accepted("f", lambda: None, ["a"])
    require_accepted("f", lambda **options: None, ["a"])
    require_accepted("min", min, ["a"])  # written in C, its arguments are unknown


def test_native_networks_say_where_attention_goes_with_their_variant():
    for options in ({"insert_after": "x"}, {"attention_class": "Gate"}):
        with pytest.raises(UsageError, match="is for networks of others: resnet50 is sebench's own"):
            models.resolve(ModelSpec(model="resnet50", variant="se", **options))


def saved(state, name="net.pt"):
    torch.save(state, name)
    return name


def test_weights_are_loaded_into_the_network_as_built():
    state = models.build(spec(), seed=7).module.state_dict()
    for file in (state, {"state_dict": state}, {f"module.{key}": value for key, value in state.items()}):
        loaded = models.build(spec(weights=saved(file))).module.state_dict()
        assert all(torch.equal(loaded[key], state[key]) for key in state)


def test_weights_that_do_not_fit_are_named():
    state = models.build(spec(), seed=7).module.state_dict()
    with pytest.raises(
        UsageError, match=r"net.pt does not fit .*: 0.bias missing, x.y unknown; name the state"
    ):
        models.build(
            spec(weights=saved({**{k: v for k, v in state.items() if k != "0.bias"}, "x.y": state["0.bias"]}))
        )
    with pytest.raises(UsageError, match=r"2.bias has shape \(9,\) instead of \(3,\)"):
        models.build(spec(weights=saved({**state, "2.bias": torch.zeros(9)})))


@pytest.mark.parametrize("content", [[1], {}, {"a": 1}, torch.zeros(1)])
def test_a_file_without_a_state_dict(content):
    with pytest.raises(UsageError, match="net.pt holds no state_dict; save one: torch.save"):
        models.build(spec(weights=saved(content)))


def test_a_file_with_code_is_refused_and_not_run():
    with pytest.raises(
        UsageError, match="--weights net.pt cannot be read: it holds objects besides tensors, which are not"
    ):
        models.build(spec(weights=saved(nn.Linear(1, 1))))
    with pytest.raises(UsageError, match="--weights missing.pt: No such file or directory"):
        spec(weights="missing.pt")


def test_weights_that_change_meanwhile_are_refused():
    named = spec(weights=saved(models.build(spec(), seed=7).module.state_dict()))
    saved(models.build(spec(), seed=8).module.state_dict())
    with pytest.raises(UsageError, match="net.pt has changed since the command began"):
        models.build(named)


def test_weights_of_a_native_network_serve_both_sides_of_a_pair():
    attended = models.build(ModelSpec(model="cifar_resnet110", variant="se"), seed=7).module.state_dict()
    file = saved(attended)

    def loaded(variant):
        return models.build(
            ModelSpec(model="cifar_resnet110", variant=variant, weights=file)
        ).module.state_dict()

    for variant in ("plain", "se", "eca"):
        ours = loaded(variant)
        common = [key for key in attended if key in ours]
        assert all(torch.equal(ours[key], attended[key]) for key in common)
        assert len(common) == len(attended) - (0 if variant == "se" else 54 * 4)  # fc1 and fc2 of 54 blocks
    drawn = models.build(ModelSpec(model="cifar_resnet110", variant="eca")).module.state_dict()
    key = next(key for key in drawn if "attention" in key)
    assert torch.equal(loaded("eca")[key], drawn[key])


def test_custom_attention_sets_its_own_weights_by_seed_and_path():
    custom = "custom(class=options_nets.py:Gate)"
    first, second = (
        models.build(ModelSpec(model="cifar_resnet110", variant=custom), seed=3) for _ in range(2)
    )
    other = models.build(ModelSpec(model="cifar_resnet110", variant=custom), seed=4)
    weights = [built.module.get_submodule(built.sites[0]).weight for built in (first, second, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert all(0.25 <= float(value) <= 1.25 for value in weights[0].detach().flatten())  # 0.25 + [0, 1)
    last = first.module.get_submodule(first.sites[-1]).weight
    assert last.shape == (64, 1, 1)  # of the last stage
    assert (
        models.build(ModelSpec(model="cifar_resnet110", variant=custom), device="meta").sites == first.sites
    )


def test_inputs_of_the_network_are_found_without_importing_it(tmp_path):
    assert resolve_spec("options_nets.py:net", "asis").example_inputs == "options_nets.py:example_inputs"
    assert resolve_spec("options_nets.py:net", "asis", own_inputs=False).example_inputs is None
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").touch()
    (tmp_path / "pack" / "nets.py").write_text("from options_nets import example_inputs\nraise SystemExit")
    assert resolve_spec("pack.nets:net", "asis").example_inputs == "pack.nets:example_inputs"
    assert resolve_spec("pack:net", "asis").example_inputs is None
    assert resolve_spec("resnet50", "se").example_inputs is None
    said = NetworkOptions(example_inputs="options_nets.py:no_tensor")
    assert resolve_spec("options_nets.py:net", "asis", said).example_inputs == "options_nets.py:no_tensor"


def test_inputs_follow_the_batch_and_the_seed():
    state = torch.random.get_rng_state()
    first, second, other = (
        models.make_inputs("options_nets.py:example_inputs", 2, seed).only for seed in (1, 1, 2)
    )
    assert first.shape == (2, 1, 4, 4)
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (
            "options_nets.py:no_tensor",
            "options_nets.py:no_tensor returned no tensor; return a tensor, a tuple",
        ),
        (
            "options_nets.py:nope",
            "--example-inputs 'options_nets.py:nope': options_nets.py has no function 'nope'",
        ),
        ("missing.py:f", "--example-inputs 'missing.py:f': there is no file missing.py"),
        ("timm:resnet18", "--example-inputs 'timm:resnet18' names no code of yours"),
        ("plain", "--example-inputs 'plain' names no code of yours"),
    ],
)
def test_what_makes_no_inputs(reference, message):
    with pytest.raises((BuildError, UsageError)) as error:
        models.make_inputs(reference, 2, 0)
    assert str(error.value).startswith(message)


def test_inputs_that_do_not_follow_the_batch_are_refused(tmp_path):
    (tmp_path / "fixed_inputs.py").write_text(
        "import torch\ndef three(n):\n    return torch.rand(3, 1, 4, 4)\n"
        "def images(n):\n    return ([torch.rand(3, 8, 8)] * n,)\n"
    )
    with pytest.raises(
        BuildError, match=r"three\(2\) returned one tensor \(3, 1, 4, 4\): nothing in it is 2 long"
    ):
        models.make_inputs("fixed_inputs.py:three", 2, 0)
    assert len(models.make_inputs("fixed_inputs.py:images", 2, 0).args[0]) == 2


def test_attention_goes_where_the_user_says():
    options = NetworkOptions(insert_after="0", example_inputs="options_nets.py:example_inputs")
    built = surgery.build(resolve_spec("options_nets.py:net", "se", options), input_shape=(1,))
    assert built.sites == ("0.attention",)
    # r=16 hides max(1, 4 // 16) = 1: 4 + 1 and 4 + 4 parameters
    assert sum(p.numel() for p in built.module.get_submodule("0.attention").parameters()) == 13


def test_weights_that_do_not_fit_are_found_before_anything_has_memory():
    state = models.build(spec(), seed=7).module.state_dict()
    models.build(spec(weights=saved(state)), device="meta")
    with pytest.raises(UsageError, match=r"--weights net.pt does not fit .*: 2.bias has shape \(9,\)"):
        models.build(spec(weights=saved({**state, "2.bias": torch.zeros(9)})), device="meta")


def test_a_factory_that_needs_arguments_names_the_option_for_them():
    with pytest.raises(
        UsageError, match=r"^f needs an argument: width; give it with --model-arg width=VALUE$"
    ):
        require_complete("f", lambda width, depth=2: None, [])
    with pytest.raises(UsageError, match="--model-arg width=VALUE --model-arg depth=VALUE$"):
        require_complete("f", lambda width, *, depth: None, [])
    require_complete("f", lambda width, *rest, **more: None, ["width"])
