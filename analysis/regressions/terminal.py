"""The comparison on a terminal: a table, worst first, and the answer in the last line.

Known weakness: the table is as wide as its longest cell, about 170 columns; a narrower terminal wraps its lines,
because a name cut short could not be used in a command.
"""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from analysis.regressions.comparison import Comparison
from analysis.regressions.verdict import TIME, Row, Verdict
from analysis.regressions.wording import HEADINGS, tally, texts, worth_showing

STYLES = {
    Verdict.REGRESSED: "bold red",
    Verdict.NOT_MEASURED: "red",
    Verdict.INCONCLUSIVE: "yellow",
    Verdict.FASTER: "green",
    Verdict.PASS: "",
}
WIDEST = 400
LEFT = ("Verdict", "Cell", "Metric", "Why")


def show(comparison: Comparison, console: Console | None = None) -> None:
    """Prints every time, and of the deterministic figures those that changed."""
    console = console or Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    shown = [row for row in comparison.rows if row.metric == TIME or worth_showing(row)]
    table = _table(shown, comparison)
    console.width = max(
        console.width, console.measure(table, options=console.options.update(width=WIDEST)).maximum
    )
    console.print(table)
    hidden = len(comparison.rows) - len(shown)
    if hidden:
        console.print(f"{hidden} deterministic figures are the same on both sides.")
    for note in comparison.notes:
        console.print(f"note: {note}", markup=False, emoji=False)
    console.print(f"{comparison.outcome.sentence} ({tally(comparison.rows)})", style="bold")


def _table(rows: list[Row], comparison: Comparison) -> Table:
    title = Text(f"{comparison.base.name} -> {comparison.head.name}", style="table.title")
    table = Table(title=title, title_justify="left", box=None)
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading in LEFT else "right", no_wrap=heading != "Why")
    for row in rows:
        table.add_row(*map(Text, texts(row)), style=STYLES[row.verdict])
    return table
