"""The sequences that models are measured and trained on: real task data, never zeros or plain noise.

A task defines its data, loss and score, and the loss of a model without memory (`baseline`). `TASKS` are the
benchmark's, at any length; `urnn.training.problems` has those to train on.
"""

from urnn.tasks.adding import Adding
from urnn.tasks.characters import Characters
from urnn.tasks.copying import Copying
from urnn.tasks.pixels import Pixels
from urnn.tasks.recall import AssociativeRecall
from urnn.tasks.scattered import Denoising, SelectiveCopying
from urnn.tasks.words import Words

TASKS: dict[str, type[Copying] | type[Adding] | type[Pixels]] = {
    "copying": Copying,
    "adding": Adding,
    "pixels": Pixels,
}

__all__ = [
    "TASKS",
    "Adding",
    "AssociativeRecall",
    "Characters",
    "Copying",
    "Denoising",
    "Pixels",
    "SelectiveCopying",
    "Words",
]
