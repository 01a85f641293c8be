"""Profiles for programs; nothing is measured here."""

import pandas as pd
import pytest

import sebench
from sebench.api import profiling
from sebench.errors import Interrupted, UsageError
from sebench.schema import WORKLOAD_COLUMNS, Interval, Machine, PartProfile, Profile, SiteProfile
from tests import samples


def part(name, time_s):
    return PartProfile(
        stage="2",
        part=name,
        phase="forward",
        time_s=time_s,
        bytes=None if name == "scale" else 400,
        flops=100,
        calls=3,
        achieved_bytes_per_s=None,
        bound_s=0.0001,
        verdict="launch-bound",
    )


@pytest.fixture
def asked(monkeypatch):
    """Stands in for the runner: records the plans, answers with three parts of 1, 2 and 3 ms."""
    plans = []

    def run_profiles(plan, environment, **options):
        plans.append(plan)
        session = plan.sessions[0]
        names = ("squeeze", "excite", "scale")
        found = Profile(
            pair=session.pair,
            workload=session.workload,
            parts=tuple(
                part(name, time_s) for name, time_s in zip(names, (0.001, 0.002, 0.003), strict=True)
            ),
            sites=(
                SiteProfile(
                    site="layer1.0.se",
                    stage="2",
                    phase="forward",
                    time_s=0.006,
                    params=42,
                    macs=32,
                    flops=100,
                    bytes=None,
                    calls=6,
                    bound_s=None,
                ),
            ),
            step_s=0.05,
            profiled_step_s=0.06,
            machine=Machine(copy_bytes_per_s=1e10, matmul_flops_per_s=1e11, launch_s=1e-6),
            ablations=(),
            predicted_difference_s=0.005,
            measured_difference=Interval(estimate=0.006, ci_low=0.005, ci_high=0.007),
            measured_ratio=Interval(estimate=1.12, ci_low=1.1, ci_high=1.14),
            blocks=8,
        )
        return (found,), samples.ENVIRONMENT

    monkeypatch.setattr(profiling, "run_profiles", run_profiles)
    return plans


def test_every_option_reaches_the_plan(asked):
    sebench.profile(
        "cifar_resnet110",
        variant="se(r=8)",
        device="cpu",
        phase="training",
        batch_size=2,
        image_size=(32, 48),
        dtype="bfloat16",
        memory_format="channels_last",
        threads=1,
        seed=5,
    )
    ((session,), seed) = asked[0].sessions, asked[0].seed
    assert (session.pair.title, seed) == ("cifar_resnet110: se(r=8) against plain", 5)
    load = session.workload
    assert (load.device, load.phase, load.batch_size, load.threads) == ("cpu", "training", 2, 1)
    assert (load.input_shape, load.dtype, load.memory_format) == ((2, 3, 32, 48), "bfloat16", "channels_last")


def test_the_parts_are_a_frame(asked):
    found = sebench.profile("cifar_resnet110", device="cpu", threads=2)
    frame = found.to_frame()
    assert list(frame["part"]) == [each.part for each in found.parts] == ["squeeze", "excite", "scale"]
    assert frame["time_s"].sum() == pytest.approx(0.006)  # 1 + 2 + 3 ms
    assert set(frame["pass"]) == {"forward"}
    assert set(frame["phase"]) == {"inference"}
    assert tuple(frame.columns[-len(WORKLOAD_COLUMNS) :]) == WORKLOAD_COLUMNS
    assert list(frame["bytes"])[:2] == [400, 400]
    assert pd.isna(frame["bytes"].iloc[2])
    kinds = frame.dtypes.astype(str)
    assert (kinds["stage"], kinds["time_s"], kinds["bytes"], kinds["threads"]) == (
        "string",
        "float64",
        "Int64",
        "Int64",
    )


def test_the_sites_are_a_frame_too(asked):
    found = sebench.profile("cifar_resnet110", device="cpu", threads=2)
    (row,) = found.to_frame(by="site").to_dict("records")
    (site,) = found.sites
    assert (row["site"], row["stage"], row["pass"], row["phase"]) == (site.site, "2", "forward", "inference")
    assert (row["time_s"], row["params"], row["macs"], row["calls"]) == (0.006, 42, 32, 6)
    assert pd.isna(row["bytes"])
    with pytest.raises(UsageError, match="no breakdown by 'op'; use part or site"):
        found.to_frame(by="op")


def test_without_a_variant_it_is_the_usual_one(asked):
    sebench.profile("cifar_resnet110", device="cpu", threads=2)
    assert asked[0].sessions[0].pair.candidate.variant == "se"


def test_shown_as_the_command_line_prints_it(asked):
    found = sebench.profile("cifar_resnet110", device="cpu", threads=2)
    # 1 + 2 + 3 ms of a step of 50 ms, as the document says
    assert repr(found) == ("ProfileResult('cifar_resnet110: se against plain', attention 6.00 of 50.0 ms)")
    assert "squeeze" in str(found)
    assert "| squeeze |" in found._repr_markdown_()


def test_ctrl_c_is_pythons_own(monkeypatch):
    def run_profiles(plan, environment, **options):
        raise Interrupted("interrupted")

    monkeypatch.setattr(profiling, "run_profiles", run_profiles)
    with pytest.raises(KeyboardInterrupt):
        sebench.profile("cifar_resnet110", device="cpu")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "resnet5"}, "unknown model 'resnet5'"),
        ({"model": "resnet50", "variant": "sse"}, "sse"),
        ({"model": "resnet50", "phase": "trainig"}, "--phase 'trainig' is not a choice"),
    ],
)
def test_what_cannot_be_meant(asked, arguments, message):
    with pytest.raises(UsageError, match=message):
        sebench.profile(**arguments)
    assert asked == []
