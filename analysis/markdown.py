"""Texts from outside within Markdown, shown as they are: no emphasis, tag or formula is meant in them."""

from __future__ import annotations

import re

# Code, emphasis, a link, a tag, a formula, a mention, an entity. An underscore within a word is none of them.
SPECIAL = re.compile(r"[\\`*\[<$]|(?<!\w)@(?=\w)|~(?=~)|&(?=#?\w+;)|(?<![^\W_])_|_(?![^\W_])")
AS_ENTITY = {"<": "&lt;", "&": "&amp;", "$": "&#36;", "@": "&#64;"}


def markdown_text(text: str) -> str:
    """The text within a sentence, shown as it is."""
    escaped = SPECIAL.sub(lambda found: AS_ENTITY.get(found[0], f"\\{found[0]}"), " ".join(text.split()))
    return f"\\{escaped}" if escaped[:1] in ("#", ">", "+", "-") else escaped


def markdown_cell(text: str) -> str:
    """The text within a table's cell, its lines with commas between."""
    escaped = SPECIAL.sub(lambda found: AS_ENTITY.get(found[0], f"\\{found[0]}"), text)
    return escaped.replace("|", "\\|").replace("\n", ", ")


def markdown_code(text: str) -> str:
    """The text as code."""
    text = " ".join(text.split())
    return f"`` {text} ``" if "`" in text else f"`{text}`"
