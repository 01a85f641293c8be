"""Every kind of attention is known to everything that deals with attention, a toy kind by its entry alone."""

import dataclasses
import functools
import re
from pathlib import Path

import pytest
import torch
from torch import nn

import sebench
from sebench import counters, models
from sebench.analysis.profile import conclude_profile
from sebench.errors import VariantError
from sebench.inputs import Inputs
from sebench.models.attention import implementation, make_attention, stand_in
from sebench.models.cifar import BottleneckUnit
from sebench.models.initialisation import allocate, initialise
from sebench.models.layers import sequence
from sebench.models.slots import Attended, Slots
from sebench.profilers.cpu import CpuDevice
from sebench.profilers.parts import profile_parts, without
from sebench.profilers.workload import inference_step
from sebench.reporting import profile_picture
from sebench.reporting.answers import attention_name
from sebench.reporting.drawing.elements import PAPER
from sebench.schema import (
    ATTENTION_KINDS,
    PLAIN,
    Contrast,
    Machine,
    ModelSpec,
    Pair,
    PartSample,
    ProfileSamples,
    Variant,
    Workload,
    parse_variant,
)
from sebench.schema.attention import POSITIONS
from sebench.schema.attention_numbers import OddNumber
from sebench.schema.attention_options import Choice, Flag
from tests.samples import block
from tests.toy_attention import TOY

KINDS = {**ATTENTION_KINDS, TOY.name: TOY}
"""Read before the toy is registered: it is never among sebench's own."""
PACKAGE = Path(sebench.__file__).parent
README = PACKAGE.parent / "README.md"
DOCS = PACKAGE.parent / "docs" / "attention.md"
STAGES = {"stage2": "2"}
SITE = "stage2.attention"
MACHINE = Machine(copy_bytes_per_s=1e9, matmul_flops_per_s=1e9, launch_s=1e-6)


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    """The toy, registered as any kind is: by an entry in the catalogue."""
    monkeypatch.setitem(ATTENTION_KINDS, TOY.name, TOY)


@pytest.fixture(params=KINDS.values(), ids=KINDS)
def kind(request):
    return request.param


def variants(kind):
    """The kind by default, and with each value of each option of its module that has a few."""
    yield Variant(kind.name)
    for option in (option for option in kind.options if not option.placing):
        match option.type:
            case Choice(choices=values):
                pass
            case Flag():
                values = (True, False)
            case OddNumber(largest=largest):
                values = (1, largest)
            case _:
                continue
        for given in ({option.name: value} for value in values):
            if not any(excluded.items() <= {**defaults(kind), **given}.items() for excluded in kind.excluded):
                yield Variant(kind.name, given)


def defaults(kind):
    return {option.name: option.default for option in kind.options}


def network(variant, seed=0):
    """One convolution to 32 channels and its slot, with weights."""
    with torch.device("meta"):
        body = nn.Conv2d(3, 32, 3, padding=1)
        module = sequence(stage2=Attended(body, 32, Slots(variant), 2))
    allocate(module)
    initialise(module, seed)
    return module.eval()


def batch():
    return torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def counted(variant, phase="inference"):
    sites = () if variant.kind is None else (SITE,)
    return counters.count(network(variant), (2, 3, 8, 8), phase=phase, sites=sites, stages=STAGES)


def built(variant, device="meta"):
    return models.build(ModelSpec(model="cifar_wrn16_8", variant=variant), seed=0, device=device)


def profiled(kind, contrasts=()):
    """A profile whose samples come last part first, 1 ms for each part and pass."""
    samples = ProfileSamples(
        sites=(SITE,),
        parts=tuple(
            PartSample(site=SITE, part=name, phase=phase, times_s=(1e-3,))
            for phase in ("backward", "forward")
            for name in reversed(kind.part_names)
        ),
        profiled_steps_s=(0.055,),
        steps_s=(0.055,),
        machine=MACHINE,
        contrasts=tuple(
            Contrast(name=name, blocks=(block(0.050, 0.055),) * 12) for name in (PLAIN, *contrasts)
        ),
    )
    pair = Pair(baseline=ModelSpec(model="net"), candidate=ModelSpec(model="net", variant=kind.name))
    workload = Workload(batch_size=2, input_shape=(2, 3, 8, 8))
    return conclude_profile(pair, workload, samples, counted(Variant()), counted(Variant(kind.name)))


# --- the entry itself -----------------------------------------------------------------------------------


def test_a_kind_is_listed_under_its_name_and_parts_have_names_of_their_own(kind):
    assert ATTENTION_KINDS[kind.name] is kind
    assert kind.name == kind.name.lower() != PLAIN
    assert kind.label
    assert len(set(kind.part_names)) == len(kind.part_names)
    # contrasts of a profile are named after the part that is left out, or PLAIN
    assert all(name.isidentifier() and name != PLAIN for name in kind.part_names)
    # parts are children of a module, whose own attributes they must not hide
    assert not any(hasattr(nn.Module, name) for name in kind.part_names)


def test_options_have_names_of_their_own_and_defaults_that_can_be_given(kind):
    names = [option.name for option in kind.options]
    assert len(set(names)) == len(names)
    for option in kind.options:
        option.require(option.default)
    for name, value in kind.inseparable.items():
        kind.option(name).require(value)
        assert value != kind.default(name)


def test_at_most_one_part_holds_the_weights(kind):
    assert sum(part.holds_weights for part in kind.parts) <= 1


# --- grammar and listing --------------------------------------------------------------------------------


def test_the_grammar_reads_what_it_prints(kind):
    placed = (Variant(kind.name, {"position": position}) for position in kind.positions[1:])
    for variant in (*variants(kind), *placed):
        assert parse_variant(str(variant)) == variant
        assert parse_variant(str(variant).upper()) == variant


def test_the_listing_has_the_kind_and_each_of_its_options(kind):
    listed = {row.syntax for row in models.grammar()}
    assert {kind.name, *(f"{kind.name}({o.name}={o.type.syntax})" for o in kind.options)} <= listed


def test_running_text_has_its_label(kind):
    assert attention_name(f"{kind.name}(x=1)") == f"{kind.label}(x=1)"


@pytest.mark.parametrize("kind", [k for k in KINDS.values() if k is not TOY], ids=lambda kind: kind.name)
def test_the_docs_name_the_kind_its_cost_options_and_their_choices(kind):
    assert f"`{kind.name}`" in README.read_text()
    page = DOCS.read_text()
    row = f"| `{kind.name}` | {kind.label} | {kind.params} | {kind.macs} | {kind.paper} |"
    assert row in page.splitlines()
    (entry,) = re.findall(rf"^- \*\*`{kind.name}`\*\*.*?(?=^- |^$)", page, re.DOTALL | re.MULTILINE)
    for option in kind.options:
        choices = option.type.syntax if isinstance(option.type, Choice | Flag) else ""
        assert f"`{option.name}={choices}" in (page if option.placing else entry)


# --- building -------------------------------------------------------------------------------------------


def test_every_variant_has_a_module_that_keeps_the_shape_and_has_the_parts(kind):
    for variant in variants(kind):
        module = network(variant)
        assert module(batch()).shape == (2, 32, 8, 8)
        assert set(kind.part_names) <= {name for name, _ in module.get_submodule(SITE).named_children()}


def test_it_sits_at_each_of_its_positions_and_at_no_other(kind):
    for position in POSITIONS:
        if position in kind.positions:
            unit = BottleneckUnit(8, 2, Slots(Variant(kind.name, {"position": position})), stage=2, stride=1)
            ran = []
            unit.attention.register_forward_hook(lambda *_, ran=ran: ran.append(1))
            for parameter in unit.parameters():
                nn.init.zeros_(parameter)
            assert unit(torch.zeros(2, 8, 4, 4)).shape == (2, 8, 4, 4)
            assert ran == [1]
        else:
            with pytest.raises(VariantError, match="unknown (option 'position'|position value)"):
                parse_variant(f"{kind.name}(position={position})")


def test_every_parameter_is_initialised_by_its_seed(kind):
    for variant in variants(kind):
        one, same, other = (network(variant, seed).state_dict() for seed in (0, 0, 1))
        assert all(values.isfinite().all() for values in one.values())
        assert all(torch.equal(values, same[name]) for name, values in one.items())
        drawn = [name for name in one if name.startswith(SITE) and not torch.equal(one[name], other[name])]
        assert bool(drawn) == any(name.startswith(SITE) and one[name].dim() for name in one)


def test_weights_lie_in_the_part_that_is_said_to_hold_them(kind):
    module = make_attention(256, Variant(kind.name))
    total = sum(parameter.numel() for parameter in module.parameters())
    for part in kind.parts:
        held = sum(p.numel() for p in module.get_submodule(part.name).parameters())
        assert (held > 0.9 * total) == part.holds_weights


# --- counting and profiling -----------------------------------------------------------------------------


@pytest.mark.parametrize("phase", ["inference", "training"])
def test_each_part_is_counted(kind, phase):
    cost = counted(Variant(kind.name), phase)
    assert not cost.uncounted
    ran = {op.module for op in cost.ops if op.site == SITE}
    for name in kind.part_names:
        path = f"{SITE}.{name}"
        assert any(module == path or module.startswith(f"{path}.") for module in ran)


def test_the_profiler_tells_the_parts_apart(kind):
    module = network(Variant(kind.name))
    step = inference_step(module, Inputs((batch(),)), Workload(input_shape=(2, 3, 8, 8)))
    parts, _, _ = profile_parts(module, (SITE,), step, CpuDevice(threads=1), repeats=1, parts=kind.part_names)
    assert {(p.site, p.part) for p in parts} == {(SITE, name) for name in kind.part_names}


def test_a_profile_has_the_parts_in_order_with_their_work(kind):
    found = profiled(kind)
    assert [(row.phase, row.part) for row in found.parts] == [
        (phase, name) for phase in ("forward", "backward") for name in kind.part_names
    ]
    # counted in inference: nothing backward
    assert [bool(row.bytes) for row in found.parts] == [True] * len(kind.parts) + [False] * len(kind.parts)


def test_a_profile_checks_the_parts_that_can_be_left_out(kind):
    names = [part.name for part in kind.parts if part.ablated_in]
    found = profiled(kind, names)
    # a millisecond forward and one backward
    assert [(check.part, check.profiled_s) for check in found.ablations] == [(name, 2e-3) for name in names]


@pytest.mark.parametrize("phase", ["inference", "training"])
def test_a_part_that_can_be_left_out_has_a_stand_in_that_leaves_the_others_alone(kind, phase):
    for variant in (variant for variant in variants(kind) if variant.parts):
        for part in (part for part in variant.parts if phase in part.ablated_in):
            make = functools.partial(stand_in, variant, part.name)
            module = without(network(variant), (SITE,), part.name, make)
            module.train(phase == "training")
            y = module(batch())
            assert y.shape == (2, 32, 8, 8)
            if phase == "training":
                y.sum().backward()
                assert all(parameter.grad is not None for parameter in module.parameters())


def test_no_stand_in_is_for_a_part_that_there_is_not(kind):
    assert set(implementation(kind).stand_ins) == {part.name for part in kind.parts if part.ablated_in}


def test_a_picture_has_each_part_in_a_colour_of_its_own(kind):
    (panel, _, roofline) = profile_picture([profiled(kind)]).panels
    # a place in the palette for each part, in order
    assert [(series.name, series.color) for series in panel.chart.series] == [
        (name, index) for index, name in enumerate(kind.part_names)
    ]
    colors = {series.name.partition(",")[0]: series.color for series in roofline.chart.series[1:]}
    assert colors == {name: index for index, name in enumerate(kind.part_names)}
    assert len(kind.part_names) <= len(PAPER.series)


def test_nothing_else_spells_the_parts_out(kind):
    """Literals of all the parts of a kind stand in the catalogue and in torch modules of kinds alone."""
    modules = (implementation(each).module.__module__ for each in KINDS.values())
    torch_sides = {Path(*module.split(".")[1:]).with_suffix(".py") for module in modules}
    texts = {path.relative_to(PACKAGE): path.read_text() for path in PACKAGE.rglob("*.py")}
    del texts[Path("schema/runtime_graph.py")]  # a type, which has to spell out what JSON may hold
    spelt = {path for path, text in texts.items() if all(f'"{name}"' in text for name in kind.part_names)}
    assert {path for path in spelt if path.parent != Path("schema/attention_kinds")} <= torch_sides


# --- the toy, whose entry is all that there is ----------------------------------------------------------


def test_a_kind_needs_an_entry_and_a_module_to_be_built_and_counted():
    found = built(" TOY(stages=3-4, offset=false) ")
    assert found.spec.variant == "toy(stages=3-4,offset=false)"
    assert found.sites == tuple(f"stage{s}.{b}.attention" for s in (3, 4) for b in (0, 1))
    cost = counters.count(found.module, (1, 3, 32, 32), sites=found.sites, stages=found.stages)
    # one weight per channel: 2 x (256 + 512); without an offset
    assert [site.params for site in cost.sites] == [256, 256, 512, 512]
    plain = counters.count(built(PLAIN).module, (1, 3, 32, 32))
    assert cost.params - plain.params == 1536
    # no multiply-accumulates; one squeezed element per pixel: 2 x (16 x 16 x 256 + 8 x 8 x 512)
    assert sum(op.macs for op in cost.ops) == sum(op.macs for op in plain.ops)
    added = sum(op.paper_macs for op in cost.ops) - sum(op.paper_macs for op in plain.ops)
    assert added == 196_608


def test_a_rule_draws_from_the_seed_and_leaves_the_rest_of_the_network_alone():
    plain, toy = network(Variant()).state_dict(), network(Variant("toy")).state_dict()
    assert all(torch.equal(values, toy[name]) for name, values in plain.items())
    # 32 numbers with the standard deviation 0.5
    assert 0.3 < toy[f"{SITE}.weigh.weight"].std() < 0.7
    assert not toy[f"{SITE}.weigh.offset"].any()


def test_what_a_rule_leaves_out_is_an_error(monkeypatch):
    monkeypatch.setitem(ATTENTION_KINDS, "toy", _toy_with("FORGETFUL"))
    with pytest.raises(TypeError, match=r"no initialisation for parameter 'weigh.offset' .* 'stage2.atten"):
        network(Variant("toy"))
    assert network(Variant("toy", {"offset": False}))


def test_a_parameter_without_any_rule_is_an_error(monkeypatch):
    monkeypatch.setitem(ATTENTION_KINDS, "toy", _toy_with("WITHOUT_RULE"))
    with pytest.raises(TypeError, match=r"no initialisation for Weigh at 'stage2.attention.weigh'"):
        network(Variant("toy"))


def test_an_entry_must_name_an_implementation():
    with pytest.raises(TypeError, match="NO_IMPLEMENTATION of attention 'toy' is no Implementation"):
        implementation(_toy_with("NO_IMPLEMENTATION"))


def test_what_the_kind_or_the_network_cannot_have_is_refused_in_one_line():
    with pytest.raises(VariantError) as caught:
        models.resolve(ModelSpec(model="vgg16_bn", variant="toy(position=post)"))
    assert str(caught.value) == (
        "variant 'toy(position=post)': vgg16_bn has no position 'post'; it has standard"
    )
    with pytest.raises(VariantError) as caught:
        parse_variant("toy(r=8)")
    assert str(caught.value) == (
        "variant 'toy(r=8)': unknown option 'r'; choose from stages, position, gate, offset, without"
    )


def test_the_plain_network_has_no_attention():
    slots = Slots(Variant())
    assert (slots.variant.kind, slots.fill(2, {"standard": 8})) == (None, None)
    with pytest.raises(ValueError, match="the plain variant has no parts"):
        stand_in(Variant(), "squeeze")


def _toy_with(name):
    return dataclasses.replace(TOY, implementation=f"tests.toy_attention:{name}")
