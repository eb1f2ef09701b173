"""Endless training batches whose position can be saved and restored.

A stream's `state_dict` is small, whole, and loads with torch's weights-only reader.
"""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from urnn.tasks.images import Images

Batch = tuple[Tensor, Tensor]


@runtime_checkable
class Task(Protocol):
    """The part of a task that a stream needs.

    Example:
        >>> from urnn.tasks import Adding
        >>> from urnn.training.streams import Task
        >>> isinstance(Adding(length=10), Task)
        True
    """

    def sample(self, batch: int, generator: torch.Generator) -> Batch: ...


@runtime_checkable
class Stream(Protocol):
    """Training batches: inputs (T, B, m) and targets whose last dimension is B.

    Example:
        >>> import torch
        >>> from urnn.tasks import Adding
        >>> from urnn.training.streams import Fresh, Stream
        >>> isinstance(Fresh(Adding(length=10), batch=4, generator=torch.Generator()), Stream)
        True
    """

    def draw(self) -> Batch: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


class Fresh:
    """Sequences that a task draws at random for each batch.

    Example:
        >>> import torch
        >>> from urnn.tasks import Adding
        >>> from urnn.training.streams import Fresh
        >>> stream = Fresh(Adding(length=10), batch=4, generator=torch.Generator())
        >>> before = stream.state_dict()
        >>> first = stream.draw()[0]
        >>> stream.load_state_dict(before)
        >>> torch.equal(stream.draw()[0], first)
        True
    """

    def __init__(self, task: Task, batch: int, generator: torch.Generator) -> None:
        self.task, self.batch, self.generator = task, batch, generator

    def draw(self) -> Batch:
        return self.task.sample(self.batch, self.generator)

    def state_dict(self) -> dict[str, Any]:
        return {"generator": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.generator.set_state(state["generator"])


class MixedLengths(Fresh):
    """The same with a length for each batch, drawn uniformly.

    Args:
        task: length -> the task whose sequences have it.
        shortest, longest: the lengths that are drawn, both included.

    Example:
        >>> import torch
        >>> from urnn.tasks import Adding
        >>> from urnn.training.streams import MixedLengths
        >>> stream = MixedLengths(Adding, 2, 4, batch=3, generator=torch.Generator().manual_seed(0))
        >>> sorted({len(stream.draw()[0]) for _ in range(50)})
        [2, 3, 4]
    """

    def __init__(
        self, task: Callable[[int], Task], shortest: int, longest: int, batch: int, generator: torch.Generator
    ) -> None:
        super().__init__(task(longest), batch, generator)
        self.task_of, self.shortest, self.longest = task, shortest, longest

    def draw(self) -> Batch:
        length = int(torch.randint(self.shortest, self.longest + 1, (1,), generator=self.generator))
        return self.task_of(length).sample(self.batch, self.generator)


class Epochs:
    """Images in a new order each epoch, each at most once per epoch; the last ones of an order that do not fill a
    batch are left out.

    Raises:
        ValueError: batch is larger than the set.

    Example:
        >>> import torch
        >>> from urnn.tasks.images import Images
        >>> from urnn.training.streams import Epochs
        >>> images = Images(torch.zeros(4, 3, dtype=torch.uint8), torch.arange(4), largest=16)
        >>> stream = Epochs(images, batch=2, generator=torch.Generator().manual_seed(0))
        >>> torch.cat([stream.draw()[1], stream.draw()[1]]).sort().values
        tensor([0, 1, 2, 3])
    """

    def __init__(self, images: Images, batch: int, generator: torch.Generator) -> None:
        if batch > len(images):
            raise ValueError(f"batch must be at most the {len(images)} images there are to train on, got {batch}")
        self.images, self.batch, self.generator = images, batch, generator
        self.order = torch.empty(0, dtype=torch.int64)
        self.position = 0

    def draw(self) -> Batch:
        if self.position + self.batch > len(self.order):
            self.order = torch.randperm(len(self.images), generator=self.generator)
            self.position = 0
        chosen = self.order[self.position : self.position + self.batch]
        self.position += self.batch
        return self.images.sequences(chosen)

    def state_dict(self) -> dict[str, Any]:
        return {"generator": self.generator.get_state(), "order": self.order, "position": self.position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.generator.set_state(state["generator"])
        self.order, self.position = state["order"], state["position"]
