"""What a gate found, for each model and phase: "urnn:cpu: slower in training by 9.6 % (8.1 to 11.0) over 4 cells".

The mean over the cells that are named, of their logarithms. Cells are measured seconds apart in processes of their
own, so their intervals are combined as those of independent values, in quadrature.

Known weakness: a mean over named cells alone is a little too large, as those that happened to look slow are named.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from analysis.regressions.judge import TIME, Row, Verdict
from analysis.vocabulary import PHASES, Cell, counted

IN_WORDS = {"train": "training", "forward": "inference", "stream": "streaming"}
assert set(IN_WORDS) == set(PHASES)


@dataclass(frozen=True)
class Group:
    """Cells of one model and phase that are slower: by how much in the mean, as a fraction, with its bounds."""

    variant: str
    phase: str
    cells: tuple[str, ...]
    slower: float
    low: float
    high: float

    @property
    def sentence(self) -> str:
        """For people."""
        by = f"{_per_cent(self.slower)} % ({_per_cent(self.low)} to {_per_cent(self.high)})"
        return f"{self.variant}: slower in {IN_WORDS[self.phase]} by {by} over {counted(len(self.cells), 'cell')}"


def _per_cent(fraction: float) -> str:
    return f"{100 * fraction:.1f}"


def groups(rows: Sequence[Row]) -> list[Group]:
    """The models and phases with cells whose time regressed, in the rows' order; names of no cell have none."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row.metric == TIME and row.verdict is Verdict.REGRESSED and (cell := _cell(row.cell)) is not None:
            found.setdefault((cell.variant, cell.phase), []).append(row)
    return [_group(*key, own) for key, own in found.items()]


def _cell(name: str) -> Cell | None:
    try:
        cell = Cell.from_id(name)
    except ValueError:
        return None
    return cell if cell.phase in IN_WORDS else None


def _group(variant: str, phase: str, rows: Sequence[Row]) -> Group:
    mean = sum(math.log(row.ratio) for row in rows) / len(rows)
    reach = math.hypot(*(math.log(row.high / row.low) / 2 for row in rows)) / len(rows)
    ends = (math.expm1(mean + by) for by in (0.0, -reach, reach))
    return Group(variant, phase, tuple(row.cell for row in rows), *ends)
