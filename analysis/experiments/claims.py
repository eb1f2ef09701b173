"""What the paper says, and what was measured here: agree, differ or not run.

Why: a reproduction is a list of statements with an answer each, and the answer may be no. Every statement has its
source in the paper (Arjovsky, Shah and Bengio 2015, arXiv 1511.06464) and a test that is written out, because the
paper's 'solves' and 'does well' have no numbers.

Known weakness: a statement is made about trained networks, and what did not happen within our iterations may
happen later; the answer names the iterations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from analysis import units
from analysis.experiments.groups import Group
from analysis.experiments.inside import decay, unevenness, wandering
from analysis.experiments.study import Study
from analysis.vocabulary import counted

AGREE, DIFFER, NOT_RUN = "agree", "differ", "not run"

# Above this share of its own norm, from step to step, a state still takes something in.
SATURATED = 0.01
LEAST_SAID = 1e-12


@dataclass(frozen=True)
class Answer:
    """The verdict and what was measured, in words."""

    verdict: str
    measured: str


@dataclass(frozen=True)
class Claim:
    """One statement in our words, where the paper makes it, how it is tested, and the test itself."""

    says: str
    source: str
    test: str
    check: Callable[[Study], Answer]


UNKNOWN = Answer(NOT_RUN, "")


def claims() -> list[Claim]:
    """Every statement that the suite can test, in the order of the paper's experiments."""
    return [*_copying(), *_adding(), *_images(), *_anatomy()]


def _group(study: Study, task: str, length: int | None, model: str) -> Group | None:
    """The group that speaks for a model: it has ended runs, most seeds, and of equals the most iterations."""
    found = [
        group
        for group in study.groups
        if group.ended
        and (group.place.task, group.model) == (task, model)
        and length in (None, group.place.length)
    ]
    return max(found, key=lambda group: (group.seeds, int(group.fact("max_iterations"))), default=None)


def _copying() -> list[Claim]:
    source, lengths = "copying, figure 1", (100, 200, 300, 500)
    solves = [
        Claim(
            f"Copying, T = {length}: the uRNN solves it.",
            source,
            "every seed meets the goal",
            partial(_all_solved, task="copying", length=length, model="urnn"),
        )
        for length in lengths
    ]
    lstm = [
        Claim(
            f"Copying, T = {length}: the LSTM {'beats' if length == 100 else 'does not beat'} the baseline.",
            source,
            f"{'every' if length == 100 else 'no'} seed ends below 90 % of the baseline",
            partial(_beats_baseline, task="copying", length=length, model="lstm", expected=length == 100),
        )
        for length in lengths
    ]
    return solves + lstm


def _adding() -> list[Claim]:
    source, names = "adding, figure 2", {"urnn": "uRNN", "lstm": "LSTM"}
    well = [
        Claim(
            f"Adding, T = {length}: the {name} does well.",
            source,
            "every seed meets the goal",
            partial(_all_solved, task="adding", length=length, model=model),
        )
        for length in (100, 200, 400)
        for model, name in names.items()
    ]
    hard = [
        Claim(
            f"Adding, T = 750: the {name} does not come near zero.",
            source,
            "no seed meets the goal",
            partial(_none_solved, task="adding", length=750, model=model),
        )
        for model, name in names.items()
    ]
    return well + hard


def _images() -> list[Claim]:
    source = "pixel-by-pixel MNIST, table 1"
    found = [
        Claim(
            f"{images}: the {name} reaches {100 * reached:.1f} % test accuracy.",
            source,
            "the mean is that high, or its interval covers it",
            partial(_reaches, task=task, model=model, wanted=reached),
        )
        for task, images, by_model in (
            ("mnist", "MNIST pixel by pixel", {"urnn": ("uRNN", 0.951), "lstm": ("LSTM", 0.982)}),
            ("permuted_mnist", "MNIST, pixels permuted", {"urnn": ("uRNN", 0.914), "lstm": ("LSTM", 0.88)}),
        )
        for model, (name, reached) in by_model.items()
    ]
    for task, permuted, images in (
        ("mnist", "permuted_mnist", "MNIST"),
        ("digits", "permuted_digits", "The small digits, in place of MNIST,"),
    ):
        found += [
            Claim(
                f"{images} in order: the LSTM is more accurate than the uRNN.",
                source,
                "its mean is higher",
                partial(_ahead, task=task, better="lstm", worse="urnn"),
            ),
            Claim(
                f"{images} permuted: the uRNN is more accurate than the LSTM.",
                source,
                "its mean is higher",
                partial(_ahead, task=permuted, better="urnn", worse="lstm"),
            ),
        ]
    return found


def _anatomy() -> list[Claim]:
    source = "figure 4"
    return [
        Claim(
            "After 100 iterations, gradients of the uRNN fade less on their way back than those of the LSTM.",
            source,
            "on adding, |dC/dh_t| in the first tenth of the steps over that in the last tenth is larger",
            partial(_inside, measure=decay, words="first over last tenth", larger="urnn"),
        ),
        Claim(
            "The norm of the uRNN's state changes less over time than that of the LSTM's.",
            source,
            "on copying, the norm's standard deviation over its mean is smaller",
            partial(_inside, measure=unevenness, words="deviation over mean", larger="lstm"),
        ),
        Claim(
            "The LSTM's state hardly moves after the first steps: it is saturated.",
            source,
            f"on copying, it moves by less than {units.per_cent(SATURATED)} of its norm a step in the second half",
            _saturated,
        ),
    ]


def _counted(number: int, group: Group, verb: str) -> str:
    of = f"{number} of {counted(group.seeds, 'seed')}"
    return f"{group.size}: {verb} in {of}"


def _within(group: Group) -> str:
    return f"within {int(group.members['iterations'].max()):,} iterations"


def _all_solved(study: Study, task: str, length: int, model: str) -> Answer:
    group = _group(study, task, length, model)
    if group is None:
        return UNKNOWN
    words = _counted(group.solved, group, "solved")
    if group.solved < group.seeds:
        return Answer(DIFFER, f"{words}, {_within(group)}")
    last = int(group.members["solved_iteration"].max())
    return Answer(AGREE, f"{words}, after {last:,} iterations at most")


def _none_solved(study: Study, task: str, length: int, model: str) -> Answer:
    group = _group(study, task, length, model)
    if group is None:
        return UNKNOWN
    words = f"{_counted(group.solved, group, 'solved')}, {_within(group)}"
    return Answer(DIFFER if group.solved else AGREE, words)


def _beats_baseline(study: Study, task: str, length: int, model: str, expected: bool) -> Answer:
    group = _group(study, task, length, model)
    if group is None:
        return UNKNOWN
    wanted = group.seeds if expected else 0
    words = f"{_counted(group.below_baseline, group, 'below the baseline')}, {_within(group)}"
    return Answer(AGREE if group.below_baseline == wanted else DIFFER, words)


def _reaches(study: Study, task: str, model: str, wanted: float) -> Answer:
    group = _group(study, task, None, model)
    score = group and group.across("score", most=1.0)
    if not score:
        return UNKNOWN
    agrees = score.mean >= wanted or score.high >= wanted
    return Answer(AGREE if agrees else DIFFER, f"{group.size}: {accuracy(group)}")


def _ahead(study: Study, task: str, better: str, worse: str) -> Answer:
    pair = [_group(study, task, None, model) for model in (better, worse)]
    scores = [group and group.across("score", most=1.0) for group in pair]
    if not all(scores):
        return UNKNOWN
    words = "; ".join(f"{group.size}: {accuracy(group)}" for group in pair)
    return Answer(AGREE if scores[0].mean > scores[1].mean else DIFFER, words)


def accuracy(group: Group) -> str:
    """A group's score: '95.2 % (95 % interval 94.1 to 96.3, 3 seeds)'; 'not measured' where a member has none."""
    found = group.across("score", least=0.0, most=1.0)
    if found is None:
        return units.NOT_MEASURED
    if found.seeds == 1:
        return f"{100 * found.mean:.1f} % (1 seed)"
    bounds = f"{100 * found.low:.1f} to {100 * found.high:.1f}"
    return f"{100 * found.mean:.1f} % (95 % interval {bounds}, {found.seeds} seeds)"


def _inside(study: Study, measure: Callable[[Study, str], float | None], words: str, larger: str) -> Answer:
    found = {model: measure(study, model) for model in ("urnn", "lstm")}
    if None in found.values():
        return UNKNOWN
    other = "lstm" if larger == "urnn" else "urnn"
    measured = f"{words}: uRNN {_faint(found['urnn'])}, LSTM {_faint(found['lstm'])}"
    return Answer(AGREE if found[larger] > found[other] else DIFFER, measured)


def _saturated(study: Study) -> Answer:
    moved = wandering(study, "lstm")
    if moved is None:
        return UNKNOWN
    return Answer(AGREE if moved < SATURATED else DIFFER, f"LSTM: {_faint(moved)} of its norm a step")


def _faint(value: float) -> str:
    """Two digits of a number that may be as good as nothing."""
    return f"below {LEAST_SAID:g}" if value < LEAST_SAID else f"{value:.2g}"


def tally(answers: Sequence[Answer]) -> dict[str, int]:
    """How many statements have each verdict."""
    return {verdict: sum(answer.verdict == verdict for answer in answers) for verdict in (AGREE, DIFFER, NOT_RUN)}
