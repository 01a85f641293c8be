"""From settings to what is measured; nothing is."""

import pytest
from msgspec.structs import replace

from sebench.configuration import (
    BaseRefSettings,
    CeilingSettings,
    CheckSettings,
    FactoriesSettings,
    StoredSettings,
)
from sebench.errors import SebenchError, UsageError
from sebench.runner.gate import targets
from sebench.runner.gate.targets import open_targets
from sebench.schema import ModelSpec, Pair
from sebench.store import ResultStore
from tests import samples
from tests.repositories import git, repository, worktrees, write
from tests.samples import WORKLOAD, block, process

NETS = """
from torch import nn


def net():
    return nn.Conv2d(3, 4, 3)


def other():
    return nn.Conv2d(3, 5, 3)
"""


@pytest.fixture
def repo(tmp_path, monkeypatch):
    repo = repository(tmp_path / "repo", {"nets.py": NETS, "sub/nets.py": NETS})
    monkeypatch.chdir(repo)
    return repo


@pytest.fixture
def changed(repo):
    """With a change that is not committed."""
    write(repo, {"nets.py": NETS + "\n"})
    return repo


def opened(**sections):
    with open_targets(CheckSettings(**{name: (each,) for name, each in sections.items()})) as found:
        return found.targets


def ceiling(limits, **fields):
    return CeilingSettings(model="resnet50", max_overhead=limits, **{"threads": 1, "device": "cpu", **fields})


def base_ref(model="nets.py:net", limits=None, ref="main", **fields):
    return BaseRefSettings(model=model, ref=ref, margin=limits or {"params": 1.0}, threads=1, **fields)


def test_a_ceiling_is_a_variant_over_its_baseline():
    (found,) = opened(ceiling=ceiling({"latency": 1.1, "params": 1.2}, batch_size=2, image_size="64x96"))
    assert (found.kind, found.baseline, found.candidate, found.stored) == ("ceiling", "plain", "se", None)
    assert found.limits == (("latency", 1.1), ("params", 1.2))
    workload = found.session.workload
    assert (workload.phase, workload.input_shape, workload.threads) == ("inference", (2, 3, 64, 96), 1)
    assert found.session.pair == Pair(
        baseline=ModelSpec(model="resnet50"), candidate=ModelSpec(model="resnet50", variant="se")
    )


def test_each_metric_is_measured_in_the_phase_that_has_it():
    limits = {"latency": 1.1, "peak_memory": 1.2, "backward_latency": 1.3, "params": 1.4}
    inference, training = opened(ceiling=ceiling(limits))
    assert inference.session.workload.phase == "inference"
    assert inference.limits == (("latency", 1.1), ("params", 1.4))
    assert training.session.workload.phase == "training"
    assert training.limits == (("peak_memory", 1.2), ("backward_latency", 1.3))
    assert training.session.workload.batch_size == 16


def test_a_phase_that_is_named_holds_for_all():
    (found,) = opened(ceiling=ceiling({"latency": 1.1, "peak_memory": 1.2}, phase="training"))
    assert found.session.workload.phase == "training"
    assert len(found.limits) == 2


def test_two_factories(repo):
    asked = FactoriesSettings(
        baseline="nets.py:net", candidate="nets.py:other", margin={"params": 1.3}, threads=1
    )
    (found,) = opened(factories=asked)
    assert (found.kind, found.baseline, found.candidate) == ("factories", "nets.py:net", "nets.py:other")
    assert found.session.pair.candidate == ModelSpec(model="nets.py:other")


def test_this_tree_against_a_ref(changed):
    repo = changed
    commit = git(repo, "rev-parse", "HEAD")
    with open_targets(CheckSettings(base_ref=(base_ref(),))) as found:
        (target,) = found.targets
        assert target.baseline == f"main ({commit[:12]})"
        assert target.candidate == "this tree"
        assert target.session.pair == Pair(
            baseline=ModelSpec(model="nets.py:net", commit=commit), candidate=ModelSpec(model="nets.py:net")
        )
        assert (found.trees[commit] / "nets.py").read_text() == NETS
        assert worktrees(repo) == 2
    assert worktrees(repo) == 1


def test_one_ref_is_checked_out_once(changed):
    repo = changed
    settings = CheckSettings(base_ref=(base_ref(), base_ref("nets.py:other"), base_ref(ref="HEAD")))
    with open_targets(settings) as found:
        assert len(found.targets) == 3
        assert len(found.trees) == 1
        assert worktrees(repo) == 3  # two spellings of one commit
    assert worktrees(repo) == 1


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (base_ref("resnet50"), "--base-ref main: resnet50 is not code of this repository"),
        (base_ref("torchvision:resnet18"), "torchvision:resnet18 is not code of this repository"),
        (base_ref("../elsewhere.py:net"), "../elsewhere.py would be the same file at every commit"),
        (base_ref("/nets.py:net"), "/nets.py would be the same file at every commit"),
        (base_ref(limits={"energy": 1.1}), "energy cannot be checked against a git ref"),
        (base_ref(ref="nosuch"), "--base-ref nosuch is not a commit of"),
    ],
)
def test_what_cannot_be_held_against_a_ref_is_refused_and_nothing_is_left(repo, asked, message):
    with pytest.raises(UsageError, match=message):
        opened(base_ref=asked)
    assert worktrees(repo) == 1


def test_a_file_above_the_current_folder_is_of_the_repository(changed, monkeypatch):
    monkeypatch.chdir(changed / "sub")
    assert opened(base_ref=base_ref("../nets.py:net"))[0].session.pair.candidate.model == "../nets.py:net"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            ceiling({"params": 1.1, "latency": 0.95}),
            "limit latency:0.95: se never costs less than plain, so nothing could pass; did you mean 1.05?",
        ),
        (
            ceiling({"params": 1.1}, variant="plain", baseline="se"),
            "limit params:1.1: plain never costs more than se, so nothing could fail; "
            "swap --variant and --baseline",
        ),
        (
            ceiling({"params": 1.1}, variant="se(r=16)", baseline="se"),
            "resnet50 se against itself cannot fail; "
            "name a --variant other than the baseline, or two networks: --baseline, --candidate",
        ),
    ],
)
def test_a_limit_that_decides_nothing_is_refused(asked, message):
    with pytest.raises(UsageError) as caught:
        opened(ceiling=asked)
    assert str(caught.value) == message


def test_less_than_another_variant_or_than_se_may_be_asked_for():
    for variant, baseline in (("se(r=32)", "se"), ("plain", "se")):
        (found,) = opened(ceiling=ceiling({"params": 0.95}, variant=variant, baseline=baseline))
        assert found.limits == (("params", 0.95),)


@pytest.mark.parametrize("spelled", ["./nets.py:net", "sub/../nets.py:net", "nets:net", "{repo}/nets.py:net"])
def test_a_factory_against_itself_is_refused_however_it_is_spelled(repo, spelled):
    asked = FactoriesSettings(
        baseline="nets.py:net", candidate=spelled.format(repo=repo), margin={"params": 1.3}, threads=1
    )
    with pytest.raises(UsageError, match="against itself cannot fail"):
        opened(factories=asked)


@pytest.mark.parametrize(
    "asked",
    [
        ceiling({"params": 1.1}, batch_size=0),
        ceiling({"params": 1.1}, dtype="tf32"),
        ceiling({"params": 1.1}, variant="sf"),
        CeilingSettings(model="nets.py:net", max_overhead={"params": 1.1}, threads=1),
        CeilingSettings(model="resnet5", max_overhead={"params": 1.1}, threads=1),
    ],
)
def test_what_cannot_be_meant_is_one_line(asked):
    with pytest.raises(SebenchError) as caught:
        opened(ceiling=asked)
    assert len(str(caught.value).splitlines()) == 1


def stored(tmp_path, **fields):
    found = samples.measurement([process([block(0.05, 0.05)] * 2, n) for n in range(5)])
    result = samples.result(found, **fields)
    return ResultStore(tmp_path / "results").add(result)


def test_a_stored_result_brings_its_workload(tmp_path):
    path = stored(tmp_path)
    asked = StoredSettings(result="main.json", margin={"latency": 1.1})
    with open_targets(CheckSettings(stored=(asked,)), resolve=lambda name: path) as found:
        (target,) = found.targets
    assert (target.kind, target.baseline, target.candidate) == ("stored", "main.json", "se")
    assert target.session.workload == WORKLOAD
    assert target.stored.id == path.stem


def test_a_stored_result_has_to_have_something_to_compare_with(tmp_path):
    commits = Pair(baseline=ModelSpec(model="nets.py:net", commit="1" * 40), candidate=ModelSpec(model="n:n"))
    refused = {
        "compares two commits, which are no baseline; use --base-ref": stored(tmp_path, id="a", pair=commits),
        "has no samples to compare with": stored(tmp_path, id="b", measurements=()),
    }
    for message, path in refused.items():
        with pytest.raises(UsageError, match=message):
            opened(stored=StoredSettings(result=str(path), margin={"latency": 1.1}))


def test_a_target_that_cannot_be_opened_does_not_take_the_others_with_it(tmp_path):
    missing = StoredSettings(result="nosuch.json", margin={"latency": 1.1, "params": 1.2})
    elsewhere = ceiling({"params": 1.1}, device="cuda:99")
    settings = CheckSettings(stored=(missing,), ceiling=(elsewhere, ceiling({"params": 1.1})))
    with open_targets(settings) as found:
        no_device, here, no_file = found.targets
    assert here.limits == (("params", 1.1),)
    assert (no_device.reason.code, no_file.reason.code) == ("error", "error")
    assert no_file.reason.message == "cannot read nosuch.json: No such file or directory"
    assert [(each.metric, each.status, each.limit) for each in no_file.checks()] == [
        ("latency", "not_comparable", 1.1), ("params", "not_comparable", 1.2),
    ]  # fmt: skip


def test_a_base_that_is_this_tree_is_not_measured(repo):
    for ref in ("main", "HEAD", git(repo, "rev-parse", "HEAD")):
        (found,) = opened(base_ref=base_ref(ref=ref))
        assert found.reason.code == "same-code"
        assert found.reason.message.startswith(f"{ref} (")
    write(repo, {"nets.py": NETS + "\n"})
    (found,) = opened(base_ref=base_ref())
    assert found.candidate == "this tree"
    assert not hasattr(found, "reason")


def test_phases_on_an_accelerator_are_those_of_training():
    assert targets._phase_of("latency", "cuda:0") == "training"
    assert targets._phase_of("latency", "cpu") == "inference"


def test_energy_is_that_of_one_device():
    asked = ceiling({"energy": 1.1, "latency": 1.1}, phase="training", world_size=1)
    (found,) = opened(ceiling=asked)
    assert found.session.workload.world_size == 1
    with pytest.raises(UsageError, match="limit energy:1.1 reads the energy counter of one device"):
        opened(ceiling=replace(asked, world_size=2))


def test_a_gate_takes_an_optimizer_and_a_world_size():
    asked = ceiling({"latency": 1.1}, phase="training", optimizer="sgd", world_size=2, batch_size=4)
    (found,) = opened(ceiling=asked)
    workload = found.session.workload
    assert (workload.optimizer, workload.world_size) == ("sgd", 2)
    assert workload.rank_input_shape == (2, 3, 224, 224)
    with pytest.raises(UsageError, match="--optimizer sgd needs a training step"):
        opened(ceiling=ceiling({"latency": 1.1}, optimizer="sgd"))
