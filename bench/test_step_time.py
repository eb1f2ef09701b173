"""pytest-benchmark: the same cells as asv's, in groups that compare the models at one size.

pytest bench --benchmark-only                          # the quick profile
pytest bench --benchmark-only -k "train and n128-T100"  # a slice of it
pytest bench --benchmark-only --benchmark-autosave --benchmark-save-data
"""

from bench.grid import Cell
from bench.meters.time import rounds_within
from bench.prepare import describe, prepare

FIGURES = {"peak_allocated_bytes": "bytes", "saved_for_backward_bytes": "bytes", "operators": "a call"}


def test_step_time(benchmark, cell_id, measuring):
    cell = Cell.from_id(cell_id)
    prepared = prepare(cell, measuring.profile.seconds)
    benchmark.group = cell.group
    benchmark.extra_info.update(
        describe(cell),
        **measuring.conditions,
        first_call_seconds=prepared.warm_up.first_call,
        units={"stats": "seconds a call", **FIGURES},
    )
    rounds = rounds_within(
        prepared.warm_up.warm_call,
        seconds=measuring.profile.seconds,
        at_least=measuring.profile.rounds,
    )
    benchmark.pedantic(prepared.workload.run, rounds=rounds)
    # After the timing: the profiler's own memory unsettles the heap, and the next call would pay for it.
    figures = prepared.deterministic_figures() if measuring.figures else dict.fromkeys(FIGURES)
    benchmark.extra_info.update(figures)
