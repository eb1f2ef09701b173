"""The sequences that models are measured and trained on: real task data, never zeros or plain noise.

A task says what its data, loss and score are and what a model without memory gets (`baseline`). `TASKS` are those
of the benchmark's grid, at any length; what can be trained on stands in `urnn.training.problems`.
"""

from urnn.tasks.adding import Adding
from urnn.tasks.copying import Copying
from urnn.tasks.pixels import Pixels

TASKS = {"copying": Copying, "adding": Adding, "pixels": Pixels}

__all__ = ["TASKS", "Adding", "Copying", "Pixels"]
