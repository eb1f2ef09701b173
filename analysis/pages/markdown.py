"""A page -> Markdown for a pull request or a summary of continuous integration."""

from __future__ import annotations

from analysis import pages
from analysis.markdown import markdown_cell, markdown_code, markdown_text
from analysis.pages import Block, Cell, Code, Page, Section, Table, Text


def markdown(page: Page) -> str:
    """Headings, lists, tables with their notes in brackets, and figures as links to their PNG."""
    parts = [_heading(1, page.title), *(part for section in page.sections for part in _section(section))]
    return "\n\n".join(parts) + "\n"


def _heading(level: int, title: str) -> str:
    return f"{'#' * level} {markdown_text(title)}"


def _section(section: Section) -> list[str]:
    blocks = [text for block in section.blocks if (text := _block(block, section.level + 1))]
    return [_heading(section.level, section.title), *blocks] if section.title and blocks else blocks


def _text(text: Text) -> str:
    pieces = (text,) if isinstance(text, str) else text
    return " ".join(markdown_code(piece) if isinstance(piece, Code) else markdown_text(piece) for piece in pieces)


def _block(block: Block, level: int) -> str:
    """A block in Markdown; headings within it have the level."""
    match block:
        case pages.Prose(text):
            return _text(text)
        case pages.Bullets(items):
            return "\n".join(f"- {_text(item)}" for item in items)
        case pages.Answer(sentences, facts):
            known = " ".join(f"{markdown_text(name)}: {markdown_text(value)}." for name, value in facts)
            return "\n\n".join(filter(None, [_block(pages.Bullets(sentences), level), known]))
        case pages.Facts(pairs):
            return "\n".join(f"- {markdown_text(name)}: {_text(words)}" for name, words in pairs)
        case pages.Table():
            return _table(block)
        case pages.Figure(name, title, caption):
            return f"![{markdown_text(title)}]({name}.png)\n\n{_text(caption)}"
        case pages.Details(page_only=True) | pages.Explorer() | pages.EveryCell():
            return ""
        case pages.Details(title, blocks):
            return "\n\n".join([_heading(level, title), *(_block(inside, level + 1) for inside in blocks)])
    raise TypeError(f"Expected a block of a page, got {type(block).__name__}.")


def _table(table: Table) -> str:
    rule = "|".join("---:" if column.text else "---" for column in table.columns)
    rows = [[markdown_cell(column.heading) for column in table.columns]]
    rows += [[_cell(cell) for cell in row] for row in table.cells]
    first, *others = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([first, f"|{rule}|", *others])


def _cell(cell: Cell) -> str:
    note = "; ".join(cell.note.splitlines())
    return markdown_cell(f"{cell.text} ({note})" if note else cell.text)
