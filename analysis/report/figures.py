"""The figures of the report: a row each, with what draws it; titles and captions are in prose.toml."""

from __future__ import annotations

from functools import partial

from analysis.figures import efficiency, ladder, over_size, speed_up, time_against_memory
from analysis.pages import Figure, prose
from analysis.vocabulary import PEAK_ALLOCATED, STEP_TIME

PROSE = prose(__file__)

TIME, MEMORY = (partial(over_size.draw, metric=metric) for metric in (STEP_TIME, PEAK_ALLOCATED))
DRAW = {
    "step_time_over_hidden_size": partial(TIME, x="hidden_size", phases=("train", "forward", "stream")),
    "speed_up": speed_up.draw,
    "step_time_over_length": partial(TIME, x="length"),
    "peak_memory_over_hidden_size": partial(MEMORY, x="hidden_size"),
    "peak_memory_over_length": partial(MEMORY, x="length"),
    "time_against_memory": time_against_memory.draw,
    "efficiency": efficiency.draw,
    "ladder_urnn": partial(ladder.draw, model="urnn_ladder"),
    "ladder_lstm": partial(ladder.draw, model="lstm_ladder"),
}
*FIGURES, EFFICIENCY, _urnn, _lstm = (Figure(name, *PROSE["figures"][name], draw) for name, draw in DRAW.items())
LADDERS = {"urnn_ladder": _urnn, "lstm_ladder": _lstm}
