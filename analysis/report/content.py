"""What the page and the Markdown say, gathered once, free of any markup.

Why: both are made from the same content, so that they cannot disagree; and tests read it without parsing
HTML. Known weakness: none known.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from analysis import units
from analysis.comparability import Setting, choose
from analysis.report import device, findings, tables
from analysis.report.chapters import Chapter, chapters
from analysis.report.section import Section
from analysis.report.tables import Table
from analysis.report.verdicts import headlines
from analysis.results import Results
from analysis.schema import PEAK_ALLOCATED, STEP_TIME


@dataclass(frozen=True)
class SectionContent:
    """Everything said about one setting."""

    section: Section
    anchor: str
    headlines: list[str]
    facts: list[tuple[str, str]]
    figure_folder: str
    chapters: list[Chapter]
    verdicts: list[tuple[str, str, Table]]
    measurements: Table
    scaling: Table
    unstable: Table
    without_value: Table
    first_calls: Table
    missing: int
    repetitions: str
    allocator: str
    allocator_table: Table | None
    agreement: str
    agreement_table: Table | None


@dataclass(frozen=True)
class Content:
    """The whole report."""

    title: str
    sections: list[SectionContent]
    problems: Sequence[str]

    @property
    def headlines(self) -> list[str]:
        """The sentences of the first section, which has most measurements."""
        return self.sections[0].headlines if self.sections else ["Nothing was measured."]


def gather(results: Results, title: str) -> Content:
    """Work out everything the report says; the first section is that with most measurements."""
    every = [Section.of(choice) for choice in choose(results.frame)]
    shown = [section for section in every if section.ours or not _of_one_device(section, every)]
    somewhere = any(section.setting.device == "cuda" for section in every)
    sections = [
        _section(results.frame, section, _on_cuda(section, every, somewhere or number > 0), first=number == 0)
        for number, section in enumerate(shown)
    ]
    return Content(title, sections, results.problems)


def _on_cuda(section: Section, every: Sequence[Section], told: bool) -> list[device.Chapter]:
    """The chapter on a CUDA device, in its own section; in the first one where no device was measured at all."""
    if section.setting.device == "cuda":
        return [device.chapter(section, _of_one_device(section, every))]
    return [] if told else [device.not_measured(section)]


def _of_one_device(section: Section, every: Sequence[Section]) -> list[Section]:
    """On CUDA, the same machine's settings in other dtypes that are told together with this one.

    One with a uRNN has a section; those of baselines alone are told in its chapter.
    """
    if section.setting.device != "cuda":
        return []
    same = [
        other
        for other in every
        if other is not section
        and (other.setting.machine, other.setting.device) == (section.setting.machine, section.setting.device)
    ]
    return [other for other in same if bool(other.ours) != bool(section.ours)]


def _section(
    frame: pd.DataFrame, section: Section, on_cuda: Sequence[device.Chapter], first: bool
) -> SectionContent:
    anchor = slug(section.setting)
    allocator = findings.allocator_cost(frame, section.setting)
    agreement = findings.agreement(frame, section.setting)
    return SectionContent(
        section=section,
        anchor=anchor,
        headlines=headlines(section),
        facts=facts(section),
        figure_folder="figures" if first else f"figures/{anchor}",
        chapters=[*chapters(section), *on_cuda],
        verdicts=tables.verdict_tables(section),
        measurements=tables.measurements(section),
        scaling=tables.scaling(section),
        unstable=tables.unstable(section),
        without_value=tables.without_value(section),
        first_calls=tables.first_calls(section),
        missing=findings.not_measured(section.cells),
        repetitions=_repetitions(section),
        allocator=_allocator_sentence(allocator),
        allocator_table=allocator
        and tables.comparison(allocator, "Kept against default allocator", "Kept", "Default"),
        agreement=_agreement_sentence(agreement),
        agreement_table=agreement
        and tables.comparison(agreement, "The two harnesses", agreement.first.source, agreement.second.source),
    )


def slug(setting: Setting) -> str:
    """A name for anchors and folders, made of the setting's place."""
    text = "-".join(str(part) for part in setting.place if part is not None)
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def facts(section: Section) -> list[tuple[str, str]]:
    """Machine and versions; what is not recorded is left out."""
    rows, setting = section.rows, section.setting
    memory = _only(rows["memory_bytes"])
    cores = _only(rows["cores"])
    # That of the CPU kernel; a GPU's is among its facts.
    built = _kernel_build(rows["kernel_build_seconds"]) if setting.device == "cpu" else None
    known = [
        ("Machine", setting.machine),
        ("Processor", _only(rows["cpu"])),
        ("Cores", cores and str(cores)),
        ("Memory", memory and units.binary_bytes(float(memory))),
        ("GPU", _only(rows["gpu"])),
        ("GPU's facts", _only(rows["gpu_facts"])),
        ("TF32", _only(rows["tf32"]) if setting.device == "cuda" else None),
        ("System", _only(rows["os"])),
        ("Device", f"{setting.device}, {setting.dtype}"),
        ("Threads", "not recorded" if setting.threads is None else str(setting.threads)),
        ("Allocator", setting.allocator or "not recorded"),
        ("torch", setting.torch),
        ("Python", _only(rows["python"])),
        ("Commit", setting.version()),
        ("Kernel build at first use", built),
        ("Measured", _period(rows["measured_at"])),
        ("Harness", setting.source),
        ("Kept apart", "; ".join(f"{other.version()} under {other.source}" for other in section.left_out)),
    ]
    return [(name, str(value)) for name, value in known if value]


def _only(column: pd.Series) -> object:
    known = column.dropna().unique()
    return known[-1] if len(known) else None


def _kernel_build(seconds: pd.Series) -> str:
    known = seconds.dropna()
    if known.empty:
        return f"{units.NOT_MEASURED} (the kernel was cached, or its build not recorded)"
    return f"{units.seconds(known.iloc[-1])}, outside every measurement"


def _period(times: pd.Series) -> str:
    known = sorted(times.dropna())
    if not known:
        return ""
    first, last = (time[:16].replace("T", " ") for time in (known[0], known[-1]))
    return f"{first} UTC" if first == last else f"{first} to {last} UTC"


def _repetitions(section: Section) -> str:
    counts = findings.repetitions(section.cells)
    if counts is None:
        return units.NOT_MEASURED
    processes, rounds = (str(low) if low == high else f"{low} to {high}" for low, high in (counts[:2], counts[2:]))
    return f"{processes} process{'es' * (processes != '1')} and {rounds} rounds a cell in all"


def _allocator_sentence(found: findings.Comparison | None) -> str:
    summary = found and found.summary()
    if not summary:
        return "What the default allocator costs: not measured."
    cells, middle, low, high = summary
    return (
        f"With the default allocator a call takes {middle:.2f} times as long "
        f"(median of {cells} cells, {low:.2f} to {high:.2f})."
    )


def _agreement_sentence(found: findings.Comparison | None) -> str:
    if found is None:
        return "Agreement of the two harnesses: not measured."
    parts = []
    for metric, what in ((STEP_TIME, "times"), (PEAK_ALLOCATED, "peak memory")):
        summary = found.summary(metric)
        if summary:
            cells, middle, low, high = summary
            parts.append(f"{what} {middle:.2f} (median of {cells} cells, {low:.2f} to {high:.2f})")
    return f"{found.second.source} over {found.first.source} on the same cells: {'; '.join(parts)}."
