"""A page -> one HTML file that needs nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined

from analysis.appearance import EVERY_LOOK, css_name, look
from analysis.figures.style import GRID, INK, MUTED, PAPER
from analysis.pages import Code, Explorer, Page, Text
from analysis.pages.compact import compact

# On a light and on a dark page, by the names that drawings and style sheet use.
COLOURS = {
    "ink": (INK, "#e7e9ec"),
    "muted": (MUTED, "#a3abb5"),
    "grid": (GRID, "#353b44"),
    "card": (PAPER, "#1b1f25"),
}

# The explorer's files, in one scope: each may use what those before it define.
EXPLORER = (
    *("ratios.js", "cells.js", "numbers.js", "metrics.js", "state.js", "view.js", "dom.js", "marks.js", "look.js"),
    *("chart.js", "tables.js", "csv.js", "every_cell.js", "controls.js", "start.js"),
)

# Within 'n = 64', '95 %', 'at n', 'beyond 1024' and '3.4 MiB'.
TOGETHER = re.compile(
    r" (?=[=%])|(?<==) |(?<=\bat) (?=n\b)|(?<=beyond) (?=\d)|(?<=below) (?=\d)|(?<=\d) (?=[nmµ]?s\b|[KMGT]?i?B\b)"
)


def html(page: Page, drawings: Mapping[str, Mapping[str, str]]) -> str:
    """The page with style, script and the drawings of its figures, by their names, inside."""
    drawings, drawn_styles = compact(drawings)
    environment = Environment(
        loader=PackageLoader("analysis", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    kind = {"kind": lambda block: type(block).__name__}
    environment.filters |= {"tight": tight, "pieces": _pieces, "slug": slug, **kind}
    return environment.get_template("page.html.j2").render(
        page=page,
        drawings=drawings,
        drawn_styles=drawn_styles,
        explorer=page.explorer and _explorer(page.explorer),
        colours=COLOURS | {css_name(one): (one.light, one.dark) for one in EVERY_LOOK},
        variable=lambda model: css_name(look(model)),
    )


def _explorer(block: Explorer) -> dict[str, str]:
    """Its data, as JSON that cannot end its element, and its scripts: uPlot with its licence, then our own."""
    templates = files("analysis") / "templates"
    uplot, licence = (
        (templates / "uplot" / name).read_text(encoding="utf-8") for name in ("uPlot.iife.min.js", "LICENSE")
    )
    banner, _, code = uplot.partition("*/")
    version = re.search(r"\(v([\d.]+)\)", banner)[1]
    return {
        "data": json.dumps(block.data, separators=(",", ":"), ensure_ascii=False, allow_nan=False).replace(
            "<", r"\u003c"
        ),
        "uplot": f"/*! uPlot {version}\n{licence.strip()}\n*/\n{code.strip()}",
        "uplot_css": (templates / "uplot" / "uPlot.min.css").read_text(encoding="utf-8"),
        "scripts": "\n".join((templates / "explorer" / name).read_text(encoding="utf-8") for name in EXPLORER),
    }


def slug(text: str) -> str:
    """A text as part of an id or of a file's name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _pieces(text: Text) -> list[tuple[bool, str]]:
    """Whether each piece of a text is code, and the piece."""
    return [(isinstance(piece, Code), piece) for piece in ((text,) if isinstance(text, str) else text)]


def tight(text: str) -> str:
    """The same text with unbreakable spaces where a line must not end."""
    return TOGETHER.sub("\u00a0", text)
