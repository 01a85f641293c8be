"""How well does a measured overhead ratio repeat? sebench against the usual ways of timing a pair.

Each method measures SE/plain of one network within the same wall-clock budget, start-up included, in fresh
processes, in random order within each round:

* ``sebench``: ``sebench compare --effort quick``: randomised ABBA/BAAB blocks;
* ``torch``: ``torch.utils.benchmark`` ``blocked_autorange`` on one model, then on the other; medians;
* ``pyperf``: as many worker processes per side as fit, one side after the other; in each one warm-up value
  and three values of so many steps that they take 100 ms; mean of all values (pyperf's defaults, which ask
  for 20 processes per side);
* ``timm``: 10 steps of warm-up and 40 timed ones, or fewer where they do not fit, of one model in a process
  of its own, then of the other; mean (the counts of timm's ``benchmark.py``);
* ``sequence``: N steps of one model, then of the other; means.

Run it alone on the machine; it may be stopped at any time and continued with ``--resume``::

    python benchmarks/repeatability.py --rounds 8 --budget 20 --data runs.jsonl
    python benchmarks/repeatability.py --from runs.jsonl --output reports/repeatability.md
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from journal import Journal, Record, machine, machine_text, read, tables

STARTED_S = time.monotonic()
METHODS = ("sebench", "torch", "pyperf", "timm", "sequence")
DESCRIPTIONS = {
    "sebench": "`sebench compare --effort quick`",
    "torch": "`torch.utils.benchmark` `blocked_autorange`, one model after the other",
    "pyperf": "pyperf's way: fresh processes of 1 + 3 values of 100 ms, one model after the other",
    "timm": "timm's way: 10 + 40 steps, one model after the other",
    "sequence": "N steps of one model, then N of the other, means",
}
SIDES = ("plain", "se")
PYPERF_PROCESSES, PYPERF_VALUES, PYPERF_VALUE_S = 20, 3, 0.1
TIMM_WARMUP, TIMM_STEPS = 10, 40
Step = Callable[[], object]


def main() -> None:
    """Run what the rounds lack, or, as a child process, one measurement."""
    options = _parse()
    if options.child:
        print(json.dumps(_measure_here(options)))
        return
    if options.source:
        setups, runs = read(options.source)
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = options.data or Path(folder) / "runs.jsonl"
            measure_all(Journal(path, _setup(options), resume=options.resume), options)
            setups, runs = read(path)
    text = report(setups, runs)
    print(text)
    if options.output:
        Path(options.output).write_text(text + "\n", encoding="utf-8")


def measure_all(journal: Journal, options: argparse.Namespace) -> None:
    """All that the journal lacks; the order in a round is the same whenever it is continued."""
    for number in range(options.rounds):
        for method in random.Random(f"{options.seed}/{number}").sample(METHODS, len(METHODS)):
            if journal.has(round=number, method=method):
                continue
            began_s = time.monotonic()
            found = _measure(method, options)
            run = {"round": number, "method": method, "wall_s": round(time.monotonic() - began_s, 2), **found}
            journal.add(run)
            print(
                f"round {number + 1} {method}: {found['ratio']:.4f} in {run['wall_s']:.1f} s", file=sys.stderr
            )


# --- methods ----------------------------------------------------------------------------------------------


def _measure(method: str, options: argparse.Namespace) -> Record:
    if method == "sebench":
        return {"ratio": _by_sebench(options)}
    if method == "pyperf":
        return _by_pyperf(options)
    if method == "timm":
        sides = [_child(method, options, side=side, budget_s=options.budget / 2) for side in SIDES]
        return {"ratio": sides[1]["mean_s"] / sides[0]["mean_s"], "steps": [side["steps"] for side in sides]}
    return _child(method, options, budget_s=options.budget)


def _by_sebench(options: argparse.Namespace) -> float:
    command = f"compare --model {options.model} --threads {options.threads} --budget {options.budget:g}"
    command += " --effort quick --device cpu --no-save --quiet --format json"
    answer = json.loads(_output(["-m", "sebench", *command.split()]))
    latency = next(m for m in answer["comparisons"][0]["metrics"] if m["metric"] == "latency")
    return float(latency["ratio"]["estimate"])


def _by_pyperf(options: argparse.Namespace) -> Record:
    """One side after the other; a worker is started while the side has time left for another one."""
    means, workers = [], []
    for side in SIDES:
        values: list[float] = []
        began_s, longest_s, each_s = time.monotonic(), 0.0, options.budget / len(SIDES)
        while len(values) < PYPERF_PROCESSES and (
            not values or time.monotonic() - began_s + longest_s <= each_s
        ):
            started_s = time.monotonic()
            values.append(_child("pyperf", options, side=side, budget_s=each_s)["mean_s"])
            longest_s = max(longest_s, time.monotonic() - started_s)
        means.append(statistics.fmean(values))
        workers.append(len(values))
    return {"ratio": means[1] / means[0], "workers": workers}


def _child(method: str, options: argparse.Namespace, *, budget_s: float, side: str | None = None) -> Record:
    command = [__file__, "--child", method, "--model", options.model, "--threads", str(options.threads)]
    command += ["--budget", str(budget_s), *(["--side", side] if side else [])]
    found: Record = json.loads(_output(command))
    return found


def _output(command: Sequence[str]) -> str:
    done = subprocess.run([sys.executable, *command], check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


# --- in a child process -----------------------------------------------------------------------------------


def _measure_here(options: argparse.Namespace) -> Record:
    import torch

    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    with torch.inference_mode():
        if options.child == "pyperf":
            return {"mean_s": pyperf_mean(_step(options.model, options.side))}
        if options.child == "timm":
            left_s = options.budget - (time.monotonic() - STARTED_S)
            return timm_mean(_step(options.model, options.side), left_s)
        steps = [_step(options.model, side) for side in SIDES]
        for step in steps:
            for _ in range(5):
                step()
        each_s = max(options.budget - (time.monotonic() - STARTED_S), 0.0) / 2
        if options.child == "torch":
            plain_s, se_s = (_blocked_autorange(step, each_s, options.threads) for step in steps)
        else:
            plain_s, se_s = (_mean_of_many(step, each_s) for step in steps)
    return {"ratio": se_s / plain_s}


def _step(model: str, variant: str) -> Step:
    import torch

    from sebench.models import build
    from sebench.schema import ModelSpec

    built = build(ModelSpec(model=model, variant=variant), seed=0)
    batch = torch.randn(built.input_shape)
    return lambda: built.module(batch)


def pyperf_mean(step: Step, clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds of a step: mean of the values of one worker, the first of them a warm-up that does not count.

    The number of steps in a value is doubled until they take 100 ms; the run of that length is no value.
    """

    def value_s(loops: int) -> float:
        began_s = clock()
        for _ in range(loops):
            step()
        return (clock() - began_s) / loops

    loops = 1
    while value_s(loops) * loops < PYPERF_VALUE_S:
        loops *= 2
    value_s(loops)
    return statistics.fmean(value_s(loops) for _ in range(PYPERF_VALUES))


def timm_mean(step: Step, left_s: float, clock: Callable[[], float] = time.perf_counter) -> Record:
    """Seconds of a step: mean of 40 after 10 of warm-up, or of as many as fit into `left_s`."""
    began_s, times = clock(), []
    for _ in range(TIMM_WARMUP):
        step()
        if clock() - began_s > left_s / 2:
            break
    for _ in range(TIMM_STEPS):
        started_s = clock()
        step()
        times.append(clock() - started_s)
        if clock() - began_s > left_s:
            break
    return {"mean_s": statistics.fmean(times), "steps": len(times)}


def _blocked_autorange(step: Step, duration_s: float, threads: int) -> float:
    from torch.utils.benchmark import Timer

    timer = Timer("step()", globals={"step": step}, num_threads=threads)
    return float(timer.blocked_autorange(min_run_time=duration_s).median)


def _mean_of_many(step: Step, duration_s: float) -> float:
    start, count = time.perf_counter(), 0
    while not count or time.perf_counter() - start < duration_s:
        step()
        count += 1
    return (time.perf_counter() - start) / count


# --- report -----------------------------------------------------------------------------------------------


def sd_interval(sd: float, count: int) -> tuple[float, float]:
    """95 % interval of a standard deviation of normal values, by chi-squared."""
    from scipy.special import chdtri

    df = count - 1
    return sd * math.sqrt(df / float(chdtri(df, 0.025))), sd * math.sqrt(df / float(chdtri(df, 0.975)))


def sd_ratio_interval(ratio: float, count: int) -> tuple[float, float]:
    """95 % interval of the ratio of two standard deviations of `count` normal values each, by F."""
    from scipy.special import fdtri

    limit = math.sqrt(float(fdtri(count - 1, count - 1, 0.975)))
    return ratio / limit, ratio * limit


def report(setups: list[Record], runs: Sequence[Record]) -> str:
    """The tables as Markdown, of the rounds that are complete."""
    numbers = [n for n in sorted({run["round"] for run in runs}) if _of_round(runs, n) == set(METHODS)]
    found = {
        method: [run for n in numbers for run in runs if (run["method"], run["round"]) == (method, n)]
        for method in METHODS
    }
    setup, rounds = setups[0], len(numbers)
    if rounds < 2:
        raise SystemExit(f"a standard deviation needs two rounds, {rounds} complete")
    lines = [
        "# Repeatability of the overhead ratio",
        "",
        f"SE / plain of {setup['model']}, batch 1, CPU inference, {setup['threads']} threads; {rounds} "
        f"rounds of every method, {setup['budget']:g} s each with start-up, in fresh processes and in random "
        f"order within each round (seed {setup['seed']}).",
        "",
        f"{machine_text(setups)}; sebench {setup['commit']}.",
        "",
        "SD is the standard deviation of the ratio between rounds in percentage points, with its 95 % "
        "interval (chi-squared, for normal values); the last column is SD over that of sebench with its 95 % "
        "interval (F).",
        "",
        *tables(_rows(found), "method", "mean ratio", "SD (pp)", "min", "max", "wall (s)", "SD / sebench's"),
        "",
        "Ratios in the order of the rounds:",
        "",
        *(
            f"- {name}: {', '.join(f'{ratio:.4f}' for ratio in _ratios(each))}"
            for name, each in found.items()
        ),
        "",
        f"Worker processes of pyperf's way per side: {_range(found['pyperf'], 'workers')} of the "
        f"{PYPERF_PROCESSES} that it asks for. Timed steps of timm's way per side: "
        f"{_range(found['timm'], 'steps')} of {TIMM_STEPS}.",
        "",
        f"Made by `python benchmarks/repeatability.py --model {setup['model']} --rounds {rounds} --budget "
        f"{setup['budget']:g} --threads {setup['threads']} --seed {setup['seed']}`.",
    ]
    return "\n".join(lines)


def _ratios(runs: Sequence[Record]) -> list[float]:
    return [run["ratio"] for run in runs]


def _of_round(runs: Sequence[Record], number: int) -> set[str]:
    return {run["method"] for run in runs if run["round"] == number}


def _range(runs: Sequence[Record], field: str) -> str:
    values = [value for run in runs for value in run[field]]
    return f"{min(values)}" if min(values) == max(values) else f"{min(values)} to {max(values)}"


def _rows(found: dict[str, list[Record]]) -> Iterator[list[str]]:
    own = statistics.stdev(_ratios(found["sebench"]))
    for method, runs in found.items():
        ratios = _ratios(runs)
        sd = statistics.stdev(ratios)
        low, high = (100 * limit for limit in sd_interval(sd, len(ratios)))
        yield [
            DESCRIPTIONS[method],
            f"{statistics.mean(ratios):.4f}",
            f"{sd * 100:.2f} [{low:.2f}, {high:.2f}]",
            f"{min(ratios):.4f}",
            f"{max(ratios):.4f}",
            f"{statistics.median(run['wall_s'] for run in runs):.1f}",
            "1" if method == "sebench" else _over(sd, own, len(ratios)),
        ]


def _over(sd: float, own: float, count: int) -> str:
    low, high = sd_ratio_interval(sd / own, count)
    return f"{sd / own:.1f} [{low:.1f}, {high:.1f}]"


def _setup(options: argparse.Namespace) -> Record:
    import sebench

    git = ["git", "-C", str(Path(sebench.__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"]
    commit = subprocess.run(git, check=False, capture_output=True, text=True).stdout.strip()
    same = {name: getattr(options, name) for name in ("model", "budget", "threads", "seed")}
    return {**machine(), **same, "commit": commit or sebench.__version__}


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="resnet50")
    parser.add_argument("--rounds", type=int, default=8, help="how many there are to be in all")
    parser.add_argument("--budget", type=float, default=20.0, help="seconds per measurement")
    parser.add_argument("--threads", type=int, help="default: the usable cores")
    parser.add_argument("--seed", type=int, default=1, help="of the orders")
    parser.add_argument("--data", type=Path, metavar="FILE", help="keep the runs here (JSON lines)")
    parser.add_argument("--resume", action="store_true", help="add the runs that --data lacks")
    parser.add_argument("--from", dest="source", type=Path, metavar="FILE", help="make the report of it only")
    parser.add_argument("--output", metavar="FILE", help="where to write the report (Markdown)")
    parser.add_argument("--child", choices=METHODS[1:], help=argparse.SUPPRESS)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.resume and options.data is None:
        parser.error("--resume needs --data FILE")
    if options.threads is None:
        from sebench.profilers.environment import usable_cores

        options.threads = usable_cores()
    return options


if __name__ == "__main__":
    main()
