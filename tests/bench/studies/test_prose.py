"""What the chapters say of a study's settings, the study sets; no number in their prose stands beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from analysis.related import every_chapter
from analysis.related.engine.wording import by_kind, filled
from bench import studies

NUMBER = re.compile(
    r"\d[\d.,]*\d|\d|\b(?:two|three|four|five|six|seven|eight|nine|ten|hundred|thousand|half|third|tenth)\b"
)
# Of the data, of mathematics, or of a paper.
KNOWN = {
    "coverage": {
        "8 rows of 8 pixels",
        "2022, arXiv 1911.01952",
        "95 %",
        "over the 8 rows",
        "bounded by 1",
        "Of two LSTMs",
        "count from 0",
        "within 0 and 1",
        "from 0 to 1",
    },
    "spectral": {"A1", "A2", "h_(t-1)", "95 %", "where it is 1."},
    "pruning": {"8 rows of 8 pixels", "95 %", "at most 1.", "8 steps"},
    "rrnn": {
        "27 symbols",
        "95 %",
        "between two words",
        "enwik8",
        "20 searching and 1,000 fixing epochs",
        "1- is one minus",
        "Two structures",
    },
}
CHAPTERS = {chapter.study: chapter for chapter in every_chapter()}


def sentences(part: Any) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    else:
        for one in part.values() if isinstance(part, dict) else part:
            yield from sentences(one)


@pytest.mark.parametrize("small", [False, True])
@pytest.mark.parametrize("study", studies.every_study(), ids=lambda study: study.name)
def test_every_sentence_of_a_chapter_finds_its_settings(study, small):
    jobs = [{"job": job.name, "settings": dict(job.settings)} for job in study.jobs(small)]
    known = by_kind([], jobs)
    for sentence in sentences(CHAPTERS[study.name].prose):
        said = filled({"one": sentence}, known)["one"]
        assert said, f"no job that this is about: {sentence}"
        assert "{" not in said


@pytest.mark.parametrize("chapter", CHAPTERS.values(), ids=lambda chapter: chapter.study)
def test_no_number_of_the_prose_is_a_setting_by_hand(chapter):
    strangers = []
    for sentence in sentences(chapter.prose):
        rest = re.sub(r"\{[^}]*\}", "", sentence)
        for words in KNOWN[chapter.study]:
            rest = rest.replace(words, "")
        strangers += [(number, sentence) for number in NUMBER.findall(rest)]
    assert strangers == []
