"""From names and numbers to a plan; nothing is built."""

import pytest

from sebench.errors import UsageError
from sebench.runner.planning.inputs import input_shape
from sebench.runner.planning.plan import make_plan, timing_policy
from sebench.schema import ModelSpec, NetworkOptions, WorkloadRequest


def plan(**fields):
    values = {"names": ["resnet50"], "variants": ["se"], "baseline": "plain", "seed": 1}
    return make_plan(**{**values, "workload": WorkloadRequest(threads=2), **fields})


def test_every_model_meets_every_variant_at_its_own_size():
    made = plan(names=["resnet50", "inception_v3"], variants=["se", "se(r=8)"])
    assert [(s.pair.candidate.model, s.pair.candidate.variant) for s in made.sessions] == [
        ("resnet50", "se"),
        ("resnet50", "se(r=8)"),
        ("inception_v3", "se"),
        ("inception_v3", "se(r=8)"),
    ]
    assert made.sessions[0].workload.input_shape == (1, 3, 224, 224)
    assert made.sessions[2].workload.input_shape == (1, 3, 299, 299)


def test_the_same_pair_spelled_differently_is_measured_once():
    made = plan(
        names=["resnet50", "resnet50"],
        variants=["se", "SE( r = 16 )"],
        options=NetworkOptions(num_classes=1000),
    )
    assert len(made.sessions) == 1
    assert made.sessions[0].pair.candidate == ModelSpec(model="resnet50", variant="se")


@pytest.mark.parametrize("budget_s", [0, -1, float("nan"), float("inf"), 1e300, 30 * 86_400 + 1])
def test_a_budget_that_no_clock_could_end_is_refused(budget_s):
    with pytest.raises(UsageError, match=r"--budget .* is not a positive number of seconds up to 2592000"):
        plan(budget_s=budget_s)


@pytest.mark.parametrize("seed", [2**63, -(2**63) - 1, 10**400])
def test_a_seed_has_64_bits(seed):
    with pytest.raises(UsageError, match=r"--seed does not fit into 64 bits; leave --seed out"):
        plan(seed=seed)


@pytest.mark.parametrize(
    ("conditions", "reason"),
    [
        ({"threads": 4097}, "--threads is more than 4096"),
        ({"batch_size": 2**31 + 1}, "--batch-size is more than 2147483648"),
        ({"batch_size": 10**400}, "--batch-size is more than 2147483648"),
    ],
)
def test_numbers_that_no_machine_has_are_refused(conditions, reason):
    with pytest.raises(UsageError, match=reason):
        plan(workload=WorkloadRequest(**conditions))


def test_inputs_that_no_machine_holds_are_refused():
    with pytest.raises(UsageError, match="--image-size is more than 65536"):
        plan(workload=WorkloadRequest(image_size=2**16 + 1))
    with pytest.raises(UsageError, match="--image-size is more than 65536"):
        plan(workload=WorkloadRequest(image_size=f"224x{10**30}"))
    with pytest.raises(UsageError, match="--num-classes is more than 2147483648"):
        plan(options=NetworkOptions(num_classes=10**30))
    resnet = ModelSpec(model="resnet50")
    assert input_shape(resnet, 2**31, size=224) == (2**31, 3, 224, 224)  # 2^31 * 150,528 is below 2^50
    with pytest.raises(UsageError, match="--batch-size 2147483648 at .* is more than any machine holds"):
        input_shape(resnet, 2**31, size=2**16)


def test_a_shape_that_is_said_comes_before_everything_else():
    fed = ModelSpec(model="nets.py:net", example_inputs="nets.py:tokens")
    assert input_shape(fed, 4) == (4,)
    assert input_shape(fed, 4, shape=(1, 80, 300)) == (4, 80, 300)
    (planned,) = plan(workload=WorkloadRequest(input_shape="8x3x64x32")).sessions
    assert (planned.workload.batch_size, planned.workload.input_shape) == (8, (8, 3, 64, 32))
    with pytest.raises(UsageError, match="--input-shape 8x3x64x32 is a batch of 8, not of 4; leave out"):
        plan(workload=WorkloadRequest(input_shape="8x3x64x32", batch_size=4))
    for text, reason in (
        ("64", "--input-shape '64' is not a shape; the batch comes first"),
        ("1x0x3", "--input-shape '1x0x3' is not a shape"),
        ("1x" * 8 + "1", "has more than 8 dimensions"),
        ("1x1048576x1048576x1048576", "is more than any machine holds"),
    ):
        with pytest.raises(UsageError, match=reason):
            plan(workload=WorkloadRequest(input_shape=text))


def test_a_budget_is_hard_and_shared_by_the_pairs():
    made = plan(variants=["se", "se(r=8)"], budget_s=60.0)
    assert (made.policy.budget_s, made.policy.hard_budget) == (30.0, True)
    assert not plan().policy.hard_budget


@pytest.mark.parametrize(
    ("effort", "processes", "blocks"), [("quick", 1, 12), ("standard", 6, 4), ("rigorous", 12, 8)]
)
def test_effort_levels(effort, processes, blocks):
    policy = timing_policy(effort)
    assert (policy.processes, policy.min_blocks, policy.effort) == (processes, blocks, effort)


def test_nothing_to_compare_is_refused():
    with pytest.raises(UsageError, match="nothing to compare"):
        plan(names=[])
    with pytest.raises(UsageError, match="--batch-size 0 is not positive"):
        input_shape(ModelSpec(model="resnet50"), 0)


def test_the_workloads_of_a_pair_stay_together():
    made = make_plan(
        names=["resnet50"], variants=["se", "se(r=8)"], workload=WorkloadRequest(device="cuda:0", threads=1)
    )
    # On a GPU what the paper reports: a single image, then a training step of 256.
    found = [(each.pair.candidate.variant, [w.batch_size for w in each.workloads]) for each in made.pairs]
    assert found == [("se", [1, 256]), ("se(r=8)", [1, 256])]
    first, second = made.pairs
    assert made.sessions == (*first.sessions, *second.sessions)
    assert [session.pair for session in second.sessions] == [second.pair] * 2


def test_a_budget_is_shared_by_the_sessions_of_all_pairs():
    made = make_plan(
        names=["resnet50"],
        variants=["se", "se(r=8)"],
        budget_s=100.0,
        workload=WorkloadRequest(device="cuda:0", threads=1),
    )
    assert made.policy.budget_s == 25.0  # 100 s / (2 pairs x 2 workloads)
