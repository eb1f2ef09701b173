"""What a comparison of somebody's benchmarks is worth: as tables on a terminal, as Markdown and as JSON."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from analysis.calibration.repeated import EFFECTS, MOST_PROCESSES, SHARES, Worth, headlines, needed_floor
from analysis.markdown import markdown_cell, markdown_text
from analysis.statistics import Estimate
from analysis.units import per_cent, seconds, share
from analysis.vocabulary import WORTH_FORMAT

WIDEST = 400  # columns of the terminal's table


@dataclass(frozen=True)
class Printed:
    """A table of texts; its first column is of names."""

    title: str
    headings: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def tables(found: Worth) -> tuple[Printed, Printed]:
    """False alarms by floor, and what is seen of each benchmark."""
    alarms = Printed(
        "False alarms, of whole comparisons without a change",
        ("Floor", "Sides measured in turn", "One side after the other"),
        [(per_cent(one.floor), _interval(one.mixed), share(one.in_a_row)) for one in found.alarms],
    )
    caught = (f"Caught in {per_cent(part)} from" for part in SHARES)
    needed = (f"Processes for {per_cent(effect)}{_floor(effect, found)}" for effect in EFFECTS)
    rows = [
        (
            one.name,
            seconds(one.seconds),
            _interval(one.spread),
            *(per_cent(one.caught[part]) for part in SHARES),
            *(f"{one.needed[effect] or f'over {MOST_PROCESSES:,}'}" for effect in EFFECTS),
        )
        for one in found.benchmarks
    ]
    seen = Printed(
        f"What {found.processes} processes a side see, and how many a side it takes",
        ("Benchmark", "Time", "Spread of processes", *caught, *needed),
        rows,
    )
    return alarms, seen


def _floor(effect: float, found: Worth) -> str:
    floor = needed_floor(effect, found.rules)
    return "" if floor == found.rules.floor else f" (--floor {100 * floor:g})"


def _interval(estimate: Estimate) -> str:
    return f"{share(estimate.value)} ({share(estimate.low)} to {share(estimate.high)})"


def markdown(found: Worth) -> str:
    """Headlines, tables and remarks; ends in a newline."""
    blocks = ["### What comparing these benchmarks is worth", _bullets(headlines(found))]
    for table in tables(found):
        lines = [table.headings, ["---", *["---:"] * (len(table.headings) - 1)]]
        lines += [tuple(map(markdown_cell, row)) for row in table.rows]
        blocks += [f"#### {table.title}", "\n".join(f"| {' | '.join(line)} |" for line in lines)]
    return "\n\n".join(filter(None, [*blocks, _bullets(found.notes)])) + "\n"


def _bullets(texts: Sequence[str]) -> str:
    return "\n".join(f"- {markdown_text(text)}" for text in texts)


def document(found: Worth) -> str:
    """JSON: seconds, and fractions; a number of processes beyond the largest is null."""
    content = {
        "format": WORTH_FORMAT,
        "measured": found.measured,
        "processes": found.processes,
        "floor": found.rules.floor,
        "level": found.rules.level,
        "alarms": [
            {"floor": one.floor, "in_turn": vars(one.mixed), "in_a_row": one.in_a_row} for one in found.alarms
        ],
        "benchmarks": [
            {
                "name": one.name,
                "seconds": one.seconds,
                "spread": vars(one.spread),
                "caught": {f"{part:g}": value for part, value in one.caught.items()},
                "needed": {f"{effect:g}": number for effect, number in one.needed.items()},
            }
            for one in found.benchmarks
        ],
        "notes": found.notes,
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def show(found: Worth, console: Console | None = None) -> None:
    """Prints the tables, the remarks, and what to make of them."""
    console = console or Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    for printed in tables(found):
        table = Table(title=Text(printed.title, style="table.title"), title_justify="left", box=None)
        for number, heading in enumerate(printed.headings):
            table.add_column(heading, justify="right" if number else "left", no_wrap=True)
        for row in printed.rows:
            table.add_row(*map(Text, row))
        wanted = console.measure(table, options=console.options.update(width=WIDEST)).maximum
        console.width = max(console.width, wanted)
        console.print(table)
        console.print()
    for note in found.notes:
        console.print(f"note: {note}")
    for sentence in headlines(found):
        console.print(sentence)
