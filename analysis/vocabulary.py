"""What a measurement is called: cells and their ids, phases, outcomes, metrics and units, files and formats.

`bench` writes these words and `analysis` reads them, each on machines that may lack the other's packages. What
measures imports this module, so it needs the standard library alone.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Self

# Phases, with their names for people: an optimiser step, a whole sequence without one, one time step per call.
PHASES: Mapping[str, str] = {
    "train": "Training step",
    "forward": "Inference",
    "stream": "Streaming, one step at a time",
}
# Calls that are compared with each other: a whole sequence, or one time step of a stream.
PHASE_SETS: Mapping[str, str] = {"train": "sequence", "forward": "sequence", "stream": "stream"}
DEVICES = ("cpu", "cuda")
GRAPH = "+graph"  # after a backend's name: the same call, captured in a CUDA graph

# Families that are no models to compare: stages of one model's optimisation, and what the machine can do at best.
LADDER, CEILING = "ladder", "ceiling"

# How the measurement of a cell ended.
MEASURED = "measured"
OUT_OF_MEMORY = "out of memory"
FAILED = "failed"
KILLED = "killed"
NOT_APPLICABLE = "not applicable"
NOT_PLANNED = "not planned"  # left out of a profile on purpose
OUTCOMES = (MEASURED, OUT_OF_MEMORY, FAILED, KILLED, NOT_APPLICABLE, NOT_PLANNED)
NOT_TRIED = (NOT_APPLICABLE, NOT_PLANNED)

SENTINEL = "lstm:torch"  # no commit changes it, so what its times do is the machine's doing
CONFIDENCE = 0.95  # of every interval

ID = re.compile(r"([^\s:]+):([^\s:]+)-(\w+)-(\w+)-n([0-9]+)-T([0-9]+)-B([0-9]+)(?:-L([0-9]+))?-(\w+)-(\w+)")


@dataclass(frozen=True)
class Cell:
    """One measurement's name. A plain value: `bench.grid` says which cells there are."""

    model: str
    backend: str  # and `GRAPH` where the call is captured in a CUDA graph
    phase: str  # a key of `PHASES`
    device: str
    dtype: str
    hidden_size: int  # units (complex ones for the uRNN)
    length: int  # time steps of a call
    batch: int  # sequences of a call
    task: str = "copying"
    num_layers: int = 1

    @property
    def captured(self) -> bool:
        """Whether the call is replayed from a CUDA graph."""
        return self.backend.endswith(GRAPH)

    @property
    def implementation(self) -> str:
        """The model's backend, however its call is launched."""
        return self.backend.removesuffix(GRAPH)

    @property
    def variant(self) -> str:
        """Model and backend in one word, "urnn:reference"."""
        return f"{self.model}:{self.backend}"

    @property
    def group(self) -> str:
        """What this cell shares with those it is compared with: all but the model and its backend."""
        return (
            f"{self.phase} {self.task} n={self.hidden_size} T={self.length} B={self.batch} "
            f"{'' if self.num_layers == 1 else f'L={self.num_layers} '}{self.device} {self.dtype}"
        )

    @property
    def block(self) -> str:
        """What this cell shares with all that it is compared with, over models, phases, tasks and layers.

        A block never leaves one machine: "cpu-float32-sequence-n128-T100-B32".
        """
        sizes = f"n{self.hidden_size}-T{self.length}-B{self.batch}"
        return f"{self.device}-{self.dtype}-{PHASE_SETS[self.phase]}-{sizes}"

    @property
    def id(self) -> str:
        """A readable name, unique in any grid: "urnn:cpu-train-copying-n128-T100-B32-cpu-float32"."""
        return (
            f"{self.variant}-{self.phase}-{self.task}-n{self.hidden_size}-T{self.length}-B{self.batch}"
            f"{'' if self.num_layers == 1 else f'-L{self.num_layers}'}-{self.device}-{self.dtype}"
        )

    @classmethod
    def from_id(cls, text: str) -> Self:
        """The cell that `id` named. Raises ValueError for what is no id, or no cell of a subclass."""
        parts = ID.fullmatch(text)
        if parts is None:
            raise ValueError(
                f"expected a cell such as urnn:reference-train-copying-n128-T100-B32-cpu-float32, got {text!r}"
            )
        model, backend, phase, task, n, length, batch, layers, device, dtype = parts.groups()
        return cls(model, backend, phase, device, dtype, int(n), int(length), int(batch), task, int(layers or 1))

    def of(self, variant: str) -> Self:
        """The cell of another variant ("lstm:torch") at the same sizes."""
        model, _, backend = variant.partition(":")
        return replace(self, model=model, backend=backend)

    def as_dict(self) -> dict[str, str | int]:
        """Its axes by name, as they are stored beside a figure."""
        return asdict(self)


AXES = tuple(axis.name for axis in fields(Cell))


@dataclass(frozen=True)
class Metric:
    """Something measured of a cell."""

    name: str  # in the tidy table's column `metric`
    label: str  # for people
    unit: str  # of the tidy table's values
    key: str = ""  # among a cell's `extra_info` in a results file; "" for the timed calls themselves


STEP_TIME = "step_time"
FIRST_CALL_TIME = "first_call_time"
PEAK_ALLOCATED = "peak_allocated"
SAVED_FOR_BACKWARD = "saved_for_backward"
OPERATORS = "operators"
PEAK_RESERVED = "peak_reserved"
ENQUEUE_TIME = "enqueue_time"
OUTPUT_ERROR = "output_error"
CONTROL_TIME = "control_time"
ENERGY = "energy"
PARAMETERS = "parameters"  # a column of every row; named like a metric where two commits are compared

METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(STEP_TIME, "Time per time step", "s per time step"),
        Metric(FIRST_CALL_TIME, "First call", "s per call", "first_call_seconds"),
        Metric(PEAK_ALLOCATED, "Peak memory", "B", "peak_allocated_bytes"),
        Metric(SAVED_FOR_BACKWARD, "Saved for backward", "B", "saved_for_backward_bytes"),
        Metric(OPERATORS, "Operators", "1 per call", "operators"),
        Metric(PEAK_RESERVED, "Peak memory taken from the device", "B", "peak_reserved_bytes"),
        Metric(ENQUEUE_TIME, "Host time of a call", "s per call", "enqueue_seconds"),
        Metric(OUTPUT_ERROR, "Relative error of the output", "1", "output_error"),
        Metric(ENERGY, "Energy", "J per time step", "energy_joules_per_step"),
        Metric(CONTROL_TIME, "Time per time step of a machine's control cell", "s per time step"),
    )
}

# Statistics of a value: a harness keeps its samples, or the three that sum them up.
SAMPLE, MEDIAN, LOWER_QUARTILE, UPPER_QUARTILE = "sample", "median", "lower quartile", "upper quartile"

START, END = "start", "end"  # when a session measures its control cells

# Format numbers, one for each kind of file; a change that older readers would misread makes the next number.
RUN_FORMAT = 1  # key "run" of a results file
GATE_FORMAT = 1  # a gate's plan
VERDICTS_FORMAT = 2  # what a gate or a comparison says to machines; before 2 a row's "passes" were "rounds"
WORTH_FORMAT = 1  # what a comparison of any project's benchmarks is worth, for machines
DETECTABLE_FORMAT = 1  # the slowdowns that a calibrated gate sees
RECORDING_FORMAT = 1  # a calibration's plan, and what is kept of it beside its report
STUDY_FORMAT = 1  # a job of a study of a related system: its result, and the plan that it is in
SHARDS_FORMAT = 1  # a sweep in shards: its plan, its blocks and its sessions
TRAINING_FORMAT = 1  # first line of a training run's log, which `urnn` writes

# Where results lie in a checkout, and what the files in them are called.
RESULTS, ASV_RESULTS = Path(".benchmarks"), Path(".asv", "results")
GATES, CALIBRATIONS, HISTORY = Path(".gate"), Path(".gate", "calibration"), Path(".history")
SHARDS = "shards"  # folder below a folder of results: sweeps in shards, which become results when they are merged
SWEEP_PLAN = "sweep.json"  # of such a sweep
MODELS_KEY = "models"  # of a results file: each model's label, family, state per unit and backends' labels
MODELS_FILE = "models.json"  # the same beside asv's files, which have no room for it
TRAINING_LOG = "log.jsonl"  # of a training run, which `urnn` writes
RELATED = Path("runs", "related")  # what studies of related systems measured, a file a job
STUDY_PLAN = "plan.json"  # beside them: every job, whether it was run or not
TUNING = "tuning.csv"  # beside training runs: what their settings were chosen from
STEP_COSTS = "step_costs"  # folder beside training runs, with the times of their steps

GATE_PLAN = "gate.json"
SIDES = ("base", "head")
# Before the name of a side's file: the passes that confirm the suspects, and those that name the cells of a model
# that is confirmed.
CONFIRMING, NAMING = "confirm_", "name_"

CALIBRATION_PLAN = "calibration.json"
DETECTABLE = "detectable.json"  # in a calibration's report: the smallest slowdown of each cell that its gates see
CALIBRATED = Path("reports", "calibration", DETECTABLE)
BASE, SAME = "base", "same"  # the sides that are one commit, measured twice

COMMITS_FILE, FAILURE_FILE = "commits.json", "failed.txt"  # of a history


def counted(number: int, noun: str) -> str:
    """ "1 cell", "2 cells", "0 processes"."""
    return f"{number} {plural(noun, number)}"


def plural(noun: str, number: int = 2) -> str:
    """The noun for so many: cell, cells; process, processes."""
    return noun if number == 1 else f"{noun}{'es' if noun.endswith('s') else 's'}"


def joined(parts: Sequence[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    *others, last = parts
    return f"{', '.join(others)} and {last}" if others else last


def duration(seconds: float) -> str:
    """ "45 s", "12 min", "3.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
