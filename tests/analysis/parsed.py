"""A page as a browser's parser sees it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from analysis.pages import Bullets


class Parsed(HTMLParser):
    """Collects what a browser would fetch, every id, and what is never closed."""

    VOID = frozenset({"meta", "link", "input", "br", "img", "path", "use", "rect", "image"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.fetched: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("src", "href", "xlink:href", "srcset", "data", "action", "poster"):
                self.fetched.append(value)
            if name == "id":
                self.ids.append(value)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


MOST_BYTES = 2_500_000


def assert_it_stands_alone(text: str) -> None:
    """Well-formed and small; nothing is fetched, ids are unique, and every reference leads to one."""
    page = Parsed(text)
    assert page.open == []
    assert [value for value in page.fetched if not value.startswith(("#", "data:"))] == []
    assert "http" not in text
    assert "@import" not in text
    assert len(page.ids) == len(set(page.ids))
    inside = {value[1:] for value in page.fetched if value.startswith("#")}
    inside |= set(re.findall(r"url\(#([^)]+)\)", text))
    assert inside <= set(page.ids)
    assert len(text.encode()) < MOST_BYTES


# An interval cut by a comma, an empty note, a number that no unit was found for.
BROKEN = re.compile(r"\bto[,)]|,\s*to\b|\(\)|\bnan\b|\bNone\b|\{\{")


def assert_it_reads_well(markdown: str) -> None:
    """Every table is whole, and no cell is broken."""
    assert BROKEN.findall(markdown) == []
    assert "\n\n\n" not in markdown
    width = 0
    for line in markdown.splitlines():
        columns = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        assert not (width and columns and columns != width), line
        width = columns


def section(page, title: str):
    """The page's section of that title; of several the first."""
    return next(one for one in page.sections if one.title == title)


def table(page, title: str):
    """The page's table of that title; of several the first."""
    return next(one for one in page.tables if one.title == title)


def texts(found) -> list[list[str]]:
    """What stands in the cells of a table."""
    return [[cell.text for cell in row] for row in found.cells]


def sentences(one) -> list[str]:
    """The sentences listed in a section."""
    return [item for block in one.blocks if isinstance(block, Bullets) for item in block.items]
