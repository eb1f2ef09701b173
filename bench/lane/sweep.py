"""A sweep: some passes over the grid with one side, each result stored as it comes."""

from collections.abc import Callable, Sequence

from bench.grid import Cell
from bench.lane.lane import Job, Side
from bench.lane.turns import take_turns


def plan(cells: Sequence[Cell], passes: int) -> list[Job]:
    """Every cell once in each pass."""
    return [Job(cell, number) for number in range(1, passes + 1) for cell in cells]


def run(
    jobs: Sequence[Job],
    side: Side,
    started: Callable[[Job], None] = lambda job: None,
    finished: Callable[[Job, str], None] = lambda job, outcome: None,
) -> None:
    """Measures the jobs that the side's file does not hold yet, pass by pass, and stores each as it ends.

    `started` and `finished` are called for each job, the latter with its outcome ("measured", "killed", ...).

    Raises:
        SweepError, ResultsError, KeyboardInterrupt: as `take_turns`.
    """
    for number in sorted({job.pass_number for job in jobs}):
        take_turns(
            [(side, [job.cell for job in jobs if job.pass_number == number])],
            number,
            started=lambda side, job: started(job),
            finished=lambda side, job, outcome: finished(job, outcome),
        )
