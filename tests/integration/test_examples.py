"""Every example runs as it is and prints what it promises."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_count_variants():
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "count_variants.py")], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    plain, se, *_ = done.stdout.splitlines()
    assert plain.split() == ["plain", "0", "sites", "25,557,032", "params", "3,857,973,248", "MACs"]
    assert se.split() == ["se", "16", "sites", "28,088,024", "params", "3,860,488,192", "MACs"]


def test_tune_variants(environ, shared_cache):
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "tune_variants.py")],
        env={**environ, "XDG_CACHE_HOME": str(shared_cache)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    rows = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert len(rows) == 10  # runs of neighbours among four stages: 4 + 3 + 2 + 1
    # The paper's finding: 26508632 / 25557032 without the last stage, 28088024 / 25557032 with it.
    assert rows["se(stages=2-4)"].split(maxsplit=1)[1] == "13 sites, params x 1.0372: in"
    assert rows["se"].split(maxsplit=1)[1] == "16 sites, params x 1.0990: out"


def test_the_network_of_the_gate_example():
    done = subprocess.run(
        [sys.executable, "-m", "sebench", "count", "-m", "nets.py:net", "-v", "asis", "--format", "csv"],
        cwd=EXAMPLES,
        capture_output=True,
        text=True,
        check=True,
    )
    # 3*32*49+32 + 32*64*9+64 + 64*16+16 + 16*64+64 + 64*10+10
    assert ",26010," in done.stdout


@pytest.mark.slow
@pytest.mark.usefixtures("fewest_blocks_measured")
def test_compare_two_networks(environ):
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "compare_two_networks.py")],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    macs, latency, verdict = done.stdout.splitlines()
    # 31 x 31 x 27 w + 29 x 29 x 288 w multiply-adds: proportional to the width w, 20 / 16
    assert macs == "macs overhead 1.250 (exact)"
    assert latency.startswith("latency overhead ")
    assert "within-process, 1 process x" in latency
    assert verdict in ("passed True", "inconclusive False", "failed False")
