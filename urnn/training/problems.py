"""What a run is asked to learn: a task with its training, validation and test data, and when it is solved.

`PROBLEMS` is the list that the command line reads; to add a problem is to add a row.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from urnn.tasks import Adding, AssociativeRecall, Characters, Copying, Denoising, SelectiveCopying, Words
from urnn.tasks.copying import RECALL
from urnn.tasks.groups import A5, S3, Z2, Z5, Group
from urnn.tasks.images import Images, Split, digits_split, mnist_split
from urnn.tasks.pixels import WholeImages
from urnn.tasks.recall import KEYS
from urnn.tasks.text import enwik8_letters, manual_letters
from urnn.training.goals import Goal, least_score, most_loss
from urnn.training.seeds import HELD_OUT_SEED, generator
from urnn.training.streams import Batch, Epochs, Fresh, MixedLengths, Stream
from urnn.training.streams import Task as Sampled

VALIDATION_SEQUENCES, TEST_SEQUENCES = 200, 1000  # of tasks that draw their sequences
HELD_OUT_BATCH = 50  # at a time, so that scoring needs hardly more memory than training

# State tracking: trained on short words, scored on the longest of those, and once more on far longer ones.
SHORTEST_WORD, LONGEST_WORD, LONGER_WORDS = 4, 40, (64, 128, 256)

SOLVED_RECALL = 0.99
SOLVED_WORDS = 0.99
SOLVED_SHARE = 0.1  # of the baseline's loss
SOLVED_ERROR = 0.01
SOLVED_ACCURACY = {
    "digits": 0.95,
    "permuted_digits": 0.93,
    "mnist": 0.95,
    "permuted_mnist": 0.91,
    "digits_rows": 0.95,
    "noisy_digits_rows": 0.95,
}
NOISE = 8  # inputs of noise beside the 8 pixels of a row
SOLVED_BITS = 2.2  # per character: an interpolated model of five characters (Witten, Bell 1991) gets 2.19
SOLVED_LETTERS = 2.0  # the same per letter; such a model of three gets 1.97, of four 1.83


@dataclass(frozen=True)
class LengthRule:
    """What a problem's --length may be, and what it counts, for people; the usual one where none is said.

    Example:
        >>> from urnn.training.problems import LENGTHS
        >>> LENGTHS["adding"].least
        2
    """

    least: int = 1
    most: int = 10**9
    meaning: str = "the paper's T"
    example: int = 100
    usual: int | None = None


@dataclass(frozen=True)
class Folders:
    """Where data are that the user brings: MNIST's files, and enwik8's; None to read Python's manual instead.

    Example:
        >>> from pathlib import Path
        >>> from urnn.training.problems import Folders
        >>> Folders(mnist=Path("data/mnist")).enwik8 is None
        True
    """

    mnist: Path
    enwik8: Path | None = None


LENGTHS = {  # of the problems that need one, or take one; the others have theirs
    "copying": LengthRule(),
    "adding": LengthRule(least=2),
    "denoising": LengthRule(),
    "selective_copying": LengthRule(meaning="the wait, as in copying"),
    "associative_recall": LengthRule(most=KEYS, meaning="the pairs of a sequence", example=4),
    "characters": LengthRule(meaning="the characters of a sequence"),
    "text": LengthRule(meaning="the letters of a sequence, 20 if none is said", usual=20),
}


@runtime_checkable
class Task(Protocol):
    """A task's definition; `score_all`, over all steps, is None where `score` leaves out none that has an answer.

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

    def read(self, output: Tensor, last: Tensor) -> Tensor: ...


@runtime_checkable
class Generated(Task, Sampled, Protocol):
    """A task that draws its sequences.

    Example:
        >>> from urnn.tasks import Adding
        >>> from urnn.training.problems import Generated
        >>> isinstance(Adding(length=10), Generated)
        True
    """


@dataclass(frozen=True)
class Problem:
    """A task that a run can train on.

    Attributes:
        length: the paper's T; for copying and its like the wait alone, so that sequences have T + 20 steps; for
            associative recall the pairs; for state tracking the longest word that is trained on.
        task: the definition; `task.length` counts all time steps.
        stream: (batch, generator) -> training batches.
        validation, test: -> held-out batches, the same at every call and in every run.
        goal: what counts as solved, on validation data. It ends the training of tasks that draw their
            sequences; on a fixed set of images or a text training goes on to the last iteration.
        shortest: time steps of the shortest training sequences where they differ in length; `task.length` are
            those of the longest, and of the sequences that are validated and tested on.
        longer: time steps beyond `task.length` -> more test batches, of sequences of so many.
        data: which data these are, where the machine decides it; a run on other data is another run.

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
    shortest: int | None = None
    longer: Mapping[int, Callable[[], Iterator[Batch]]] = field(default_factory=dict)
    data: str | None = None

    @property
    def shortest_steps(self) -> int:
        """Time steps of the shortest training sequences."""
        return self.shortest or self.task.length

    @property
    def most_steps(self) -> int:
        """Time steps of the longest sequences that the model is run on."""
        return max(self.task.length, *self.longer, 0)

    def goal_with(self, score: float | None, loss: float | None) -> Goal:
        """The goal, with another least score (0 to 1) or most loss (in the loss's unit) where one is given."""
        return self.goal.changed(
            None if score is None else least_score(self.task.score_name, score),
            None if loss is None else most_loss(self.task.loss_name, loss),
        )


def _around(kind: Callable[[int], Generated]) -> Callable[[int], Generated]:
    """A wait of T steps -> the task with the steps around it that show and recall the symbols."""
    return lambda length: kind(length + 2 * RECALL)


def _recalled(name: str, length: int | None, folders: Folders, *, make: Callable[[int], Generated]) -> Problem:
    """Solved where hardly a symbol is missing, and what is printed between them is right too."""
    length = _length_of(name, length)
    task = make(length)
    score = least_score(task.score_name, SOLVED_RECALL)
    loss = most_loss(task.loss_name, SOLVED_SHARE * task.baseline, SOLVED_SHARE)
    return _generated(name, length, task, Goal((score, loss), ends_training=True))


def _adding(name: str, length: int | None, folders: Folders) -> Problem:
    length = _length_of(name, length)
    task = Adding(length)
    goal = Goal((most_loss(task.loss_name, SOLVED_ERROR),), ends_training=True)
    return _generated(name, length, task, goal)


def _words(name: str, length: int | None, folders: Folders, *, group: Group) -> Problem:
    if length not in (None, LONGEST_WORD):
        raise ValueError(
            f"{name} trains on lengths from {SHORTEST_WORD} to {LONGEST_WORD}, got --length {length}; leave it out"
        )
    task = Words(group, LONGEST_WORD)
    goal = Goal((least_score(task.score_name, SOLVED_WORDS),), ends_training=True)
    longer = {steps: partial(_sampled, Words(group, steps), TEST_SEQUENCES, "test data") for steps in LONGER_WORDS}
    return replace(
        _generated(name, LONGEST_WORD, task, goal),
        stream=partial(MixedLengths, partial(Words, group), SHORTEST_WORD, LONGEST_WORD),
        shortest=SHORTEST_WORD,
        longer=longer,
    )


def _generated(name: str, length: int, task: Generated, goal: Goal) -> Problem:
    return Problem(
        name,
        length,
        task,
        stream=partial(Fresh, task),
        validation=partial(_sampled, task, VALIDATION_SEQUENCES, "validation data"),
        test=partial(_sampled, task, TEST_SEQUENCES, "test data"),
        goal=goal,
    )


def _sampled(task: Sampled, count: int, purpose: str) -> Iterator[Batch]:
    numbers = generator(HELD_OUT_SEED, purpose)
    for _ in range(count // HELD_OUT_BATCH):
        yield task.sample(HELD_OUT_BATCH, numbers)


def _characters(name: str, length: int | None, folders: Folders) -> Problem:
    return _held_out_in_order(name, Characters(_length_of(name, length)), SOLVED_BITS)


def _text(name: str, length: int | None, folders: Folders) -> Problem:
    letters = manual_letters() if folders.enwik8 is None else enwik8_letters(folders.enwik8)
    return _held_out_in_order(name, Characters(_length_of(name, length), letters), SOLVED_LETTERS)


def _held_out_in_order(name: str, task: Characters, bits: float) -> Problem:
    return Problem(
        name,
        task.length,
        task,
        stream=partial(Fresh, task),
        validation=partial(task.in_order, task.text.validation, HELD_OUT_BATCH),
        test=partial(task.in_order, task.text.test, HELD_OUT_BATCH),
        goal=Goal((most_loss(task.loss_name, bits),), ends_training=False),
        data=f"{task.text.source}, SHA-256 {task.text.checksum}",
    )


def _images(
    name: str, length: int | None, folders: Folders, *, split: Callable[[Path], Split], permuted: bool = False
) -> Problem:
    images = split(folders.mnist)
    images = images.permuted() if permuted else images
    width = images.train.width
    steps = images.train.pixels.shape[1] // width
    if length not in (None, steps):
        what = "a pixel" if width == 1 else "a row"
        raise ValueError(f"{name} has {steps} time steps, one {what}, got --length {length}; leave it out")
    task = WholeImages(steps, width)
    return Problem(
        name,
        steps,
        task,
        stream=partial(Epochs, images.train),
        validation=partial(_in_order, images.validation),
        test=partial(_in_order, images.test),
        goal=Goal((least_score(task.score_name, SOLVED_ACCURACY[name]),), ends_training=False),
    )


def _in_order(images: Images) -> Iterator[Batch]:
    for chosen in torch.arange(len(images)).split(HELD_OUT_BATCH):
        yield images.sequences(chosen)


PROBLEMS: dict[str, Callable[[str, int | None, Folders], Problem]] = {
    "copying": partial(_recalled, make=_around(Copying)),
    "adding": _adding,
    "digits": partial(_images, split=lambda mnist: digits_split()),
    "permuted_digits": partial(_images, split=lambda mnist: digits_split(), permuted=True),
    "mnist": partial(_images, split=mnist_split),
    "permuted_mnist": partial(_images, split=mnist_split, permuted=True),
    "digits_rows": partial(_images, split=lambda mnist: digits_split(by_rows=True)),
    "noisy_digits_rows": partial(_images, split=lambda mnist: digits_split(by_rows=True, noise=NOISE)),
    "parity": partial(_words, group=Z2),
    "modular_addition": partial(_words, group=Z5),
    "words_s3": partial(_words, group=S3),
    "words_a5": partial(_words, group=A5),
    "selective_copying": partial(_recalled, make=_around(SelectiveCopying)),
    "denoising": partial(_recalled, make=_around(Denoising)),
    "associative_recall": partial(_recalled, make=AssociativeRecall),
    "characters": _characters,
    "text": _text,
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
    if name in LENGTHS:
        _length_of(name, length)


def _length_of(name: str, length: int | None) -> int:
    rule = LENGTHS[name]
    length = rule.usual if length is None else length
    if length is None:
        raise ValueError(f"{name} needs --length T, {rule.meaning}; say --length {rule.example}")
    if not rule.least <= length <= rule.most:
        raise ValueError(f"--length of {name} must be from {rule.least} to {rule.most}, got {length}")
    return length


def build(name: str, length: int | None, mnist: Path, enwik8: Path | None = None) -> Problem:
    """The problem of that name.

    Args:
        name: a key of `PROBLEMS`.
        length: T; None for the problems that have one of their own.
        mnist: the folder of MNIST's files, read by those tasks alone.
        enwik8: the folder of the file enwik8, which "text" reads in place of Python's manual.

    Raises:
        ValueError: an unknown name, a length that the task cannot have, or files that are missing or damaged.

    Example:
        >>> from pathlib import Path
        >>> from urnn.training import problems
        >>> problems.build("adding", 100, Path("mnist")).task.score_name
        'answers within 0.04'
    """
    require_length(name, length)
    return PROBLEMS[name](name, length, Folders(mnist, enwik8))
