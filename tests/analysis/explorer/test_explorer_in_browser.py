"""The explorer in a real browser: every control, links, CSV, keyboard, screens, people who cannot see it.

Known weakness: needs a Chromium on the machine and skips without one.
"""

from __future__ import annotations

import csv
import io
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from analysis import units
from analysis.pages import html
from analysis.pages.packing import packed
from analysis.statistics import Estimate, ratio, ratio_between_settings
from analysis.statistics.curves import curve, over_baseline
from tests.analysis.browser import needs_browser

pytestmark = [needs_browser, pytest.mark.slow]

LINK = "#explore?"
SCRIPTS = Path(html.__file__).parents[1] / "templates" / "explorer"
TIMES = "\N{MULTIPLICATION SIGN}"


def table(page, kind="values"):
    """The rows of a table, their cells as text."""
    rows = page.locator(f".{kind} tbody tr").all()
    return [[" ".join(text.split()) for text in row.locator("td").all_inner_texts()] for row in rows]


def models(page):
    return list(dict.fromkeys(row[0] for row in table(page)))


def said(page):
    return page.locator(".said").inner_text()


def downloaded(page):
    with page.expect_download() as started:
        page.get_by_role("button", name="CSV of what is shown").click()
    return list(csv.DictReader(io.StringIO(started.value.path().read_text(encoding="utf-8"))))


def chosen(page):
    """What every control shows."""
    return page.evaluate(
        """[...document.querySelectorAll(".controls select, .controls input")]
           .map((one) => [one.id, one.type === "checkbox" ? one.checked : one.value])"""
    )


def test_it_opens_with_training_times_of_the_usual_models_over_hidden_size(opened):
    page = opened()
    assert said(page) == "12 values shown."
    assert models(page) == ["uRNN (eager reference)", "nn.LSTM", "nn.GRU"]
    assert page.locator(".panel h3").inner_text() == "Time per time step, training step, T = 100, B = 32"
    assert [row[3] for row in table(page) if row[0] == "nn.LSTM"] == ["the baseline"] * 4
    assert page.locator("canvas.sample").count() == 3
    assert page.url.endswith("index.html")  # a plain address as long as nothing is chosen


@pytest.mark.parametrize(
    ("control", "value", "heading", "first"),
    [
        ("phase", "forward", "Time per time step, inference, T = 100, B = 32", r"^n"),
        ("metric", "throughput", "Throughput, training step, T = 100, B = 32", r"million/s"),
        ("metric", "peak_allocated", "Peak memory, training step, T = 100, B = 32", r"KiB"),
        ("metric", "saved_for_backward", "Saved for backward, training step, T = 100, B = 32", r"KiB"),
        ("x", "state_size", "Time per time step, training step, T = 100, B = 32", r"128 n = 64"),
        ("x", "parameters", "Time per time step, training step, T = 100, B = 32", r"1920 n = 64"),
        ("x", "length", "Time per time step, training step, n = 512, B = 32", r"^50$"),
        ("x", "batch", "Time per time step, training step, n = 512, T = 100", r"^32$"),
        ("at", "copying-L1-T50-B32", "Time per time step, training step, T = 50, B = 32", r"µs"),
        (
            "draw",
            "ratio",
            "Time per time step: ratio to nn.LSTM at equal n, training step, T = 100, B = 32",
            TIMES,
        ),
    ],
)
def test_every_choice_changes_what_is_drawn_and_the_table(opened, control, value, heading, first):
    page = opened()
    page.locator(f"#pick-{control}").select_option(value)
    assert page.locator(".panel h3").inner_text() == heading
    headings = [" ".join(text.split()) for text in page.locator(".values th").all_inner_texts()]
    assert any(re.search(first, text) for text in [*headings, *table(page)[0]])
    assert f"{control}={value}" in page.url


def test_a_share_of_a_ceiling_is_of_the_urnn_alone(opened):
    page = opened(LINK + "phase=forward&metric=share_fourier")
    rows = table(page)
    assert [row[2].split()[1] for row in rows if row[0] == "uRNN (eager reference)"] == ["%"] * 4
    assert {row[2] for row in rows if row[0] == "nn.LSTM"} == {"not measured"}
    assert {row[3] for row in rows if row[0] != "nn.LSTM"} <= {"no baseline of its size", ""}


def test_baseline_and_matching_change_the_ratios(opened):
    page = opened()
    before = [row[3] for row in table(page)]
    page.locator("#pick-match").select_option("parameters")
    at_parameters = [row[3] for row in table(page)]
    assert at_parameters != before
    assert page.locator(".values th").last.inner_text().strip() == "Against nn.LSTM at equal parameters"
    page.locator("#pick-baseline").select_option("urnn:reference")
    assert [row[3] for row in table(page)][:4] == ["the baseline"] * 4


def test_models_can_be_left_out_and_all_of_them(opened):
    page = opened()
    page.get_by_role("checkbox", name="nn.GRU").uncheck()
    assert models(page) == ["uRNN (eager reference)", "nn.LSTM"]
    page.get_by_role("button", name="None").click()
    assert said(page) == "0 values shown. No model is chosen."
    page.get_by_role("button", name="Every model").click()
    assert len(models(page)) == 3
    page.get_by_role("button", name="Start again").click()
    assert said(page) == "12 values shown."


def test_what_has_no_value_says_why_and_stays_text(opened):
    page = opened(LINK + "phase=forward&models=gru:torch")
    assert table(page)[-1][2] == "out of memory 3 GiB, <b>asked</b> for"
    assert said(page) == "3 values shown, 1 without one."


def test_what_is_within_noise_is_said_greyed_and_hidden_from_table_and_mean(opened):
    page = opened(LINK + "baseline=gru:torch")
    noisy = [row for row in table(page) if "within noise" in row[3]]
    assert noisy
    assert page.locator(".values tr.noise").count() == len(noisy)
    before = table(page, "means")
    page.get_by_label("Hide what is within noise").check()
    assert not [row for row in table(page) if "within noise" in row[3]]
    assert table(page, "means") != before


def test_a_mean_is_the_geometric_mean_of_the_ratios_shown(opened):
    page = opened()
    found = {row[0]: row for row in table(page, "means")}["uRNN (eager reference)"]
    rows = [row for row in downloaded(page) if row["model"] == "urnn"]
    mean = np.exp(np.log([float(row["ratio"]) for row in rows]).mean())
    text = f"{1 / mean:.2g}{TIMES} as fast" if mean < 1 else f"{mean:.2g}{TIMES} as slow"
    assert found[1].startswith(text)
    assert found[2] == "4"


def test_two_machines_stand_beside_each_other_and_their_ratio_is_one_of_each_cell(opened, settings):
    page = opened()
    page.locator(".machines input").nth(1).check()
    assert page.locator(".panel").count() == 2
    baseline = page.locator("#pick-baseline option").nth(3).get_attribute("value")
    assert baseline.startswith("on ")
    page.locator("#pick-baseline").select_option(baseline)
    assert page.locator("#pick-match").is_disabled()
    rows = [row for row in downloaded(page) if row["machine"] == "box"]
    assert len(rows) == 12
    big, small = (_summary(one) for one in settings)
    for row in rows:
        key = ("step_time", row["model"], row["phase"], int(row["hidden_size"]), int(row["length"]))
        turned = ratio_between_settings(big.loc[key], small.loc[key])
        assert_same_ratio(row, Estimate(1 / turned.value, 1 / turned.high, 1 / turned.low))


def _summary(measured):
    return measured.cells.set_index(["metric", "model", "phase", "hidden_size", "length"]).sort_index()


def assert_same_ratio(row, wanted):
    """To the digits of the page, and never another verdict."""
    found = [float(row[name]) for name in ("ratio", "ratio_low", "ratio_high")]
    assert found == pytest.approx([wanted.value, wanted.low, wanted.high], rel=1.2e-4)
    assert (row["within_noise"] == "true") == (wanted.low <= 1 <= wanted.high)


@pytest.mark.parametrize("metric", ["step_time", "peak_allocated"])
@pytest.mark.parametrize("baseline", ["urnn:reference", "lstm:torch", "gru:torch"])
def test_the_csv_has_the_medians_of_the_tidy_table_and_the_ratios_of_the_statistics(
    opened, frame, settings, metric, baseline
):
    page = opened(f"{LINK}metric={metric}&baseline={baseline}&x=hidden_size")
    rows, summary = downloaded(page), _summary(settings[0])
    mine = frame[(frame["machine"] == "big box") & (frame["metric"] == metric) & (frame["phase"] == "train")]
    by_process = mine.groupby(["model", "hidden_size", "length", "pass"])["value"].median()
    medians = by_process.groupby(["model", "hidden_size", "length"]).median()
    assert len(rows) == 12
    for row in rows:
        place = (int(row["hidden_size"]), int(row["length"]))
        assert float(row["value"]) == medians[(row["model"], *place)]
        theirs = summary.loc[(metric, baseline.partition(":")[0], "train", *place)]
        ours = summary.loc[(metric, row["model"], "train", *place)]
        if row["model"] != baseline.partition(":")[0]:
            assert_same_ratio(row, ratio(ours, theirs))


@pytest.mark.parametrize("match", ["state_size", "parameters"])
def test_ratios_at_equal_size_are_those_of_the_curves(opened, settings, match):
    page = opened(f"{LINK}match={match}")
    cells = settings[0].cells
    here = cells[(cells["metric"] == "step_time") & (cells["phase"] == "train") & (cells["length"] == 100)]
    baseline = curve(here[here["model"] == "lstm"], match)
    compared = 0
    for model in ("urnn", "gru"):
        found = over_baseline(curve(here[here["model"] == model], match), baseline)
        rows = [row for row in downloaded(page) if row["model"] == model]
        for number, row in enumerate(sorted(rows, key=lambda row: int(row["hidden_size"]))):
            if number not in found.places:
                assert row["ratio"] == ""
                continue
            at = list(found.places).index(number)
            wanted = [float(side[at]) for side in (found.values, found.low, found.high)]
            assert [float(row[name]) for name in ("ratio", "ratio_low", "ratio_high")] == pytest.approx(
                wanted, rel=1.2e-4
            )
            compared += 1
    assert compared > 2


def test_a_link_shows_what_its_sender_saw(opened):
    page = opened()
    for control, value in (
        ("phase", "forward"),
        ("metric", "throughput"),
        ("x", "parameters"),
        ("match", "state_size"),
    ):
        page.locator(f"#pick-{control}").select_option(value)
    page.locator("#pick-draw").select_option("ratio")
    page.locator("#pick-baseline").select_option("gru:torch")
    page.get_by_label("Hide what is within noise").check()
    page.get_by_role("checkbox", name="nn.LSTM").uncheck()
    page.locator(".machines input").nth(1).check()
    sent = page.url
    other = opened(sent[sent.index("#") :])
    assert chosen(other) == chosen(page)
    assert table(other) == table(page)
    assert table(other, "means") == table(page, "means")
    assert said(other) == said(page)


@pytest.mark.parametrize(
    ("link", "sentence"),
    [
        (
            "metric=speed",
            "The link asks for “speed” as the metric, which this page does not have: shown is “step_time”.",
        ),
        (
            "models=urnn:reference,alexnet:x",
            "The link asks for “alexnet:x” as a model, which this page does not have: the others are shown.",
        ),
        (
            "models=alexnet:x",
            "The link asks for “alexnet:x” as a model, which this page does not have: shown is the usual choice.",
        ),
        (
            "at=copying-L1-T7-B1",
            "as what is held fixed, which this page does not have: shown is “copying-L1-T100-B32”.",
        ),
        (
            "on=moon",
            "The link asks for “moon” as a machine, which this page does not have: shown is the usual choice.",
        ),
        ("color=red", "The link names “color”, which is nothing that can be chosen here."),
        ("baseline=%E0%A4%A", "as the baseline, which this page does not have: shown is “lstm:torch”."),
        (
            "phase=__proto__",
            "The link asks for “__proto__” as the phase, which this page does not have: shown is “train”.",
        ),
        ("phase=", "The link asks for “” as the phase, which this page does not have: shown is “train”."),
    ],
)
def test_a_bad_link_is_answered_by_a_sentence_and_the_default(opened, link, sentence):
    page = opened(LINK + link)
    assert sentence in said(page)
    assert re.search(r"\d+ values shown\.$", said(page))
    page.locator("#pick-draw").select_option("ratio")
    assert "link" not in said(page)


def test_the_page_follows_a_new_address(opened):
    page = opened()
    page.evaluate("location.hash = '#explore?phase=forward'")
    page.wait_for_function("document.querySelector('#pick-phase').value === 'forward'")
    page.evaluate("location.hash = '#somewhere'")
    page.wait_for_function("document.querySelector('#pick-phase').value === 'train'")


def test_what_is_under_the_pointer_is_told_with_its_interval_and_where_it_is_from(opened):
    page = opened(LINK + "models=urnn:reference")
    box = page.locator(".u-over").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.06, box["y"] + box["height"] * 0.9)
    tip = page.locator(".tip")
    for step in range(40):
        if tip.is_visible():
            break
        page.mouse.move(box["x"] + box["width"] * 0.06, box["y"] + box["height"] * (1 - step / 40))
    lines = tip.locator("b, span").all_inner_texts()
    assert lines[0] == "uRNN (eager reference), n = 64, T = 100, B = 32"
    assert re.fullmatch(r"Time per time step: [\d.]+ µs \(95 % interval [\d.]+ µs to [\d.]+ µs\)", lines[1])
    assert re.fullmatch(r"Against nn\.LSTM at equal n: .*", lines[2])
    assert lines[3:] == [
        "3 processes, 12 rounds",
        "big box, cpu, float32, 1 thread, allocator kept; commit aaaaaaaa, pytest-benchmark; torch 2.13.0",
    ]
    page.mouse.move(0, 0)
    assert not tip.is_visible()


def focused(page):
    return page.evaluate("document.activeElement.id || document.activeElement.className")


def test_the_keyboard_alone_reaches_and_does_everything(opened):
    page = opened()
    order = []
    for _ in range(80):
        page.keyboard.press("Tab")
        order.append(focused(page))
        if order[-1] == "plot":
            break
    wanted = ["pick-phase", "pick-metric", "pick-x", "pick-at", "pick-baseline", "pick-match", "pick-draw"]
    wanted += ["hide-noise", "pick-every", "pick-usual", "pick-none", "csv", "reset", "plot"]
    assert [one for one in order if one in wanted] == wanted
    page.keyboard.press("ArrowRight")
    first = page.locator(".aloud").inner_text()
    assert first.startswith("uRNN (eager reference), n = 64")
    page.keyboard.press("ArrowRight")
    assert page.locator(".aloud").inner_text().startswith("uRNN (eager reference), n = 128")
    page.keyboard.press("ArrowDown")
    assert page.locator(".aloud").inner_text().startswith("nn.LSTM, n = 128")
    page.keyboard.press("End")
    assert page.locator(".aloud").inner_text().startswith("nn.GRU, n = 512")
    page.keyboard.press("Escape")
    assert not page.locator(".tip").is_visible()
    page.locator("#pick-phase").focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_function("document.querySelector('#pick-phase').value === 'forward'")
    assert focused(page) == "pick-phase"  # what is chosen does not take the focus away
    page.locator("#pick-models-gru\\:torch").focus()
    page.keyboard.press("Space")
    assert models(page) == ["uRNN (eager reference)", "nn.LSTM"]
    page.locator("#csv").focus()
    with page.expect_download():
        page.keyboard.press("Enter")
    page.locator(".values th button").nth(2).focus()
    page.keyboard.press("Enter")
    values = page.locator(".values tbody td:nth-child(3)").evaluate_all(
        "(all) => all.map((one) => Number(one.dataset.key))"
    )
    assert all(one <= other for one, other in pairwise(values))


@pytest.mark.parametrize("width", [390, 1280, 1920])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_fits_every_screen_and_axe_finds_nothing_serious(opened, width, dark):
    from axe_playwright_python.sync_playwright import Axe

    page = opened(f"{LINK}baseline=gru:torch", width=width, dark=dark)
    page.locator("summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.locator(".plot canvas").bounding_box()["width"] <= width
    found = Axe().run(page).response["violations"]
    assert [f"{one['impact']} {one['id']}: {one['nodes'][0]['html'][:120]}" for one in found] == []


def test_colours_of_the_chart_follow_the_page(opened):
    page = opened()
    light = page.locator(".plot canvas").screenshot()
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(50)
    assert page.locator(".plot canvas").screenshot() != light


def test_the_table_of_every_cell_is_made_when_it_is_opened(opened):
    page = opened()
    assert page.locator(".every-cell tr").count() == 0
    page.locator("summary").click()
    page.wait_for_selector(".every-cell tbody tr")
    rows = page.locator(".every-cell tbody tr")
    assert rows.count() == 36
    page.get_by_label("Show rows with").fill("gru train 128")
    assert page.locator(".every-cell tbody tr:visible").count() == 2


def test_numbers_read_as_in_the_report(opened):
    script = (SCRIPTS / "numbers.js").read_text()
    random = np.random.default_rng(0)
    numbers = [
        *(10 ** random.uniform(-9, 12, 300)),
        0.9996e-3,
        999.6e-6,
        1.0,
        1023.9,
        1024.0,
        99950.0,
        0.1 + 0.2,
        1e-12,
    ]
    for name, text in (
        ("seconds", units.seconds),
        ("binaryBytes", units.binary_bytes),
        ("factor", units.factor),
        ("perCent", units.per_cent),
    ):
        found = opened().evaluate(
            f"(numbers) => {{ {script}; return numbers.map({name}); }}", list(map(float, numbers))
        )
        assert found == [text(float(number)) for number in numbers]


def test_ratios_read_as_they_were_packed(opened):
    script = (SCRIPTS / "ratios.js").read_text()
    random = np.random.default_rng(1)
    ratios = [
        None,
        Estimate(1.0, 1.0, 1.0),
        Estimate(2.0, 1.0, 3.0),
        Estimate(0.5, 0.4, 1.0),
        Estimate(1.1, 1.00001, 1.2),
    ]
    ratios += [Estimate(0.9, 0.8, 0.99999), Estimate(3e8, 1e8, 4e8), Estimate(2.0, 2.0, 2.0)]
    for value in 10 ** random.uniform(-6, 6, 200):
        ratios.append(Estimate(value, value * random.uniform(0.5, 1), value * random.uniform(1, 2)))
    text = "".join(map(packed, ratios))
    numbers = "(one) => one && [one.value, one.low, one.high, withinNoise(one)]"
    found = opened().evaluate(f"(text) => {{ {script}; return readRatios(text, null).map({numbers}); }}", text)
    assert found[0] is None
    for (value, low, high, noise), one in zip(found[1:], ratios[1:], strict=True):
        assert [value, low, high] == pytest.approx([one.value, one.low, one.high], rel=1.2e-4)
        assert noise == (one.low <= 1 <= one.high)
