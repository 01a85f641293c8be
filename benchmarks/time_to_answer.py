"""How long does `sebench compare` take to an interval of a given width? Two versions of it, side by side.

Every round measures each network with both versions, one right after the other, in random order, in fresh
processes with fresh caches. The ratio of the versions is taken within rounds; its interval is over rounds.
With `--aa` a network is compared with itself: the interval should hold 1. Run it alone on the machine::

    git worktree add --detach /tmp/older COMMIT
    python benchmarks/time_to_answer.py --against /tmp/older --data runs.jsonl --rounds 8
    python benchmarks/time_to_answer.py --against /tmp/older --data runs.jsonl --rounds 8 --aa --resume
    python benchmarks/time_to_answer.py --from runs.jsonl --output reports/time_to_answer.md

It may be stopped at any time and continued with `--resume`. What follows `--` is added to every `compare`.
"""

from __future__ import annotations

import argparse
import compileall
import json
import math
import os
import random
import statistics as stdlib_statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from journal import Journal, Record, machine, machine_text, read, tables
from scipy.special import betaincinv, stdtrit

from sebench import statistics

ROOT = Path(__file__).resolve().parents[1]
NETWORKS = ("resnet50", "mobilenet_v1", "cifar_resnet110")
OLD, NEW = TREES = ("old", "new")
PAIR, AA = "pair", "aa"
ASKED = 0.02
"""The half-width that is asked for, where the older version reaches it."""
PROCESSES = range(statistics.MIN_PROCESSES, 201)
"""How many processes the model may take."""


def main() -> None:
    """Measure what is missing, then print the report."""
    options = _parse()
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
        options.output.write_text(text + "\n", encoding="utf-8")


# --- measuring --------------------------------------------------------------------------------------------


def measure_all(journal: Journal, options: argparse.Namespace) -> None:
    """All runs of all rounds that the journal lacks."""
    kind, trees = (AA if options.aa else PAIR), {OLD: options.against, NEW: ROOT}
    for tree in trees.values():
        compileall.compile_dir(tree / "sebench", quiet=2)
    for number in range(options.rounds):
        for network, name in order(options.model, options.seed, number):
            if journal.has(kind=kind, round=number, network=network, tree=name):
                continue
            budget_s = options.budgets[TREES.index(name)]
            run = measure(trees[name], network, budget_s, with_itself=options.aa, more=options.more)
            journal.add({"kind": kind, "round": number, "network": network, "tree": name, **run})
            print(f"round {number + 1}, {kind}, {network}, {name}: {run['wall_s']:.1f} s", file=sys.stderr)


def order(networks: Sequence[str], seed: int, number: int) -> Iterator[tuple[str, str]]:
    """Networks in random order, and for each both versions in random order, one right after the other."""
    rng = random.Random(f"{seed}/{number}")
    for network in rng.sample(list(networks), len(networks)):
        for tree in rng.sample(TREES, len(TREES)):
            yield network, tree


def measure(
    tree: Path, network: str, budget_s: float, *, with_itself: bool, more: Sequence[str] = ()
) -> Record:
    """One `compare` of one version, and an uncached `count`, which is what it does before it measures."""
    command = [
        "compare",
        "-m",
        network,
        "--device",
        "cpu",
        "--effort",
        "standard",
        "--budget",
        f"{budget_s:g}",
    ]
    command += ["--format", "json", "--save", "results", "--quiet", *more]
    command += ["--baseline", "plain", "-v", "plain"] if with_itself else []
    counted = _spent(tree, ["count", "-m", network, "--quiet"])
    with tempfile.TemporaryDirectory() as folder:
        spent = _spent(tree, command, Path(folder))
        answer = json.loads((Path(folder) / "stdout").read_text(encoding="utf-8"))
        (stored,) = (Path(folder) / "results").glob("*.json")
        result = json.loads(stored.read_text(encoding="utf-8"))
    (metric,) = (m for m in answer["comparisons"][0]["metrics"] if m["metric"] == "latency")
    return {
        "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        **spent,
        "count_s": counted["wall_s"],
        "ratio": [metric["ratio"][name] for name in ("estimate", "ci_low", "ci_high")],
        "scope": metric["ratio"]["scope"],
        "processes": [process_facts(run) for run in result["measurements"][0]["processes"]],
    }


def process_facts(run: Record) -> Record:
    """What a worker process of a stored result took, and the log-ratios of its blocks."""
    blocks = [] if run.get("error") else [block for block in run["blocks"] if not block.get("invalid")]
    segments = [[s["steps_s"] for s in block["segments"]] for block in blocks]
    return {
        "prepare_s": round(run["prepare_s"], 3),
        "timed_s": round(sum(sum(steps) for times in segments for steps in times), 3),
        "blocks": len(run["blocks"]),
        "effects": [
            round(statistics.block_log_ratio(block["order"], [stdlib_statistics.median(s) for s in times]), 6)
            for block, times in zip(blocks, segments, strict=True)
        ],
    }


def _spent(tree: Path, arguments: Sequence[str], folder: Path | None = None) -> Record:
    """What a whole command of a version took, its worker processes included."""
    if folder is None:
        with tempfile.TemporaryDirectory() as fresh:
            return _spent(tree, arguments, Path(fresh))
    environ = {**os.environ, "PYTHONPATH": str(tree), "XDG_CACHE_HOME": str(folder / "cache")}
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        began_s = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "sebench", *arguments], cwd=folder, env=environ, stdout=out, stderr=err
        )
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except KeyboardInterrupt:  # it has been interrupted as well, and stores what it has
            process.wait()
            raise
        wall_s = time.perf_counter() - began_s
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        said = (folder / "stderr").read_text(encoding="utf-8", errors="replace").strip()
        raise SystemExit(f"{tree}: sebench {' '.join(arguments)}: exit code {process.returncode}\n{said}")
    return {
        "wall_s": round(wall_s, 3),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 3),
        "involuntary_switches": usage.ru_nivcsw,
    }


def _setup(options: argparse.Namespace) -> Record:
    return {
        **machine(),
        "commits": {OLD: _commit(options.against), NEW: _commit(ROOT)},
        "budgets": dict(zip(TREES, options.budgets, strict=True)),
        "seed": options.seed,
        "more": options.more,
    }


def _commit(tree: Path) -> str:
    def git(*arguments: str) -> str:
        command = ["git", "-C", str(tree), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    changed = " with changes" if git("status", "--porcelain", "--", "sebench") else ""
    return git("rev-parse", "--short=12", "HEAD") + changed


# --- arithmetic -------------------------------------------------------------------------------------------


class Components(NamedTuple):
    """What makes a run's interval wide, and what makes the run long."""

    process_variance: float
    """Of the log-ratio between processes, beyond what their blocks explain."""
    block_variance: float
    """Of the log-ratio of one block within a process."""
    fixed_s: float
    """Before the first process."""
    prepare_s: float
    """Of one process."""
    block_s: float


@dataclass(frozen=True)
class Run:
    """One `compare`, as the journal has it."""

    record: Record

    @property
    def wall_s(self) -> float:
        """Of the whole command."""
        return float(self.record["wall_s"])

    @property
    def processes(self) -> list[Record]:
        """All that are recorded; one without blocks took time as well."""
        found: list[Record] = self.record["processes"]
        return found

    @property
    def half_width(self) -> float:
        """Of the interval of the log-ratio; infinite where there is none that speaks for fresh processes."""
        _, low, high = self.record["ratio"]
        return (
            math.inf
            if low is None or self.record["scope"] != "process"
            else math.log(float(high) / float(low)) / 2
        )

    @property
    def holds_1(self) -> bool:
        """Whether the interval contains 1; one that is not there does not."""
        _, low, high = self.record["ratio"]
        return low is not None and float(low) <= 1 <= float(high)

    @property
    def timed_share(self) -> float:
        """Of the wall time, of steps that count."""
        return sum(float(process["timed_s"]) for process in self.processes) / self.wall_s

    @property
    def prepare_s(self) -> float:
        """Median over the processes."""
        return stdlib_statistics.median(process["prepare_s"] for process in self.processes)

    @property
    def blocks(self) -> int:
        """Those that count."""
        return sum(len(process["effects"]) for process in self.processes)

    def components(self) -> Components:
        """Of this run alone; from a handful of processes they are rough, from one unknown (infinite)."""
        groups = [p["effects"] for p in self.processes if len(p["effects"]) >= statistics.MIN_BLOCKS]
        if len(groups) < 2:
            return Components(*[math.inf] * len(Components._fields))
        errors = [statistics.block_error(effects) ** 2 for effects in groups]
        between = stdlib_statistics.variance(statistics.process_estimates(groups))
        measured = sum(process["blocks"] for process in self.processes)
        preparing_s = sum(process["prepare_s"] for process in self.processes)
        fixed_s = float(self.record["count_s"])
        return Components(
            process_variance=max(between - stdlib_statistics.fmean(errors), 0.0),
            block_variance=stdlib_statistics.fmean(
                error * len(effects) for error, effects in zip(errors, groups, strict=True)
            ),
            fixed_s=fixed_s,
            prepare_s=preparing_s / len(self.processes),
            block_s=max(self.wall_s - fixed_s - preparing_s, 0.0) / measured,
        )


def time_to(half_width: float, parts: Components) -> float:
    """Shortest time in which a run is expected to reach a half-width, with the best processes and blocks.

    The half-width of P processes of B blocks is t(P - 1) sqrt((process variance + block variance / B) / P) on
    the log scale. Infinite where 200 processes are too few, or the
    variances unknown.
    """
    times = [math.inf]
    for processes in PROCESSES:
        allowed = half_width**2 * processes / float(stdtrit(processes - 1, 0.975)) ** 2
        if allowed <= parts.process_variance:
            continue
        blocks = math.ceil(parts.block_variance / (allowed - parts.process_variance))
        each_s = parts.prepare_s + max(blocks, statistics.MIN_BLOCKS) * parts.block_s
        times.append(parts.fixed_s + processes * each_s)
    return min(times)


def mean_components(runs: Sequence[Run]) -> Components:
    """Of several runs: variances from a handful of processes are rough, their mean is less so."""
    return Components(*map(stdlib_statistics.fmean, zip(*(run.components() for run in runs), strict=True)))


def clopper_pearson(hits: int, of: int) -> tuple[float, float]:
    """Exact 95 % interval of a share (Clopper & Pearson 1934)."""
    low = float(betaincinv(hits, of - hits + 1, 0.025)) if hits else 0.0
    high = float(betaincinv(hits + 1, of - hits, 0.975)) if hits < of else 1.0
    return low, high


Read = Callable[[Run], float]


def new_over_old(pairs: Sequence[Mapping[str, Run]], read: Read) -> list[float]:
    """Log of new / old in each round in which both are finite."""
    values = [(read(pair[NEW]), read(pair[OLD])) for pair in pairs]
    return [math.log(new / old) for new, old in values if all(0 < value < math.inf for value in (new, old))]


def paired(runs: Sequence[Record], kind: str) -> dict[str, list[dict[str, Run]]]:
    """By network, the rounds that both versions have measured."""
    found: dict[str, dict[int, dict[str, Run]]] = {}
    for record in runs:
        if record["kind"] == kind:
            rounds = found.setdefault(record["network"], {})
            rounds.setdefault(record["round"], {})[record["tree"]] = Run(record)
    return {
        network: [rounds[number] for number in sorted(rounds) if len(rounds[number]) == len(TREES)]
        for network, rounds in sorted(found.items())
    }


# --- report -----------------------------------------------------------------------------------------------


def report(setups: list[Record], runs: Sequence[Record]) -> str:
    """The tables as Markdown."""
    setup = setups[0]
    networks = {name: pairs for name, pairs in paired(runs, PAIR).items() if pairs}
    targets = {name: target(pairs) for name, pairs in networks.items()}
    commits, budgets = setup["commits"], setup["budgets"]
    more = f", with `{' '.join(setup['more'])}`" if setup["more"] else ""
    lines = [
        "# Time to an answer",
        "",
        f"`sebench compare --effort standard --device cpu` of SE against plain by two versions: old is "
        f"{commits[OLD]} with a budget of {budgets[OLD]:g} s, new is {commits[NEW]} with {budgets[NEW]:g} s"
        f"{more}. Rounds: {', '.join(f'{len(pairs)} of {name}' for name, pairs in networks.items())}; in "
        "each, both versions one right after the other in random order, in fresh processes with fresh "
        f"caches, seed {setup['seed']}.",
        "",
        f"{machine_text(setups)}.",
        "",
        "Half-widths are of the 95 % interval of the ratio, on the log scale. Values are medians over rounds "
        "with their 95 % intervals by order statistics; new / old is the geometric mean over rounds with its "
        "95 % interval by Student's t. A run that was cut down to one process has no interval here.",
    ]
    if networks:
        lines += ["", "## Runs", "", *tables(_run_rows(networks), "network", "", *TREES, "new / old")]
        lines += ["", "## Wall time to a half-width", "", *_ABOUT_TIMES, ""]
        lines += tables(_time_rows(networks, targets), "network", "", *TREES, "new / old")
    repeated = {name: pairs for name, pairs in paired(runs, AA).items() if pairs}
    if repeated:
        lines += ["", "## A network against itself", "", _ABOUT_AA, ""]
        head = ("network", "version", "intervals with 1", "95 % interval of the share", "half-width")
        lines += tables(_aa_rows(repeated), *head)
    options = f"--budgets {budgets[OLD]:g} {budgets[NEW]:g}"
    if runs:
        options += f" --rounds {max(run['round'] for run in runs) + 1}"
    made = f"python benchmarks/time_to_answer.py --against TREE {options}"
    lines += ["", f"Made by `{made}`" + (", and the same with `--aa`." if repeated else ".")]
    return "\n".join(lines)


_ABOUT_TIMES = (
    "Direct: what the half-widths that were reached say, if a half-width falls with the root of the time: "
    "wall time x half-width squared, new over old. By a model: the time of the best number of processes and "
    "blocks, from what the run itself took for counting, a process and a block, and from the variances "
    "between its processes and between its blocks; `pooled` takes the means of all these over the rounds "
    f"first. The half-width is {ASKED * 100:g} %, or what the old version reaches (median) if that is more.",
)
_ABOUT_AA = (
    "Plain against plain: the true ratio is 1, so 95 % of the intervals should hold it. Intervals of shares "
    "are exact (Clopper-Pearson)."
)


def target(pairs: Sequence[Mapping[str, Run]]) -> float:
    """The half-width to compare at: what is asked for, or what the old version reaches."""
    return max(ASKED, stdlib_statistics.median(pair[OLD].half_width for pair in pairs))


class Line(NamedTuple):
    """A row of a table: what is read off a run, and how it is printed."""

    title: str
    read: Read
    text: Callable[[float], str]


def _seconds(value: float) -> str:
    return "-" if value == math.inf else f"{value:.1f} s"


def _percent(value: float) -> str:
    return "none" if value == math.inf else f"{value * 100:.2f} %"


def _count(value: float) -> str:
    return f"{value:g}"


RUN_LINES = (
    Line("half-width", lambda run: run.half_width, _percent),
    Line("wall time", lambda run: run.wall_s, _seconds),
    Line("counting, uncached", lambda run: float(run.record["count_s"]), _seconds),
    Line("preparing a process", lambda run: run.prepare_s, _seconds),
    Line("timed share of the wall time", lambda run: run.timed_share, _percent),
    Line("processes", lambda run: len(run.processes), _count),
    Line("blocks that count", lambda run: run.blocks, _count),
    Line(
        "involuntary context switches per s",
        lambda run: run.record["involuntary_switches"] / run.wall_s,
        lambda v: f"{v:.0f}",
    ),
    Line("CPU time / wall time", lambda run: float(run.record["cpu_s"]) / run.wall_s, lambda v: f"{v:.2f}"),
)


def _run_rows(networks: Mapping[str, Sequence[Mapping[str, Run]]]) -> Iterator[list[str]]:
    for name, pairs in networks.items():
        yield [name, "ratio", *(_estimates([pair[tree] for pair in pairs]) for tree in TREES), ""]
        for line in RUN_LINES:
            yield _row(name, line, pairs)
    if len(networks) > 1:
        everything = [pair for pairs in networks.values() for pair in pairs]
        for line in RUN_LINES[:5]:
            yield [
                "all",
                line.title,
                "",
                "",
                ratio_text(new_over_old(everything, line.read), len(everything)),
            ]


def _row(network: str, line: Line, pairs: Sequence[Mapping[str, Run]]) -> list[str]:
    sides = (median_text([line.read(pair[tree]) for pair in pairs], line.text) for tree in TREES)
    return [network, line.title, *sides, ratio_text(new_over_old(pairs, line.read), len(pairs))]


def _time_rows(
    networks: Mapping[str, Sequence[Mapping[str, Run]]], targets: Mapping[str, float]
) -> Iterator[list[str]]:
    direct = Line("", lambda run: run.wall_s * run.half_width**2, _seconds)
    for name, pairs in networks.items():
        half_width = targets[name]

        def modelled(run: Run, half_width: float = half_width) -> float:
            return time_to(half_width, run.components())

        yield [
            name,
            f"direct, to {_percent(half_width)}",
            *(
                median_text([direct.read(pair[tree]) / half_width**2 for pair in pairs], _seconds)
                for tree in TREES
            ),
            ratio_text(new_over_old(pairs, direct.read), len(pairs)),
        ]
        yield _row(name, Line(f"by the model, to {_percent(half_width)}", modelled, _seconds), pairs)
        pooled = [time_to(half_width, mean_components([pair[tree] for pair in pairs])) for tree in TREES]
        share = f"{pooled[1] / pooled[0]:.2f}" if all(value < math.inf for value in pooled) else "-"
        yield [name, f"by the model, pooled, to {_percent(half_width)}", *map(_seconds, pooled), share]
        parts = [mean_components([pair[tree] for pair in pairs]) for tree in TREES]
        for title, which in (("processes", 0), ("blocks", 1)):
            deviations = [math.sqrt(part[which]) for part in parts]
            yield [name, f"standard deviation between {title}", *map(_percent, deviations), ""]
        yield [name, "a block takes", *(f"{part.block_s * 1e3:.0f} ms" for part in parts), ""]
    if len(networks) > 1:
        everything = [pair for pairs in networks.values() for pair in pairs]
        yield ["all", "direct", "", "", ratio_text(new_over_old(everything, direct.read), len(everything))]


def _aa_rows(networks: Mapping[str, Sequence[Mapping[str, Run]]]) -> Iterator[list[str]]:
    both = {**networks, "all": [pair for pairs in networks.values() for pair in pairs]}
    for name, pairs in both.items():
        for tree in TREES:
            runs = [pair[tree] for pair in pairs]
            hits = sum(run.holds_1 for run in runs)
            low, high = clopper_pearson(hits, len(runs))
            width = median_text([run.half_width for run in runs], _percent)
            yield [name, tree, f"{hits} of {len(runs)}", f"{low * 100:.0f} to {high * 100:.0f} %", width]


def _estimates(runs: Sequence[Run]) -> str:
    found = [run.record["ratio"][0] for run in runs if run.record["ratio"][0] is not None]
    return median_text(found, lambda value: f"{value:.4f}") if found else "none"


def median_text(values: Sequence[float], text: Callable[[float], str]) -> str:
    """``1.9 s [1.7 s, 2.2 s]``; of fewer than six values the smallest and the largest, in round brackets."""
    middle, finite = text(stdlib_statistics.median(values)), all(map(math.isfinite, values))
    if len(set(map(text, values))) == 1:
        return middle
    limits = statistics.median_interval(values) if finite else None
    if limits is None:
        return f"{middle} ({text(min(values))} to {text(max(values))})"
    return f"{middle} [{text(limits.low)}, {text(limits.high)}]"


def ratio_text(logs: Sequence[float], rounds: int) -> str:
    """The geometric mean with its interval; how many rounds it is of, where some have no figure."""
    if not logs:
        return "-"
    of = "" if len(logs) == rounds else f" ({len(logs)} of {rounds} rounds)"
    middle, limits = math.exp(stdlib_statistics.fmean(logs)), statistics.t_interval(logs)
    if limits is None:
        return f"{middle:.2f}{of}"
    return f"{middle:.2f} [{math.exp(limits.low):.2f}, {math.exp(limits.high):.2f}]{of}"


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--against", type=Path, metavar="TREE", help="a checkout of the older version")
    parser.add_argument("--model", nargs="+", default=list(NETWORKS), metavar="NET")
    parser.add_argument("--rounds", type=int, default=8, help="how many there are to be in all")
    parser.add_argument("--budgets", type=float, nargs=2, default=[80.0, 40.0], metavar=("OLD", "NEW"))
    parser.add_argument("--aa", action="store_true", help="rounds of a network against itself")
    parser.add_argument("--seed", type=int, default=1, help="of the orders")
    parser.add_argument("--data", type=Path, metavar="FILE", help="keep the runs here (JSON lines)")
    parser.add_argument("--resume", action="store_true", help="add the runs that --data lacks")
    parser.add_argument("--from", dest="source", type=Path, metavar="FILE", help="make the report of it only")
    parser.add_argument("--output", type=Path, metavar="FILE", help="where to write the report (Markdown)")
    parser.add_argument("more", nargs="*", metavar="OPTION", help="more options of compare, after --")
    options = parser.parse_args()
    if options.source is None and options.against is None:
        parser.error("say --against TREE to measure, or --from FILE")
    if options.resume and options.data is None:
        parser.error("--resume needs --data FILE")
    options.against = options.against and options.against.resolve()
    return options


if __name__ == "__main__":
    main()
