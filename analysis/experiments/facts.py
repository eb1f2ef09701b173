"""Where, when and with what the runs were trained.

Known weakness: what differs between runs is listed, not told apart; runs.csv says which is which.
"""

from __future__ import annotations

import pandas as pd

from analysis.experiments.study import Study
from analysis.vocabulary import duration

LISTED = {
    "Processor": "cpu",
    "Machine": "machine",
    "Device": "device",
    "Precision": "dtype",
    "Threads a run": "threads",
    "torch": "torch",
    "Python": "python",
    "Commit": "commit",
}


def facts(study: Study) -> list[tuple[str, str]]:
    """Names and values for people; what is not recorded is left out."""
    runs = study.logs.runs
    found = [(name, _listed(runs[column])) for name, column in LISTED.items()]
    found.append(("Runs", f"{len(runs)}, seeds {_listed(runs['seed'].sort_values())}"))
    found.append(("Training time", f"{duration(float(runs['seconds'].sum()))} in all"))
    found.append(("Started", _period(runs["started_at"])))
    found.append(("Step times and memory", "from the benchmark where it measured the same step"))
    if study.measurements is None:
        found[-1] = (found[-1][0], "no benchmark results: times from iterations a second, memory not measured")
    return [(name, value) for name, value in found if value]


def _listed(column: pd.Series) -> str:
    return ", ".join(str(value) for value in column.dropna().unique())


def _period(times: pd.Series) -> str:
    known = sorted(times.dropna())
    if not known:
        return ""
    first, last = (time[:16].replace("T", " ") for time in (known[0], known[-1]))
    return first if first == last else f"{first} to {last}"
