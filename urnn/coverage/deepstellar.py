"""DeepStellar's coverage (Du et al. 2019): states on a grid over their principal components, and transitions.

The requirements are the grid's cells that training sequences visited, and the pairs of cells that followed one
another in them: coverage is of what the net was trained to do, and what lies outside of it is no requirement.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from urnn.coverage import saved
from urnn.coverage.metric import Fitted, Metric, Passes
from urnn.coverage.states import Trace
from urnn.quantities import require_count
from urnn.shapes import Bool, Float, Int

OUTSIDE = -1
ROUNDING = 1e-9  # of a cell's side: the training sequences' own bounds are inside, in whatever parts they are read


class _Grid(Metric):
    """States as cells of a grid of `bins` an axis over `components` principal components.

    Args:
        components: axes of the grid.
        bins: an axis, between the least and the greatest value of the training sequences.
    """

    def __init__(self, rnn: nn.Module, *, components: int = 3, bins: int = 10, **named: Any) -> None:
        super().__init__(rnn, **named)
        self.components = require_count("components", components, 1)
        if self.components > self.width:
            raise ValueError(f"components must be from 1 to the state's {self.width} numbers, got {components}")
        self.bins = require_count("bins", bins, 1)
        if self.components * math.log2(self.bins) >= 31:
            raise ValueError(f"bins must be at least 1 and make less than 2^31 cells, got {bins}")

    @property
    def cells(self) -> int:
        """Of the grid."""
        return self.bins**self.components

    def options(self) -> dict[str, Any]:
        return {"components": self.components, "bins": self.bins}

    def learn(self, passes: Passes) -> Fitted:
        total, squares, count = torch.zeros(self.width).double(), torch.zeros(self.width, self.width).double(), 0
        for seen in passes():
            rows = self._in_window(seen.hidden).flatten(0, 1).double().cpu()
            total, squares, count = total + rows.sum(0), squares + rows.T @ rows, count + len(rows)
        mean = total / count
        axes = torch.linalg.eigh(squares / count - mean.outer(mean))[1].flip(1)[:, : self.components]
        self.fitted |= {"mean": mean.tolist(), "axes": axes.tolist()}
        least = torch.full((self.components,), torch.inf).double()
        most = -least
        for seen in passes():
            values = self._projected(seen).flatten(0, 1)
            least, most = torch.minimum(least, values.amin(0)), torch.maximum(most, values.amax(0))
        side = (most - least) / self.bins
        self.fitted |= {"least": least.tolist(), "side": torch.where(side > 0, side, 1.0).tolist()}
        visited = torch.cat([self.visits(self._cells(seen)).flatten().unique() for seen in passes()]).unique()
        return self.fitted | {"visited": visited[visited != OUTSIDE].tolist()}

    def require_learned(self, fitted: Fitted) -> None:
        others = {name: value for name, value in fitted.items() if name != "visited"}
        axes, each = (self.width, self.components), (self.components,)
        saved.require_numbers(others, mean=(self.width,), axes=axes, least=each, side=each)
        saved.require_positive(fitted, "side")
        saved.require_rising(fitted["visited"], self.most_visits())

    def most_visits(self) -> int:
        """How many different ones there can be."""
        return self.cells

    def requirements(self) -> int:
        return len(self.fitted["visited"])

    def visits(self, cells: Int[Tensor, "T B"]) -> Int[Tensor, "S B"]:
        """Cells, or pairs of them, as numbers."""
        raise NotImplementedError

    def met(self, seen: Trace) -> Bool[Tensor, "B requirements"]:
        known = torch.tensor(self.fitted["visited"])
        visits = self.visits(self._cells(seen))
        place = torch.searchsorted(known, visits).clamp(max=len(known) - 1)
        step, sequence = (known[place] == visits).nonzero(as_tuple=True)
        marks = torch.zeros(visits.shape[1], len(known), dtype=torch.bool)
        marks[sequence, place[step, sequence]] = True
        return marks

    def _numbers(self, name: str) -> Tensor:
        return torch.tensor(self.fitted[name], dtype=torch.float64)

    def _projected(self, seen: Trace) -> Float[Tensor, "T B k"]:
        mean, axes = self._numbers("mean"), self._numbers("axes")
        return (self._in_window(seen.hidden).double().cpu() - mean) @ axes

    def _cells(self, seen: Trace) -> Int[Tensor, "T B"]:
        """Each state's cell, or `OUTSIDE`. The greatest value of an axis is in its last bin."""
        least, side = self._numbers("least"), self._numbers("side")
        place = (self._projected(seen) - least) / side
        within = ((place >= -ROUNDING) & (place <= self.bins + ROUNDING)).all(2)
        bins = place.floor().long().clamp(0, self.bins - 1)
        number = bins[..., 0]
        for axis in range(1, self.components):
            number = number * self.bins + bins[..., axis]
        return torch.where(within, number, OUTSIDE)

    def _box(self, cell: int) -> tuple[int, ...]:
        return tuple(cell // self.bins**axis % self.bins for axis in reversed(range(self.components)))

    def _gaps(self, seen: Trace, cell: int) -> Float[Tensor, "T B"]:
        """How far each state is from the cell, in sides of a cell, summed over axes."""
        least, side = self._numbers("least"), self._numbers("side")
        place = (self._projected(seen) - least) / side
        low = torch.tensor(self._box(cell)).double()
        return ((low - place).clamp(min=0) + (place - low - 1).clamp(min=0)).sum(2)


class StateCoverage(_Grid):
    """The share of the cells visited in training that the sequences visit.

    Example:
        >>> import torch
        >>> from urnn.coverage import StateCoverage
        >>> x = torch.rand(8, 50, 8)
        >>> metric = StateCoverage(torch.nn.GRU(8, 32)).fit(x)
        >>> metric.update(x)
        >>> metric.value()
        1.0
    """

    name = "state"

    def visits(self, cells: Int[Tensor, "T B"]) -> Int[Tensor, "S B"]:
        return cells

    def distance(self, seen: Trace, requirement: int) -> Float[Tensor, " B"]:
        return self._gaps(seen, self.fitted["visited"][requirement]).amin(0)

    def describe(self, requirement: int) -> str:
        return f"state {self._box(self.fitted['visited'][requirement])}"


class TransitionCoverage(_Grid):
    """The share of the pairs of cells that followed one another in training that do so in the sequences.

    Example:
        >>> import torch
        >>> from urnn.coverage import TransitionCoverage
        >>> x = torch.rand(8, 50, 8)
        >>> metric = TransitionCoverage(torch.nn.GRU(8, 32)).fit(x)
        >>> metric.update(x[:, :10])
        >>> 0 < metric.value() < 1
        True
    """

    name = "transition"
    needs_steps = 2

    def most_visits(self) -> int:
        return self.cells**2

    def visits(self, cells: Int[Tensor, "T B"]) -> Int[Tensor, "S B"]:
        pairs = cells[:-1] * self.cells + cells[1:]
        return torch.where((cells[:-1] == OUTSIDE) | (cells[1:] == OUTSIDE), OUTSIDE, pairs)

    def distance(self, seen: Trace, requirement: int) -> Float[Tensor, " B"]:
        begin, end = divmod(self.fitted["visited"][requirement], self.cells)
        return (self._gaps(seen, begin)[:-1] + self._gaps(seen, end)[1:]).amin(0)

    def describe(self, requirement: int) -> str:
        begin, end = divmod(self.fitted["visited"][requirement], self.cells)
        return f"transition {self._box(begin)} to {self._box(end)}"
