"""Does a quick run cover fresh processes, too, with a spread learnt from a few standard runs?

The machines of `coverage.py`: k standard runs of six processes are simulated, their spread is handed to
`sebench.statistics.over_processes` with a quick run of another process, and the true ratio of the pair is
looked for in the interval of that process alone, in the widened one, and in two simpler ones. Run:

    python benchmarks/learnt_spread.py --output reports/learnt_spread.md
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import platform
import sys
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
import scipy
from scipy.special import ndtri, stdtrit

import sebench
from sebench.statistics import ProcessSpread, estimate_ratio, over_processes, pooled_spread, process_spread

RATIO, PROCESSES, QUICK_BLOCKS = 1.018, 6, 12
BLOCKS, RUNS = (4, 8), (1, 3, 10)
FLOOR = 0.93
METHODS = ("this process alone", "sigma as if known", "t, sigma as estimated", "over processes")
NETWORKS = (0.002, 0.004, 0.008)
"""Standard deviations between processes of three networks on one machine."""


def load_coverage_study() -> ModuleType:
    """`coverage.py` beside this file. By path: `coverage` is also a package that test runners import."""
    name = "benchmarks_coverage"
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("coverage.py"))
    if spec is None or spec.loader is None:
        raise ImportError(name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True)
class Row:
    """What one machine and one history showed."""

    about: str
    coverage: tuple[float, ...]
    """By method."""
    half_width: tuple[float, ...]
    """Median, as a log-ratio."""
    realistic: bool = True


def limits(blocks: list[float], spread: ProcessSpread) -> list[tuple[float, float]]:
    """Log limits by each of `METHODS`."""
    alone = estimate_ratio([blocks])
    known = estimate_ratio([blocks], sigma_process=spread.sigma_process)
    stretched = float(stdtrit(spread.degrees_between, 0.975) / ndtri(0.975))
    student = estimate_ratio([blocks], sigma_process=stretched * spread.sigma_process)
    over = over_processes(alone, spread)
    pairs = [(each.ci_low, each.ci_high) for each in (alone, known, student)]
    pairs.append((over.low, over.high) if over else (None, None))
    return [(math.log(low), math.log(high)) for low, high in pairs if low and high]


def judged(
    about: str, quick: npt.NDArray[np.float64], histories: list[ProcessSpread], *, realistic: bool = True
) -> Row:
    """Coverage of quick runs, each with a history of its own.

    Args:
        about: names the row.
        quick: log-ratios of the quick runs, shape (repetitions, 1, blocks).
        histories: what was learnt before each.
        realistic: whether the noise is.
    """
    found = np.array([limits(run[0], spread) for run, spread in zip(quick.tolist(), histories, strict=True)])
    covered = (found[..., 0] <= math.log(RATIO)) & (math.log(RATIO) <= found[..., 1])
    half_width = np.median((found[..., 1] - found[..., 0]) / 2, axis=0)
    return Row(about, tuple(covered.mean(axis=0)), tuple(half_width), realistic)


def spreads(
    simulated: ModuleType, noise: object, blocks: int, repetitions: int, seed: int
) -> list[ProcessSpread]:
    """Of simulated standard runs."""
    design = simulated.Design(PROCESSES, blocks)
    runs = simulated.simulate(noise, design, RATIO, repetitions, seed).tolist()
    return [spread for run in runs if (spread := process_spread(run))]


def drawn(
    pool: list[ProcessSpread], count: int, repetitions: int, rng: np.random.Generator
) -> list[ProcessSpread]:
    """As many histories of `count` runs each."""
    picks = rng.integers(0, len(pool), (repetitions, count))
    return [spread for pick in picks if (spread := pooled_spread([pool[place] for place in pick]))]


def quick_runs(simulated: ModuleType, noise: object, repetitions: int, seed: int) -> npt.NDArray[np.float64]:
    """Of processes that differ: `calibrated` is what has the simulator let a single one do so."""
    design = simulated.Design(1, QUICK_BLOCKS, calibrated=True)
    effects: npt.NDArray[np.float64] = simulated.simulate(noise, design, RATIO, repetitions, seed)
    return effects


def same_network(simulated: ModuleType, repetitions: int, seed: int) -> list[Row]:
    """Learnt from runs of the same network, under every noise."""
    rows, rng = [], np.random.default_rng(seed)
    for noise in simulated.NOISES.values():
        quick = quick_runs(simulated, noise, repetitions, seed)
        for blocks in BLOCKS:
            pool = spreads(simulated, noise, blocks, repetitions, seed + 1)
            for count in RUNS:
                about = f"{noise.name} | {count} x {PROCESSES} x {blocks}"
                histories = drawn(pool, count, repetitions, rng)
                rows.append(judged(about, quick, histories, realistic=noise.realistic))
    return rows


def other_networks(simulated: ModuleType, repetitions: int, seed: int) -> list[Row]:
    """Learnt from one run of each of three networks that differ by more or less between processes."""
    rows, rng = [], np.random.default_rng(seed)
    noises = [replace(simulated.NOISES["independent 1 %"], process_sd=sd) for sd in NETWORKS]
    pools = [spreads(simulated, noise, 8, repetitions, seed + 1) for noise in noises]
    for noise in noises:
        picks = [[pool[rng.integers(0, len(pool))] for pool in pools] for _ in range(repetitions)]
        histories = [spread for pick in picks if (spread := pooled_spread(pick))]
        quick = quick_runs(simulated, noise, repetitions, seed)
        rows.append(judged(f"{noise.process_sd * 100:.1f} %", quick, histories))
    return rows


PAGE = """# Coverage of a quick run over fresh processes

{made}.
Made by `python benchmarks/learnt_spread.py --output reports/learnt_spread.md`: simulated segment times (the
machines of [coverage.md](coverage.md)), ratio {ratio}, one process of {quick} blocks, after k standard runs
of {processes} processes. Processes differ by 0.4 % (standard deviation of the log-ratio) unless the name says
otherwise. Share of runs whose 95 % interval contains the ratio of the pair, which is the mean over processes
(bold: below {floor}), and median half-width in %.

- *this process alone*: the signed-rank interval, which speaks for its own process only.
- *sigma as if known*: widened by 1.96 times the estimated standard deviation between processes.
- *t, sigma as estimated*: the same with Student's quantile for its degrees of freedom.
- *over processes*: `sebench.statistics.over_processes`, which is printed.

Realistic rows: {count}; of the last column below {floor}: **{low}**; lowest {lowest:.3f} ({worst}).

## Learnt from the same network

| noise | k x P x B | {columns} |
|---|---|{lines}
{same}

## Learnt from other networks

One run, 6 x 8, of each of three networks whose processes differ by 0.2, 0.4 and 0.8 %; noise of 1 % in every
segment.

| the quick run's own | {columns} |
|---|{lines}
{other}
"""


def printed(row: Row) -> str:
    """A line of the table."""
    cells = [
        f"{f'**{coverage:.3f}**' if coverage < FLOOR else f'{coverage:.3f}'}, {100 * width:.2f}"
        for coverage, width in zip(row.coverage, row.half_width, strict=True)
    ]
    return f"| {row.about} | {' | '.join(cells)} |"


def main() -> int:
    """Exit code 1 where the printed interval under-covers a realistic noise of the same network."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, help="Markdown file (default: standard output)")
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=31)
    options = parser.parse_args()
    n, seed, started, simulated = options.repetitions, options.seed, time.monotonic(), load_coverage_study()
    same, other = same_network(simulated, n, seed), other_networks(simulated, n, seed)
    realistic = [row for row in same if row.realistic]
    worst = min(realistic, key=lambda row: row.coverage[-1])
    low = sum(row.coverage[-1] < FLOOR for row in realistic)
    text = PAGE.format(
        made=(
            f"{datetime.now(UTC):%Y-%m-%d}, sebench {sebench.__version__}, "
            f"Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}; "
            f"{n} runs per row, seed {seed}, {time.monotonic() - started:.0f} s on one core"
        ),
        ratio=RATIO,
        quick=QUICK_BLOCKS,
        processes=PROCESSES,
        floor=FLOOR,
        count=len(realistic),
        low=low,
        lowest=worst.coverage[-1],
        worst=worst.about.replace(" | ", ", "),
        columns=" | ".join(METHODS),
        lines="---|" * len(METHODS),
        same="\n".join(map(printed, same)),
        other="\n".join(map(printed, other)),
    )
    options.output.write_text(text, encoding="utf-8") if options.output else print(text)
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
