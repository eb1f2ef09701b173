"""asv: the time of a call, one class a sweep (OverHiddenSize, OverLength, ...).

asv shows seconds a call; a call is `length` time steps, so the step time is that divided by `length`.
"""

from bench.asv_suite import PROFILE, SweepBenchmark, class_per_sweep


class _StepTime(SweepBenchmark):
    # `prepare` warms up; asv's warm-up would run the setup again before each of its calls.
    warmup_time = 0
    number = 1
    min_run_count = 1
    rounds = PROFILE.passes
    repeat = (PROFILE.rounds, 30, PROFILE.seconds)

    def time_call(self, *_cell: str | int) -> None:
        self.prepared.workload.run()


globals().update(class_per_sweep(_StepTime, __name__, "step_time"))
