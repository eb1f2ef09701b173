"""Test a trained net by a coverage metric; interrupted, the same command goes on."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from urnn.coverage import METRICS, Metric
from urnn.coverage.campaign import SOWN, Campaign
from urnn.coverage.generators import GENERATORS
from urnn.coverage.inputs import Inputs, Oracle
from urnn.coverage.journal import Journal
from urnn.coverage.trained import Trained, read
from urnn.training import folder, interruption, memory
from urnn.training.display import Console, as_duration, as_line
from urnn.training.ending import DONE, FAILED
from urnn.training.errors import TrainingError
from urnn.training.parser import Parser
from urnn.training.settings import MOST, MOST_THREADS

EVERY = 1000  # evaluations between two lines of the log
# option -> least, most
WHOLE_NUMBERS = {
    "budget": (1, MOST),
    "tests": (1, MOST),
    "seed": (0, 2**63 - 1),
    "threads": (1, MOST_THREADS),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code, see `urnn.training.ending`. Unless it is 0, one line on standard error says why."""
    try:
        message, code = _test(_parser().parse_args(arguments))
    except BrokenPipeError:
        raise
    except (TrainingError, OSError) as error:
        print(f"error: {as_line(str(error))}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("error: interrupted; the last checkpoint is kept, and the same command goes on", file=sys.stderr)
        return FAILED
    print(f"error: {as_line(message)}" if code else as_line(message), file=sys.stderr if code else sys.stdout)
    return code


def _test(options: argparse.Namespace) -> tuple[str, int]:
    with memory.exhaustion_reported("make --tests smaller"), ExitStack() as held:
        with _refusals_reported():
            _require_numbers(options)
            torch.set_num_threads(options.threads)
            trained = read(options.checkpoint, options.task, options.mnist)
            metric = _metric(options, trained).fit(trained.training)
            _require_memory(options, trained, metric)
            campaign = _campaign(options, trained, metric)
        where = _folder(options)
        require_own = held.enter_context(folder.owned(where))
        stop = held.enter_context(interruption.listening())
        journal = Journal(where, _identity(options, trained))
        if options.fresh:
            journal.forget()
        with _Display(campaign, options.budget) as display:
            _say_what_is_left_out(campaign, trained, display)
            if journal.begin(campaign):
                display.say(f"going on after {campaign.evaluations} evaluations, from {where}")
            with _refusals_reported():
                _run(campaign, options, journal, display, stop, require_own)
        return _ended(campaign, journal, options.budget, where)


def _run(
    campaign: Campaign,
    options: argparse.Namespace,
    journal: Journal,
    display: "_Display",
    stop: interruption.Stop,
    require_own: Callable[[], None],
) -> None:
    """Sows, lets the generator work, and writes down how far it is."""
    begin, at = time.monotonic(), campaign.evaluations
    written = at
    if campaign.evaluations == 0:
        campaign.sow(min(options.tests, options.budget))

    def after_round() -> bool:
        nonlocal at, written
        display.show(campaign)
        if campaign.evaluations // EVERY > at // EVERY:
            require_own()
            journal.record(campaign, time.monotonic() - begin)
            at = written = campaign.evaluations
        return not stop.asked

    if after_round():
        campaign.run(GENERATORS[options.generator](), options.budget, after_round)
    require_own()
    if campaign.evaluations > written or not written:
        journal.record(campaign, time.monotonic() - begin)


def _ended(campaign: Campaign, journal: Journal, budget: int, where: Path) -> tuple[str, int]:
    metric, found = campaign.metric, campaign.summary()
    covered = not metric.uncovered()
    outcome = "covered" if covered else "spent" if campaign.evaluations >= budget else "interrupted"
    journal.end(campaign, outcome)
    if outcome == "interrupted":
        kept = f"{where} keeps it, and the same command goes on"
        return f"interrupted after {campaign.evaluations} evaluations; {kept}", FAILED
    defects = f"{found['defects']} defects, the first at evaluation {found['first_defect']}"
    return (
        f"{metric.count - found['uncovered']} of {metric.count} requirements met ({found['coverage']:.1%}) in "
        f"{campaign.evaluations} evaluations; {defects if campaign.defects else 'no defect'}; {where} keeps them"
    ), DONE


def _metric(options: argparse.Namespace, trained: Trained) -> Metric:
    return METRICS[options.metric](trained.rnn, window=_window(options.window), layer=options.layer)


def _campaign(options: argparse.Namespace, trained: Trained, metric: Metric) -> Campaign:
    inputs = Inputs.of(trained.training, options.noise)
    if options.generator == "gradient":
        inputs.require_numbers()
        if trained.logits is None:
            raise ValueError(
                f"the answers of {trained.task} are no classes, which the gradient generator needs; "
                "take random or genetic"
            )
    oracle = Oracle(options.radius) if inputs.numeric and not inputs.symbolic else None
    return Campaign(metric, trained.logits, trained.originals, inputs=inputs, oracle=oracle, seed=options.seed)


def _say_what_is_left_out(campaign: Campaign, trained: Trained, display: "_Display") -> None:
    if campaign.oracle is None:
        display.say(
            f"the inputs of {trained.task} are symbols, and another symbol is another question: "
            "coverage is measured, and no defects are looked for"
        )
    elif campaign.logits is None:
        display.say(f"the answers of {trained.task} are no classes: no defects are looked for")


def _identity(options: argparse.Namespace, trained: Trained) -> dict[str, object]:
    names = ("metric", "generator", "seed", "radius", "noise", "window", "layer", "tests")
    known = {"task": trained.task, "model": trained.model, "checksum": trained.checksum}
    return known | {name: getattr(options, name) for name in names}


def _folder(options: argparse.Namespace) -> Path:
    """RUNS/<metric>-<generator>-seed<seed>, by default in the folder coverage beside the checkpoint."""
    path = options.checkpoint
    runs = options.runs or (path if path.is_dir() else path.parent) / "coverage"
    return runs / f"{options.metric}-{options.generator}-seed{options.seed}"


def _window(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    first, colon, last = text.partition(":")
    if not (colon and first.isdecimal() and last.isdecimal()):
        raise ValueError(f"--window must be FIRST:LAST, two numbers of steps, got {text}")
    return int(first), int(last)


def _require_numbers(options: argparse.Namespace) -> None:
    for name, (least, most) in WHOLE_NUMBERS.items():
        value = getattr(options, name)
        if not least <= value <= most:
            raise ValueError(f"--{name} must be a whole number from {least} to {most}, got {value}")


def _require_memory(options: argparse.Namespace, trained: Trained, metric: Metric) -> None:
    """Raises TrainingError where the random tests, their changes and states need more than is free."""
    steps, _, features = trained.originals.shape
    numbers = steps * (3 * features + metric.width) + metric.count // memory.FLOAT
    needed, free = min(options.tests, options.budget) * numbers * memory.FLOAT, memory.available("cpu")
    if free is not None and needed > free:
        raise TrainingError(
            f"--tests {options.tests} need at least {memory.as_bytes(needed)} of memory, and "
            f"{memory.as_bytes(free)} are free; make it smaller"
        )


@contextmanager
def _refusals_reported() -> Iterator[None]:
    """Turns what metrics, inputs and generators refuse into the user's error message."""
    try:
        yield
    except ValueError as error:
        raise TrainingError(str(error)) from error


class _Display:
    """A live line on a terminal; elsewhere a line at each tenth of the budget."""

    def __init__(self, campaign: Campaign, budget: int) -> None:
        self.console, self.budget, self.begin = Console(file=sys.stdout, highlight=False, emoji=False), budget, 0.0
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn())
        off = not self.console.is_terminal
        self.bar = Progress(*columns, TextColumn("{task.fields[status]}"), console=self.console, disable=off)
        self.task = self.bar.add_task(f"{campaign.metric.name} coverage", total=budget, status="")
        self.told, self.at = 0, 0

    def __enter__(self) -> "_Display":
        self.begin = time.monotonic()
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def say(self, sentence: str) -> None:
        self.console.print(as_line(sentence), soft_wrap=True, markup=False)

    def show(self, campaign: Campaign) -> None:
        """After each round."""
        done = campaign.evaluations
        self.at = self.at or done  # a campaign that goes on has evaluations that took none of this time
        rate = (done - self.at) / max(time.monotonic() - self.begin, 1e-9)
        left = f", at most {as_duration((self.budget - done) / rate)} left" if rate > 0 else ""
        status = f"{campaign.metric.value():.1%} covered, {len(campaign.defects)} defects{left}"
        self.bar.update(self.task, completed=done, status=status)
        tenth = 10 * done // self.budget
        if tenth > self.told and not self.console.is_terminal:
            self.told = tenth
            self.say(f"evaluation {done} of {self.budget}: {status}")


def _parser() -> argparse.ArgumentParser:
    codes = "exit codes: 0 the budget is spent or all is covered; 2 it is not, and standard error says why"
    parser = Parser(prog="python -m urnn.coverage", description=__doc__, epilog=codes)
    add = parser.add_argument
    add("checkpoint", type=Path, metavar="CHECKPOINT", help="a checkpoint of the trainer, or a run's folder")
    add("--task", metavar="TASK", help="the task that it is of; default: whichever it is")
    add("--metric", choices=METRICS, default="temporal", help="default: %(default)s")
    add("--generator", choices=GENERATORS, default="genetic", help="default: %(default)s")
    add("--budget", type=int, default=100_000, metavar="N", help="evaluations in all; default: %(default)s")
    add("--tests", type=int, default=SOWN, metavar="N", help="random tests to begin with; default: %(default)s")
    add("--seed", type=int, default=0, help="of everything that is drawn; default: %(default)s")
    add("--radius", type=float, default=Oracle().radius, help="of the oracle; default: %(default)s")
    add(
        "--noise",
        type=float,
        default=Inputs.noise,
        help="of a mutation, of the inputs' range; default: %(default)s",
    )
    add("--window", metavar="FIRST:LAST", help="the steps that the metric looks at; default: all of them")
    add("--layer", type=int, default=-1, help="that it looks at; default: the last")
    add("--threads", type=int, default=1, help="threads torch may use; default: %(default)s")
    add("--runs", type=Path, metavar="FOLDER", help="where campaigns are kept; default: beside the checkpoint")
    add("--mnist", type=Path, default=Path("mnist"), metavar="FOLDER", help="MNIST's IDX files; default: mnist")
    add("--fresh", action="store_true", help="start over instead of going on")
    return parser
