"""A label, a title or a commit's subject is data: it shows as itself and ends no report, whatever it holds."""

from __future__ import annotations

import html
import itertools
import re

import pytest

from analysis.figures import style
from analysis.markdown import markdown_cell, markdown_code, markdown_text
from analysis.pages.drawing import to_svg
from analysis.pages.html import html as page_html
from analysis.pages.markdown import markdown
from analysis.report.figures import FIGURES
from analysis.report.page import page_of
from analysis.results import Results
from analysis.schema import tidy_frame
from analysis.statistics import summarise
from tests.analysis.conftest import make_curve

ODD = {
    "formula": "$x^$",
    "leading underscore": "_private_",
    "tag": "<b>bold</b>",
    "table": "a | b",
    "code": "`rm -rf`",
    "emphasis": "**very** ~~new~~ [link](x)",
    "entity": "&lt; &amp;",
    "dollar and backslash": r"\$5 \\ $",
    "a script that the font lacks": "\u65e5\u672c",
    "right to left": "רשת",
    "quotes": '"it\'s" --x-- ',
}


LONG, LINES, MIRRORED = "l" * 3000, "two\nlines", "\u202emirrored"


def rows_of(curve, labels) -> list[dict]:
    """The uRNN and a model of each label over three sizes."""
    rows = curve("urnn", {n: [1e-4, 1.1e-4, 1e-4] for n in (64, 128, 256)})
    for number, label in enumerate(labels):
        rows += curve(f"m{number:02}", {n: [1e-6 * n] * 3 for n in (64, 128, 256)}, label=label, backend="torch")
    return rows


@pytest.fixture(scope="module")
def cells():
    return summarise(tidy_frame(rows_of(make_curve, [*ODD.values(), LONG, LINES])))


@pytest.mark.slow
@pytest.mark.parametrize("figure", FIGURES[:2], ids=lambda figure: figure.name)
def test_every_label_stands_as_itself_in_figures(cells, figure):
    svg = to_svg(figure.draw(cells))
    texts = [html.unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]
    shown = "\n".join(texts)
    for label in (*ODD.values(), "two lines"):
        assert " ".join(label.split()) in shown
    assert max(map(len, texts)) <= style.LONGEST_TEXT


def test_the_legend_names_every_series(cells):
    names = [text.get_text() for text in FIGURES[0].draw(cells).legends[0].get_texts()]
    assert names[0] == "uRNN (eager reference)"
    assert len(names) == len(ODD) + 3
    assert "_private_" in names


@pytest.mark.slow
def test_a_report_shows_every_label_and_no_table_is_broken():
    labels = [*ODD.values(), LONG, LINES, MIRRORED]
    content = page_of(Results(tidy_frame(rows_of(make_curve, labels))), "A <b> `$x^$` title")
    drawings = {figure.name: {"wide": "", "narrow": ""} for figure in content.figures}
    page = re.sub(r"&#3[49];", lambda found: html.unescape(found[0]), page_html(content, drawings))
    text = markdown(content)
    for label in labels:
        assert html.escape(label, quote=False) in page
        assert markdown_cell(label) in text
    assert "<title>A &lt;b&gt; `$x^$` title</title>" in page
    assert text.startswith(r"# A &lt;b> \`&#36;x^&#36;\` title")
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("| Against"))
    rows = list(itertools.takewhile(lambda line: line.startswith("|"), lines[start:]))
    assert len(rows) == 2 + len(labels)
    assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("$x^$", "&#36;x^&#36;"),
        ("thanks to @somebody, not a@b.c", "thanks to &#64;somebody, not a@b.c"),
        ("_private_ h_t rnn_tanh", r"\_private\_ h_t rnn_tanh"),
        ("<b>", "&lt;b>"),
        ("`code` *a* [b](c)", r"\`code\` \*a\* \[b](c)"),
        ("a & b &lt; 5 ~ ~~x~~", r"a & b &amp;lt; 5 ~ \~~x\~~"),
        ("\\", "\\\\"),
        ("# heading", r"\# heading"),
        ("uRNN (eager reference) is 2.5 times as fast at n = 64, 95 %.", None),
    ],
)
def test_markdown_shows_a_text_as_it_is(text, escaped):
    assert markdown_text(text) == (text if escaped is None else escaped)


def test_cells_and_code():
    assert markdown_cell("+8 %\na | b") == r"+8 %, a \| b"
    assert markdown_code("python -m bench") == "`python -m bench`"
    assert markdown_code("a `b`\nc") == "`` a `b` c ``"
