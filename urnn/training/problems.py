"""What a run is asked to learn: a task with its training, validation and test data, and when it is solved.

`PROBLEMS` is the list that the command line reads; to add a problem is to add a row.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from urnn.tasks import Adding, Copying, Pixels
from urnn.tasks.copying import RECALL
from urnn.tasks.images import Images, Split, digits_split, mnist_split
from urnn.training.goals import Goal, least_score, most_loss
from urnn.training.seeds import HELD_OUT_SEED, generator
from urnn.training.streams import Batch, Epochs, Fresh, Stream

VALIDATION_SEQUENCES, TEST_SEQUENCES = 200, 1000  # of tasks that draw their sequences
HELD_OUT_BATCH = 50  # at a time, so that scoring needs hardly more memory than training

SOLVED_RECALL = 0.99
SOLVED_SHARE = 0.1  # of the baseline's loss
SOLVED_ERROR = 0.01
SOLVED_ACCURACY = {"digits": 0.95, "permuted_digits": 0.93, "mnist": 0.95, "permuted_mnist": 0.91}
SHORTEST, LONGEST = {"copying": 1, "adding": 2}, 10**9  # T of the tasks that have one


@runtime_checkable
class Task(Protocol):
    """A task's definition; `score_all`, over all steps, is None where there is one answer a sequence.

    Example:
        >>> from urnn.tasks import Copying
        >>> from urnn.training.problems import Task
        >>> isinstance(Copying(length=30), Task)
        True
    """

    input_size: int
    output_size: int
    length: int
    loss_name: str
    score_name: str
    baseline: float
    baseline_score: float

    @property
    def score_all(self) -> Callable[[Tensor, Tensor], float] | None: ...

    def loss(self, logits: Tensor, target: Tensor) -> Tensor: ...

    def score(self, logits: Tensor, target: Tensor) -> float: ...

    @staticmethod
    def read(output: Tensor, last: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Problem:
    """A task that a run can train on.

    Attributes:
        length: the paper's T; for copying the wait alone, so that sequences have T + 20 steps.
        task: the definition; `task.length` counts all time steps.
        stream: (batch, generator) -> training batches.
        validation, test: -> held-out batches, the same at every call and in every run.
        goal: what counts as solved, on validation data. It ends the training of tasks that draw their
            sequences; on a fixed set of images training goes on to the last iteration.

    Example:
        >>> import torch
        >>> from pathlib import Path
        >>> from urnn.training import problems
        >>> problem = problems.build("copying", 100, Path("mnist"))
        >>> x, target = problem.stream(20, torch.Generator().manual_seed(0)).draw()
        >>> x.shape
        torch.Size([120, 20, 10])
    """

    name: str
    length: int
    task: Task
    stream: Callable[[int, torch.Generator], Stream]
    validation: Callable[[], Iterator[Batch]]
    test: Callable[[], Iterator[Batch]]
    goal: Goal

    def goal_with(self, score: float | None, loss: float | None) -> Goal:
        """The goal, with another least score (0 to 1) or most loss (in the loss's unit) where one is given."""
        return self.goal.changed(
            None if score is None else least_score(self.task.score_name, score),
            None if loss is None else most_loss(self.task.loss_name, loss),
        )


def _copying(name: str, length: int | None, mnist: Path) -> Problem:
    length = _length_of(name, length)
    task = Copying(length + 2 * RECALL)
    score = least_score(task.score_name, SOLVED_RECALL)
    loss = most_loss(task.loss_name, SOLVED_SHARE * task.baseline, SOLVED_SHARE)
    return _generated(name, length, task, Goal((score, loss), ends_training=True))


def _adding(name: str, length: int | None, mnist: Path) -> Problem:
    length = _length_of(name, length)
    task = Adding(length)
    return _generated(name, length, task, Goal((most_loss(task.loss_name, SOLVED_ERROR),), ends_training=True))


def _generated(name: str, length: int, task: Copying | Adding, goal: Goal) -> Problem:
    return Problem(
        name,
        length,
        task,
        stream=partial(Fresh, task),
        validation=partial(_sampled, task, VALIDATION_SEQUENCES, "validation data"),
        test=partial(_sampled, task, TEST_SEQUENCES, "test data"),
        goal=goal,
    )


def _sampled(task: Copying | Adding, count: int, purpose: str) -> Iterator[Batch]:
    numbers = generator(HELD_OUT_SEED, purpose)
    for _ in range(count // HELD_OUT_BATCH):
        yield task.sample(HELD_OUT_BATCH, numbers)


def _images(
    name: str, length: int | None, mnist: Path, *, split: Callable[[Path], Split], permuted: bool
) -> Problem:
    images = split(mnist)
    images = images.permuted() if permuted else images
    pixels = images.train.pixels.shape[1]
    if length not in (None, pixels):
        raise ValueError(f"{name} has {pixels} time steps, one a pixel, got --length {length}; leave it out")
    task = Pixels(pixels)
    return Problem(
        name,
        pixels,
        task,
        stream=partial(Epochs, images.train),
        validation=partial(_in_order, images.validation),
        test=partial(_in_order, images.test),
        goal=Goal((least_score(task.score_name, SOLVED_ACCURACY[name]),), ends_training=False),
    )


def _in_order(images: Images) -> Iterator[Batch]:
    for chosen in torch.arange(len(images)).split(HELD_OUT_BATCH):
        yield images.sequences(chosen)


def _digits(mnist: Path) -> Split:
    return digits_split()


PROBLEMS: dict[str, Callable[[str, int | None, Path], Problem]] = {
    "copying": _copying,
    "adding": _adding,
    "digits": partial(_images, split=_digits, permuted=False),
    "permuted_digits": partial(_images, split=_digits, permuted=True),
    "mnist": partial(_images, split=mnist_split, permuted=False),
    "permuted_mnist": partial(_images, split=mnist_split, permuted=True),
}


def require_known(name: str) -> None:
    """Raises ValueError, with those that there are, where there is no problem of that name.

    Example:
        >>> from urnn.training import problems
        >>> problems.require_known("sorting")
        Traceback (most recent call last):
        ValueError: unknown task 'sorting'; there are: copying, adding, digits, permuted_digits, mnist, ...
    """
    if name not in PROBLEMS:
        raise ValueError(f"unknown task {name!r}; there are: {', '.join(PROBLEMS)}")


def require_length(name: str, length: int | None) -> None:
    """Raises ValueError where the problem needs a T and cannot have this one.

    Example:
        >>> from urnn.training import problems
        >>> problems.require_length("adding", 1)
        Traceback (most recent call last):
        ValueError: --length of adding must be from 2 to 1000000000, got 1
    """
    require_known(name)
    if name in SHORTEST:
        _length_of(name, length)


def _length_of(name: str, length: int | None) -> int:
    if length is None:
        raise ValueError(f"{name} needs --length T, the paper's T; say --length 100")
    if not SHORTEST[name] <= length <= LONGEST:
        raise ValueError(f"--length of {name} must be from {SHORTEST[name]} to {LONGEST}, got {length}")
    return length


def build(name: str, length: int | None, mnist: Path) -> Problem:
    """The problem of that name.

    Args:
        name: a key of `PROBLEMS`.
        length: T; None for images, whose pixels decide it.
        mnist: the folder of MNIST's files, read by those tasks alone.

    Raises:
        ValueError: an unknown name, a length that the task cannot have, or MNIST's files missing or damaged.

    Example:
        >>> from pathlib import Path
        >>> from urnn.training import problems
        >>> problems.build("adding", 100, Path("mnist")).task.score_name
        'answers within 0.04'
    """
    require_length(name, length)
    return PROBLEMS[name](name, length, mnist)
