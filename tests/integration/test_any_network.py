"""Networks of the user's own in their variants, through the real commands."""

import json

import pytest

from tests.attended import GATE_MACS, GATE_PARAMS, NETS, SE_MACS, SE_PARAMS

SMALL = "--image-size 16"


@pytest.fixture
def own(tmp_path, invoke):
    (tmp_path / "nets.py").write_text(NETS)
    return invoke


def counts(done):
    return {
        (model["model"].partition(":")[2], model["variant"]): (
            model["params"],
            model["macs"],
            model["sites"],
            model["attention"]["params"],
        )
        for model in json.loads(done.stdout)["models"]
    }


@pytest.mark.slow
def test_what_is_counted_where_nobody_names_a_variant(own):
    found = counts(own(f"count -m nets.py:inline -m nets.py:plain {SMALL} --format json"))
    params, macs, *_ = found["plain", "asis"]
    assert found == {
        ("inline", "plain"): (params, macs, 0, 0),
        ("inline", "asis"): (params + GATE_PARAMS, macs + GATE_MACS, 1, GATE_PARAMS),
        ("plain", "asis"): (params, macs, 0, 0),
    }
    attended = counts(own(f"count -m nets.py:plain -v se {SMALL} --format json"))
    assert attended == {("plain", "se"): (params + SE_PARAMS, macs + SE_MACS, 1, SE_PARAMS)}


@pytest.mark.slow
@pytest.mark.usefixtures("fewest_blocks_measured")
def test_a_network_is_compared_with_itself_without_its_attention(own):
    measured = "--threads 1 --device cpu --effort quick --no-save -q --format json"
    done = own(f"compare -m nets.py:inline {SMALL} {measured}")
    (comparison,) = json.loads(done.stdout)["comparisons"]
    names = (comparison["model"], comparison["baseline"], comparison["candidate"])
    assert names == ("nets.py:inline", "plain", "asis")
    metrics = {metric["metric"]: metric for metric in comparison["metrics"]}
    assert metrics["params"]["difference"]["estimate"] == GATE_PARAMS
    assert metrics["latency"]["status"] == "ok"
    assert [finding["code"] for finding in comparison["findings"]] == ["captured"]


def test_a_lock_and_a_ceiling_take_variants_too(own, tmp_path):
    own(f"lock -m nets.py:gated -v se {SMALL}")
    lock = json.loads((tmp_path / "sebench.lock.json").read_text())
    assert [entry["variant"] for entry in lock["entries"]] == ["plain", "se"]
    checked = own(f"check -m nets.py:gated --max-overhead params:1.5 {SMALL} --format json")
    (check,) = json.loads(checked.stdout)["checks"]
    assert (check["status"], check["candidate"]) == ("passed", "asis")


def test_what_cannot_be_done_is_one_line(own):
    done = own(f"count -m nets.py:mlp -v se {SMALL}", check=False)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "sebench: error: no place for attention found in Sequential: it has no residual branches with"
        " convolutions, no concatenations and no repeated blocks; write both networks:"
        " --baseline FILE.py:without --candidate FILE.py:with_attention"
    ]
