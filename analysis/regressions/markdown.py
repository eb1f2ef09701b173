"""The comparison as Markdown for a pull request: the answer, what needs a look, the rest folded away."""

from __future__ import annotations

from analysis.markdown import markdown_cell, markdown_code, markdown_text
from analysis.regressions.comparison import Comparison, NamedCommit
from analysis.regressions.rules import MARGINS, RULES
from analysis.regressions.verdict import Row, Verdict
from analysis.regressions.wording import HEADINGS, tally, texts, worth_showing
from analysis.units import per_cent

# A comment is found again by this line, and updated instead of repeated.
MARK = "<!-- urnn performance gate -->"


def markdown(comparison: Comparison) -> str:
    """The whole text, ending in a newline."""
    shown = [row for row in comparison.rows if worth_showing(row)]
    rest = [row for row in comparison.rows if not worth_showing(row)]
    blocks = [
        MARK,
        f"### {comparison.outcome.sentence}",
        f"Base {_commit(comparison.base)}, head {_commit(comparison.head)}: {tally(comparison.rows)}.",
        _table(shown),
        f"<details><summary>{len(rest)} rows that pass</summary>\n\n{_table(rest)}\n\n</details>" if rest else "",
        "\n".join(f"- {markdown_text(note)}" for note in comparison.notes),
        f"See it again: {markdown_code(comparison.again)}" if comparison.again else "",
        _commands(comparison),
        _legend(),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _commands(comparison: Comparison) -> str:
    """What to run for each cell that needs a look."""
    cells = dict.fromkeys(
        row.cell for row in comparison.rows if row.verdict in (Verdict.REGRESSED, Verdict.INCONCLUSIVE)
    )
    lines = [comparison.commands[cell] for cell in cells if cell in comparison.commands]
    return "\n".join(["One cell alone:", "", "```", *lines, "```"]) if lines else ""


def _commit(commit: NamedCommit) -> str:
    return markdown_code(commit.name) + (f" ({markdown_text(commit.subject)})" if commit.subject else "")


def _table(rows: list[Row]) -> str:
    if not rows:
        return ""
    lines = [HEADINGS, ["---"] * len(HEADINGS), *(map(markdown_cell, texts(row)) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _legend() -> str:
    margins = ", ".join(f"{name.replace('_', ' ')} {per_cent(margin)}" for name, margin in MARGINS.items())
    return (
        f"<sub>A time regressed if its mean is more than {per_cent(RULES.floor)} above base's, at a level "
        f"of {per_cent(RULES.level)} over all cells; it passes if its interval ends "
        f"below {per_cent(RULES.tolerated)}. "
        f"Margins of deterministic figures: {margins}.</sub>"
    )
