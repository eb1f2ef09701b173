"""Figures -> PNG and SVG in the report's folder, and inline SVG for the page.

An inline drawing follows the page's colours, light or dark, and its buttons can highlight a series. Each figure is
drawn twice, for a wide and for a narrow screen, because a panel shrunk to a third is not legible. Of matplotlib's
output one pass drops ids that nothing refers to, rounds decimals, and names the page's colours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from zlib import crc32

from matplotlib.figure import Figure as Drawn

from analysis.appearance import FALLBACK_LOOKS, LOOKS, css_name
from analysis.figures import style
from analysis.pages import Figure

DPI = 160
ROLES = {style.INK: "ink", style.MUTED: "muted", style.GRID: "grid", style.PAPER: "card"}
VARIABLES = ROLES | {look.light: css_name(look) for look in (*LOOKS.values(), *FALLBACK_LOOKS)}
COLOUR = re.compile("|".join(VARIABLES))
LONG_PATH = 400  # characters from which on a path is a curve, for which a tenth of a point is below what is seen
POINT = re.compile(r"([ML]) (\S+) (\S+)")
CURVE = re.compile(r"(?:[ML] \S+ \S+ ?)+z?")
DECIMALS = re.compile(r"-?\d+\.\d+")
REFERENCE = re.compile(r"#([^)]+)")


@dataclass(frozen=True)
class Drawing:
    """A figure as the page needs it: inline SVG for a wide and for a narrow screen."""

    wide: str
    narrow: str


def draw(figure: Figure, folder: Path) -> Drawing:
    """Draw a figure for both widths, and write its PNG and SVG into the report's folder."""
    wide, narrow = figure.draw(figure.data), figure.draw(figure.data, 1)
    svg = to_svg(wide)
    place = folder / figure.name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.with_suffix(".svg").write_text(svg, encoding="utf-8")
    place.with_suffix(".png").write_bytes(to_png(wide))
    number = crc32(figure.name.encode())
    return Drawing(inline(svg, f"w{number:x}-"), inline(to_svg(narrow), f"n{number:x}-"))


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


def inline(svg: str, prefix: str) -> str:
    """Standalone SVG of ours -> an element of the page, whose ids begin with the prefix.

    Artists of a series become `class="series"` with its identity in `data-series`; colours that the page knows
    become its variables.
    """
    root = ElementTree.fromstring(svg)
    root.remove(root[0])  # a style sheet, which within a page would be the whole page's
    wanted = {
        found
        for element in root.iter()
        for name, value in element.attrib.items()
        if name.endswith("href") or "url(" in value
        for found in REFERENCE.findall(value)
    }
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.tail = None
        if element.tag != "text":
            element.text = element.text and element.text.strip()
        attributes = {name.rpartition("}")[2]: value for name, value in element.attrib.items()}
        element.attrib.clear()
        element.attrib.update(dict(_attributes(attributes, prefix, wanted)))
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    return ElementTree.tostring(root, encoding="unicode")


def _attributes(attributes: dict[str, str], prefix: str, wanted: set[str]) -> Iterator[tuple[str, str]]:
    for name, value in attributes.items():
        if name == "id" and value.startswith(f"{style.SERIES_ID}:"):
            yield "class", "series"
            yield "data-series", value.split(":", 2)[2]
        elif name == "id":
            if value in wanted:
                yield name, prefix + value
        elif name == "href":
            yield name, f"#{prefix}{value[1:]}" if value[0] == "#" else "".join(value.split())
        elif name == "style":
            yield name, COLOUR.sub(lambda colour: f"var(--{VARIABLES[colour[0]]})", value)
        else:
            yield name, _rounded(value, prefix)


def _rounded(value: str, prefix: str) -> str:
    if "url(#" in value:
        return value.replace("url(#", f"url(#{prefix}")
    text = " ".join(DECIMALS.sub(lambda number: _short(float(number[0]), 2), value).split())
    return _thinned(text) if len(text) > LONG_PATH and CURVE.fullmatch(text) else text


def _short(number: float, digits: int = 1) -> str:
    return f"{number:.{digits}f}".rstrip("0").rstrip(".") or "0"


def _thinned(path: str) -> str:
    """A curve's path in steps of a tenth of a point, without steps that go nowhere."""
    parts: list[str] = []
    at, lines = (0, 0), ""
    for command, x, y in POINT.findall(path):
        here = (round(10 * float(x)), round(10 * float(y)))
        if command == "M":
            parts.append(f"M{_short(here[0] / 10)} {_short(here[1] / 10)}")
            lines = "l"  # named once; a point alone is a line of no length, which is a dot
        elif here != at or lines:
            parts.append(f"{lines}{_short((here[0] - at[0]) / 10)} {_short((here[1] - at[1]) / 10)}")
            lines = ""
        at = here
    return " ".join(parts) + "z" * path.endswith("z")
