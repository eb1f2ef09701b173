"""The report says what the runs say, calls a difference a difference, and names what was not run."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis.__main__ import main
from analysis.experiments.claims import CHECKS, claims
from analysis.experiments.report import FIGURES, page_of
from analysis.pages.statements import AGREE, DIFFER, NOT_DECIDED, NOT_RUN
from tests.analysis.experiments.conftest import falling, header, write_run
from tests.analysis.parsed import assert_it_reads_well, assert_it_stands_alone, table


def verdicts(study):
    """Statement -> (verdict, what was measured)."""
    return {claim.says: (claim.verdict, claim.measured) for claim in claims(study).itertuples()}


def test_verdicts_agree_differ_or_are_not_run(small_study):
    found = verdicts(small_study)
    assert found["Copying, T = 100: the uRNN solves it."] == (
        AGREE,
        "uRNN-128: solved in 3 of 3 seeds, after 350 iterations at most",
    )
    assert found["Copying, T = 500: the uRNN solves it."] == (NOT_RUN, "")
    beaten = "nn.LSTM-40: below the baseline in 3 of 3 seeds, within 1,000 iterations"
    assert found["Copying, T = 100: the LSTM beats the baseline."] == (AGREE, beaten)
    assert found["Copying, T = 200: the LSTM does not beat the baseline."][0] == AGREE
    assert found["Adding, T = 100: the LSTM does well."] == (
        NOT_DECIDED,
        "nn.LSTM-40: solved in 0 of 2 seeds, within 1,500 iterations; after 3.9 % of ten times the fastest's "
        "seconds",
    )
    assert (
        found["The small digits, in place of MNIST, in order: the LSTM is more accurate than the uRNN."][0]
        == AGREE
    )
    assert [verdict for says, (verdict, _) in found.items() if "MNIST" in says][:6] == [NOT_RUN] * 6


def test_verdicts_turn_with_the_data(add, study):
    """All but those that solve a task are on a plateau, and had ten times the seconds of those."""
    flat = [1.0] * 6
    for length in (100, 200):
        base = header(length=length)["baseline"]
        add([base] * 6, [0.1] * 6, length=length)
        add([base / 2] * 6, [0.5] * 6, model="lstm", length=length)
        add([base / 20] * 2, [1.0] * 2, "solved", model="irnn", length=length, speed=1000)
    add(flat, [0.96] * 6, task="mnist", length=784)
    add(flat, [0.90] * 6, task="mnist", length=784, model="lstm")
    add([0.001], [1.0], "solved", task="adding", length=750)
    add([0.16] * 20, [0.1] * 20, task="adding", length=750, model="lstm")
    found = verdicts(study())
    assert found["Copying, T = 100: the uRNN solves it."] == (
        DIFFER,
        "uRNN-128: solved in 0 of 1 seed, within 300 iterations",
    )
    assert found["Copying, T = 200: the LSTM does not beat the baseline."][0] == DIFFER
    assert found["MNIST pixel by pixel: the uRNN reaches 95.1 % test accuracy."] == (
        AGREE,
        "uRNN-128: 96.0 % (1 seed)",
    )
    assert found["MNIST pixel by pixel: the LSTM reaches 98.2 % test accuracy."][0] == DIFFER
    assert found["MNIST in order: the LSTM is more accurate than the uRNN."][0] == DIFFER
    assert found["Adding, T = 750: the uRNN does not come near zero."][0] == DIFFER
    assert found["Adding, T = 750: the LSTM does not come near zero."][0] == AGREE


def test_what_hangs_on_a_run_that_was_stopped_is_not_decided(add, study):
    base = header()["baseline"]
    add([base / 20] * 2, [1.0] * 2, "solved", model="irnn", speed=1000)
    add([base * 2, base, base / 2], [0.1, 0.2, 0.3], "not finished")
    add([base] * 2, [0.1] * 2, model="lstm", speed=1000)
    add([1.0, 0.5, 0.3], [0.5, 0.6, 0.9], task="mnist", length=784)
    add([1.0] * 3, [0.95] * 3, task="mnist", length=784, model="lstm")
    add([0.16] * 6, [0.1] * 6, task="adding", length=750)
    found = verdicts(study())
    assert found["Copying, T = 100: the uRNN solves it."] == (
        NOT_DECIDED,
        "uRNN-128: solved in 0 of 1 seed, within 150 iterations; still improving after 150 times the fastest's "
        "seconds",
    )
    assert found["Copying, T = 100: the LSTM beats the baseline."] == (
        NOT_DECIDED,
        "nn.LSTM-40: below the baseline in 0 of 1 seed, within 100 iterations; after 20 % of ten times the "
        "fastest's seconds",
    )
    assert found["MNIST pixel by pixel: the uRNN reaches 95.1 % test accuracy."] == (
        NOT_DECIDED,
        "uRNN-128: 90.0 % (1 seed), stopped while it was improving",
    )
    assert found["MNIST in order: the LSTM is more accurate than the uRNN."] == (
        NOT_DECIDED,
        "nn.LSTM-40: 95.0 % (1 seed); uRNN-128: 90.0 % (1 seed), stopped while it was improving",
    )
    assert found["Adding, T = 750: the uRNN does not come near zero."] == (
        NOT_DECIDED,
        "uRNN-128: solved in 0 of 1 seed, within 300 iterations; no model has solved it",
    )


def test_one_seed_decides_where_one_is_enough(add, study):
    base = header()["baseline"]
    add([base / 20] * 2, [1.0] * 2, "solved", model="irnn", speed=1000)
    add([base / 2, base / 4, base / 20], [0.1, 0.2, 1.0], "solved")
    add([base] * 3, [0.1] * 3, seed=1)
    found = verdicts(study())
    assert found["Copying, T = 100: the uRNN solves it."][0] == DIFFER


def test_statements_are_tested_on_runs_with_the_papers_settings_alone(runs, study):
    base = header()["baseline"]
    for protocol in ("tuned", "given"):
        write_run(runs / protocol, [base / 20] * 2, [1.0] * 2, "solved", protocol=protocol)
    found = verdicts(study().from_the_paper)
    assert found["Copying, T = 100: the uRNN solves it."][0] == NOT_RUN
    write_run(runs / "paper", [base / 20] * 2, [1.0] * 2, "solved", protocol="preset")
    found = verdicts(study().from_the_paper)
    assert found["Copying, T = 100: the uRNN solves it."][0] == AGREE


def test_the_table_of_statements_names_checks_that_there_are_and_says_each_thing_once(small_study):
    said = claims(small_study)
    assert set(said["check"]) == set(CHECKS)
    assert said["says"].nunique() == len(said) == 27


def test_an_interrupted_run_decides_nothing(add, study):
    add([0.3], [0.1], "interrupted")
    assert {verdict for verdict, _ in verdicts(study()).values()} == {NOT_RUN}


def test_the_looks_inside_decide_on_figure_4(small_study):
    """Gradients fade by exp(-0.5 * 0.9) and exp(-90); the LSTM's state is even and moves by 0.002 of its norm."""
    assert list(verdicts(small_study).values())[-3:] == [
        (AGREE, "first over last tenth: uRNN 0.64, LSTM below 1e-12"),
        (DIFFER, "deviation over mean: uRNN 0.12, LSTM 0.00058"),
        (AGREE, "LSTM: 0.002 of its norm a step"),
    ]


def test_tables_say_what_is_solved_within_how_many_iterations_and_what_did_not_end(small_study):
    page = page_of(small_study)
    results, troubled, every = (
        table(page, title) for title in ("Results across seeds", "Runs without a regular end", "Every run")
    )
    column = [column.heading for column in results.columns].index("Solved")
    solved = {(row[0].text, row[1].text): (row[column].text, row[column].note) for row in results.cells}
    assert solved["Copying memory, T = 100", "uRNN-128"] == ("3 of 3", "")
    assert solved["Copying memory, T = 100", "IRNN-80"] == (
        "not finished",
        "within 1,000 iterations\nafter 6.7 % of ten times the fastest's seconds",
    )
    assert solved["Copying memory, T = 200", "nn.LSTM-40"] == (
        "not solved",
        "within 1,000 iterations\nafter 13 times the fastest's seconds",
    )
    assert solved["Copying memory, T = 100", "Orthogonal RNN (Cayley), n = 64"] == ("not ended", "")
    assert solved["Digits, pixel by pixel", "uRNN-128"][0] == "2 of 3"
    assert [(row[1].text, row[0].text) for row in troubled.cells] == [
        ("diverged", "adding-T100/irnn-n80-seed0"),
        ("unfinished", "copying-T100/ortho_cayley-n64-seed0"),
    ]
    assert len(every.rows) == 32


def test_the_folder_holds_the_page_the_markdown_the_figures_and_the_tidy_logs(small_report, small_study):
    folder = small_report.page.parent
    names = sorted(path.name for path in folder.iterdir())
    tables = ["anatomy.csv", "evaluations.csv", "lengths.csv", "probes.csv", "runs.csv", "tuning.csv"]
    assert names == sorted([*tables, "figures", "index.html", "manifest.json", "report.md"])
    assert {path.name for path in (folder / "figures").iterdir()} == {
        f"{figure.name}.{kind}" for figure in FIGURES for kind in ("png", "svg")
    }
    for part in ("runs", "evaluations", "anatomy", "lengths"):
        assert len(pd.read_csv(folder / f"{part}.csv")) == len(getattr(small_study.logs, part))


def test_page_and_markdown_hold_every_sentence_and_fetch_nothing(small_report):
    page, text = small_report.page.read_text(), (small_report.page.parent / "report.md").read_text()
    assert all(sentence in text for sentence in small_report.headlines)
    assert "<title>What the uRNN learns, and how soon</title>" in page
    assert page.count('class="drawing wide"') == len(FIGURES)
    assert 'data-series="urnn:any"' in page
    assert_it_stands_alone(page)
    assert_it_reads_well(text)


@pytest.mark.slow
@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_a_figure_of_runs_that_have_just_started_says_what_is_missing(figure, runs, add, study):
    path = add([0.1], [0.1], None)
    path.write_text(path.read_text().splitlines()[0] + "\n")
    drawn = figure.draw(study(), 1)
    drawn.draw_without_rendering()
    written = {text.get_text() for ax in drawn.axes for text in ax.texts}
    assert written & {"no evaluation yet", "no run has ended", "not measured"}


@pytest.mark.parametrize("name", ["score_over_seconds", "learning_curves_over_iterations"])
def test_every_series_of_a_panel_and_its_baseline_are_drawn(small_study, name):
    (drawn,) = (figure for figure in FIGURES if figure.name == name)
    figure = drawn.draw(small_study)
    first = figure.axes[0]
    ids = {(line.get_gid() or "").split(":", 2)[-1] for line in first.lines}
    assert {"urnn:any", "lstm:any", "irnn:any", "ortho_cayley:any"} <= ids
    baseline = header()["baseline" if "loss" in drawn.title.lower() else "baseline_score"]
    assert any(set(line.get_ydata()) == {baseline} for line in first.lines)
    assert [ax.get_title(loc="left") for ax in figure.axes[:2]] == [
        "Copying memory, T = 100",
        "Copying memory, T = 200",
    ]


@pytest.mark.slow
def test_the_command_prints_the_headlines_and_the_page(add, runs, tmp_path, capsys, monkeypatch):
    add(falling(0.3, 0.001, 3), [0.1, 0.5, 1.0], "solved")
    (runs / "bad").mkdir()
    (runs / "bad" / "log.jsonl").write_text("{}\n")
    monkeypatch.setattr("analysis.experiments.report.FIGURES", FIGURES[:1])
    monkeypatch.chdir(tmp_path)
    assert main(["experiments", str(runs), "--output", str(tmp_path / "out"), "--title", "Mine"]) == 0
    out, error = capsys.readouterr()
    assert out.startswith("No two models have ended on the same task yet.")
    assert out.splitlines()[-1] == str(tmp_path / "out" / "index.html")
    assert error.startswith(f"warning: {runs}/bad/log.jsonl, line 1: expected kind to be run, got nothing.")
    assert "<title>Mine</title>" in (tmp_path / "out" / "index.html").read_text()


@pytest.mark.parametrize("measurements", [[], ["--measurements", "nowhere"]])
def test_bad_input_is_one_sentence_and_exit_code_2(measurements, runs, add, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    if measurements:
        add([0.3], [0.1])
    assert main(["experiments", str(runs), *measurements]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.count("\n") == 1
    assert error.startswith(
        "error: nowhere: no such file" if measurements else f"error: {runs}: holds no training run"
    )
    assert not (tmp_path / "reports").exists()
