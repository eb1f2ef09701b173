"""Inline drawings -> the same in half the bytes: styles become classes that all share, and ids become short.

matplotlib repeats an element's whole style on each element, which is half of a drawing, and its ids are digests. A
page has some twenty drawings, so that this decides whether it can be sent as one file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import count, product

TAG = re.compile(r"<[^>]*>")
STYLE = re.compile(r' style="([^"]*)"')
ID = re.compile(r' id="([^"]*)"')
REFERENCE = re.compile(r'( href="#| clip-path="url\(#)([^")]*)')
NO_TURN = re.compile(r' transform="rotate\(-?0 [^)]*\)"')
LETTERS = "abcdefghijklmnopqrstuvwxyz"

Drawings = Mapping[str, Mapping[str, str]]  # a figure's name -> "wide" and "narrow" -> inline SVG


def compact(drawings: Drawings) -> tuple[Drawings, str]:
    """Drawings of one page -> the same with classes, and the rules of a style sheet for these.

    A rule has the weight of one class: whatever else styles a drawing has to weigh less. Ids are the page's own.
    """
    classes: dict[str, str] = {}
    names = _names()

    def class_of(found: re.Match[str]) -> str:
        name = classes.get(found[1]) or classes.setdefault(found[1], f"d-{next(names)}")
        return f' class="{name}"'

    numbers = count()
    result = {
        figure: {width: _drawing(svg, class_of, numbers) for width, svg in of.items()}
        for figure, of in drawings.items()
    }
    rules = (f".{name}{{{style.replace(': ', ':').replace('; ', ';')}}}" for style, name in classes.items())
    return result, "".join(rules)


def _drawing(svg: str, class_of: Callable[[re.Match[str]], str], numbers: Iterator[int]) -> str:
    new = {old: f"d{next(numbers)}" for tag in TAG.findall(svg) for old in ID.findall(tag)}

    def tag(found: re.Match[str]) -> str:
        text = STYLE.sub(class_of, NO_TURN.sub("", found[0]))
        text = ID.sub(lambda one: f' id="{new[one[1]]}"', text)
        return REFERENCE.sub(lambda one: one[1] + new.get(one[2], one[2]), text)

    return TAG.sub(tag, svg)


def _names() -> Iterator[str]:
    """a, b, ..., aa, ab, ..."""
    return ("".join(letters) for length in count(1) for letters in product(LETTERS, repeat=length))
