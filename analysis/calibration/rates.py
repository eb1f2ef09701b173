"""How often simulated gates call a regression, and how noisy the recorded machine was.

An interval joins the binomial one (Clopper and Pearson 1934) with that of gates replayed on passes drawn anew
(Efron 1979), because a recording is short. What never happened in the recorded passes happens in no simulation.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy import stats

from analysis.calibration.recording import Recording
from analysis.calibration.replay import SCREENED, Gate, simulate
from analysis.regressions.judge import RULES, SEEN, Verdict
from analysis.regressions.measurements import of_variant
from analysis.statistics import Estimate
from analysis.statistics.log_ratio import sentinel_weight
from analysis.vocabulary import BASE, CONFIDENCE, DETECTABLE_FORMAT, SAME

SEED = 20151120
REPLAYED = 100  # gates without a change, for the usual number of suspects
STEP, MOST_STEPS = 1.1, 20  # by which slowdowns are raised until gates see them


@dataclass(frozen=True)
class Effort:
    """How many gates are simulated, and how many redrawn recordings with how many gates each give the interval.

    Without a change there are `finer` times as many: a rate of one in two hundred is not seen in fifty.
    """

    gates: int = 500
    redrawn: int = 30
    gates_each: int = 50
    finer: int = 4


@dataclass(frozen=True)
class Condition:
    """What the gate says of one known change.

    Attributes:
        side: the recording's side.
        slowdown: 0 for A/A, else the fraction.
        called: share of gates that called a regression: of any cell in A/A, of the slowed model with a slowdown.
        by_cell: the share for each of these cells; `named` is its mean.
        others: share of gates that called a regression of another model than the slowed one.
        faster, inconclusive: mean share of cells with these verdicts.
        minutes: median and 95th percentile.
    """

    side: str
    slowdown: float
    called: Estimate
    by_cell: dict[str, float]
    others: float
    faster: float
    inconclusive: float
    minutes: tuple[float, float]

    @property
    def named(self) -> float:
        return sum(self.by_cell.values()) / len(self.by_cell)


def conditions(recording: Recording, effort: Effort) -> list[Condition]:
    """A/A first, then the slowdowns from the smallest; the same numbers at every call."""
    sides = {SAME: 0.0, **recording.slowdowns}
    return [_condition(recording, side, sides[side], effort) for side in sorted(sides, key=sides.get)]


def _condition(recording: Recording, side: str, slowdown: float, effort: Effort) -> Condition:
    watched = list(recording.slowed_cells if slowdown else recording.cells)
    random = np.random.default_rng([SEED, round(1e6 * slowdown)])
    times = 1 if slowdown else effort.finer

    def replayed(passes: Sequence[int], number: int) -> list[Gate]:
        return [simulate(recording, side, passes, random) for _ in range(number)]

    gates = replayed(recording.passes, times * effort.gates)
    redrawn = []
    for _ in range(effort.redrawn):
        again = replayed(random.choice(recording.passes, len(recording.passes)), times * effort.gates_each)
        redrawn.append(np.mean([gate.regressed(watched) for gate in again]))
    verdicts = pd.DataFrame([gate.verdicts for gate in gates])
    called = verdicts[watched] == Verdict.REGRESSED
    others = verdicts[[cell for cell in recording.cells if cell not in watched]] == Verdict.REGRESSED
    return Condition(
        side,
        slowdown,
        _rate(int(called.any(axis=1).sum()), len(gates), redrawn),
        called.mean().to_dict(),
        float(others.any(axis=1).mean()) if slowdown else 0.0,
        *(float((verdicts == verdict).to_numpy().mean()) for verdict in (Verdict.FASTER, Verdict.INCONCLUSIVE)),
        tuple(map(float, np.quantile([gate.minutes for gate in gates], (0.5, 0.95)))),
    )


def _rate(hits: int, number: int, redrawn: Sequence[float]) -> Estimate:
    """A share with its exact binomial bounds, moved out to those of the redrawn recordings."""
    exact = stats.binomtest(hits, number).proportion_ci(CONFIDENCE, "exact")
    outer = np.quantile(redrawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Estimate(hits / number, float(min(exact.low, outer[0])), float(max(exact.high, outer[1])))


def smallest_detectable(found: Sequence[Condition], rate: float) -> float | None:
    """The slowdown from which on that share of gates calls it, on straight lines between those recorded; or
    None."""
    points = [(one.slowdown, one.called.value) for one in found]
    for (before, low), (after, high) in pairwise(points):
        if low < rate <= high and all(value >= rate for at, value in points if at >= after):
            return before + (after - before) * (rate - low) / (high - low)
    return None


def guarded(recording: Recording) -> pd.DataFrame:
    """Log-ratios of two processes of one commit, by pass and cell, without what the sentinel explains of them."""
    own = _log_ratios(recording, SAME)
    guards = own.reindex(columns=[of_variant(cell, recording.sentinel) for cell in own])
    guards.columns = own.columns
    guards.loc[:, own.columns.str.startswith(f"{recording.sentinel}-")] = np.nan
    shared = guards.dropna(axis=1)
    weight = sentinel_weight([(list(own[cell]), list(shared[cell])) for cell in shared])
    return own.sub(weight * shared, fill_value=0.0)


def spreads(recording: Recording) -> pd.DataFrame:
    """Standard deviation, over passes, of the log-ratio of two processes of one commit, which is about a fraction.

    Rows are the judged cells, the largest first; `guarded` is what is left of `plain` once the sentinel's share is
    taken out, and equal to it for the sentinel.
    """
    own, left = _log_ratios(recording, SAME), guarded(recording)
    found = pd.DataFrame({"plain": own.std(), "guarded": left.std()}).loc[list(recording.cells)]
    return found.sort_values("plain", ascending=False, kind="stable")


def detectable(recording: Recording, gates: int = 10, draws: int = 1000) -> dict[str, float]:
    """Cell -> the slowdown, as a fraction, that `SEEN` of gates name where it is that cell's alone; {}: not known.

    What a confirmation lacks to call each cell is drawn from the recorded passes without a change. As a gate also
    has to suspect the cell, and to have time for it, gates are replayed with the slowdown in one cell after the
    other, `gates` for each, and all slowdowns are raised by the same steps until `SEEN` of these gates name it.
    """
    found = _confirmable(recording, draws)
    for _ in range(MOST_STEPS):
        random = np.random.default_rng(SEED)
        named = [
            simulate(recording, SAME, recording.passes, random, slower={cell: slower}).regressed([cell])
            for cell, slower in found.items()
            for _ in range(gates)
        ]
        if np.mean(named) >= SEEN:
            return found
        found = {cell: STEP * slower for cell, slower in found.items()}
    return {}


def _confirmable(recording: Recording, draws: int) -> dict[str, float]:
    """Cell -> the slowdown that `SEEN` of confirmations alone would call, in the passes that are kept for them."""
    random = np.random.default_rng(SEED)
    replayed = [simulate(recording, SAME, recording.passes, random) for _ in range(REPLAYED)]
    suspects = round(np.median([gate.suspects for gate in replayed])) + 1  # and the slower cell
    left = guarded(recording)[list(recording.cells)]
    passes = round((1 - SCREENED) * len(left))
    test = stats.t.ppf(1 - RULES.level / suspects, passes - 1)
    lacking = []
    for _ in range(draws):
        # Which of the two equal sides is called base is tossed for each pass, as in a replayed gate.
        drawn = left.iloc[random.permutation(len(left))[:passes]].mul(random.choice([-1.0, 1.0], passes), axis=0)
        needed = np.maximum(math.log1p(RULES.floor), test * drawn.std() / math.sqrt(passes))
        lacking.append(needed - drawn.mean())
    found = pd.DataFrame(lacking).quantile(SEEN, interpolation="higher")
    return np.expm1(found.clip(lower=math.log1p(RULES.floor))).to_dict()


def detectable_file(recording: Recording, found: Mapping[str, float]) -> str:
    """As JSON, for the gate's table."""
    facts = {"machine": recording.facts["Machine"], "recorded": recording.facts.get("Recording begun", "")}
    content = {"format": DETECTABLE_FORMAT, **facts, "cells": dict(found)}
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def achieved(recording: Recording, side: str) -> dict[str, float]:
    """Cell of the slowed model -> how much slower the copy was, as a fraction: the median over passes of its ratio
    to the same commit unslowed, measured in the same pass."""
    apart = (_log_ratios(recording, side) - _log_ratios(recording, SAME))[list(recording.slowed_cells)]
    return np.expm1(apart.median()).to_dict()


def _log_ratios(recording: Recording, side: str) -> pd.DataFrame:
    """log(side / base) of each pass and cell."""
    before, after = (pd.DataFrame(recording.times[name]) for name in (BASE, side))
    cells = [cell for cell in dict.fromkeys(recording.cells) if cell in after]
    return np.log(after[cells] / before[cells]).loc[list(recording.passes)]
