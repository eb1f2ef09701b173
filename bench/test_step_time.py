"""pytest-benchmark: the same cells as asv's, in groups that compare the models at one size.

pytest bench --benchmark-only                          # the quick profile
pytest bench --benchmark-only -k "train and n128-T100"  # a slice of it
pytest bench --benchmark-only --benchmark-autosave --benchmark-save-data
"""

from analysis.vocabulary import ENERGY, METRICS, OPERATORS, PEAK_ALLOCATED, SAVED_FOR_BACKWARD
from bench.device_clock import CLOCK
from bench.grid import Cell
from bench.meters import device_time
from bench.meters.energy import joules_a_call
from bench.meters.warm_up import calls_a_round, rounds_within
from bench.prepare import describe, prepare

# Others fill the caches with theirs: calls of a millisecond take twice as long at first, and settle within ten
# milliseconds. A long call does not notice.
SETTLING, LONG_CALL = 1e-2, 2e-2  # seconds
FIGURES = {METRICS[name].key: METRICS[name].unit for name in (PEAK_ALLOCATED, SAVED_FOR_BACKWARD, OPERATORS)}


def test_step_time(benchmark, cell_id, measuring, turns):
    cell = Cell.from_id(cell_id)
    prepared = prepare(cell, measuring.profile.seconds)
    benchmark.group = cell.group
    benchmark.extra_info.update(
        describe(cell),
        **measuring.conditions,
        first_call_seconds=prepared.warm_up.first_call,
        units={"stats": "s per call", **FIGURES},
    )
    limits = {"seconds": measuring.profile.seconds, "at_least": measuring.profile.rounds}
    if cell.device == "cuda":
        _time_on_cuda(benchmark, prepared, **limits)
    else:
        _time_on_cpu(benchmark, prepared, turns, **limits)
    # After the timing: the profiler's own memory unsettles the heap, and the next call would pay for it.
    figures = prepared.deterministic_figures() if measuring.figures else dict.fromkeys(FIGURES)
    benchmark.extra_info.update(figures)
    if measuring.figures:
        run, warm_call = prepared.workload.enqueue, prepared.warm_up.warm_call
        joules = joules_a_call(run, warm_call, cell.device)
        benchmark.extra_info[METRICS[ENERGY].key] = joules and joules / cell.length


def _time_on_cpu(benchmark, prepared, turns, **limits):
    run, warm_call = prepared.workload.run, prepared.warm_up.warm_call
    calls = calls_a_round(warm_call)
    rounds = rounds_within(calls * warm_call, **limits)
    untimed = calls_a_round(warm_call, at_least=SETTLING)

    def settle():
        for _ in range(untimed):
            run()

    between = turns.begin(rounds, settle if warm_call < LONG_CALL else None)
    benchmark.pedantic(run, rounds=rounds, iterations=calls, teardown=between)


def _time_on_cuda(benchmark, prepared, **limits):
    """By events, again where the GPU was disturbed; `bench.conftest` gives such cells the clock that is loaded."""
    found = device_time.measure(prepared.workload.enqueue, warm_call=prepared.warm_up.warm_call, **limits)
    CLOCK.load(found.samples)
    benchmark.pedantic(CLOCK.next, rounds=len(found.samples))
    benchmark.extra_info.update(
        enqueue_seconds=found.enqueue_seconds,
        bound_by=found.bound_by,
        calls_a_round=found.calls,
        tries=found.tries,
        remark=found.remark or None,
        gpu_state={"before": found.before.as_dict(), "after": found.after.as_dict()},
    )
