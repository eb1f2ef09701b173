"""A page -> Markdown for a pull request or a summary of continuous integration."""

from __future__ import annotations

from functools import singledispatch

from analysis.markdown import markdown_cell, markdown_code, markdown_text
from analysis.pages import (
    Answer,
    Block,
    Bullets,
    Cell,
    Code,
    Details,
    Facts,
    Figure,
    Page,
    Prose,
    Section,
    Table,
    Tabs,
    Text,
)


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


@singledispatch
def _block(block: Block, level: int) -> str:
    """A block in Markdown; headings within it have the level."""
    raise TypeError(f"Expected a block of a page, got {type(block).__name__}.")


@_block.register
def _(block: Prose, level: int) -> str:
    return _text(block.text)


@_block.register
def _(block: Bullets, level: int) -> str:
    return "\n".join(f"- {_text(item)}" for item in block.items)


@_block.register
def _(block: Answer, level: int) -> str:
    facts = " ".join(f"{markdown_text(name)}: {markdown_text(value)}." for name, value in block.facts)
    return "\n\n".join(filter(None, [_block(Bullets(block.sentences), level), facts]))


@_block.register
def _(block: Facts, level: int) -> str:
    return "\n".join(f"- {markdown_text(name)}: {_text(words)}" for name, words in block.pairs)


def _cell(cell: Cell) -> str:
    note = "; ".join(cell.note.splitlines())
    return markdown_cell(f"{cell.text} ({note})" if note else cell.text)


@_block.register
def _(block: Table, level: int) -> str:
    headings = " | ".join(markdown_cell(column.heading) for column in block.columns)
    lines = [f"| {headings} |", "|" + "|".join("---:" if column.text else "---" for column in block.columns) + "|"]
    for row in block.cells:
        lines.append(f"| {' | '.join(map(_cell, row))} |")
    return "\n".join(lines)


@_block.register
def _(block: Figure, level: int) -> str:
    return f"![{markdown_text(block.title)}]({block.name}.png)\n\n{_text(block.caption)}"


@_block.register
def _(block: Tabs, level: int) -> str:
    return "\n\n".join(f"{_heading(level, name)}\n\n{_block(inside, level + 1)}" for name, inside in block.tabs)


@_block.register
def _(block: Details, level: int) -> str:
    if block.page_only:
        return ""
    return "\n\n".join([_heading(level, block.title), *(_block(inside, level + 1) for inside in block.blocks)])
