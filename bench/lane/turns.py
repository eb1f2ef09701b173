"""A pass over the grid: every cell on every side, one after the other, in processes that take turns.

A sweep has one side, a gate two, a calibration more. All processes are started at once and wait for their turn;
nothing is timed while another process runs. Of several sides each measures a part of a cell's rounds at a time,
A B A B and so on, tens of milliseconds apart: on a machine that others share, speed drifts within a second by
more than what is to be told apart. Who goes first changes from cell to cell and from pass to pass (A B, B A,
...), so that no side profits from its place; every second pass goes backwards, so that drift does not favour the
cells that come first.

Known weakness: all processes hold their memory at the same time; one that waits keeps its last cell. Where a pass
was interrupted within a cell, the next run measures the missing side alone, later than the other. A commit from
before there were parts measures all rounds of a cell at once, beside one that does not.
"""

import contextlib
from collections.abc import Callable, Sequence

from bench.grid import Cell
from bench.lane.lane import Job, Lane, Taker

PARTS = 6  # of a cell's rounds, where sides take turns
OnStart = Callable[[Taker, Job], None]
OnEnd = Callable[[Taker, Job, str], None]


def take_turns(
    parts: Sequence[tuple[Taker, Sequence[Cell]]],
    pass_number: int,
    *,
    started: OnStart = lambda side, job: None,
    finished: OnEnd = lambda side, job, outcome: None,
) -> None:
    """Measures what the sides' files do not hold yet of this pass, and stores each figure as soon as it is there.

    Args:
        parts: the first side with all cells, every other one with some of them, in the same order.
        pass_number: from 1; even passes go backwards.
        started, finished: called before and after each measurement, the latter with its outcome ("measured", ...).

    Raises:
        SweepError: a process does not start.
        ResultsError: a result cannot be stored.
        KeyboardInterrupt: after the processes have been ended.
    """
    step = 1 if pass_number % 2 else -1
    order = list(parts[0][1])[::step]
    with contextlib.ExitStack() as stack:
        in_parts = PARTS if len(parts) > 1 else 1
        lanes = [
            stack.enter_context(Lane(side, list(cells)[::step], pass_number, in_parts)) for side, cells in parts
        ]
        for place, cell in enumerate(order):
            for lane in lanes:
                lane.start()
            job = Job(cell, pass_number)
            ready = [lane for lane in _in_turn(lanes, place + pass_number) if lane.is_next(cell)]
            _part_by_part(ready, job, started, finished)


def _part_by_part(lanes: list[Lane], job: Job, started: OnStart, finished: OnEnd) -> None:
    """One cell on every side, a part at a time, in this order until each has its figure."""
    begun: set[str] = set()
    while lanes:
        for lane in tuple(lanes):
            if lane.side.name not in begun:
                begun.add(lane.side.name)
                started(lane.side, job)
            outcome = lane.measure()
            if outcome is not None:
                lanes.remove(lane)
                finished(lane.side, job, outcome)


def _in_turn(lanes: list[Lane], turn: int) -> list[Lane]:
    """Another lane begins at each turn, and each second time around they go the other way."""
    first = (turn + 1) % len(lanes)
    found = lanes[first:] + lanes[:first]
    return found[::-1] if len(lanes) > 2 and turn // len(lanes) % 2 else found
