"""RRNN (Qian, Kennedy, Klabjan 2019): learning curves beside LSTM, GRU and uRNN, its trees, and what they cost."""

from __future__ import annotations

import tomllib
from pathlib import Path

from analysis import units
from analysis.pages import Block, Figure, Prose
from analysis.related.engine.chapter import Chapter, Frames
from analysis.related.engine.wording import Words
from analysis.related.rrnn import figures, tables
from analysis.related.rrnn.data import TABLES
from analysis.related.rrnn.statements import BARS, CLAIMS, headlines

PROSE = tomllib.loads(Path(__file__).with_name("prose.toml").read_text(encoding="utf-8"))


def body(frames: Frames, words: Words) -> list[Block]:
    """Curves, trees, diversity, and the table of all nets."""
    panels = {
        "learning": figures.draw_learning,
        "trees": figures.draw_trees,
        "diversity": figures.draw_diversity,
    }
    drawn: list[Block] = [
        Figure(name, **words["figures"][name], draw=draw).of(frames, "figures/rrnn")
        for name, draw in panels.items()
    ]
    shares = frames["shares"]["scorer"]
    said = (
        []
        if shares.empty
        else [Prose(f"Of a searching step {units.per_cent(float(shares.mean()))} is the scorer.")]
    )
    return [
        *drawn,
        Prose(words["table"]),
        tables.table(frames),
        *said,
        Prose(words["written"]),
        tables.written(frames),
    ]


CHAPTER = Chapter(
    study="rrnn",
    arxiv="1905.10540",
    title="A cell of its own for every sample and step",
    paper="Qian, Kennedy, Klabjan 2019, RRNN: recursive and recurrent neural networks",
    prose=PROSE,
    tables=TABLES,
    claims=CLAIMS,
    bars=BARS,
    headlines=headlines,
    body=body,
    series=figures.drawn_series,
)
