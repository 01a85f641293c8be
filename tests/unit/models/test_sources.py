"""Every source of networks reaches every consumer of names, and a new one is an entry in one place."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from torch import nn
from typer.testing import CliRunner

from sebench.api.comparing import equivalent_command
from sebench.api.naming import network_name
from sebench.cli import app
from sebench.configuration import load_configuration
from sebench.errors import BuildError, UnknownModelError, UsageError, VariantError, WorkerError
from sebench.models import as_published, build, list_sources, near_names, resolve, source_of, sources
from sebench.models.sources import AsItIs
from sebench.models.sources.source import split_name
from sebench.runner.counting.counter import Counter, count_model
from sebench.runner.counting.locking import locked_networks
from sebench.runner.gate.targets import open_targets
from sebench.runner.planning.inputs import input_shape
from sebench.runner.planning.plan import make_plan
from sebench.schema import ModelSpec, Pair, WorkloadRequest
from sebench.store import ResultStore
from sebench.worker.counting import count_network
from tests import samples
from tests.repositories import repository, write

NETS = """
from torch import nn

def net():
    return nn.Conv2d(3, 4, 3)

def other():
    return nn.Conv2d(3, 5, 3)
"""
# Two networks of each source, what the first is fed, and its parameters: 3 x 4 x 9 weights and 4 biases for
# the convolution; torchvision's is in its metadata, timm's the sum over its module's parameters.
NETWORKS = {
    "native": ("cifar_resnet110", "cifar_resnet164", (3, 32, 32), 1_730_522),
    "torchvision": ("torchvision:squeezenet1_1", "torchvision:squeezenet1_0", (3, 224, 224), 1_235_496),
    "timm": ("timm:test_resnet", "timm:test_vit", (3, 160, 160), 469_688),
    "file": ("nets.py:net", "nets.py:other", (3, 224, 224), 112),
    "exported": ("net.onnx", "other.onnx", (3, 224, 224), 112),
    "module": ("nets:net", "nets:other", (3, 224, 224), 112),
}
"""A new source needs a line here."""
DOCS = Path(__file__).parents[3] / "docs"
# A worker that ends before it answers.
SILENT = (sys.executable, "-c", "import sys; sys.exit('out of luck')")


@pytest.fixture(params=list_sources(), ids=lambda source: source.key)
def source(request, tmp_path, monkeypatch):
    """Each source; its networks can be built from the working directory."""
    if request.param.key == "timm":
        pytest.importorskip("timm")
    if request.param.is_file:
        pytest.importorskip("onnx")
        from tests.onnx_nets import convolution

        (tmp_path / "net.onnx").write_bytes(convolution(3, 4).SerializeToString())
        (tmp_path / "other.onnx").write_bytes(convolution(3, 5).SerializeToString())
    (tmp_path / "nets.py").write_text(NETS)
    monkeypatch.chdir(tmp_path)
    return request.param


def names_of(source):
    return NETWORKS[source.key][:2]


def plan_of(source):
    """The candidate against the baseline: two variants, or two networks."""
    first, second = names_of(source)
    asked = (
        {"names": [first], "variants": []}
        if source.default_variant
        else {"names": [], "variants": [], "baseline": first, "candidate": second}
    )
    return make_plan(**asked, workload=WorkloadRequest(threads=1), seed=1)


def test_every_source_has_networks_here():
    assert list(NETWORKS) == [source.key for source in list_sources()]


def test_a_name_has_one_source(source):
    for name in names_of(source):
        assert source_of(name) is source
    assert source.full_name("x") == (f"{source.prefix}:x" if source.prefix else "x")


def test_networks_are_built_and_counted(source):
    name, _, size, params = NETWORKS[source.key]
    assert count_network(ModelSpec(model=name), (1, *size)).params == params
    if source.is_file:
        with pytest.raises(BuildError, match=r"net\.onnx is an exported file, not a module of torch"):
            build(ModelSpec(model=name), device="meta")
        return
    built = build(ModelSpec(model=name), device="meta")
    assert (built.input_shape, built.device) == ((1, *size), "meta")
    assert bool(built.stages) == (source.own_variant == "plain")
    assert built.sites == ()  # plain


def test_a_plan_feeds_both_sides_what_the_network_was_made_for(source):
    (session,) = plan_of(source).sessions
    first, second = names_of(source)
    candidate = first if source.default_variant else second
    assert (session.pair.baseline.model, session.pair.candidate.model) == (first, candidate)
    assert session.pair.candidate.variant == (source.default_variant or "asis")
    assert session.workload.input_shape == (1, *NETWORKS[source.key][2])
    assert input_shape(ModelSpec(model=first), 2, size=64) == (2, 3, 64, 64)


def test_the_stored_command_measures_the_same_pair(source):
    words = equivalent_command(plan_of(source))
    first, second = names_of(source)
    expected = (
        ("--model", first, "--baseline", "plain", "--variant", "se")
        if source.default_variant
        else ("--baseline", first, "--candidate", second)
    )
    assert words[2 : 2 + len(expected)] == expected


def test_what_may_not_run_here_is_counted_by_a_worker(source):
    name, _, size, params = NETWORKS[source.key]
    spec = ModelSpec(model=name)
    with Counter(None, command=SILENT) as counter:
        if source.runs_here:
            assert counter(spec, (1, *size)).params == params
            return
        with pytest.raises(WorkerError):
            counter(spec, (1, *size))
    with pytest.raises(ValueError, match="runs in workers only"):
        count_model(spec, (1, *size))


def test_a_lock_holds_native_networks_with_attention_and_others_as_built(source):
    name, _, size, _ = NETWORKS[source.key]
    locked = locked_networks([name], [])
    assert [network.variant for network in locked] == (
        ["plain", "se"] if source.default_variant else ["asis"]
    )
    assert {network.input_shape for network in locked} == {(1, *size)}
    if source.is_file:
        return
    assert [network.variant for network in locked_networks([name], ["se"])] == ["plain", "se"]


def test_every_network_takes_variants(source):
    name = names_of(source)[0]
    if source.is_file:
        assert resolve(ModelSpec(model=name)).variant == "asis"
        assert resolve(ModelSpec(model=name, variant="plain")).variant == "plain"
        with pytest.raises(VariantError, match="no other attention can be put into it"):
            resolve(ModelSpec(model=name, variant="se"))
        with pytest.raises(UsageError, match="--num-classes: net.onnx is exported already; leave it out"):
            resolve(ModelSpec(model=name, num_classes=7))
        return
    for variant in ("plain", "se", "se(r=8)"):
        assert resolve(ModelSpec(model=name, variant=variant)).variant == variant
    assert resolve(ModelSpec(model=name)).variant == source.own_variant
    if source.own_variant == "plain":
        with pytest.raises(VariantError, match="is sebench's own, there is no other author's"):
            resolve(ModelSpec(model=name, variant="asis"))
        return
    with pytest.raises(VariantError, match="position is for sebench's own networks"):
        resolve(ModelSpec(model=name, variant="se(position=post)"))
    with pytest.raises(UsageError, match="is built by its own factory: no --stride-in"):
        resolve(ModelSpec(model=name, stride_in="1x1"))
    assert resolve(ModelSpec(model=name, num_classes=7)).num_classes == 7


def test_a_gate_that_is_configured(source, tmp_path):
    first, second = names_of(source)
    table = (
        f'ceiling]]\nmodel = "{first}"\nmax-overhead = {{ params = 1.1 }}\n'
        if source.default_variant
        else f'factories]]\nbaseline = "{first}"\ncandidate = "{second}"\nmargin = {{ params = 1.1 }}\n'
    )
    (tmp_path / "sebench.toml").write_text(f'[lock]\nmodels = ["{first}"]\n[[check.{table}threads = 1\n')
    configuration = load_configuration(tmp_path)
    assert configuration.lock.models == (first,)
    with open_targets(configuration.check) as found:
        (target,) = found.targets
    assert target.session.workload.input_shape == (1, *NETWORKS[source.key][2])
    assert target.kind == ("ceiling" if source.default_variant else "factories")


def test_only_code_of_the_users_has_another_state_at_a_ref(source, tmp_path, monkeypatch):
    repo = repository(tmp_path / "repo", {"nets.py": NETS})
    write(repo, {"nets.py": NETS + "\n"})
    monkeypatch.chdir(repo)
    name = names_of(source)[0]
    (repo / "sebench.toml").write_text(
        f'[[check.base-ref]]\nmodel = "{name}"\nref = "main"\nmargin = {{ params = 1.0 }}\nthreads = 1\n'
    )
    settings = load_configuration(repo).check
    assert (source.code_file(name) is not None) == source.is_users_own
    if source.is_users_own:
        assert source.code_file(name).resolve() == repo / "nets.py"
        with open_targets(settings) as found:
            assert [target.kind for target in found.targets] == ["base-ref"]
        return
    with pytest.raises(UsageError, match="is not code of this repository"), open_targets(settings):
        pass


def test_a_trend_follows_the_variant_that_is_gated(source):
    name = names_of(source)[0]
    followed = source.default_variant or "asis"
    pair = Pair(
        baseline=ModelSpec(model=name, variant="plain"), candidate=ModelSpec(model=name, variant=followed)
    )
    measured = samples.measurement([samples.process([samples.block(1.0, 1.1)])])
    ResultStore(Path(".sebench/results")).add(samples.result(measured, pair=pair))
    done = CliRunner().invoke(app, ["trend", "latency", "-m", name])
    # found by model and variant; it was measured in no repository
    assert done.exit_code == 4
    assert f"no result of {name}: plain -> {followed} records the commit" in done.stderr


def test_a_program_names_networks_as_a_command_does(source):
    for name in names_of(source):
        assert network_name(name) == name


def test_objects_of_a_program_are_networks_of_the_users():
    assert source_of(network_name(nn.ReLU)).key == "module"
    assert source_of(network_name(plan_of)).key == "file"


def test_published_figures_are_about_native_networks(source):
    name, _, size, _ = NETWORKS[source.key]
    pair = SimpleNamespace(
        baseline=ModelSpec(model=name), candidate=ModelSpec(model=name, variant=source.default_variant or "")
    )
    if not source.default_variant:
        pair.candidate = ModelSpec(model=names_of(source)[1])
    result = SimpleNamespace(pair=pair, baseline_cost=SimpleNamespace(input_shape=(1, *size)))
    assert as_published(result) == source.has_published_figures


def test_a_model_without_its_option_is_recognised(source):
    name = names_of(source)[0]
    done = CliRunner().invoke(app, ["compare", name])
    assert done.exit_code == 2
    assert f"got unexpected extra argument(s) ({name}); did you mean -m {name}?" in done.stderr


def test_the_list_of_models_names_every_source(source):
    said = json.loads(CliRunner().invoke(app, ["list", "models", "--format", "json"]).stdout)
    row = {name: getattr(source, name) for name in ("key", "syntax", "networks", "takes_variants")}
    assert row in said["sources"]
    shown = CliRunner().invoke(app, ["list", "models"]).stdout
    assert names_of(source)[0] in shown if source.default_variant else source.syntax in shown


def test_the_page_on_counting_has_a_row_for_every_source(source):
    variants = "`plain`, attention" if source.default_variant else "`plain`, `asis`, attention"
    if source.is_file:
        variants = "`plain`, `asis`"
    processes = "the command's process, workers" if source.runs_here else "workers"
    row = f"| `{source.key}` | `{source.syntax}` | {source.networks} | {variants} | {processes} |"
    assert row in (DOCS / "counting.md").read_text(encoding="utf-8").splitlines()


def test_networks_that_are_not_there(source):
    missing = {"exported": "gone.onnx", "file": "gone.py:net", "module": "gone_for_ever:net"}
    name = missing.get(source.key, source.full_name("gone"))
    with pytest.raises(UnknownModelError, match="unknown model|there is no file"):
        build(ModelSpec(model=name))


class Toy(AsItIs):
    """What docs and this package ask of a new source, and nothing else."""

    key = prefix = "toy"
    syntax = "toy:NAME"
    networks = "a convolution"

    def owns(self, name):
        return split_name(name)[0] == self.prefix

    def names(self):
        return ("narrow", "wide")

    def published_input(self, name):
        return (3, 32, 32)

    def factory(self, name):
        width = 4 if name == "toy:narrow" else 8
        return lambda: nn.Conv2d(3, width, 3)


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.setattr(sources, "SOURCES", (Toy(list_sources), *sources.SOURCES))


@pytest.mark.usefixtures("toy")
def test_a_new_source_is_one_entry():
    plan = make_plan(
        names=[],
        variants=[],
        baseline="toy:narrow",
        candidate="toy:wide",
        workload=WorkloadRequest(threads=1),
    )
    (session,) = plan.sessions
    assert session.workload.input_shape == (1, 3, 32, 32)
    assert build(session.pair.candidate).module.out_channels == 8
    # 3 x 4 x 9 weights and 4 biases; a multiplication per weight at each of 30 x 30 positions
    cost = count_network(session.pair.baseline, session.workload.input_shape)
    assert (cost.params, sum(op.macs for op in cost.ops)) == (112, 108 * 900)
    assert [network.variant for network in locked_networks(["toy:wide"], [])] == ["asis"]
    assert near_names("narow", list_sources()) == "did you mean 'toy:narrow'?"
    shown = CliRunner().invoke(app, ["list", "models"]).stdout
    assert "toy:NAME, torchvision:NAME" in shown
    assert resolve(ModelSpec(model="toy:wide", variant="SE")).variant == "se"


def test_without_its_entry_the_name_is_that_of_a_module():
    assert source_of("toy:narrow").key == "module"
    with pytest.raises(UnknownModelError, match="No module named 'toy'"):
        build(ModelSpec(model="toy:narrow"))
