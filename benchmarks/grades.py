"""What predicts that an interval misses, or how wide it is? Real runs, the same network on both sides.

The true ratio is 1, so an interval that does not hold 1 misses. Three steps: measure (an hour or more; on a
machine that does nothing else, then with `--neighbour`, which starts one that comes and goes), keep the facts
of every process, and make the tables:

    python benchmarks/grades.py --collect DIR/idle --runs 4
    python benchmarks/grades.py --collect DIR/busy --runs 4 --neighbour
    python benchmarks/grades.py --extract DIR --facts reports/grades/facts.json
    python benchmarks/grades.py --facts reports/grades/facts.json --output reports/grades.md
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import ndtri, stdtrit
from scipy.stats import spearmanr

from sebench import statistics
from sebench.analysis.comparison import compare
from sebench.analysis.grading import LUCKY_AGREEMENT, NARROW_RATIO, TOO_NOISY_RATIO
from sebench.analysis.sampled import log_ratios, side_values, valid_by_process
from sebench.profilers.probes import integer_work
from sebench.schema import Block, ProcessRun, Result
from sebench.store import load_result

NETWORKS = ("mobilenet_v1", "resnet50", "shufflenet_v1_g3")
SETS, SET_SIZE, SEED = 500, 5, 20_240
BURST_S = (0.5, 5.0)
"""The neighbour works and rests for times drawn from here, evenly in the logarithm."""
Fact = dict[str, Any]


# --- measuring ------------------------------------------------------------------------------------------


def neighbour(seed: int) -> None:
    """Works and rests in turn, for ever."""
    rng = random.Random(seed)
    low, high = map(math.log, BURST_S)
    while True:
        until = time.monotonic() + math.exp(rng.uniform(low, high))
        while time.monotonic() < until:
            integer_work(50_000)
        time.sleep(math.exp(rng.uniform(low, high)))


@contextmanager
def neighbours() -> Iterator[None]:
    """One on each core."""
    started = [
        multiprocessing.Process(target=neighbour, args=(seed,), daemon=True)
        for seed in range(os.cpu_count() or 1)
    ]
    for process in started:
        process.start()
    try:
        yield
    finally:
        for process in started:
            process.terminate()
            process.join()


def collect(folder: Path, runs: int, *, with_neighbour: bool, more: Sequence[str] = ()) -> None:
    """Measure every network `runs` times, plain against plain; results go to `folder`."""
    with neighbours() if with_neighbour else nullcontext():
        for _ in range(runs):
            for network in NETWORKS:  # in turn, so that the machine's moods meet all of them
                command = f"compare -m {network} --baseline plain -v plain --device cpu --quiet"
                subprocess.run(
                    [sys.executable, "-m", "sebench", *command.split(), "--save", str(folder), *more],
                    check=True,
                    stdout=subprocess.DEVNULL,
                )
                print(f"{folder.name}: {network} measured", file=sys.stderr)


# --- from raw samples to facts --------------------------------------------------------------------------


def facts_of(folder: Path) -> Fact:
    """Facts of all results in the folders of `folder`, whose names are the settings."""
    runs, machines = [], {}
    for path in sorted(folder.glob("*/*.json")):
        result = load_result(path)
        runs.append(run_facts(result, setting=path.parent.name))
        cpu, versions = result.environment.cpu, result.environment.versions
        machine = {
            "cpu": cpu["model"],
            "cores": cpu["usable_cores"],
            "virtualization": result.environment.platform.get("virtualization"),
            **{name: versions[name] for name in ("python", "torch", "sebench")},
        }
        machines[json.dumps(machine)] = machine
    if len(machines) != 1:
        raise SystemExit(f"results of one machine and build are wanted, these are of {len(machines)}")
    return {**next(iter(machines.values())), "runs": runs}


def run_facts(result: Result, setting: str) -> Fact:
    """One standard run: what its samples say by process, and what its machine was found to be."""
    (measurement,) = result.measurements
    (latency,) = (metric for metric in compare(result).metrics if metric.metric == "latency")
    runs = [run for run in measurement.processes if not run.error]
    return {
        "setting": setting,
        "network": result.pair.model,
        "at": result.created_at[:19],
        "load1": result.environment.load.get("load1"),
        "grade": latency.grade,
        "findings": sorted({found.code for found in latency.findings}),
        "processes": [
            process_facts(run, blocks)
            for run, blocks in zip(runs, valid_by_process(measurement), strict=True)
            if len(blocks) >= statistics.MIN_BLOCKS
        ],
    }


def process_facts(run: ProcessRun, blocks: Sequence[Block]) -> Fact:
    """One fresh process; variations are relative, `unrest` is the upper over the lower quartile less 1."""
    (effects,) = log_ratios([tuple(blocks)])
    interval = statistics.signed_rank_interval(effects)
    canary = [block.canary_s for block in blocks]
    of_canary = statistics.quartiles(canary)
    cpu = [block.cpu_ratio for block in blocks if block.cpu_ratio is not None]
    steal = [block.steal_ratio for block in blocks if block.steal_ratio is not None]
    facts = {
        "blocks": len(blocks),
        "dropped": len(run.blocks) - len(blocks),
        "estimate": statistics.hodges_lehmann(effects),
        "low": interval.low if interval else None,
        "high": interval.high if interval else None,
        "block_error": statistics.block_error(effects),
        "unrest_baseline": unrest(side_values(blocks, "baseline")),
        "unrest_candidate": unrest(side_values(blocks, "candidate")),
        "canary_cv": statistics.coefficient_of_variation(canary),
        "canary_spread": (of_canary.q3 - of_canary.q1) / of_canary.median,
        "cpu": statistics.quartiles(cpu).median if cpu else None,
        "cpu_least": min(cpu, default=None),
        "steal": float(np.mean(steal)) if steal else None,
    }
    return {name: round(v, 5) if isinstance(v, float) else v for name, v in facts.items()}


def unrest(values: Sequence[float]) -> float:
    """Upper quartile over lower quartile, less 1."""
    found = statistics.quartiles(values)
    return found.q3 / found.q1 - 1


def facts_text(facts: Fact) -> str:
    """JSON with one process per line."""
    head = {name: value for name, value in facts.items() if name != "runs"}
    runs = []
    for run in facts["runs"]:
        rest = json.dumps({name: value for name, value in run.items() if name != "processes"})
        lines = ",\n   ".join(json.dumps(process) for process in run["processes"])
        runs.append(f'  {rest[:-1]}, "processes": [\n   {lines}]}}')
    return json.dumps(head)[:-1] + ', "runs": [\n' + ",\n".join(runs) + "]}\n"


# --- from facts to tables -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sample:
    """Some processes of one network and setting, and what is known about them."""

    processes: tuple[Fact, ...]
    grade: str = ""
    findings: tuple[str, ...] = ()

    @property
    def estimates(self) -> list[float]:
        """Log-ratios, whose truth is 0."""
        return [process["estimate"] for process in self.processes]

    @cached_property
    def limits(self) -> statistics.Limits:
        """The interval that would be printed."""
        found = statistics.t_interval(self.estimates)
        if found is None:
            raise SystemExit("a sample of one process has no interval")
        return found

    @property
    def misses(self) -> bool:
        """Whether it excludes the truth."""
        return not self.limits.low <= 0 <= self.limits.high

    @property
    def error(self) -> float:
        """How far the ratio is from 1."""
        return abs(math.expm1(float(np.mean(self.estimates))))

    @property
    def half_width(self) -> float:
        """Of the interval, relative to the ratio."""
        limits = self.limits
        return math.sinh((limits.high - limits.low) / 2)

    @cached_property
    def warranted(self) -> float:
        """Half-width, were the noise of the blocks all that there is: t s / sqrt(P) as well."""
        variances = [p["block_error"] ** 2 for p in self.processes]
        count = len(variances)
        return float(stdtrit(count - 1, 0.975)) * math.sqrt(float(np.mean(variances)) / count)

    def middle(self, measure: Callable[[Fact], float]) -> float:
        """Median of a fact over the processes."""
        return float(np.median([measure(process) for process in self.processes]))


MEASURES: dict[str, Callable[[Fact], float]] = {
    "canary: standard deviation / mean": lambda p: p["canary_cv"],
    "canary: quartiles apart / median": lambda p: p["canary_spread"],
    "steps: quartiles apart": lambda p: (p["unrest_baseline"] + p["unrest_candidate"]) / 2,
    "sides: quartiles of one further apart": lambda p: abs(p["unrest_candidate"] - p["unrest_baseline"]),
    "CPU time lost": lambda p: 1 - p["cpu"],
    "CPU time lost, worst block": lambda p: 1 - p["cpu_least"],
    "steal": lambda p: p["steal"] or 0.0,
    "blocks: standard error of the process": lambda p: p["block_error"],
}


def wilson(hits: int, of: int) -> str:
    """``3 of 20 (5 to 36 %)``: a share with its 95 % interval (Wilson 1927)."""
    if not of:
        return "0 of 0"
    z = float(ndtri(0.975))
    p, spread = hits / of, z * math.sqrt(hits * (of - hits) / of + z * z / 4) / (of + z * z)
    middle = (p + z * z / (2 * of)) / (1 + z * z / of)
    low, high = max(0.0, middle - spread), min(1.0, middle + spread)
    return f"{hits} of {of} ({low * 100:.0f} to {high * 100:.0f} %)"


def percent(value: float) -> str:
    """Two digits for what is small."""
    return f"{value * 100:.2f} %" if value < 0.1 else f"{value * 100:.0f} %"


def samples_of(facts: Fact, setting: str | None = None) -> list[tuple[str, str, Sample]]:
    """(setting, network, sample) of every run with processes enough to be graded."""
    return [
        (
            run["setting"],
            run["network"],
            Sample(tuple(run["processes"]), run["grade"], tuple(run["findings"])),
        )
        for run in facts["runs"]
        if len(run["processes"]) > 1 and setting in (None, run["setting"])
    ]


def summary(samples: Sequence[Sample]) -> list[str]:
    """Columns on some runs: how many missed, how wide, how far off."""
    if not samples:
        return ["0", "", "", ""]
    widths, errors = [s.half_width for s in samples], [s.error for s in samples]
    return [
        str(len(samples)),
        wilson(sum(s.misses for s in samples), len(samples)),
        f"{percent(float(np.median(widths)))} ({percent(min(widths))} to {percent(max(widths))})",
        f"{percent(float(np.median(errors)))} ({percent(max(errors))})",
    ]


def by_grade(facts: Fact) -> Iterator[list[str]]:
    """Runs by the grade that the rule of today gives them, and by the one that the canary gave them."""
    everything = [sample for _, _, sample in samples_of(facts)]
    for grade in "ABC":
        yield [f"**{grade}**", *summary([sample for sample in everything if sample.grade == grade])]
    canary = MEASURES["canary: standard deviation / mean"]
    for name, low, high in (("below 1 %", 0, 0.01), ("1 to 5 %", 0.01, 0.05), ("5 % or more", 0.05, 9)):
        chosen = [sample for sample in everything if low <= sample.middle(canary) < high]
        yield [f"canary {name}", *summary(chosen)]


def by_setting(facts: Fact) -> Iterator[list[str]]:
    """Runs by setting and network."""
    for setting in settings(facts):
        for network in NETWORKS:
            chosen = [s for _, name, s in samples_of(facts, setting) if name == network]
            yield [setting, network, *summary(chosen)]


def settings(facts: Fact) -> list[str]:
    """In the order of the runs."""
    return list(dict.fromkeys(run["setting"] for run in sorted(facts["runs"], key=lambda run: run["at"])))


def predictors(facts: Fact) -> Iterator[list[str]]:
    """Rank correlations of every measure with errors and widths."""
    runs = [s for _, _, s in samples_of(facts)]
    for name, measure in MEASURES.items():
        row = [name]
        for setting in settings(facts):
            processes = [p for _, _, s in samples_of(facts, setting) for p in s.processes]
            row.append(correlation([measure(p) for p in processes], [abs(p["estimate"]) for p in processes]))
        measured = [s.middle(measure) for s in runs]
        row.append(correlation(measured, [s.error for s in runs]))
        row.append(correlation(measured, [s.half_width for s in runs]))
        yield row
    widths = correlation([s.half_width for s in runs], [s.error for s in runs])
    yield ["half-width of the interval", *("" for _ in settings(facts)), widths, ""]


def correlation(first: Sequence[float], second: Sequence[float]) -> str:
    """Spearman's, bold beyond its two-sided 99 % limit."""
    if len(first) < 4 or len(set(first)) == 1:
        return ""
    found = spearmanr(first, second)
    text = f"{found.statistic:+.2f}"
    return f"**{text}**" if found.pvalue < 0.01 else text


def own_intervals(facts: Fact) -> Iterator[list[str]]:
    """Single processes: how often the signed-rank interval over their own blocks excludes 1."""
    canary = MEASURES["canary: standard deviation / mean"]
    for setting in settings(facts):
        known = [p for _, _, s in samples_of(facts, setting) for p in s.processes if p["low"] is not None]
        known.sort(key=canary)
        halves = known[: len(known) // 2], known[len(known) // 2 :]
        missed = [[not p["low"] <= 0 <= p["high"] for p in half] for half in (known, *halves)]
        yield [setting, *(wilson(sum(found), len(found)) for found in missed)]


def drawn_sets(facts: Fact, setting: str) -> list[Sample]:
    """Sets of processes of one network, drawn across the runs of a setting: as many runs as one likes."""
    rng = np.random.default_rng(SEED)
    drawn = []
    for network in NETWORKS:
        known = [p for _, name, s in samples_of(facts, setting) if name == network for p in s.processes]
        if len(known) >= 2 * SET_SIZE:
            for _ in range(SETS):
                chosen = rng.choice(len(known), SET_SIZE, replace=False)
                drawn.append(Sample(tuple(known[index] for index in chosen)))
    return drawn


SET_MEASURES: dict[str, Callable[[Sample], float]] = {
    **{name: (lambda sample, m=measure: sample.middle(m)) for name, measure in MEASURES.items()},
    "half-width": lambda sample: sample.half_width,
    "half-width over what the blocks warrant": lambda sample: sample.half_width / sample.warranted,
}


def set_rows(facts: Fact) -> Iterator[list[str]]:
    """Misses of drawn sets, by thirds of every measure."""
    by_name = {setting: drawn_sets(facts, setting) for setting in settings(facts)}
    for name, measure in SET_MEASURES.items():
        row = [name]
        for drawn in by_name.values():
            ordered = sorted(drawn, key=measure)
            cuts = [len(ordered) * part // 3 for part in range(4)]
            thirds = [ordered[low:high] for low, high in pairwise(cuts)]
            row += [f"{np.mean([s.misses for s in third]) * 100:.1f}" if third else "" for third in thirds]
        yield row


def pairs(facts: Fact) -> Iterator[list[str]]:
    """Two runs of one network: does the interval of their difference hold 0?"""
    for setting in settings(facts):
        missed = []
        for network in NETWORKS:
            runs = [s.estimates for _, name, s in samples_of(facts, setting) if name == network]
            for first, second in combinations(runs, 2):
                limits = statistics.welch_difference(first, second).limits
                missed.append(limits is not None and not limits.low <= 0 <= limits.high)
        yield [setting, wilson(sum(missed), len(missed))]


def graded(sample: Sample) -> str:
    """Grade that a drawn set would get for its width and its luck; drift and drops belong to whole runs."""
    if sample.half_width > TOO_NOISY_RATIO:
        return "C"
    lucky = sample.half_width < LUCKY_AGREEMENT * sample.warranted
    return "A" if sample.half_width <= NARROW_RATIO and not lucky else "B"


def set_grades(facts: Fact) -> Iterator[list[str]]:
    """Misses of drawn sets, by grade and by luck."""
    drawn = [sample for setting in settings(facts) for sample in drawn_sets(facts, setting)]
    lucky = [sample.half_width < LUCKY_AGREEMENT * sample.warranted for sample in drawn]
    groups: dict[str, list[Sample]] = {
        f"grade {grade}": [s for s in drawn if graded(s) == grade] for grade in "ABC"
    }
    groups["narrow by chance"] = [s for s, is_lucky in zip(drawn, lucky, strict=True) if is_lucky]
    groups["the others"] = [s for s, is_lucky in zip(drawn, lucky, strict=True) if not is_lucky]
    groups["A but for being narrow by chance"] = [
        s for s in groups["narrow by chance"] if s.half_width <= NARROW_RATIO
    ]
    for name, chosen in groups.items():
        share = f"{len(chosen) / len(drawn) * 100:.0f} %" if drawn else ""
        missed = f"{np.mean([s.misses for s in chosen]) * 100:.1f} %" if chosen else ""
        yield [name, share, missed]


def ranges(facts: Fact) -> Iterator[list[str]]:
    """What each measure came to, as medians of the runs' processes, and their range."""
    for name, measure in MEASURES.items():
        row = [name]
        for setting in settings(facts):
            values = [sample.middle(measure) for _, _, sample in samples_of(facts, setting)]
            row.append(
                f"{percent(float(np.median(values)))} ({percent(min(values))} to {percent(max(values))})"
            )
        yield row


PAGE = """# What a grade says

{dates}, sebench {sebench}, torch {torch}, Python {python}, {cpu}, {cores} cores{virtual}.
Made by `python benchmarks/grades.py --facts reports/grades/facts.json --output reports/grades.md` from
{runs} standard runs ({processes} fresh processes) of `sebench compare --baseline plain -v plain`: the same
network on both sides, so the true ratio is 1 and an interval that does not hold 1 misses. Shares have
95 % intervals (Wilson). {about}

## Runs

| setting | network | runs | intervals that miss 1 | half-width: median (range) | off by: median (most) |
|---|---|---|---|---|---|
{by_setting}

## Grades

By the grade of today, and by what graded before: the variation of a canary, fixed work of one thread once per
block (below 1 % was needed for A, 5 % or more was C).

| runs | number | intervals that miss 1 | half-width: median (range) | off by: median (most) |
|---|---|---|---|---|
{by_grade}

{grades_say}

## What differs between the settings

Median of the processes of a run; median over the runs, and their range.

| measure | {settings} |
|---|{rules}|
{ranges}

## What predicts an error, and a width

Spearman's rank correlation with the distance of a process's own ratio from 1, by setting, and with error and
half-width of whole runs; bold where p < 0.01.

| measure | {process_settings} | error of a run | half-width of a run |
|---|{rules}|---|---|
{predictors}

## What predicts a miss

Runs miss too seldom to tell. Two more looks at the same processes:

**Sets of {size} processes** of one network, drawn at random across the runs of a setting ({sets} per
network that has {enough} processes or more), are as many runs as one likes, but not independent ones: the
figures describe these processes. Share of sets in percent whose interval misses 1, by thirds of each
measure (low, middle, high):

| measure | {set_settings} |
|---|{set_rules}|
{set_rows}

| drawn sets | share of all | intervals that miss 1 |
|---|---|---|
{set_grades}

"Narrow by chance" is what the finding `narrow-by-chance` tells: a half-width below {luck:g} of what the
noise of the blocks alone would give.

**Single processes** of six blocks or more: the interval over their own blocks, all, and the halves with the
calmer and with the more restless canary.

| setting | miss 1 | calmer canary | restless canary |
|---|---|---|---|
{own}

**Pairs of runs** of one network: the interval of their difference (Welch) does not hold 0.

| setting | pairs (not independent) |
|---|---|
{pairs}
"""
_ABOUT = (
    "Idle: the\nmachine did nothing else; its host may have. Busy: other programs (test suites) ran on the "
    "same cores."
)


def rows(found: Iterable[Sequence[str]]) -> str:
    """Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in found)


def report(facts: Fact) -> str:
    """The tables as Markdown."""
    names = settings(facts)
    dates = sorted(run["at"][:10] for run in facts["runs"])
    everything = [sample for _, _, sample in samples_of(facts)]
    quiet = [sample.half_width for sample in everything if sample.grade == "A"]
    return PAGE.format(
        **{name: facts[name] for name in ("sebench", "torch", "python", "cpu", "cores")},
        dates=" to ".join(dict.fromkeys((dates[0], dates[-1]))),
        virtual=", virtual machine" if facts["virtualization"] else "",
        runs=len(everything),
        processes=sum(len(sample.processes) for sample in everything),
        about=_ABOUT,
        by_setting=rows(by_setting(facts)),
        by_grade=rows(by_grade(facts)),
        grades_say="" if quiet else "No run of this machine got an A.",
        settings=" | ".join(names),
        rules="|".join(["---"] * len(names)),
        ranges=rows(ranges(facts)),
        process_settings=" | ".join(f"error of a process, {name}" for name in names),
        predictors=rows(predictors(facts)),
        size=SET_SIZE,
        sets=SETS,
        enough=2 * SET_SIZE,
        set_settings=" | ".join(f"{name}, {third}" for name in names for third in ("low", "middle", "high")),
        set_rules="|".join(["---"] * 3 * len(names)),
        set_rows=rows(set_rows(facts)),
        set_grades=rows(set_grades(facts)),
        luck=LUCKY_AGREEMENT,
        own=rows(own_intervals(facts)),
        pairs=rows(pairs(facts)),
    )


def main() -> None:
    """Measure, keep the facts, or make the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    asked = parser.add_mutually_exclusive_group()
    asked.add_argument("--collect", type=Path, metavar="DIR", help="measure, and keep the results here")
    asked.add_argument("--extract", type=Path, metavar="DIR", help="results by setting, to --facts")
    parser.add_argument("--runs", type=int, default=4, help="of each network")
    parser.add_argument("--neighbour", action="store_true", help="with one that comes and goes on each core")
    parser.add_argument("--facts", type=Path, default=Path("reports/grades/facts.json"))
    parser.add_argument("--output", type=Path, default=Path("reports/grades.md"))
    options = parser.parse_args()
    if options.collect:
        collect(options.collect, options.runs, with_neighbour=options.neighbour)
    elif options.extract:
        options.facts.parent.mkdir(parents=True, exist_ok=True)
        options.facts.write_text(facts_text(facts_of(options.extract)), encoding="utf-8")
    else:
        facts = json.loads(options.facts.read_text(encoding="utf-8"))
        options.output.write_text(report(facts), encoding="utf-8")


if __name__ == "__main__":
    main()
