"""The comparison as JSON for machines, as Markdown for a pull request, and as a table on a terminal."""

import json
import math
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from analysis.markdown import markdown_cell, markdown_code, markdown_text
from analysis.regressions.comparison import Comparison, NamedCommit
from analysis.regressions.groups import groups
from analysis.regressions.judge import INSTRUCTIONS, MARGINS, RULES, TIME, Row, Verdict, counts
from analysis.units import TIMES, binary_bytes, per_cent, seconds, significant
from analysis.vocabulary import METRICS, OPERATORS, PARAMETERS, VERDICTS_FORMAT, counted

NUMBERS = ("Base", "Head", "Change", "95 % interval", "Processes")
STYLES = {
    Verdict.REGRESSED: "bold red",
    Verdict.NOT_MEASURED: "red",
    Verdict.INCONCLUSIVE: "yellow",
    Verdict.FASTER: "green",
    Verdict.PASS: "",
}
WIDEST = 400  # columns of the terminal's table: a name cut short could not be used in a command

# A comment is found again by this line, and updated instead of repeated.
MARK = "<!-- urnn performance gate -->"


def document(comparison: Comparison) -> str:
    """JSON: times in seconds per time step, ratios head over base; what is infinite (a base of zero) is null."""
    kept = ("base", "head", "notes", "again", "commands", "open", "suspects")
    everything = asdict(comparison)
    content = {
        "format": VERDICTS_FORMAT,
        "exit_code": comparison.outcome.code,
        "sentence": comparison.outcome.sentence,
        "counts": counts(comparison.rows),
        "groups": [asdict(group) | {"sentence": group.sentence} for group in groups(comparison.rows)],
        "rows": [
            {
                name: None if isinstance(value, float) and not math.isfinite(value) else value
                for name, value in row.items()
            }
            for row in everything["rows"]
        ],
        **{name: everything[name] for name in kept},
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def markdown(comparison: Comparison) -> str:
    """The answer, what needs a look, the rest folded away; ends in a newline."""
    shown = [row for row in comparison.rows if _worth_showing(row)]
    rest = [row for row in comparison.rows if not _worth_showing(row)]
    unclear = (row.cell for row in comparison.rows if row.verdict in (Verdict.REGRESSED, Verdict.INCONCLUSIVE))
    commands = [comparison.commands[cell] for cell in dict.fromkeys(unclear) if cell in comparison.commands]
    rules, noun, passed = comparison.rules, comparison.noun, _markdown_table(comparison, rest)
    blocks = [
        MARK,
        f"### {comparison.outcome.sentence}",
        f"Base {_commit(comparison.base)}, head {_commit(comparison.head)}: {_tally(comparison.rows)}.",
        "\n".join(f"- {markdown_text(group.sentence)}" for group in groups(comparison.rows)),
        _markdown_table(comparison, shown),
        f"<details><summary>{len(rest)} rows that pass</summary>\n\n{passed}\n\n</details>" if rest else "",
        "\n".join(f"- {markdown_text(note)}" for note in comparison.notes),
        f"See it again: {markdown_code(comparison.again)}" if comparison.again else "",
        "\n".join([f"One {noun} alone:", "", "```", *commands, "```"]) if commands else "",
        f"<sub>A time regressed if its mean is more than {per_cent(rules.floor)} above base's, at a level "
        f"of {per_cent(rules.level)} over all {noun}s; it passes if its interval ends "
        f"below {per_cent(rules.tolerated)}.{_margins(comparison)}</sub>",
    ]
    return "\n\n".join(filter(None, blocks)) + "\n"


def _margins(comparison: Comparison) -> str:
    """A sentence on deterministic figures where there are some."""
    if all(row.metric == TIME for row in comparison.rows):
        return ""
    margins = ", ".join(f"{name.replace('_', ' ')} {per_cent(margin)}" for name, margin in MARGINS.items())
    return f" Margins of deterministic figures: {margins}."


def _commit(commit: NamedCommit) -> str:
    return markdown_code(commit.name) + (f" ({markdown_text(commit.subject)})" if commit.subject else "")


def headings(comparison: Comparison) -> tuple[str, ...]:
    """Of every table; `_texts` has a text for each. Benchmarks of other tools have times alone."""
    metric = () if comparison.noun != "cell" else ("Metric",)
    return ("Verdict", comparison.noun.capitalize(), *metric, *NUMBERS, "Why")


def _markdown_table(comparison: Comparison, rows: list[Row]) -> str:
    if not rows:
        return ""
    heads = headings(comparison)
    lines = [heads, ["---"] * len(heads), *(map(markdown_cell, _texts(comparison, row)) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def show(comparison: Comparison, console: Console | None = None) -> None:
    """Prints every time, and of the deterministic figures those that changed; the answer is the last line."""
    console = console or Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    shown = [row for row in comparison.rows if row.metric == TIME or _worth_showing(row)]
    title = Text(f"{comparison.base.name} -> {comparison.head.name}", style="table.title")
    table = Table(title=title, title_justify="left", box=None)
    for heading in headings(comparison):
        table.add_column(heading, justify="right" if heading in NUMBERS else "left", no_wrap=heading != "Why")
    for row in shown:
        table.add_row(*map(Text, _texts(comparison, row)), style=STYLES[row.verdict])
    wanted = console.measure(table, options=console.options.update(width=WIDEST)).maximum
    console.width = max(console.width, wanted)
    console.print(table)
    hidden = len(comparison.rows) - len(shown)
    if hidden:
        console.print(f"{hidden} deterministic figures are the same on both sides.")
    for note in comparison.notes:
        console.print(f"note: {note}", markup=False, emoji=False)
    for group in groups(comparison.rows):
        console.print(group.sentence)
    console.print(f"{comparison.outcome.sentence} ({_tally(comparison.rows)})", style="bold")


def _texts(comparison: Comparison, row: Row) -> tuple[str, ...]:
    """One text for each of the headings."""
    metric = () if comparison.noun != "cell" else (metric_label(row.metric),)
    return (
        row.verdict.value,
        row.cell,
        *metric,
        _value(row, row.base),
        _value(row, row.head),
        _change(row.ratio),
        "" if row.low is None or row.high is None else f"{_change(row.low)} to {_change(row.high)}",
        str(row.passes or ""),
        _why(row),
    )


def _why(row: Row) -> str:
    """The reason of the verdict; and where it is no change, what change there could not have been."""
    if row.detectable is None or row.verdict in (Verdict.REGRESSED, Verdict.NOT_MEASURED, Verdict.FASTER):
        return row.reason
    near = row.ratio is not None and abs(math.log(row.ratio)) <= math.log1p(RULES.floor)
    said = row.reason or {Verdict.PASS: "unchanged" if near else "not slower"}.get(row.verdict, "")
    return "; ".join(filter(None, (said, f"{per_cent(row.detectable)} would have been seen")))


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
    return f"{100 * (ratio - 1):+.1f} %" if 0.5 < ratio < 2 else f"{TIMES}{significant(ratio, 2)}"


def _tally(rows: list[Row]) -> str:
    """'2 regressed, 1 inconclusive, 40 pass': verdicts that occur, worst first.

    A cell's other figures than its time have verdicts of their own: with them it is said that figures are counted.
    """
    found = ", ".join(f"{number} {verdict.value}" for verdict, number in counts(rows).items() if number)
    alone = all(row.metric == TIME for row in rows)
    return found if alone else f"{found}, of {counted(len(rows), 'time')} and other figures"


def _worth_showing(row: Row) -> bool:
    """Whether a short table needs the row: all but what passes, and passed figures that fell."""
    return row.verdict is not Verdict.PASS or (row.metric != TIME and row.ratio is not None and row.ratio != 1)
