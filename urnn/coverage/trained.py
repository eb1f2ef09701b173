"""A net that the trainer has written, with the sequences that it was trained on and those that it is tested on."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from urnn import models
from urnn.coverage.campaign import Logits
from urnn.shapes import Float
from urnn.tasks.answers import Classes
from urnn.training import checkpoint, problems
from urnn.training.errors import TrainingError
from urnn.training.network import Network
from urnn.training.seeds import generator
from urnn.training.streams import Batch, Fresh
from urnn.training.streams import Task as Sampled

SEQUENCES = 1000  # to fit a metric to, and to make tests from, at most
_BATCH = 50


@dataclass(frozen=True)
class Trained:
    """What a checkpoint holds, made ready.

    Attributes:
        task, model: their names.
        rnn: the recurrent module.
        logits: the last layer's states -> the read-out's; None where the task's answers are no classes.
        training: (T, B, m), sequences as it was trained on.
        originals: (T, B, m), test sequences.
        checksum: of the checkpoint's file.
    """

    task: str
    model: str
    rnn: nn.Module
    logits: Logits | None
    training: Float[Tensor, "T B m"]
    originals: Float[Tensor, "T originals m"]
    checksum: str


def read(path: Path, task: str | None, mnist: Path) -> Trained:
    """The net in a checkpoint, or in the checkpoint of a run's folder.

    Args:
        task: the name of the task that it should be of; None for whichever it is.
        mnist: the folder of MNIST's files, where the task is one of those.

    Raises:
        TrainingError: no checkpoint, a damaged one, one of another task, one whose data are not there, or one that
            is of no plain net: a campaign's own, or of a run that selects units.
    """
    path = path / checkpoint.NAME if path.is_dir() else path
    try:
        stored = checkpoint.read(path)
    except TrainingError as error:
        raise TrainingError(
            f"{str(error).removesuffix(f'; {checkpoint.ADVICE}')}; name one that the trainer wrote"
        ) from error
    if stored is None:
        raise TrainingError(f"there is no checkpoint {path}; name the file or the folder of a run of the trainer")
    identity = stored["identity"]
    _require_a_nets(path, identity)
    if task is not None and identity.get("task") != task:
        raise TrainingError(
            f"{path} is of task {identity.get('task')}, not {task}; leave --task out, or correct it"
        )
    try:
        problem = problems.build(identity["task"], identity["length"], mnist)
        network = Network(models.get(identity["model"]), identity["hidden_size"], problem.task)
        network.load_state_dict(stored["state"]["network"])
    except (KeyError, TypeError, RuntimeError) as error:
        raise TrainingError(f"{path} does not fit this version ({type(error).__name__}); train it anew") from error
    except ValueError as error:
        raise TrainingError(str(error)) from error
    if problem.data and problem.data != identity.get("data"):
        raise TrainingError(
            f"{path} was trained on other data: {identity.get('data')}, and here is {problem.data}"
        )
    network.eval()
    return Trained(
        identity["task"],
        identity["model"],
        network.rnn,
        _logits(network) if isinstance(problem.task, Classes) else None,
        _gathered(_training(problem)),
        _gathered(problem.test()),
        hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def _require_a_nets(path: Path, identity: Mapping[str, object]) -> None:
    if {"generator", "metric", "checksum"} <= set(identity):
        raise TrainingError(
            f"{path} is a campaign's own checkpoint, which holds no net; name that of the run that it tests"
        )
    way = identity.get("select_neurons")
    if way is not None:
        raise TrainingError(
            f"{path} is of a run with --select-neurons {way}, whose net stands under gates, and coverage reads "
            "the states of nn.LSTM, nn.GRU, nn.RNN and URNN; name a run without it, or test what compact leaves "
            "from Python"
        )


def _logits(network: Network) -> Logits:
    def logits(states: Tensor) -> Tensor:
        return network.read_out(network.task.read(states, states[-1]))

    return logits


def _training(problem: problems.Problem) -> Iterator[Batch]:
    """Endless batches; where lengths differ in training, of the longest."""
    numbers = generator(0, "training data")
    task = problem.task
    stream = Fresh(task, _BATCH, numbers) if isinstance(task, Sampled) else problem.stream(_BATCH, numbers)
    while True:
        yield stream.draw()


def _gathered(batches: Iterator[Batch]) -> Float[Tensor, "T B m"]:
    kept: list[Tensor] = []
    for x, _ in batches:
        kept.append(x)
        if sum(part.shape[1] for part in kept) >= SEQUENCES:
            break
    return torch.cat(kept, 1)[:, :SEQUENCES]
