"""Neuron selection (Wen et al. 2019): the smaller LSTM beside its rivals, in accuracy, size, time and memory."""

from __future__ import annotations

import tomllib
from pathlib import Path

from analysis.pages import Block, Figure, Prose
from analysis.related.engine.chapter import Chapter, Frames
from analysis.related.engine.wording import Words
from analysis.related.pruning import figures, tables
from analysis.related.pruning.data import TABLES
from analysis.related.pruning.statements import BARS, CLAIMS, headlines

PROSE = tomllib.loads(Path(__file__).with_name("prose.toml").read_text(encoding="utf-8"))


def body(frames: Frames, words: Words) -> list[Block]:
    """The figures and the table of all nets."""
    panels = {"accuracy_over_parameters": figures.draw_parameters, "accuracy_over_step_time": figures.draw_times}
    drawn = [
        Figure(name, **words["figures"][name], draw=draw).of(frames, "figures/pruning")
        for name, draw in panels.items()
    ]
    values = frames["singular_values"]
    found: list[Block] = [*drawn, Prose(words["table"]), tables.table(frames)]
    return [*found, *([Prose(words["unitarity"]), tables.spectrum(values)] if len(values) else [])]


CHAPTER = Chapter(
    study="pruning",
    arxiv="1906.06847",
    title="A smaller LSTM by neuron selection",
    paper="Wen et al. 2019, Structured pruning of recurrent neural networks through neuron selection",
    prose=PROSE,
    tables=TABLES,
    claims=CLAIMS,
    bars=BARS,
    headlines=headlines,
    body=body,
    series=figures.drawn_series,
)
