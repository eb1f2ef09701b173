"""The figures of the report: a row each, with its title, its caption and what draws it."""

from __future__ import annotations

from functools import partial

from analysis import units
from analysis.figures import efficiency, ladder, over_size, speed_up, time_against_memory
from analysis.pages import Figure
from analysis.vocabulary import PEAK_ALLOCATED, STEP_TIME

MEMORY = (
    "The most bytes that torch's allocator held at once during a call, above inputs and parameters, over the "
    "{}. Lines that coincide hide one another; the uRNN is drawn last."
)
FIGURES = (
    Figure(
        "step_time_over_hidden_size",
        "Step time over hidden size",
        "Median time of one time step: of a training step, of inference, and of a stream that is fed one step "
        "at a time. Bands and bars are 95 % intervals over processes and rounds.",
        partial(over_size.draw, metric=STEP_TIME, x="hidden_size", phases=("train", "forward", "stream")),
    ),
    Figure(
        "speed_up",
        "Speed-up of the uRNN over each baseline",
        f"Training: time of the baseline over time of the uRNN at equal hidden size. {units.TIMES}2 means that "
        "the uRNN is twice as fast, ÷2 half as fast; ≈ that the 95 % interval includes 1. The thick line is the "
        "crossover: to its right the uRNN is faster. A blank cell was not measured for both.",
        speed_up.draw,
    ),
    Figure(
        "step_time_over_length",
        "Step time over length",
        "Median time of one time step over the length of the sequence. A flat line means that a sequence twice as "
        "long takes twice as long.",
        partial(over_size.draw, metric=STEP_TIME, x="length"),
    ),
    Figure(
        "peak_memory_over_hidden_size",
        "Peak memory over hidden size",
        MEMORY.format("hidden size"),
        partial(over_size.draw, metric=PEAK_ALLOCATED, x="hidden_size"),
    ),
    Figure(
        "peak_memory_over_length",
        "Peak memory over length",
        MEMORY.format("length of the sequence"),
        partial(over_size.draw, metric=PEAK_ALLOCATED, x="length"),
    ),
    Figure(
        "time_against_memory",
        "Time against memory",
        "Each model at the largest hidden size that most models share; thin lines lead there from the smaller "
        "sizes. Lower left is better. Bars are 95 % intervals.",
        time_against_memory.draw,
    ),
)
EFFICIENCY = Figure(
    "efficiency",
    "Efficiency: shares of what the machine can do",
    "Inference of the uRNN: the time of a part that no implementation can leave out, measured alone in the same "
    "run, over the time of a whole time step. The line at 100 % is the ceiling: a step in which nothing else "
    "takes time. A share above it means that the kernel does that part faster than one call of torch for each "
    "step. Bars and bands are 95 % intervals.",
    efficiency.draw,
)
LADDERS = {
    model: Figure(
        f"ladder_{short.lower()}",
        f"The ladder of the {short}",
        "How many times as fast each rung is as the first one, at the top, whose time per "
        "time step stands beside it; the axis is logarithmic. A rung keeps what those above it "
        "gained. Bars are 95 % intervals.",
        partial(ladder.draw, model=model),
    )
    for model, short in (("urnn_ladder", "uRNN"), ("lstm_ladder", "LSTM"))
}
