"""GLOREE (Sedghi, Anandkumar 2016): quadratic recurrent nets learned from moments, beside back-propagation."""

from __future__ import annotations

import tomllib
from pathlib import Path

from analysis.pages import Block, Figure, Prose
from analysis.related.engine.chapter import Chapter, Frames
from analysis.related.engine.wording import Words
from analysis.related.spectral import figures, tables
from analysis.related.spectral.data import TABLES
from analysis.related.spectral.statements import BARS, CLAIMS, headlines

PROSE = tomllib.loads(Path(__file__).with_name("prose.toml").read_text(encoding="utf-8"))


def body(frames: Frames, words: Words) -> list[Block]:
    """The figures, and the tables of what they do not show."""
    panels = {
        "error_over_samples": figures.draw_samples,
        "weights_recovered": figures.draw_weights,
        "error_over_seconds": figures.draw_descents,
    }
    found: list[Block] = [
        Figure(name, **words["figures"][name], draw=draw).of(frames, "figures/spectral")
        for name, draw in panels.items()
    ]
    for name, table in (("descents", tables.equal), ("others", tables.others)):
        drawn = table(frames)
        found += [Prose(words["tables"][name]), drawn] if drawn.rows else []
    return found


CHAPTER = Chapter(
    study="spectral",
    arxiv="1603.00954",
    title="Recurrent nets learned from moments",
    paper="Sedghi, Anandkumar 2016, Training input-output recurrent neural networks through spectral methods",
    prose=PROSE,
    tables=TABLES,
    claims=CLAIMS,
    bars=BARS,
    headlines=headlines,
    body=body,
    series=figures.drawn_series,
)
