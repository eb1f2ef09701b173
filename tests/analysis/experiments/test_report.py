"""The report says what the runs say, calls a difference a difference, and names what was not run."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis.__main__ import main
from analysis.experiments.claims import AGREE, CHECKS, DIFFER, NOT_RUN, claims
from analysis.experiments.report import FIGURES, headlines, page_of
from tests.analysis.experiments.conftest import falling, header
from tests.analysis.parsed import assert_it_reads_well, assert_it_stands_alone


def verdicts(study):
    """Statement -> (verdict, what was measured)."""
    return {claim.says: (claim.verdict, claim.measured) for claim in claims(study).itertuples()}


def test_headlines_name_sizes_seeds_iterations_and_seconds(small_report):
    goal = "(recall accuracy of at least 99 % and cross-entropy of at most 10 % of the baseline's)"
    assert small_report.headlines == [
        f"uRNN-128 solves copying memory at T = 100 and 200 with each of 3 seeds, in 250 to 350 iterations, "
        f"12.5 to 17.5 s {goal}.",
        f"nn.LSTM-40 does not solve copying memory {goal}: at T = 100, 0 of 3 seeds solved it and 3 ended below "
        "the baseline, within 1,000 iterations; at T = 200, 0 of 3 seeds solved it and 0 ended below the "
        "baseline, within 1,000 iterations.",
        "uRNN-512 solves adding at T = 100 with each of 2 seeds, in 1,000 to 1,450 iterations, 125 to 181 s "
        "(mean squared error of at most 0.01).",
        "nn.LSTM-40 does not solve adding (mean squared error of at most 0.01): at T = 100, 0 of 2 seeds solved "
        "it and 0 ended below the baseline, within 1,500 iterations.",
        "Digits, pixel by pixel: uRNN-128 95.0 % (95 % interval 92.5 to 97.5, 3 seeds); "
        "nn.LSTM-40 96.0 % (95 % interval 93.5 to 98.5, 3 seeds).",
        "Digits, pixels permuted: uRNN-128 94.0 % (95 % interval 91.5 to 96.5, 3 seeds); "
        "nn.LSTM-40 90.0 % (95 % interval 87.5 to 92.5, 3 seeds).",
        "Of 27 statements of the paper, 11 were tested here: 9 agree, 2 differ; 16 were not run.",
        "32 runs: 1 to 3 seeds for each of 13 settings; of 1 more, no run has ended.",
    ]


def first_and_last(study) -> tuple[str, str]:
    first, *_, last = headlines(study, claims(study))
    return first, last


def test_a_length_that_not_every_seed_solves_is_said(add, study):
    add([0.001], [1.0], "solved")
    add([0.001], [1.0], "solved", length=200)
    add([0.09], [0.1], length=200, seed=1)
    assert first_and_last(study())[0] == (
        "uRNN-128 solves copying memory at T = 100 with its one seed, in 50 iterations, 2.50 s "
        "(recall accuracy of at least 99 % and cross-entropy of at most 10 % of the baseline's); "
        "at T = 200, 1 of 2 seeds solved it and 1 ended below the baseline, within 50 iterations."
    )


def test_headlines_of_state_tracking_and_associative_recall(add, study):
    bound = {"scored": "score", "name": "accuracy", "unit": "1", "threshold": 0.99, "better": "higher"}
    goal = {"bounds": [bound], "ends_training": True}
    add([1.0, 0.01], [0.5, 1.0], "solved", task="parity", length=40, model="lstm", goal=goal)
    for pairs in (2, 4):
        add([2.3, 2.2], [0.1, 0.5], "finished", task="associative_recall", length=pairs, goal=goal)
    assert page_of(study()).headlines[:2] == [
        "nn.LSTM-40 solves parity at T = 40 with its one seed, in 100 iterations, 5.00 s (accuracy of at least "
        "99 %).",
        "uRNN-128 does not solve associative recall (accuracy of at least 99 %): at pairs = 2 and 4, 0 of 1 seed "
        "solved it and 0 ended below the baseline, within 100 iterations.",
    ]


def test_without_an_ended_run_the_headline_says_so(add, study):
    add([0.3], [0.1], None)
    assert first_and_last(study()) == (
        "No run of the uRNN or the LSTM has ended yet.",
        "1 run, none of which has ended.",
    )


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
    assert found["Adding, T = 100: the LSTM does well."][0] == DIFFER
    assert (
        found["The small digits, in place of MNIST, in order: the LSTM is more accurate than the uRNN."][0]
        == AGREE
    )
    assert [verdict for says, (verdict, _) in found.items() if "MNIST" in says][:6] == [NOT_RUN] * 6


def test_verdicts_turn_with_the_data(add, study):
    for length in (100, 200):
        base = header(length=length)["baseline"]
        add([base], [0.1], length=length)
        add([base / 2], [0.5], model="lstm", length=length)
    add([1.0], [0.96], task="mnist", length=784)
    add([1.0], [0.90], task="mnist", length=784, model="lstm")
    add([0.001], [1.0], "solved", task="adding", length=750)
    add([0.16], [0.1], task="adding", length=750, model="lstm")
    found = verdicts(study())
    assert found["Copying, T = 100: the uRNN solves it."] == (
        DIFFER,
        "uRNN-128: solved in 0 of 1 seed, within 50 iterations",
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
    _, results, troubled, every = page_of(small_study).tables
    column = [column.heading for column in results.columns].index("Solved")
    solved = {(row[0].text, row[1].text): (row[column].text, row[column].note) for row in results.cells}
    assert solved["Copying memory, T = 100", "uRNN-128"] == ("3 of 3", "")
    assert solved["Copying memory, T = 100", "IRNN-80"] == ("not solved", "within 1,000 iterations")
    assert solved["Copying memory, T = 100", "Orthogonal RNN (Cayley), n = 64"] == ("not known", "")
    assert solved["Digits, pixel by pixel", "uRNN-128"] == ("2 of 3", "within 1,000 iterations")
    assert [(row[1].text, row[0].text) for row in troubled.cells] == [
        ("diverged", "adding-T100/irnn-n80-seed0"),
        ("unfinished", "copying-T100/ortho_cayley-n64-seed0"),
    ]
    assert len(every.rows) == 32


def test_the_folder_holds_the_page_the_markdown_the_figures_and_the_tidy_logs(small_report, small_study):
    folder = small_report.page.parent
    names = sorted(path.name for path in folder.iterdir())
    tables = ["anatomy.csv", "evaluations.csv", "lengths.csv", "runs.csv"]
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


def test_every_series_of_a_panel_and_its_baseline_are_drawn(small_study):
    figure = FIGURES[0].draw(small_study)
    first = figure.axes[0]
    ids = {(line.get_gid() or "").split(":", 2)[-1] for line in first.lines}
    assert {"urnn:any", "lstm:any", "irnn:any", "ortho_cayley:any"} <= ids
    assert any(set(line.get_ydata()) == {header()["baseline"]} for line in first.lines)
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
    assert out.startswith("uRNN-128 solves copying memory at T = 100 with its one seed, in 150 iterations, 7.50 s")
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
