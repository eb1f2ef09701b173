"""Coverage-guided tests (Huang et al. 2019, 2022): what generators meet and find, of an LSTM and of a uRNN."""

from __future__ import annotations

import tomllib
from pathlib import Path

from analysis.pages import Block, Figure, Prose
from analysis.related.coverage import figures, tables
from analysis.related.coverage.data import TABLES
from analysis.related.coverage.statements import BARS, CLAIMS, headlines
from analysis.related.engine.chapter import Chapter, Frames
from analysis.related.engine.wording import Words

PROSE = tomllib.loads(Path(__file__).with_name("prose.toml").read_text(encoding="utf-8"))


def body(frames: Frames, words: Words) -> list[Block]:
    """The figures and the tables."""
    name = "coverage_over_evaluations"
    figure = Figure(name, **words["figures"][name], draw=figures.draw).of(frames, "figures/coverage")
    found: list[Block] = [figure, Prose(words["campaigns"]), tables.campaigns(frames)]
    found += [Prose(words["metrics"]), tables.metrics(frames)]
    if len(frames["backdoors"]):
        found += [Prose(words["backdoor"]), tables.backdoors(frames)]
    if len(frames["triggers"]):
        trigger = Figure("backdoor", **words["figures"]["backdoor"], draw=figures.draw_backdoor)
        found.append(trigger.of(frames, "figures/coverage"))
    return [*found, Prose(words["speed"]), tables.speed(frames)]


CHAPTER = Chapter(
    study="coverage",
    arxiv="1906.08557",
    title="Tests that are aimed by coverage",
    paper="Huang et al. 2019, TestRNN: Coverage-guided testing on recurrent neural networks",
    prose=PROSE,
    tables=TABLES,
    claims=CLAIMS,
    bars=BARS,
    headlines=headlines,
    body=body,
    series=figures.drawn_series,
)
