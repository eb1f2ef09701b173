"""Figures -> PNG and SVG in the report's folder, and inline SVG for the page.

An inline drawing follows the page's colours, light or dark, and its buttons can highlight a series. Each figure is
drawn twice, for a wide and for a narrow screen, because a panel shrunk to a third is not legible.
"""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure as Drawn

from analysis.appearance import EVERY_LOOK, css_name
from analysis.figures import style
from analysis.pages import Figure

DPI = 160
ROLES = {style.INK: "ink", style.MUTED: "muted", style.GRID: "grid", style.PAPER: "card"}
VARIABLES = ROLES | {look.light: css_name(look) for look in EVERY_LOOK}

# matplotlib's SVG: a head with a style sheet, which within a page would be the whole page's; then tags in which
# only the ends of a tag are bare < and >.
HEAD = re.compile(r'.*?<svg [^>]*(viewBox="[^"]*")[^>]*>\s*<defs>\s*<style.*?</defs>', re.DOTALL)
TAG = re.compile(r"\n *|(<[^>]*>)")
ATTRIBUTE = re.compile(r'\s([\w:-]+)="([^"]*)"')
REFERENCE = re.compile(r"#([^)\"]+)")
COLOUR = re.compile("|".join(VARIABLES))
DECIMALS = re.compile(r"-?\d+\.\d+")
COMMAND = re.compile(r" ?([MLz]) ?")  # of a path, which needs no spaces beside it


def draw(figure: Figure, folder: Path) -> dict[str, str]:
    """Write a figure's PNG and SVG into the report's folder -> inline SVG for "wide" and "narrow" screens."""
    wide, narrow = figure.draw(figure.data), figure.draw(figure.data, 1)
    svg = to_svg(wide)
    place = folder / figure.name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.with_suffix(".svg").write_text(svg, encoding="utf-8")
    place.with_suffix(".png").write_bytes(to_png(wide))
    return {"wide": inline(svg), "narrow": inline(to_svg(narrow))}


def to_svg(figure: Drawn) -> str:
    """A figure as standalone SVG, the same bytes for the same data."""
    text = _saved(figure, format="svg", metadata={"Date": None, "Creator": None}).decode()
    return re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)


def to_png(figure: Drawn) -> bytes:
    """A figure as PNG for places that show no SVG."""
    return _saved(figure, format="png", dpi=DPI)


def _saved(figure: Drawn, **how: Any) -> bytes:
    data = BytesIO()
    with style.applied():
        if (layout := figure.get_layout_engine()) is not None:  # once, not again for each format
            layout.execute(figure)
            figure.set_layout_engine(None)
        figure.savefig(data, **how)
    return data.getvalue()


def inline(svg: str) -> str:
    """Standalone SVG of ours -> an element of a page, where `compact` makes its ids unique.

    Artists of a series become `class="series"` with its identity in `data-series`; colours that the page knows
    become its variables; ids that nothing refers to are dropped, and decimals beyond what is seen.
    """
    head = HEAD.match(svg)
    body, wanted = svg[head.end() :], set(REFERENCE.findall(svg))

    def attribute(found: re.Match[str]) -> str:
        name, value = found[1].removeprefix("xlink:"), " ".join(found[2].split())
        if name == "id" and value.startswith(f"{style.SERIES_ID}:"):
            return f' class="series" data-series="{value.split(":", 2)[2]}"'
        if name == "id":
            return f' id="{value}"' if value in wanted else ""
        if name == "href":
            value = value.replace(" ", "")
        else:
            value = COLOUR.sub(lambda colour: f"var(--{VARIABLES[colour[0]]})", value)
            digits = 1 if name == "d" else 2  # of a path, whose unit is a point
            value = DECIMALS.sub(lambda number: f"{round(float(number[0]), digits):g}", value)
            value = COMMAND.sub(r"\1", value) if name == "d" else value
        return f' {name}="{value}"'

    return f"<svg {head[1]}>" + TAG.sub(lambda tag: ATTRIBUTE.sub(attribute, tag[1] or ""), body)
