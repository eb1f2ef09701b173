"""The report as sections of a page: what was measured in each setting, and how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from analysis.appearance import WIDER_LOOKS
from analysis.comparability import by_kind, choose
from analysis.pages import Answer, Block, Bullets, Details, Facts, Page, Prose, Section, Table
from analysis.pages.html import slug
from analysis.pages.writing import Report, write_page
from analysis.report import cell_tables, chapters, trust
from analysis.report.choice import looked_through, of_machines
from analysis.report.facts import facts
from analysis.report.figures import FIGURES, PROSE
from analysis.report.measured import Measured
from analysis.report.verdicts import headlines
from analysis.results import Results
from analysis.vocabulary import counted

MOST_ROWS = 12
LEFT_OUT = "Files that were left out"
DEFAULT_TITLE = "The uRNN against LSTMs and dense orthogonal RNNs"


def write_report(
    results: Results, output: Path | str, title: str = DEFAULT_TITLE, machines: Sequence[str] = ()
) -> Report:
    """Write the whole report into the folder `output`, or leave what was there as it was.

    The folder then holds index.html, report.md, measurements.csv, measurements.parquet and figures/. `machines`
    are parts of the names of kinds: the page then has these alone, beside each other. Raises AnalysisError where
    the folder cannot be written or holds something that is no report, and for a machine that was not measured.
    """
    files = {
        "measurements.csv": lambda path: results.frame.to_csv(path, index=False),
        "measurements.parquet": lambda path: results.frame.to_parquet(path, index=False),
    }
    return write_page(lambda: page_of(results, title, machines), output, files)


def page_of(results: Results, title: str, machines: Sequence[str] = ()) -> Page:
    """Work out everything the report says; the setting with most measurements comes first."""
    frame = of_machines(by_kind(results.frame), machines)
    every = [Measured.of(choice) for choice in choose(frame)]
    shown = [measured for measured in every if measured.ours or not _of_one_device(measured, every)]
    sections = [
        section
        for number, measured in enumerate(shown)
        for section in _sections(frame, measured, every, number, alone=len(shown) == 1)
    ]
    if not shown:
        sections = [Section("", [Answer(["Nothing was measured."])])]
    elif any(len(measured.cells) for measured in every):
        explore = Section("Explore the measurements", [looked_through(every, frame, machines)])
        sections.insert(1 if len(shown) == 1 else 0, explore)
    sections.append(Section("How each figure was measured", [Facts(list(PROSE["method"].items()))]))
    if results.problems:
        sections.append(Section(LEFT_OUT, [Bullets(list(results.problems))]))
    if results.left_out:
        sections.insert(0, Section("", [Prose(_without(results.left_out))]))
    series = dict.fromkeys(one for measured in shown for one in measured.series)
    return Page("Benchmark report", title, sections, list(series))


def _without(files: int) -> str:
    """What whoever reads no further than the conclusions has to know of them."""
    were = "was" if files == 1 else "were"
    return (
        f"{counted(files, 'file')} of results could not be used and {were} left out, so the conclusions below "
        f'rest on the others alone; see "{LEFT_OUT}" at the end.'
    )


def _of_one_device(measured: Measured, every: Sequence[Measured]) -> list[Measured]:
    """The same CUDA device in other dtypes, where one of the two has a uRNN and the other has not.

    A setting with a uRNN has sections of its own; those of baselines alone stand in its chapter on the device.
    """
    here = measured.setting
    place = (here.machine, "cuda")
    others = [one for one in every if (one.setting.machine, one.setting.device) == place]
    return [one for one in others if here.device == "cuda" and bool(one.ours) != bool(measured.ours)]


def _sections(
    frame: pd.DataFrame, measured: Measured, every: Sequence[Measured], number: int, alone: bool
) -> list[Section]:
    """Everything said about one setting; its title is left out where there is no other."""
    setting, level = measured.setting, 2 if alone else 3
    place = slug(" ".join(str(part) for part in setting.place if part is not None))
    folder = f"figures/{place}" if number else "figures"
    answer = Answer(headlines(measured), facts(measured))
    if setting.device == "cuda":
        cuda = [chapters.on_cuda(measured, _of_one_device(measured, every), level)]
    else:
        anywhere = any(other.setting.device == "cuda" for other in every)
        cuda = [] if anywhere or number > 0 else [chapters.on_cuda(None, (), level)]
    explain, scaling = PROSE["explain"], cell_tables.scaling(measured)
    return [
        Section("" if alone else setting.describe(), [answer]),
        Section(
            "From which size on",
            [Prose(explain["from_which_size"]), *cell_tables.verdicts(measured)],
            level,
        ),
        Section("Figures", [*_crossing(measured), *(row.of(measured.usual, folder) for row in FIGURES)], level),
        *_wider_field(measured, folder, level),
        chapters.nearness(measured, folder, level),
        chapters.ladders(measured, folder, level),
        *cuda,
        Section("How cost grows: exponents", [Prose(explain["exponents"]), *_in_parts(scaling)], level),
        *trust.sections(frame, measured, level, next(at for at, one in enumerate(every) if one is measured)),
    ]


def _crossing(measured: Measured) -> list[Block]:
    """Says that curves over a size cross machines, and what the control cells say of that; or nothing."""
    if len(measured.instances) < 2:
        return []
    said = [sentence for verdict in measured.verdicts for sentence in verdict.sentences]
    return [Prose(" ".join([trust.crossing(measured), *said]))]


def _wider_field(measured: Measured, folder: str, level: int) -> list[Section]:
    """The rivals of long profiles in tables and figures of their own, or none of it where none was measured."""
    cells = measured.wider
    if cells.empty:
        return []
    over_sequences = cells["phase"].isin(["train", "forward"]) & cells["model"].isin(WIDER_LOOKS)
    varied = cells[over_sequences]["length"].nunique() > 1
    figures = [
        replace(row.of(cells, f"{folder}/wider"), title=f"{row.title}: the wider field")
        for row in FIGURES
        if varied or not row.name.endswith("_over_length")
    ]
    best = measured.best[measured.best["model"].isin(WIDER_LOOKS)]
    kernels = set(best["model"][best["backend"] != "eager"])
    loops = dict.fromkeys(best["label"][~best["model"].isin(kernels)])
    said = PROSE["explain"]["wider"]
    if loops:
        said += f" Loops over time in Python, which a kernel would shorten: {', '.join(loops)}."
    tables = cell_tables.verdicts(measured, wider=True)
    return [Section("The wider field of rivals", [Prose(said), *tables, *figures], level)]


def _in_parts(table: Table) -> list[Block]:
    """A table of few rows as it is; of many the first, and the others folded away."""
    if len(table.rows) <= MOST_ROWS:
        return [table]
    rest = table.part(MOST_ROWS)
    return [table.part(0, MOST_ROWS), Details(f"{len(rest.rows)} more: {table.title}", [rest])]
