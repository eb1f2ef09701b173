"""The figures are the same bytes whatever a user's matplotlibrc, style or theme says."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib import style

from analysis.pages.drawing import to_png, to_svg
from analysis.report.figures import FIGURES
from analysis.schema import tidy_frame
from analysis.statistics import summarise
from tests.analysis.conftest import make_curve

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
RC = """
text.usetex: True
backend: module://nowhere
axes.prop_cycle: cycler(color=["r", "g"])
axes.facecolor: black
axes.grid.axis: x
figure.dpi: 30
font.family: serif
lines.linewidth: 9
lines.solid_capstyle: round
savefig.bbox: tight
savefig.facecolor: blue
svg.fonttype: path
xtick.direction: in
"""
DRAW = "from tests.analysis.test_own_style import digest; print(digest())"


def drawn() -> tuple[str, bytes]:
    """A figure as SVG and as PNG."""
    cells = summarise(tidy_frame(make_curve("urnn", {64: [1e-4] * 3, 128: [2e-4, 3e-4, 2e-4]})))
    made = FIGURES[0].draw(cells)
    return to_svg(made), to_png(made)


def digest() -> str:
    svg, png = drawn()
    return hashlib.sha256(svg.encode() + png).hexdigest()


def test_the_same_data_gives_the_same_bytes_again():
    assert digest() == digest()


def test_a_users_matplotlibrc_does_not_reach_the_figures(tmp_path):
    (tmp_path / "matplotlibrc").write_text(RC)
    environment = {"MATPLOTLIBRC": str(tmp_path / "matplotlibrc"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", DRAW], env=environment, capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == digest()


@pytest.mark.parametrize("theme", ["dark_background", "seaborn-v0_8-poster"])
def test_a_theme_set_before_does_not_reach_the_figures_and_stays(theme):
    plain = digest()
    with mpl.rc_context():
        style.use(theme)
        before = dict(mpl.rcParams)
        assert digest() == plain
        assert dict(mpl.rcParams) == before
