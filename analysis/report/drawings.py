"""Figures -> files for the folder and inline SVG for the page.

Why inline: the page must be one file, and an inline drawing follows the page's colours, so that dark and
light come from one drawing. Each figure is drawn for a wide and for a narrow screen, because a panel shrunk
to a third is not legible.

Known weakness: colours are exchanged by their hexadecimal value in matplotlib's output.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from analysis import figures
from analysis.appearance import LOOKS, Series, look
from analysis.figures import style
from analysis.pages.drawing import to_png, to_svg

DPI = 160


@dataclass(frozen=True)
class Drawing:
    """One figure as the page needs it."""

    name: str
    title: str
    caption: str
    wide: str
    narrow: str


def colourful(series: Sequence[Series]) -> list[str]:
    """Models whose colours may occur in a drawing: those measured, and the known ones that ladders borrow from."""
    return list(dict.fromkeys([*LOOKS, *(one.model for one in series)]))


def draw_figure(figure: ModuleType, data: Any, models: Sequence[str], folder: Path) -> Drawing:
    """Draw one figure of `data` for both widths and write its PNG and SVG into the folder, which exists.

    `models` are those whose colours the page exchanges, as `colourful` gives them.
    """
    name = figures.name(figure)
    wide, narrow = figure.draw(data), figure.draw(data, 1)
    svg = to_svg(wide)
    (folder / f"{name}.svg").write_text(svg, encoding="utf-8")
    (folder / f"{name}.png").write_bytes(to_png(wide))
    inline = [embed(text, f"{name}-{kind}-", models) for text, kind in ((svg, "w"), (to_svg(narrow), "n"))]
    return Drawing(name, figure.TITLE, figure.CAPTION, *inline)


def css_name(model: str) -> str:
    """The page's variable for a model's colour."""
    return "--series-" + re.sub(r"[^A-Za-z0-9_-]", "-", model)


def embed(svg: str, prefix: str, models: Sequence[str]) -> str:
    """Standalone SVG -> an inline one: ids of its own, series marked, colours as the page's variables."""
    svg = svg[svg.index("<svg") :]
    svg = (
        re.sub(r'\s(?:width|height|version|xmlns(?::xlink)?)="[^"]*"', "", svg[: svg.index(">")])
        + svg[svg.index(">") :]
    )
    svg = re.sub(rf'id="{style.SERIES_ID}:\d+:([^"]+)"', r'class="series" data-series="\1"', svg)
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}\1"', svg)
    svg = re.sub(r"url\(#", f"url(#{prefix}", svg)
    svg = re.sub(r'href="#', f'href="#{prefix}', svg)
    roles = {style.INK: "--ink", style.MUTED: "--muted", style.GRID: "--grid", style.PAPER: "--card"}
    roles |= {look(model).light: css_name(model) for model in models}
    for colour, variable in roles.items():
        svg = svg.replace(colour, f"var({variable})")
    return svg
