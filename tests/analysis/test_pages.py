"""One engine for all reports: every block in HTML and in Markdown, escaped alike, drawings that follow it."""

from __future__ import annotations

import math
import re

import pytest

from analysis import units
from analysis.appearance import Series
from analysis.figures import style
from analysis.pages import (
    Answer,
    Bullets,
    Cell,
    Code,
    Column,
    Details,
    Facts,
    Figure,
    Page,
    Prose,
    Section,
    Table,
    folded,
    worst,
)
from analysis.pages.compact import compact
from analysis.pages.drawing import inline, to_svg
from analysis.pages.html import html
from analysis.pages.markdown import markdown
from analysis.pages.writing import write_page
from analysis.statistics import Estimate
from tests.analysis.parsed import assert_it_reads_well, assert_it_stands_alone

RULE = re.compile(r"\.(d-\w+)\{([^}]*)\}")
HOSTILE = "<script>alert(1)</script> | `x` $y$ *z*\nline"


def draw_line(values, columns=2):
    """One panel with a line of the uRNN."""
    with style.applied():
        figure, (ax,) = style.panels(1, columns, style.width(columns))
        ax.plot(values, color="#f46804", marker="o", gid=style.series_id("urnn", "cpu"))
        ax.set_title("$".replace("$", r"\$"))
    return figure


FIGURE = Figure("figures/line", "A line", "It rises.", draw_line, [1, 2, 3])
TABLE = Table(
    "Times",
    [Column("Model"), Column("Time", units.seconds), Column("n", str)],
    [
        ["nn.LSTM", Estimate(1e-3, 0.9e-3, 1.2e-3), 64],
        ["nn.GRU", None, 128],
        ["uRNN", Cell("killed", math.inf, "No memory.\nSorry.", "none"), 256],
        ["IRNN", Estimate(1e-3, 1e-3, 1e-3), math.nan],
        ["RNN", "", 512],
    ],
    ["lstm:torch", "gru:torch", "urnn:cpu", "irnn:torch", "rnn:torch"],
)


def page_of(*blocks, **words):
    return Page("Benchmark report", "A title", [Section("Part", blocks)], **words)


@pytest.fixture(scope="module")
def every_block():
    """A page with every kind of block."""
    return Page(
        "Benchmark report",
        "A title",
        [
            Section("", [Answer(["First.", "Second, n = 64."], [("Machine", "box")]), FIGURE]),
            Section(
                "Part", [Prose(("This measures it:", Code("python -m bench run"))), Bullets(["One.", "Two."])]
            ),
            Section("Part", [Details("By n", [TABLE], is_open=True), Details("By state", [TABLE])], level=3),
            Section("Last", [folded(TABLE, "nn"), Facts([("Time", "Median."), ("Command", Code("a | b"))])]),
        ],
        [Series("urnn", "cpu", "uRNN")],
    )


@pytest.fixture(scope="module")
def written(every_block, tmp_path_factory):
    return write_page(
        every_block,
        tmp_path_factory.mktemp("pages") / "report",
        {"data.csv": lambda path: path.write_text("a,b\n")},
    )


def test_the_folder_holds_page_markdown_figures_and_data(written):
    folder = written.page.parent
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert names == {
        *("index.html", "report.md", "manifest.json", "data.csv"),
        *("figures/line.png", "figures/line.svg"),
    }
    assert written.headlines == ["First.", "Second, n = 64."]


def test_the_page_stands_alone_and_the_markdown_reads_well(written):
    text = written.page.read_text()
    assert_it_stands_alone(text)
    assert_it_reads_well((written.page.parent / "report.md").read_text())
    assert text.count("<details open>") == 1
    assert "<code>python -m bench run</code>" in text
    assert "n\u00a0=\u00a064" in text


def test_the_markdown_of_every_block(written, snapshot):
    snapshot((written.page.parent / "report.md").read_text(), "every_block.md")


def test_drawings_follow_the_page_and_its_buttons(written):
    text = written.page.read_text()
    drawings = re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL)
    assert len(drawings) == 2
    for drawing in drawings:
        assert 'class="series" data-series="urnn:cpu"' in drawing
        colours = {
            rule
            for name in re.findall(r'class="(d-\w+)"', drawing)
            for rule in RULE.findall(text)
            if rule[0] == name
        }
        assert {"var(--series-f46804)", "var(--ink)"} <= set(re.findall(r"var\([^)]*\)", str(colours)))
        assert not re.search(r"#(f46804|1d2126|5a626b|dcdfe4)", drawing)
        assert "<style" not in drawing
    assert 'data-series="urnn:cpu" aria-pressed' in text


def test_a_hostile_series_and_text_stay_data_in_a_drawing():
    with style.applied():
        figure, (ax,) = style.panels(1, 1, 4.0)
        ax.plot([1, 2], gid=style.series_id('a--b"<&', "x'/--$:y"))
        ax.set_title(style.literal("<script>$x^$</script>"))
    drawn = inline(to_svg(figure))
    assert re.search(r'data-series="a--b&quot;&lt;&amp;:x(&apos;|&#x27;|&#39;)/--\$:y"', drawn)
    assert "&lt;script&gt;$x^$&lt;/script&gt;" in drawn


def test_styles_of_drawings_become_classes_that_all_share_and_ids_are_the_pages_own():
    drawn = '<svg viewBox="0 0 9 9"><defs><path id="m1" d="M0 0" style="fill: none; stroke: red"/></defs>'
    drawn += '<g class="series" data-series="a">'
    drawn += '<use href="#m1" clip-path="url(#m1)" style="fill: none; stroke: red"/></g>'
    drawn += '<text style="fill: red" transform="rotate(-0 1 2)"> style="x" id="y"</text>'
    drawn += '<path transform="rotate(-90 1 2)"/></svg>'
    found, rules = compact({"one": {"wide": drawn}, "other": {"wide": drawn, "narrow": ""}})
    assert rules == ".d-a{fill:none;stroke:red}.d-b{fill:red}"
    assert found["one"]["wide"] == (
        '<svg viewBox="0 0 9 9"><defs><path id="d0" d="M0 0" class="d-a"/></defs>'
        '<g class="series" data-series="a"><use href="#d0" clip-path="url(#d0)" class="d-a"/></g>'
        '<text class="d-b"> style="x" id="y"</text><path transform="rotate(-90 1 2)"/></svg>'
    )
    assert found["other"] == {"wide": found["one"]["wide"].replace("d0", "d1"), "narrow": ""}


def test_a_picture_within_a_drawing_stays_whole():
    with style.applied():
        figure, (ax,) = style.panels(1, 1, 4.0)
        ax.imshow([[0.0, 1.0]])
    svg = to_svg(figure)
    (picture,) = re.findall(r'"(data:image/png[^"]*)"', svg)
    assert "".join(picture.split()) in inline(svg)


def test_a_curve_is_as_fine_as_a_screen_shows_and_stays_where_it_was():
    figure = draw_line([math.sin(x / 7) + math.sin(x * x) for x in range(2000)])
    svg = to_svg(figure)
    before, after = (max(re.findall(r' d="([^"]+)"', text), key=len) for text in (svg, inline(svg)))
    assert len(after) < 0.55 * len(before)
    steps, short = (re.findall(r"([ML]) ?([\d.-]+) ([\d.-]+)", path) for path in (before, after))
    assert [step[0] for step in short] == [step[0] for step in steps]
    numbers, rounded = ([float(x) for step in path for x in step[1:]] for path in (steps, short))
    assert rounded == pytest.approx(numbers, abs=0.051)


def test_what_comes_from_outside_is_shown_as_it_is_by_both_writers():
    table = Table(
        HOSTILE, [Column(HOSTILE), Column("n", str)], [[HOSTILE, Cell(HOSTILE, 1, HOSTILE, "none")]], [HOSTILE]
    )
    blocks = [
        Prose((HOSTILE, Code(HOSTILE))),
        Bullets([HOSTILE]),
        Answer([HOSTILE, HOSTILE], [(HOSTILE, HOSTILE)]),
        Facts([(HOSTILE, HOSTILE)]),
        Details(HOSTILE, [table], HOSTILE),
        Figure("figures/x", HOSTILE, HOSTILE, draw_line, [1]),
    ]
    page = Page("Kind", HOSTILE, [Section(HOSTILE, blocks)], [Series(HOSTILE, "x", HOSTILE)])
    drawings = {"figures/x": {"wide": "", "narrow": ""}}
    text = html(page, drawings)
    assert_it_stands_alone(text)
    assert "<script>alert" not in text
    said = markdown(page)
    assert_it_reads_well(said)
    outside_code = re.sub(r"``.*?``", "", said)
    assert "<script" not in outside_code
    assert not re.search(r"(?<!\\)`|\$|(?<!\\)\*", outside_code)


def test_an_interval_is_one_thing_in_both_writers():
    table = Table("T", [Column("Score", units.per_cent)], [[Estimate(0.999, 0.994, 1.0)]])
    assert "| 100 % (99 % to 100 %) |" in markdown(page_of(table))
    assert '<span class="note">99\u00a0% to 100\u00a0%</span>' in html(page_of(table), {})


def test_a_number_that_is_missing_is_not_measured_and_sorted_last():
    column = Column("n", str)
    for nothing in (None, math.nan, math.inf):
        assert column.cell(nothing) == Cell("not measured", math.inf, tone="none")
    assert column.cell("") == Cell("", math.inf)
    assert column.cell(Estimate(2.0, 2.0, 2.0)) == Cell("2.0", 2.0)
    assert Column("Model").cell("nn.LSTM") == Cell("nn.LSTM", "nn.lstm")


def test_of_a_long_table_the_markdown_has_the_worst_ten():
    table = Table("Unstable cells", [Column("Cell")], [[f"cell {number}"] for number in range(133)])
    page = page_of(*worst(table))
    assert markdown(page).count("| cell ") == 10
    text = html(page, {})
    assert text.count("<td>cell") == 133
    assert "<summary>The other 123</summary>" in text
    assert worst(table.part(0, 10)) == [table.part(0, 10)]


def test_a_section_of_what_is_for_the_page_alone_has_no_heading_in_the_markdown():
    assert markdown(page_of(Details("All", [TABLE], page_only=True))) == "# A title\n"


def test_what_is_no_block_is_refused():
    with pytest.raises(TypeError, match=r"Expected a block of a page, got str\."):
        markdown(page_of("text"))
