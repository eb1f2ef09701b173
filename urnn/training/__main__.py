"""`python -m urnn.training`: train a registered model on a task; interrupted, the same command goes on."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from urnn import models
from urnn.training import folder, interruption, problems
from urnn.training.display import Display
from urnn.training.errors import TrainingError
from urnn.training.optimisers import OPTIMISERS
from urnn.training.presets import preset
from urnn.training.run import End, Run
from urnn.training.settings import Settings
from urnn.training.trainer import Trainer

DIVERGED, USAGE_ERROR = 1, 2
EXIT_CODES = {"solved": 0, "finished": 0, "diverged": DIVERGED, "interrupted": USAGE_ERROR}


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0; 1 if the run diverged; 2 after one line on standard error if it could not run or go on."""
    options = _parser().parse_args(arguments)
    try:
        end = _train(options)
    except (ValueError, RuntimeError, TrainingError, OSError) as error:  # OSError: a full disk, a closed pipe
        print(f"training: {error}", file=sys.stderr)
        return USAGE_ERROR
    except KeyboardInterrupt:
        print("training: interrupted; the last checkpoint is kept, and the same command goes on", file=sys.stderr)
        return USAGE_ERROR
    code = EXIT_CODES[end.outcome]
    print(f"training: {end.message}" if code else end.message, file=sys.stderr if code else sys.stdout)
    return code


def _train(options: argparse.Namespace) -> End:
    settings = _settings(options)
    torch.set_num_threads(settings.threads)
    problem = problems.build(settings.task, settings.length, options.mnist)
    where = folder.run_folder(options.runs, problem, settings)
    with folder.owned(where), interruption.listening() as stop:
        trainer = Trainer(settings, problem)
        with Display(problem, settings) as display:
            run = Run(trainer, where, display, with_anatomy=options.anatomy)
            if options.fresh:
                run.forget()
            return run.to_its_end(stop)


def _settings(options: argparse.Namespace) -> Settings:
    """The preset of the task and the model, and over it what the command says."""
    chosen = asdict(preset(options.task, options.model, options.length))
    chosen |= {name: value for name, value in vars(options).items() if name in chosen and value is not None}
    if chosen["clip"] == 0:
        chosen["clip"] = None
    given = ("task", "length", "model", "backend", "seed", "evaluate_every", "device", "threads")
    return Settings(**chosen, **{name: getattr(options, name) for name in given})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m urnn.training", description=__doc__)
    add = parser.add_argument
    add("task", metavar="TASK", help=f"one of {', '.join(problems.PROBLEMS)}")
    add("--length", type=int, metavar="T", help="the paper's T, for copying and adding")
    add("--model", default="urnn", help=f"one of {', '.join(models.MODELS)}; default: %(default)s")
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
    add("--mnist", type=Path, default=Path("mnist"), metavar="FOLDER", help="MNIST's IDX files; default: mnist")
    add("--fresh", action="store_true", help="start over instead of going on")
    add("--evaluate-every", type=int, default=50, metavar="N", help="iterations; default: %(default)s")
    _add_preset_options(parser.add_argument_group("settings", "default: the preset of the task and the model"))
    return parser


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


if __name__ == "__main__":
    sys.exit(main())
