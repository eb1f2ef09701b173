"""A page -> one HTML file that needs nothing else."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import count

from jinja2 import Environment, PackageLoader, StrictUndefined

from analysis.appearance import FALLBACK_LOOKS, LOOKS, css_name, look
from analysis.figures.style import GRID, INK, MUTED, PAPER
from analysis.pages import Code, Page, Text

# Within 'n = 64', '95 %', 'at n', 'beyond 1024' and '3.4 MiB'.
TOGETHER = re.compile(
    r" (?=[=%])|(?<==) |(?<=\bat) (?=n\b)|(?<=beyond) (?=\d)|(?<=below) (?=\d)|(?<=\d) (?=[nmµ]?s\b|[KMGT]?i?B\b)"
)


def html(page: Page, drawings: Mapping[str, Mapping[str, str]]) -> str:
    """The page with style, script and the drawings of its figures, by their names, inside."""
    environment = Environment(
        loader=PackageLoader("analysis", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    kind = {"kind": lambda block: type(block).__name__}
    environment.filters |= {"tight": tight, "pieces": _pieces, "slug": slug, **kind}
    looks = [*LOOKS.values(), *FALLBACK_LOOKS]
    roles = {"ink": INK, "muted": MUTED, "grid": GRID, "card": PAPER}
    return environment.get_template("page.html.j2").render(
        page=page,
        drawings=drawings,
        anchors=_anchors([section.title for section in page.sections]),
        number=count(1).__next__,
        light=roles | {css_name(one): one.light for one in looks},
        dark={css_name(one): one.dark for one in looks},
        variable=lambda model: css_name(look(model)),
    )


def slug(text: str) -> str:
    """A text as part of an id or of a file's name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _anchors(titles: Sequence[str]) -> list[str]:
    """An id for each heading; of equal ones the second has a number."""
    seen: Counter[str] = Counter()
    anchors = []
    for name in map(slug, titles):
        seen[name] += 1
        anchors.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return anchors


def _pieces(text: Text) -> list[tuple[bool, str]]:
    """Whether each piece of a text is code, and the piece."""
    return [(isinstance(piece, Code), piece) for piece in ((text,) if isinstance(text, str) else text)]


def tight(text: str) -> str:
    """The same text with unbreakable spaces where a line must not end."""
    return TOGETHER.sub("\u00a0", text)
