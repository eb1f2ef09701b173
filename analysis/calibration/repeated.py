"""What `compare` is worth on somebody's benchmarks, from repeated results of one code.

Comparisons are replayed by drawing two sides from the processes, none twice, and judged by the judge itself. A
slowed side is the same side with every time multiplied, which shifts the mean log-ratio and nothing else: so the
smallest slowdown that a replayed comparison calls is known without trying any.

Known weakness: sides that are drawn at random were measured in turn, as it were; `in_a_row` shows what becomes of
it where one side is measured after the other.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from scipy import stats

from analysis.errors import AnalysisError
from analysis.harnesses import OURS, File, read
from analysis.regressions.files import require_fresh, side_of
from analysis.regressions.judge import RULES, SEEN, Rules, Verdict, called_from, changes
from analysis.statistics import Estimate
from analysis.statistics.log_ratio import ENOUGH, LogRatio, of_groups
from analysis.statistics.power import processes_needed
from analysis.units import per_cent, share
from analysis.vocabulary import CONFIDENCE, counted

FLOORS = (0.0, 0.01, 0.02, 0.03, 0.05, 0.10)
EFFECTS = (0.05, 0.03, 0.01)
SHARES = (SEEN, 0.70)
COMPARISONS = 500
MOST_PROCESSES = 1000
SEED = 20151120

Logs = Mapping[str, Sequence[float]]  # benchmark -> log of each process's median, in the order of measuring


@dataclass(frozen=True)
class Alarms:
    """Share of comparisons of one code with itself that call a slowdown, at one floor.

    `mixed` is of sides that were drawn at random, `in_a_row` of sides that were measured one after the other.
    """

    floor: float
    mixed: Estimate
    in_a_row: float


@dataclass(frozen=True)
class Benchmark:
    """One benchmark.

    Attributes:
        seconds: median of its processes.
        spread: standard deviation of the log of a process's median, which is about a fraction.
        caught: share of comparisons -> the smallest slowdown, as a fraction, that so many call.
        needed: slowdown -> processes a side with which `SEEN` of comparisons call it; None: too many.
    """

    name: str
    seconds: float
    spread: Estimate
    caught: Mapping[float, float]
    needed: Mapping[float, int | None]


@dataclass(frozen=True)
class Worth:
    """All of it; `processes` a side of the comparisons that were replayed, out of `measured` in all."""

    measured: int
    processes: int
    rules: Rules
    alarms: tuple[Alarms, ...]
    benchmarks: tuple[Benchmark, ...]
    notes: tuple[str, ...]


def worth(paths: Sequence[Path], processes: int | None = None, rules: Rules = RULES) -> Worth:
    """Files of one code, each measured anew -> what comparing two such sides is worth.

    `processes`: a side; None: as many as the files allow.
    Raises AnalysisError for files that cannot be read or are too few.
    """
    files, problems = read(paths)
    logs, notes = _logs(files)
    measured = len(next(iter(logs.values())))
    most = measured // 2
    number = most if processes is None else processes
    if not ENOUGH <= number <= most:
        side = max(number, ENOUGH)
        raise AnalysisError(
            f"Expected at least {2 * side} processes of one code, for {side} a side, got {measured}; measure it "
            "again, each time into a file of its own."
        )
    random = np.random.default_rng(SEED)
    mixed = [
        _ratios(logs, order[:number], order[number : 2 * number])
        for order in (random.permutation(measured) for _ in range(COMPARISONS))
    ]
    row = [
        _ratios(logs, range(at, at + number), range(at + number, at + 2 * number))
        for at in range(measured - 2 * number + 1)
    ]
    independent = measured // (2 * number)
    alarms = tuple(
        Alarms(floor, _share(_called(mixed, rules, floor), independent), _called(row, rules, floor))
        for floor in sorted({*FLOORS, rules.floor})
    )
    benchmarks = tuple(_benchmark(name, logs, mixed, rules) for name in logs)
    return Worth(measured, number, rules, alarms, benchmarks, tuple(dict.fromkeys([*problems, *notes])))


def needed_floor(effect: float, rules: Rules) -> float:
    """The floor at which a slowdown of `effect` can be called: a change below the floor never is."""
    return rules.floor if rules.floor < effect else effect / 2


def _logs(files: Sequence[File]) -> tuple[Logs, list[str]]:
    """The benchmarks that every process has; and remarks."""
    for file in files:
        if file.tool == OURS:
            raise AnalysisError(
                f"Expected results of another project, got {file.path} of {OURS}; `python -m bench calibrate` "
                "measures its gate."
            )
    require_fresh(files)
    ordered = (
        sorted(files, key=lambda file: file.times.begun) if all(file.times.begun for file in files) else files
    )
    side = side_of(ordered, by_file=len(files) > 1, mixed=True)
    most = max(map(len, side.times.values()), default=0)
    whole = {
        name: [math.log(value) for value in times.values()]
        for name, times in side.times.items()
        if len(times) == most
    }
    if not whole:
        raise AnalysisError(f"{files[0].path}: expected times of benchmarks, got none.")
    notes = [note for file in files for note in file.times.notes]
    notes += [f"{name}: {side.messages[name]}" for name in side.messages]
    notes += [
        f"{name}: left out, as it is in {len(times)} of {counted(most, 'process')}"
        for name, times in side.times.items()
        if name not in whole
    ]
    commits = {file.times.commit for file in files if file.times.commit}
    if len(commits) > 1:
        notes.append(f"{len(commits)} commits: what changed between them counts as noise here")
    return whole, notes


def _ratios(logs: Logs, old: Sequence[int], new: Sequence[int]) -> dict[str, LogRatio]:
    return {name: of_groups([own[at] for at in old], [own[at] for at in new]) for name, own in logs.items()}


def _called(comparisons: Sequence[Mapping[str, LogRatio]], rules: Rules, floor: float) -> float:
    """Share of them that call any benchmark slower."""
    rules = rules.with_floor(floor)
    return float(np.mean([Verdict.REGRESSED in changes(ratios, rules).values() for ratios in comparisons]))


def _share(value: float, independent: int) -> Estimate:
    """A share over draws from few processes, with the bounds that as many comparisons without a process in common
    would give (Hoeffding 1963, section 5; Clopper and Pearson 1934)."""
    hits, tail = value * independent, (1 - CONFIDENCE) / 2
    low = float(stats.beta.ppf(tail, hits, independent - hits + 1)) if hits else 0.0
    high = float(stats.beta.ppf(1 - tail, hits + 1, independent - hits)) if hits < independent else 1.0
    return Estimate(value, low, high)


def _benchmark(name: str, logs: Logs, mixed: Sequence[Mapping[str, LogRatio]], rules: Rules) -> Benchmark:
    own, tests = logs[name], len(logs)
    # A slowdown adds to the mean, so that it is called once it makes up for what lacks.
    lacking = [called_from(ratios[name], tests, rules) - ratios[name].mean for ratios in mixed]
    caught = {share: math.expm1(max(float(np.quantile(lacking, share, method="higher")), 0.0)) for share in SHARES}
    spread = _spread(own)
    tail = rules.level / 2 / tests
    needed = {
        effect: processes_needed(
            math.log1p(effect),
            spread.value,
            SEEN,
            math.log1p(needed_floor(effect, rules)),
            tail,
            ENOUGH,
            MOST_PROCESSES,
        )
        for effect in EFFECTS
    }
    return Benchmark(name, math.exp(median(own)), spread, caught, needed)


def _spread(values: Sequence[float]) -> Estimate:
    """Standard deviation, with the interval that normal values would give."""
    freedom = len(values) - 1
    value = float(np.std(values, ddof=1))
    ends = (stats.chi2.ppf(part, freedom) for part in ((1 + CONFIDENCE) / 2, (1 - CONFIDENCE) / 2))
    return Estimate(value, *(value * math.sqrt(freedom / end) for end in ends))


def headlines(found: Worth) -> list[str]:
    """What a maintainer can act on."""
    floor = next(one for one in found.alarms if one.floor == found.rules.floor)
    independent = found.measured // (2 * found.processes)
    said = [
        f"{counted(len(found.benchmarks), 'benchmark')}, {counted(found.measured, 'process')}; {COMPARISONS} "
        f"comparisons of {found.processes} a side were replayed.",
        f"Without a change, {share(floor.mixed.value)} of them called a slowdown at the floor of "
        f"{per_cent(floor.floor)}. The interval, {share(floor.mixed.low)} to {share(floor.mixed.high)}, is that "
        f"of {counted(independent, 'comparison')}, all that so many processes hold without sharing one.",
        f"Where one side was measured after the other, {share(floor.in_a_row)} called a slowdown.",
    ]
    caught = sorted(found.benchmarks, key=lambda one: one.caught[SEEN])
    least, most = caught[0], caught[-1]
    said.append(
        f"{per_cent(SEEN)} of them call one slower benchmark from {per_cent(least.caught[SEEN])} on "
        f"({least.name}) to {per_cent(most.caught[SEEN])} on ({most.name})."
    )
    for effect in EFFECTS:
        numbers = [one.needed[effect] for one in found.benchmarks]
        known = [number for number in numbers if number is not None]
        at = f"To call {per_cent(effect)}, {_floor_words(effect, found.rules)}"
        if len(known) == len(numbers):
            said.append(f"{at}every benchmark needs at most {counted(max(known), 'process')} a side.")
        else:
            said.append(
                f"{at}{len(numbers) - len(known)} of {counted(len(numbers), 'benchmark')} need more than "
                f"{MOST_PROCESSES:,} processes a side."
            )
    return said


def _floor_words(effect: float, rules: Rules) -> str:
    floor = needed_floor(effect, rules)
    return "" if floor == rules.floor else f"with --floor {100 * floor:g}, "
