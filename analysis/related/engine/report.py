"""The related systems as a page: a chapter each, with the tidy tables and all results beside it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from analysis.pages import Answer, Block, Bullets, Code, Details, Facts, Page, Prose, Section, Text, prose
from analysis.pages.statements import AGREE, DIFFER, NOT_DECIDED, NOT_RUN, VERDICTS, Judged, statements
from analysis.pages.writing import Report, write_page
from analysis.related.engine.chapter import Chapter
from analysis.related.engine.results import COMPACT, Missing, Results, compact
from analysis.related.engine.wording import filled
from analysis.vocabulary import counted, duration

DEFAULT_TITLE = "Related systems, built and measured"
PROSE = prose(__file__)
MOST_LISTED = 5
FACTS = {
    "Processor": "cpu",
    "Machine": "machine",
    "torch": "torch",
    "Python": "python",
    "Commit": "commit",
}


def write_report(
    results: Results, chapters: Sequence[Chapter], output: Path | str, title: str = DEFAULT_TITLE
) -> Report:
    """Write the page, its Markdown and figures, a table a file, and all results into the folder `output`.

    Raises AnalysisError where the folder cannot be written or holds something that is no report, and where results
    lack a setting that a chapter names.
    """
    files = {
        f"{study}_{table}.csv": partial(frame.to_csv, index=False, float_format="%.8g")
        for study, frames in results.frames.items()
        for table, frame in frames.items()
    }
    files[COMPACT] = lambda path: path.write_text(compact(results), encoding="utf-8")
    return write_page(lambda: page_of(results, chapters, title), output, files)


def page_of(results: Results, chapters: Sequence[Chapter], title: str = DEFAULT_TITLE) -> Page:
    """Everything the report says.

    Raises AnalysisError where results lack a setting that a chapter names.
    """
    judged = {one.study: [claim.judged(results.frames[one.study]) for claim in one.claims] for one in chapters}
    said = [*([PROSE["explain"]["small"]] if results.small else []), *_headlines(results, chapters, judged)]
    how = Section("How to read the verdicts", [Prose(PROSE["explain"]["verdicts"])])
    sections = [Section("", [Answer(said, _facts(results))]), how]
    for chapter in chapters:
        sections += _chapter(results, chapter, judged[chapter.study])
    if results.problems:
        sections.append(Section("Results that were left out", [Bullets(results.problems)]))
    series = [one for chapter in chapters for one in chapter.series(results.frames[chapter.study])]
    return Page("Related systems", title, sections, list(dict.fromkeys(series)))


def _headlines(results: Results, chapters: Sequence[Chapter], judged: dict[str, list[Judged]]) -> list[str]:
    said = [sentence for chapter in chapters for sentence in chapter.headlines(results.frames[chapter.study])]
    verdicts = [one.verdict for claims in judged.values() for one in claims]
    number = {verdict: verdicts.count(verdict) for verdict in VERDICTS}
    counts = ", ".join(f"{number[one]} {words}" for one, words in WORDS.items() if number[one])
    missing = (
        f" {counted(len(results.missing), 'job')} of the studies had no time or failed." if results.missing else ""
    )
    return [*said, f"Of {counted(len(verdicts), 'claim')} of the papers: {counts}.{missing}"]


WORDS = {AGREE: "agree", DIFFER: "differ", NOT_DECIDED: "are not decided", NOT_RUN: "were not run"}


def _facts(results: Results) -> list[tuple[str, str]]:
    """Where, when and with what the results were made."""
    made = results.provenance
    if made.empty:
        return []
    started = [time[:16].replace("T", " ") for time in sorted(made["started_at"])]
    return [
        *((name, ", ".join(map(str, made[column].unique()))) for name, column in FACTS.items()),
        ("Jobs", f"{len(made)} done, {len(results.missing)} not"),
        ("Time", f"{duration(float(made['seconds'].sum()))} of jobs, each on one thread, times alone"),
        ("Started", " to ".join(dict.fromkeys([started[0], started[-1]]))),
    ]


def _chapter(results: Results, chapter: Chapter, judged: list[Judged]) -> list[Section]:
    frames = results.frames[chapter.study]
    words = filled(chapter.prose, results.settings(chapter.study))
    method = [(name, text) for name, text in words["method"].items() if text]
    bars = [claim.judged(frames) for claim in chapter.bars]
    missing = [one for one in results.missing if one.study == chapter.study]
    source = f"{chapter.paper} (arXiv {chapter.arxiv})."
    sections = [
        Section(chapter.title, [Prose(f"{source} {words['about']}")]),
        Section("What the paper claims", [statements(judged, f"What the paper claims: {chapter.title}")], level=3),
        Section(
            "What was to be expected here",
            [statements(bars, f"What was to be expected here: {chapter.title}", "Expected")],
            level=3,
        ),
        Section("What was measured", chapter.body(frames, words), level=3),
        Section("How it was measured", [Facts(method)] if method else [], level=3),
        Section("Not run", _missing(missing, chapter, results), level=3),
    ]
    return [section for section in sections if section.blocks]


def _missing(missing: Sequence[Missing], chapter: Chapter, results: Results) -> list[Block]:
    """What was not run, with the command that runs it; a long list is folded away."""
    whole = Code(f"python -m bench related --only {chapter.study}")
    if not any(job["study"] == chapter.study for job in results.plan["jobs"]):
        return [Bullets([("The whole study. It is run by", whole)])]
    items: list[Text] = [
        (f"{one.title}{f', which failed: {one.why}' if one.why else ''}:", Code(one.command)) for one in missing
    ]
    if len(items) > MOST_LISTED:
        summed = Bullets([(f"{len(items)} jobs. They are run by", whole)])
        return [summed, Details("Job by job", [Bullets(items)])]
    return [Bullets(items)] if items else []
