"""A row's numbers as people read them, the same in the terminal and in Markdown."""

from __future__ import annotations

from analysis.regressions.verdict import INSTRUCTIONS, TIME, Row, Verdict, counts
from analysis.units import binary_bytes, seconds, significant
from analysis.vocabulary import METRICS, OPERATORS, PARAMETERS

HEADINGS = ("Verdict", "Cell", "Metric", "Base", "Head", "Change", "95 % interval", "Processes", "Why")


def texts(row: Row) -> tuple[str, ...]:
    """One text for each of `HEADINGS`."""
    return (
        row.verdict.value,
        row.cell,
        metric_label(row.metric),
        _value(row, row.base),
        _value(row, row.head),
        _change(row.ratio),
        "" if row.low is None or row.high is None else f"{_change(row.low)} to {_change(row.high)}",
        str(row.passes or ""),
        row.reason,
    )


def metric_label(metric: str) -> str:
    """The metric for people."""
    known = {TIME: "Time per step", PARAMETERS: "Parameters", INSTRUCTIONS: "Instructions"}
    return known.get(metric) or METRICS[metric].label


def _value(row: Row, value: float | None) -> str:
    if value is None:
        return ""
    if row.metric == TIME:
        return seconds(value)
    return f"{value:,.0f}" if row.metric in (OPERATORS, PARAMETERS, INSTRUCTIONS) else binary_bytes(value)


def _change(ratio: float | None) -> str:
    """1.034 -> '+3.4 %', 0.9 -> '-10 %', 3.2 -> '×3.2'."""
    if ratio is None:
        return ""
    if not 0.5 < ratio < 2:
        return f"\N{MULTIPLICATION SIGN}{significant(ratio, 2)}"
    return f"{100 * (ratio - 1):+.1f} %"


def tally(rows: list[Row]) -> str:
    """'2 regressed, 1 inconclusive, 40 pass': verdicts that occur, worst first."""
    return ", ".join(f"{number} {verdict.value}" for verdict, number in counts(rows).items() if number)


def worth_showing(row: Row) -> bool:
    """Whether a short table needs the row: all but what passes, and passed figures that fell."""
    return row.verdict is not Verdict.PASS or (row.metric != TIME and row.ratio is not None and row.ratio != 1)
