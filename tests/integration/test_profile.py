"""``sebench profile`` as a user runs it."""

import json

import pytest

pytestmark = pytest.mark.slow


def test_the_contract(sebench):
    done = sebench("profile -m cifar_wrn16_8 --image-size 8 --threads 1 --seed 1 --format json -q")
    document = json.loads(done.stdout)
    assert (document["schema"], document["kind"], document["model"]) == (
        "sebench/1",
        "profile",
        "cifar_wrn16_8",
    )
    assert {(p["stage"], p["part"]) for p in document["parts"]} == {
        (stage, part) for stage in "234" for part in ("squeeze", "excite", "scale")
    }
    row = document["parts"][0]
    assert {"time_s", "bytes", "achieved_bytes_per_s", "bound_s", "verdict", "phase"} <= set(row)
    assert [check["part"] for check in document["ablations"]] == ["squeeze", "excite", "scale"]
    assert document["predicted_difference_s"] > 0
    assert {"estimate", "ci_low", "ci_high"} <= set(document["measured_difference_s"])
    assert document["machine"]["copy_bytes_per_s"] > 0


@pytest.mark.usefixtures("fewest_blocks_measured")
def test_under_autocast_times_are_known_and_bytes_are_not(sebench):
    done = sebench(
        "profile -m cifar_wrn16_8 --image-size 8 --threads 1 --seed 1 --dtype amp-bfloat16 "
        "--memory-format channels_last --device cpu --format json -q"
    )
    document = json.loads(done.stdout)
    workload = document["workload"]
    assert (workload["dtype"], workload["memory_format"]) == ("amp-bfloat16", "channels_last")
    assert all(part["time_s"] > 0 for part in document["parts"])
    assert {part["bytes"] for part in document["parts"]} == {None}
    assert "autocast" in document["parts"][0]["reason"]
    assert document["predicted_difference_s"] is None
    assert document["machine"]["matmul_flops_per_s"] > 0


def test_what_has_no_parts_is_refused_in_one_line(invoke):
    for variant in ("plain", "se(squeeze=none)"):
        done = invoke(f"profile -m resnet50 -v {variant}", check=False)
        assert done.exit_code == 2
        assert done.stderr.splitlines() == [
            f"sebench: error: --variant {variant} has no squeeze, excite and scale to tell apart; "
            "use --variant se"
        ]


def test_a_batch_that_does_not_fit_the_network_is_one_line(invoke):
    done = invoke("profile -m resnet50 --image-size 5", check=False)
    assert done.exit_code == 2
    assert "image size 5 is too small for resnet50" in done.stderr
