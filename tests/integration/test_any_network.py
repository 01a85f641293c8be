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
    # CBAM has a gate in it, and is one site: 8 + 8 parameters that work twice, and a 7 x 7 convolution of two
    # maps of 16 x 16 with the two parameters of its normalisation
    in_cbam, cbam_macs = 16 + 98 + 2, 2 * 16 + 98 * 256
    attended = counts(own(f"count -m nets.py:plain -v cbam {SMALL} --format json"))
    assert attended == {("plain", "cbam"): (params + in_cbam, macs + cbam_macs, 1, in_cbam)}


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


@pytest.mark.slow
@pytest.mark.usefixtures("fewest_blocks_measured")
@pytest.mark.parametrize(
    ("name", "site"),
    [
        ("gated", "gate"),
        ("inline", "(network)"),  # in no module of its own
    ],
)
def test_where_the_cost_of_its_own_attention_goes(own, name, site):
    done = own(f"profile -m nets.py:{name} {SMALL} --threads 1 --device cpu --seed 1 --format json -q")
    found = json.loads(done.stdout)
    assert (found["variant"], found["baseline"], found["ablations"]) == ("asis", "plain", [])
    assert [(row["stage"], row["part"]) for row in found["parts"]] == [
        ("stride 1", part) for part in ("squeeze", "excite", "scale")
    ]
    assert all(row["time_s"] > 0 for row in found["parts"])
    (row,) = found["sites"]
    assert (row["site"], row["params"], row["macs"]) == (site, GATE_PARAMS, GATE_MACS)
    counted = json.loads(own(f"count -m nets.py:{name} {SMALL} --sites --format json").stdout)
    (gate,) = counted["models"][0]["gates"]
    assert (gate["params"], gate["macs"]) == (GATE_PARAMS, GATE_MACS)
    assert "captured" in [each["code"] for each in found["findings"]] or name == "gated"


@pytest.mark.slow
@pytest.mark.usefixtures("fewest_blocks_measured")
def test_where_the_cost_of_attention_that_was_put_in_goes(own):
    done = own(f"profile -m nets.py:plain {SMALL} --threads 1 --device cpu --seed 1 --format json -q")
    found = json.loads(done.stdout)
    assert found["variant"] == "se"
    # squeezed: 8 maps of 16 x 16 and 8 means; two layers, two functions; the product
    assert [(row["stage"], row["part"], row["calls"]) for row in found["parts"]] == [
        ("stride 1", "squeeze", 1), ("stride 1", "excite", 4), ("stride 1", "scale", 1),
    ]  # fmt: skip
    assert found["parts"][0]["bytes"] == 4 * (8 * 256 + 8)
    (row,) = found["sites"]
    assert (row["params"], row["macs"]) == (SE_PARAMS, SE_MACS)
    assert [check["part"] for check in found["ablations"]] == ["squeeze", "excite", "scale"]


@pytest.mark.slow
@pytest.mark.usefixtures("fewest_blocks_measured")
@pytest.mark.parametrize(
    ("arguments", "site"),
    [
        ("nets.py:gated --attention-class Gate", "gate"),
        ("nets.py:plain --attention nets.py:Gate", "norm.attention"),
    ],
)
def test_classes_of_the_user_are_taken_apart_where_they_are_gates(arguments, site, own):
    done = own(f"profile -m {arguments} {SMALL} --threads 1 --device cpu --seed 1 --format json -q")
    found = json.loads(done.stdout)
    assert [row["part"] for row in found["parts"]] == ["squeeze", "excite", "scale"]
    (row,) = found["sites"]
    assert (row["site"], row["params"], row["macs"]) == (site, GATE_PARAMS, GATE_MACS)


def test_a_network_without_attention_has_none_to_take_apart(own):
    done = own(f"profile -m nets.py:plain -v asis {SMALL}", check=False)
    assert done.exit_code == 2
    assert done.stderr.splitlines() == [
        "sebench: error: nets.py:plain has no channel attention to take apart; put one in: --variant se"
    ]


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
