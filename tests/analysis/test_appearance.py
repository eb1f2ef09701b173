"""Colours keep apart for every eye, on both backgrounds."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from analysis import appearance
from analysis.appearance import EVERY_LOOK, FALLBACK_LOOKS, LOOKS, WIDER_LOOKS, Series, css_name, look, order
from analysis.pages import Page
from analysis.pages.html import html

# Machado, Oliveira and Fernandes 2009, A Physiologically-based Model for Simulation of Color Vision Deficiency,
# table 1, severity 1.0; the matrices act on linear RGB.
DEFICIENCIES = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}


def linear(colour: str) -> np.ndarray:
    """Hexadecimal sRGB -> linear RGB (IEC 61966-2-1)."""
    encoded = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """Linear RGB -> CIE L*a*b* under D65."""
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(np.clip(matrix @ np.clip(rgb, 0, 1) / [0.9505, 1.0, 1.089], 1e-9, None))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def contrast(one: str, other: str) -> float:
    """Contrast ratio of WCAG 2."""
    light = sorted(float(linear(colour) @ [0.2126, 0.7152, 0.0722]) + 0.05 for colour in (one, other))
    return light[1] / light[0]


@pytest.mark.parametrize("vision", ["normal", *DEFICIENCIES])
@pytest.mark.parametrize("page", ["light", "dark"])
def test_models_keep_apart_and_the_urnn_most_of_all(vision, page):
    matrix = np.array(DEFICIENCIES.get(vision, np.eye(3)))
    seen = {name: lab(matrix @ linear(getattr(value, page))) for name, value in LOOKS.items()}
    distances = {name: float(np.linalg.norm(seen["urnn"] - seen[name])) for name in LOOKS if name != "urnn"}
    assert min(distances.values()) > 35, distances
    for one, other in combinations(seen, 2):
        assert np.linalg.norm(seen[one] - seen[other]) > 20, (one, other)


@pytest.mark.parametrize("vision", ["normal", *DEFICIENCIES])
@pytest.mark.parametrize("page", ["light", "dark"])
def test_the_wider_field_keeps_apart_from_what_it_stands_beside(vision, page):
    matrix = np.array(DEFICIENCIES.get(vision, np.eye(3)))
    drawn = WIDER_LOOKS | {name: LOOKS[name] for name in ("urnn", "lstm")}
    seen = {name: lab(matrix @ linear(getattr(value, page))) for name, value in drawn.items()}
    for one, other in combinations(seen, 2):
        least = 24 if "urnn" in (one, other) else 12
        assert np.linalg.norm(seen[one] - seen[other]) > least, (one, other)


def test_no_two_looks_share_a_colour_which_the_page_exchanges_by_its_value():
    colours = [value.light for value in EVERY_LOOK]
    assert len(set(colours)) == len(colours)


def test_a_page_has_a_light_and_a_dark_value_of_every_look():
    text = html(Page("Report", "Title", [], [Series(name, "b", name) for name in WIDER_LOOKS]), {})
    for value in EVERY_LOOK:
        assert f"--{css_name(value)}: light-dark({value.light}, {value.dark});" in text


def test_the_wider_field_comes_last_in_an_order_of_its_own():
    assert order(["lru", "alpha", "exprnn", "gru", "urnn"]) == ["urnn", "gru", "alpha", "exprnn", "lru"]


def test_every_look_differs_without_any_colour():
    looks = [(value.marker, value.dashes) for value in EVERY_LOOK]
    assert len(set(looks)) == len(looks)


def test_lines_stand_out_from_their_page():
    for value in EVERY_LOOK:
        assert contrast(value.light, "#fefefe") > 3, value
        assert contrast(value.dark, "#1b1f25") > 4.5, value


def test_unknown_models_keep_apart_get_the_same_look_each_time_and_come_last(monkeypatch):
    monkeypatch.setattr(appearance, "_given", {})
    names = [f"my_own_{number}" for number in range(len(FALLBACK_LOOKS))]
    assert [look(name) for name in names] == list(FALLBACK_LOOKS)
    assert [look(name) for name in reversed(names)] == list(reversed(FALLBACK_LOOKS))
    assert look("lstm") == LOOKS["lstm"]
    assert order(["zeta", "lstm", "alpha", "urnn"]) == ["urnn", "lstm", "alpha", "zeta"]
