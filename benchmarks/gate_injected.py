"""Does the gate catch a real slow-down, and let an unchanged network through? The real command.

A repository is made with a network at its base and the same network at its head, which then waits busily
for a share of the time it took: a slow-down of exactly that share. `sebench check --base-ref base` is run on
both kinds of head in turn. Run on a machine that does nothing else:

    python benchmarks/gate_injected.py --output FILE
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sebench
from sebench.profilers.environment import capture_environment

MARGIN = 1.05
SLOWDOWNS = (0.0, 0.10)
"""None, and the margin + 5 points."""
NETWORK = '''"""A ResNet-18 that wastes a share of its own time."""

import time

from torch import nn
from torchvision.models import resnet18

SLOWDOWN = {slowdown}


class Slowed(nn.Module):
    def __init__(self):
        super().__init__()
        self.network = resnet18()

    def forward(self, images):
        start_s = time.perf_counter()
        logits = self.network(images)
        end_s = time.perf_counter()
        while time.perf_counter() < end_s + SLOWDOWN * (end_s - start_s):
            pass
        return logits


def net():
    return Slowed()
'''


def git(repository: Path, *arguments: str) -> None:
    """Run git as an author of its own."""
    author = ("-c", "user.name=benchmark", "-c", "user.email=benchmark@example.invalid")
    subprocess.run(["git", *author, *arguments], cwd=repository, check=True, capture_output=True)  # noqa: S607


def repository_with(folder: Path, slowdown: float) -> Path:
    """Base without a slow-down, head with one."""
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch", "base")
    (folder / "nets.py").write_text(NETWORK.format(slowdown=0.0), encoding="utf-8")
    git(folder, "add", "nets.py")
    git(folder, "commit", "--quiet", "--message", "base")
    git(folder, "switch", "--quiet", "--create", "head")
    (folder / "nets.py").write_text(NETWORK.format(slowdown=slowdown) + "\n# head\n", encoding="utf-8")
    git(folder, "commit", "--quiet", "--all", "--message", "head")
    return folder


def check(repository: Path) -> tuple[int, dict[str, Any]]:
    """Exit code and the one check of a gate; each starts afresh, without the samples of others."""
    command = "check --model nets.py:net --base-ref base --image-size 112 --no-save --quiet --format json"
    done = subprocess.run(
        [sys.executable, "-m", "sebench", *command.split(), "--margin", f"latency:{MARGIN}"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    if not done.stdout:
        raise SystemExit(done.stderr)
    (found,) = json.loads(done.stdout)["checks"]
    return done.returncode, found


def rows(runs: int) -> Iterator[str]:
    """Table rows; the two kinds of head alternate, so that the machine's moods meet both."""
    with tempfile.TemporaryDirectory() as parent:
        heads = {slow: repository_with(Path(parent) / f"by-{slow:g}", slow) for slow in SLOWDOWNS}
        for run in range(runs):
            for slowdown, repository in heads.items():
                code, found = check(repository)
                ratio = found["ratio"]
                interval = f"{ratio['estimate']:.4f} [{ratio['ci_low']:.4f}, {ratio['ci_high']:.4f}]"
                row = f"| {run + 1} | {1 + slowdown:.2f} | {interval} | {ratio['processes']} | "
                yield f"{row}{found['grade']} | {found['status']} | {code} |"


def machine() -> str:
    """The processor and what ran on it."""
    found = capture_environment()
    cores = f"{found.cpu['usable_cores']} cores"
    return (
        f"{found.cpu['model']}, {cores}, torch {found.versions['torch']}, Python {platform.python_version()}"
    )


def report(runs: int) -> str:
    """The report as Markdown."""
    return "\n".join(
        (
            "# The gate on a real slow-down",
            "",
            f"{datetime.now(UTC):%Y-%m-%d}, sebench {sebench.__version__}, {machine()}. Made by",
            "`python benchmarks/gate_injected.py --output FILE`: ResNet-18, 112x112,",
            f"batch 1, `sebench check --base-ref base --margin latency:{MARGIN}` with a head that waits",
            "busily for a share of its time, and with one that does not. 95 % intervals over fresh",
            "processes: five or six of them, twice as many where the gate extended.",
            "",
            "| run | true ratio | measured | processes | grade | status | exit code |",
            "|---|---|---|---|---|---|---|",
            *rows(runs),
            "",
        )
    )


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--output", type=Path, required=True)
    asked = parser.parse_args()
    asked.output.write_text(report(asked.runs), encoding="utf-8")
    print(asked.output.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
