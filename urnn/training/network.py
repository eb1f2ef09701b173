"""A recurrent model with the read-out that a task asks for: what is trained, saved and counted."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from urnn import models
from urnn.pruning.selection import Selection
from urnn.shapes import Float
from urnn.training.problems import Task


class Network(nn.Module):
    """A registered model and a linear read-out of its hidden state; Glorot weights and no bias at first.

    Args:
        row: the model's row in the registry.
        hidden_size: hidden units n.
        task: decides input and output features, and whether every step is read or the last.
        backend: for models that have several; None for the model's own choice.

    Raises:
        ValueError: a backend that the model does not have.

    Example:
        >>> import torch
        >>> from urnn import models
        >>> from urnn.tasks import Copying
        >>> from urnn.training.network import Network
        >>> network = Network(models.get("urnn"), hidden_size=128, task=Copying(length=120))
        >>> network.parameter_count  # the paper's
        6153
        >>> network(torch.zeros(120, 20, 10)).shape
        torch.Size([120, 20, 9])
    """

    def __init__(
        self,
        row: models.Model,
        hidden_size: int,
        task: Task,
        backend: str | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__()
        if backend is not None and backend not in ("auto", *row.backends):
            raise ValueError(f"backend of {row.name} must be one of {', '.join(row.backends)}; got {backend!r}")
        options = {} if backend is None or len(row.backends) == 1 else {"backend": backend}
        self.row, self.task = row, task
        self.rnn = row.build(task.input_size, hidden_size, device=device, **options)
        self.read_out = nn.Linear(row.output_per_unit * hidden_size, task.output_size, device=device)
        nn.init.xavier_uniform_(self.read_out.weight)
        nn.init.zeros_(self.read_out.bias)

    def forward(self, x: Float[Tensor, "T B m"]) -> Float[Tensor, "... B k"]:
        """What the task's loss takes: (T, B, k) where every step is read, else (B, k)."""
        output, state = self.rnn(x)
        return self.read_out(self.task.read(output, self.row.last_output(output, state)))

    @property
    def selection(self) -> Selection | None:
        """The gates over the model's units, where units are selected."""
        return self.rnn if isinstance(self.rnn, Selection) else None

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Gates have settled while this lasts, and nothing is dropped."""
        self.eval()
        try:
            yield
        finally:
            self.train()

    def compacted(self) -> "Network":
        """The same net without the units and inputs that its gates have closed; this one stays as it is.

        Raises:
            ValueError: units are not selected, or none is left.
        """
        if self.selection is None:
            raise ValueError(f"the units of this {self.row.label} were not selected, so there is nothing to cut")
        small = copy.copy(self)
        small._modules = dict(self._modules)
        cut = self.selection.compact(self.read_out)
        assert cut.read_out is not None
        small.rnn, small.read_out = cut, cut.read_out
        return small

    @property
    def parameter_count(self) -> int:
        """Real numbers that are trained, read-out included."""
        return sum(parameter.numel() for parameter in self.parameters())

    @property
    def backend_in_use(self) -> str:
        """The backend that the next call will run on; where there is one way alone, its name."""
        if self.selection is not None:
            return "eager"
        prepare = getattr(self.rnn, "prepare", None)
        return prepare() if prepare else self.row.backends[0]
