"""The two stages in which an RRNN is trained: searching, and then with one structure fixed.

While it searches, every sample and step has a tree of its own, and all of them are logged. To fix one is to try
those that were chosen most often, and to keep the one with which the loss is least. From then on all samples and
steps run that tree, and its weights are trained further, many times as fast. A search may follow again.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from urnn.rrnn.gru import ResetBeforeGRU
from urnn.rrnn.layer import RRNN
from urnn.rrnn.losses import Losses, squared_norm, target_nodes
from urnn.rrnn.tree import Tree
from urnn.shapes import Float

Batch = tuple[Tensor, Tensor]
TRIED = 50  # structures, before one is fixed


@dataclass(frozen=True)
class Logged:
    """One iteration of a search: the task's loss a time step, all four losses together, and the structures.

    `trees` are the different ones of the batch with how often each was chosen, the most frequent first.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from urnn.rrnn import RRNN, Stages
        >>> stages = Stages(RRNN(2, 4, nodes=3), nn.Linear(4, 1), nn.functional.mse_loss)
        >>> logged = stages.search(torch.randn(5, 8, 2), torch.randn(5, 8, 1))
        >>> sum(count for _, count in logged.trees)
        40
    """

    task: float
    loss: float
    margin: float
    trees: list[tuple[Tree, int]]


class Stages:
    """An RRNN with a read-out of every step, an optimiser, and the log of its search.

    Args:
        rnn, read_out: read_out takes the states (T, B, n).
        loss: (what read_out gives, target) -> the mean loss a time step.
        losses: the weights of the four losses.
        gru: a trained GRU as wide as the RRNN, whose tree structures are to come near; None leaves that loss out.
        rate: Adam's learning rate.

    Attributes:
        log: an entry for each iteration of the search that is going on, or was last.

    Raises:
        ValueError: a GRU of another size.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from urnn.rrnn import RRNN, Stages
        >>> mean_square = nn.functional.mse_loss
        >>> stages = Stages(RRNN(2, 4, nodes=3), nn.Linear(4, 1), mean_square)
        >>> batch = torch.randn(5, 8, 2), torch.randn(5, 8, 1)
        >>> logged = stages.search(*batch)
        >>> tree = stages.fix([batch])
        >>> stages.train_fixed(*batch) == stages.task_loss([batch])
        False
    """

    def __init__(
        self,
        rnn: RRNN,
        read_out: nn.Module,
        loss: Callable[[Tensor, Tensor], Tensor],
        losses: Losses | None = None,
        gru: ResetBeforeGRU | None = None,
        rate: float = 1e-3,
    ) -> None:
        if gru is not None and (gru.input_size, gru.hidden_size) != (rnn.input_size, rnn.hidden_size):
            raise ValueError(
                f"expected a GRU of {rnn.input_size} inputs and {rnn.hidden_size} units, as the RRNN has, got one "
                f"of {gru.input_size} and {gru.hidden_size}"
            )
        self.rnn, self.read_out, self.loss, self.gru = rnn, read_out, loss, gru
        self.losses = Losses() if losses is None else losses
        self.parameters = [*rnn.parameters(), *read_out.parameters()]
        self.optimiser = torch.optim.Adam(self.parameters, lr=rate)
        self.log: list[Logged] = []

    def search(self, x: Float[Tensor, "T B m"], target: Tensor) -> Logged:
        """One iteration in which every sample and step has its own tree; a first one begins a new log."""
        if self.rnn.fixed is not None:
            self.rnn.fix(None)
            self.log = []
        searched = self.rnn.search(x)
        task = self.loss(self.read_out(searched.output), target)
        nodes = None if self.gru is None else target_nodes(self.gru, x)
        whole = self.losses.of_search(len(x) * task, searched, self.parameters, nodes)
        self._step(whole)
        self.log.append(
            Logged(
                float(task.detach()),
                float(whole.detach()),
                float(searched.margins.detach().mean()),
                searched.structures.counted(),
            )
        )
        return self.log[-1]

    def fix(self, batches: Iterable[Batch], tried: int = TRIED, last: int = 20) -> Tree:
        """Fixes the tree with the least loss on the batches, of those chosen most often in the last iterations.

        Raises:
            ValueError: nothing has been searched yet.
        """
        counts: Counter[Tree] = Counter()
        for logged in self.log[-last:]:
            counts.update(dict(logged.trees))
        if not counts:
            raise ValueError("there is no structure to fix; search first")
        held = list(batches)
        losses = {tree: self._loss_with(tree, held) for tree, _ in counts.most_common(tried)}
        best = min(losses, key=lambda tree: losses[tree])
        self.rnn.fix(best)
        return best

    def train_fixed(self, x: Float[Tensor, "T B m"], target: Tensor) -> float:
        """One iteration with the structure that is fixed; the task's loss a time step before it.

        Raises:
            ValueError: none is.
        """
        if self.rnn.fixed is None:
            raise ValueError("no structure is fixed; call fix first")
        task = self.loss(self.read_out(self.rnn(x)[0]), target)
        self._step(self.losses.task * len(x) * task + self.losses.norm * squared_norm(self.parameters))
        return float(task.detach())

    @torch.no_grad()
    def task_loss(self, batches: Iterable[Batch]) -> float:
        """The mean of the task's loss over sequences, in the stage that the RRNN is in."""
        total = count = 0.0
        for x, target in batches:
            total += x.shape[1] * float(self.loss(self.read_out(self.rnn(x)[0]), target))
            count += x.shape[1]
        return total / count

    def _loss_with(self, tree: Tree, batches: list[Batch]) -> float:
        before = self.rnn.fixed
        self.rnn.fix(tree)
        found = self.task_loss(batches)
        self.rnn.fix(before)
        return found if found == found else float("inf")  # not a number is worse than any

    def _step(self, loss: Tensor) -> None:
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
