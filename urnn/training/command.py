"""Train a registered model on a task; interrupted, the same command goes on."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

import torch

from urnn import models
from urnn.training import folder, interruption, memory, owner, problems, selecting, tuned
from urnn.training.display import Display, as_line, compiling_told
from urnn.training.ending import DIVERGED, DONE, FAILED
from urnn.training.errors import TrainingError
from urnn.training.optimisers import OPTIMISERS
from urnn.training.parser import Parser
from urnn.training.presets import preset, untuned
from urnn.training.run import End, Run
from urnn.training.settings import GIVEN, PRESET, TUNED, Settings
from urnn.training.trainer import Trainer

ENDS = ("max_seconds", "goal_score", "goal_loss")
EXIT_CODES = {"solved": DONE, "finished": DONE, "not finished": DONE, "diverged": DIVERGED, "interrupted": FAILED}


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code, see `urnn.training.ending`. Unless it is 0, one line on standard error says why."""
    try:
        end = _train(_parser().parse_args(arguments))
    except BrokenPipeError:
        raise
    except (TrainingError, OSError) as error:  # OSError: a disk that is full, say
        print(f"error: {as_line(str(error))}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("error: interrupted; the last checkpoint is kept, and the same command goes on", file=sys.stderr)
        return FAILED
    code = EXIT_CODES[end.outcome]
    message = as_line(end.message)
    print(f"error: {message}" if code else message, file=sys.stderr if code else sys.stdout)
    return code


def _train(options: argparse.Namespace) -> End:
    if options.end_with_stdin:
        owner.watch()
    with memory.exhaustion_reported(), compiling_told(), ExitStack() as held:
        with _refusals_reported():
            settings = _settings(options)
            torch.set_num_threads(settings.threads)
            problem = problems.build(settings.task, settings.length, options.mnist, options.enwik8)
            memory.require(settings, problem)
            where = folder.run_folder(options.runs, problem, settings)
            require_own = held.enter_context(folder.owned(where))
            trainer = Trainer(settings, problem)
            display = Display(problem, settings)
            run = Run(  # which may compile a kernel: until then a signal ends the command at once
                trainer,
                where,
                display,
                with_anatomy=options.anatomy,
                with_test=not options.no_test,
                require_own=require_own,
            )
            stop = held.enter_context(interruption.listening())
        if options.fresh:
            run.forget()
        with display:
            return run.to_its_end(stop)


@contextmanager
def _refusals_reported() -> Iterator[None]:
    """Turns what settings, models and tasks refuse into the user's error message."""
    try:
        yield
    except (ValueError, RuntimeError) as error:
        raise TrainingError(str(error)) from error


def _settings(options: argparse.Namespace) -> Settings:
    """The preset of the task and the model, and over it what the command says."""
    problems.require_length(options.task, options.length)
    plain = untuned(options.task, options.model, options.length)
    is_tuned = tuned.nearest(options.task, options.length, options.model) is not None
    base = preset(options.task, options.model, options.length) if is_tuned and not options.untuned else plain
    chosen = asdict(base)
    chosen |= {name: value for name, value in vars(options).items() if name in chosen and value is not None}
    chosen |= {name: None for name in ("clip", "clip_norm") if chosen[name] == 0}
    as_chosen = chosen | {"max_iterations": base.max_iterations} == asdict(base)  # a limit is no setting
    protocol = GIVEN if not as_chosen else PRESET if base is plain else TUNED
    given = ("task", "length", "model", "backend", "seed", "evaluate_every", "device", "threads", *ENDS)
    way = options.select_neurons
    named = {name: getattr(options, name) for name in (*given, "select_neurons")}
    named |= selecting.filled(way, {name: getattr(options, name) for name in selecting.OPTIONS})
    return Settings(**chosen, **named, protocol=protocol)


def _parser() -> argparse.ArgumentParser:
    codes = "exit codes: 0 the run ended; 2 it did not, and standard error says why; 3 it diverged"
    parser = Parser(prog="python -m urnn.training", description=__doc__, epilog=codes)
    add = parser.add_argument
    add("task", metavar="TASK", help=f"one of {', '.join(problems.PROBLEMS)}")
    add("--length", type=int, metavar="T", help=_what_lengths_are())
    add("--model", default="urnn", help=f"one of {', '.join(models.every())}; default: %(default)s")
    add(
        "--backend",
        metavar="NAME",
        help="how the model is run, where it has several ways; default: its choice",
    )
    add("--seed", type=int, default=0, help="of first values and training data; default: %(default)s")
    add("--anatomy", action="store_true", help="log the norms of states and gradients at iterations 0 and 100")
    add("--threads", type=int, default=1, help="threads torch may use; default: %(default)s")
    add("--device", default="cpu", help="cpu or cuda; default: %(default)s")
    add("--runs", type=Path, default=Path("runs"), metavar="FOLDER", help="where runs are kept; default: runs")
    add(
        "--mnist",
        type=Path,
        default=Path("mnist"),
        metavar="FOLDER",
        help="MNIST's IDX files, or torchvision's; default: mnist",
    )
    add("--enwik8", type=Path, metavar="FOLDER", help="of that file, for text; default: Python's manual")
    add(
        "--untuned",
        action="store_true",
        help="the paper's settings, whatever tuning chose for this task and model",
    )
    add("--no-test", action="store_true", help="leave the test data alone: for trials of settings")
    add("--fresh", action="store_true", help="start over instead of going on")
    add("--evaluate-every", type=int, default=50, metavar="N", help="iterations; default: %(default)s")
    add("--max-seconds", type=float, metavar="S", help="of training alone: another end; default: none")
    add("--goal-score", type=float, metavar="SCORE", help="what counts as solved, 0 to 1; default: the task's")
    add("--goal-loss", type=float, metavar="LOSS", help="the same for the loss, in its unit")
    add(owner.OPTION, action="store_true", help="end when standard input does: for programs that start this one")
    _add_preset_options(parser.add_argument_group("settings", "default: the preset of the task and the model"))
    _add_selection_options(parser.add_argument_group("selection of units", "default: the package's, see docs"))
    return parser


def _what_lengths_are() -> str:
    """ "the paper's T, for copying, adding; ..." """
    names: dict[str, list[str]] = {}
    for name, rule in problems.LENGTHS.items():
        names.setdefault(rule.meaning, []).append(name)
    return "; ".join(f"{meaning}, for {', '.join(of)}" for meaning, of in names.items())


def _add_preset_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--hidden", type=int, dest="hidden_size", metavar="N", help="hidden units")
    add("--batch", type=int, metavar="B", help="sequences an iteration")
    add("--max-iterations", type=int, metavar="N", help="the end, if the task is not solved before")
    add("--optimiser", help=f"one of {', '.join(OPTIMISERS)}")
    add("--learning-rate", type=float, metavar="RATE")
    add("--slow-rate", type=float, metavar="SHARE", help="of it, for what a unitary or orthogonal step applies")
    add("--decay", type=float, help="of RMSprop's and Adam's mean of squared gradients")
    add("--momentum", type=float, help="of Adam and SGD")
    add("--clip", type=float, metavar="BOUND", help="on every entry of the gradient; 0 for none")
    add("--clip-norm", type=float, metavar="BOUND", help="on the norm of the whole gradient; 0 for none")
    add("--initial", metavar="NAME", help="first values that are published for the model: chrono, henaff, ...")


def _add_selection_options(group: argparse._ArgumentGroup) -> None:
    add, ways = group.add_argument, ", ".join(selecting.WAYS)
    add("--select-neurons", nargs="?", const=selecting.GATES, metavar="WAY", help=f"one of {ways}; alone: gates")
    add("--input-multiplier", type=float, metavar="NUMBER", help="of the penalty on inputs")
    add("--unit-multiplier", type=float, metavar="NUMBER", help="of the penalty on units")
    add("--gate-rate", type=float, metavar="RATE", help="the gates' learning rate")
    add("--ramp", type=int, metavar="N", help="iterations until the penalty counts in full")
    add("--keep-inputs", type=int, metavar="N", help="inputs that a cut leaves")
    add("--keep-units", type=int, metavar="N", help="units that a cut leaves")
    add("--cut-at", type=int, metavar="N", help="iterations before the cut")
