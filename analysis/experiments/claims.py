"""What the paper says (Arjovsky, Shah and Bengio 2015, arXiv 1511.06464), and what was measured here.

A reproduction is a list of statements with an answer each, and the answer may be no. Every statement has its
source in the paper and a test that is written out, because the paper's 'solves' and 'does well' have no numbers.
What did not happen within our iterations may happen later; the answer names the iterations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis import units
from analysis.experiments.schema import PROFILE
from analysis.experiments.study import Group, Study
from analysis.vocabulary import counted

AGREE, DIFFER, NOT_RUN = "agree", "differ", "not run"

# Above this share of its own norm, from step to step, a state still takes something in.
SATURATED = 0.01
LEAST_SAID = 1e-12
RECALL = 10  # the last steps of copying

COPYING, ADDING, IMAGES, INSIDE = (
    "copying, figure 1",
    "adding, figure 2",
    "pixel-by-pixel MNIST, table 1",
    "figure 4",
)
EVERY, NONE = "every seed meets the goal", "no seed meets the goal"
NAMES = {"urnn": "uRNN", "lstm": "LSTM"}
ACCURACIES = (
    ("mnist", "MNIST pixel by pixel", "urnn", 0.951),
    ("mnist", "MNIST pixel by pixel", "lstm", 0.982),
    ("permuted_mnist", "MNIST, pixels permuted", "urnn", 0.914),
    ("permuted_mnist", "MNIST, pixels permuted", "lstm", 0.88),
)
ORDERS = (
    ("mnist", "MNIST in order", "lstm", "urnn"),
    ("permuted_mnist", "MNIST permuted", "urnn", "lstm"),
    ("digits", "The small digits, in place of MNIST, in order", "lstm", "urnn"),
    ("permuted_digits", "The small digits, in place of MNIST, permuted", "urnn", "lstm"),
)


@dataclass(frozen=True)
class Answer:
    """The verdict and what was measured, in words."""

    verdict: str
    measured: str


@dataclass(frozen=True)
class Claim:
    """One statement in our words, where the paper makes it, how it is tested, and the test with its arguments."""

    says: str
    source: str
    test: str
    check: Callable[..., Answer | None]
    of: tuple

    def answer(self, study: Study) -> Answer:
        """The verdict of these runs."""
        return self.check(study, *self.of) or Answer(NOT_RUN, "")


def claims() -> list[Claim]:
    """Every statement that the suite can test, in the order of the paper's experiments."""
    return [
        *(
            Claim(f"Copying, T = {t}: the uRNN solves it.", COPYING, EVERY, _solved, ("copying", t, "urnn", True))
            for t in (100, 200, 300, 500)
        ),
        *(
            Claim(
                f"Copying, T = {t}: the LSTM {'beats' if beats else 'does not beat'} the baseline.",
                COPYING,
                f"{'every' if beats else 'no'} seed ends below 90 % of the baseline",
                _below_baseline,
                ("copying", t, "lstm", beats),
            )
            for t, beats in ((100, True), (200, False), (300, False), (500, False))
        ),
        *(
            Claim(f"Adding, T = {t}: the {name} does well.", ADDING, EVERY, _solved, ("adding", t, model, True))
            for t in (100, 200, 400)
            for model, name in NAMES.items()
        ),
        *(
            Claim(
                f"Adding, T = 750: the {name} does not come near zero.",
                ADDING,
                NONE,
                _solved,
                ("adding", 750, model, False),
            )
            for model, name in NAMES.items()
        ),
        *(
            Claim(
                f"{images}: the {NAMES[model]} reaches {100 * reached:.1f} % test accuracy.",
                IMAGES,
                "the mean is that high, or its interval covers it",
                _reaches,
                (task, model, reached),
            )
            for task, images, model, reached in ACCURACIES
        ),
        *(
            Claim(
                f"{images}: the {NAMES[better]} is more accurate than the {NAMES[worse]}.",
                IMAGES,
                "its mean is higher",
                _ahead,
                (task, better, worse),
            )
            for task, images, better, worse in ORDERS
        ),
        Claim(
            "After 100 iterations, gradients of the uRNN fade less on their way back than those of the LSTM.",
            INSIDE,
            "on adding, |dC/dh_t| in the first tenth of the steps over that in the last tenth is larger",
            _larger,
            (decay, "first over last tenth", "urnn", "lstm"),
        ),
        Claim(
            "The norm of the uRNN's state changes less over time than that of the LSTM's.",
            INSIDE,
            "on copying, the norm's standard deviation over its mean is smaller",
            _larger,
            (unevenness, "deviation over mean", "lstm", "urnn"),
        ),
        Claim(
            "The LSTM's state hardly moves after the first steps: it is saturated.",
            INSIDE,
            f"on copying, it moves by less than {units.per_cent(SATURATED)} of its norm a step in the second half",
            _saturated,
            ("lstm",),
        ),
    ]


def _group(study: Study, task: str, length: int | None, model: str) -> Group | None:
    """The group that speaks for a model: it has ended runs, most seeds, and of equals the most iterations."""
    found = [
        group
        for group in study.groups
        if group.ended
        and (group.place.task, group.model) == (task, model)
        and length in (None, group.place.length)
    ]
    return max(found, key=lambda group: group.rank, default=None)


def _verdict(agrees: bool, measured: str) -> Answer:
    return Answer(AGREE if agrees else DIFFER, measured)


def _solved(study: Study, task: str, length: int, model: str, every: bool) -> Answer | None:
    if (group := _group(study, task, length, model)) is None:
        return None
    words = f"{_of_seeds(group, 'solved', group.solved)}, within {group.iterations:,} iterations"
    if every and group.solved == group.seeds:
        last = int(group.members["solved_iteration"].max())
        words = f"{_of_seeds(group, 'solved', group.solved)}, after {last:,} iterations at most"
    return _verdict(group.solved == (group.seeds if every else 0), words)


def _below_baseline(study: Study, task: str, length: int, model: str, every: bool) -> Answer | None:
    if (group := _group(study, task, length, model)) is None:
        return None
    words = _of_seeds(group, "below the baseline", group.below_baseline)
    agrees = group.below_baseline == (group.seeds if every else 0)
    return _verdict(agrees, f"{words}, within {group.iterations:,} iterations")


def _of_seeds(group: Group, what: str, number: int) -> str:
    return f"{group.size}: {what} in {number} of {counted(group.seeds, 'seed')}"


def _reaches(study: Study, task: str, model: str, wanted: float) -> Answer | None:
    group = _group(study, task, None, model)
    if not (group and group.score):
        return None
    return _verdict(group.score.mean >= wanted or group.score.high >= wanted, f"{group.size}: {accuracy(group)}")


def _ahead(study: Study, task: str, better: str, worse: str) -> Answer | None:
    first, second = (_group(study, task, None, model) for model in (better, worse))
    if not (first and second and first.score and second.score):
        return None
    words = "; ".join(f"{group.size}: {accuracy(group)}" for group in (first, second))
    return _verdict(first.score.mean > second.score.mean, words)


def accuracy(group: Group) -> str:
    """A group's score: '95.2 % (95 % interval 94.1 to 96.3, 3 seeds)'; 'not measured' where a member has none."""
    found = group.score
    if found is None:
        return units.NOT_MEASURED
    if found.seeds == 1:
        return f"{100 * found.mean:.1f} % (1 seed)"
    bounds = f"{100 * found.low:.1f} to {100 * found.high:.1f}"
    return f"{100 * found.mean:.1f} % (95 % interval {bounds}, {found.seeds} seeds)"


def _larger(
    study: Study, measure: Callable[[Study, str], float | None], words: str, model: str, other: str
) -> Answer | None:
    found = {name: measure(study, name) for name in NAMES}
    if None in found.values():
        return None
    measured = ", ".join(f"{NAMES[name]} {_faint(value)}" for name, value in found.items())
    return _verdict(found[model] > found[other], f"{words}: {measured}")


def _saturated(study: Study, model: str) -> Answer | None:
    moved = wandering(study, model)
    if moved is None:
        return None
    return _verdict(moved < SATURATED, f"{NAMES[model]}: {_faint(moved)} of its norm a step")


def _faint(value: float) -> str:
    """Two digits of a number that may be as good as nothing."""
    return f"below {LEAST_SAID:g}" if value < LEAST_SAID else f"{value:.2g}"


def _profile(study: Study, task: str, model: str) -> pd.DataFrame | None:
    """Geometric means over the seeds at the latest look into a model on a task, a row a time step."""
    for place, found in study.looked_into.items():
        for group in found:
            inside = study.anatomy_of(group)
            last = inside["iteration"].max()
            if (place.task, group.model) == (task, model) and last > 0:
                logs = np.log(inside[[c.name for c in PROFILE[1:]]].clip(lower=np.finfo(float).tiny))
                return np.exp(logs[inside["iteration"] == last].groupby(inside["t"].astype(int)).mean())
    return None


def decay(study: Study, model: str) -> float | None:
    """Median |dC/dh_t| in the first tenth of the steps over that in the last; 1 is no fading at all.

    On adding, whose cost is that of the last step alone, so that every gradient has come all the way back.
    """
    if (found := _profile(study, "adding", model)) is None:
        return None
    gradient = found["gradient_norm"].to_numpy()
    tenth = max(len(gradient) // 10, 1)
    return float(np.median(gradient[:tenth]) / np.median(gradient[-tenth:]))


def unevenness(study: Study, model: str) -> float | None:
    """Copying: standard deviation of |h_t| over t, over its mean."""
    if (found := _profile(study, "copying", model)) is None:
        return None
    norm = found["state_norm"].to_numpy()
    return float(norm.std() / norm.mean())


def wandering(study: Study, model: str) -> float | None:
    """Median of |h_t - h_{t-1}| / |h_t| over the second half of the steps before recall.

    On copying, whose input does not change during the wait; on adding every new number moves any state.
    """
    if (found := _profile(study, "copying", model)) is None:
        return None
    end = len(found) - RECALL
    late = found.iloc[end // 2 : end]
    return float(np.median((late["state_change"] / late["state_norm"]).to_numpy()))


def tally(answers: Sequence[Answer]) -> dict[str, int]:
    """How many statements have each verdict."""
    return {verdict: sum(answer.verdict == verdict for answer in answers) for verdict in (AGREE, DIFFER, NOT_RUN)}
