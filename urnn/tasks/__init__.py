"""The sequences that models are measured and trained on: real task data, never zeros or plain noise."""

from urnn.tasks.copying import Copying
from urnn.tasks.pixels import Pixels

TASKS = {"copying": Copying, "pixels": Pixels}

__all__ = ["TASKS", "Copying", "Pixels"]
