"""The page of a history, and what is said where there is none."""

from __future__ import annotations

import json
import math
import re
import sys

import pytest

from analysis.__main__ import main
from analysis.errors import AnalysisError
from analysis.history import otava
from analysis.history.changes import changes
from analysis.history.commits import read
from analysis.history.report import refutations, write_report
from analysis.vocabulary import COMMITS_FILE
from tests.analysis.browser import assert_it_fits, every_screen, look, needs_browser
from tests.analysis.history.conftest import digits, write_history
from tests.analysis.parsed import assert_it_reads_well, assert_it_stands_alone

FAKE_OTAVA = """#!{python}
import json, sys
names = [name for name in sys.argv[1:] if name.startswith("series_")]
for name in names:
    print(json.dumps({{name: [{{"changes": [{{"metric": "value", "index": 8}}]}}]}}))
"""


@pytest.fixture(scope="session")
def report(folder, tmp_path_factory):
    return write_report(read(folder), tmp_path_factory.mktemp("page") / "history")


@pytest.mark.slow
def test_the_sentences_tell_the_journey_the_largest_step_and_what_became_slower(report):
    said = report.headlines
    assert said[0].startswith("Training step, n = ")
    assert said[0].endswith(f" at {digits(15)[:8]}, 4.2 times as fast.")
    assert said[1].startswith(f"The largest step: {digits(4)[:8]}, \u201cChange 4 <b>\u201d, Training step, n = ")
    assert said[1].endswith(": 4.0 times as fast.")
    assert said[2] == "2 improvements of the uRNN at 2 commits, 1 regression."


def test_the_page_escapes_subjects_and_says_which_commits_were_not_measured(report):
    page = report.page.read_text()
    assert "Change 4 &lt;b&gt;" in page
    assert "not measured: No module named bench" in page
    assert "asv find" in page
    assert_it_stands_alone(page)
    assert_it_reads_well((report.page.parent / "report.md").read_text())
    assert (report.page.parent / "figures" / "levels.png").stat().st_size > 10_000
    assert (
        "| 1212" not in (report.page.parent / "report.md").read_text().split("## Commits")[0].split("Changes")[0]
    )


def test_it_says_what_would_refute_it(folder):
    history = read(folder)
    found = changes(history.points)
    largest, levels, drift = refutations(history, found)
    best = found.loc[found["ratio"].map(math.log).abs().idxmax()]
    assert largest[0].startswith(f"The largest change, if {best['name']} takes less than ")
    assert largest[1] == f"python -m bench gate --base {best['before']} --head {best['name']}"
    number = history.points["number"].nunique() + len(found)
    assert levels.startswith(
        f"The {number} levels between the changes, if the gate calls two commits of one level"
    )
    assert re.match(r"Every change smaller than the [\d.]+ % by which nn\.LSTM drifted, if", drift)


@pytest.mark.slow
@needs_browser
@every_screen
def test_the_page_fits_and_fetches_nothing(report, tmp_path, width, dark):
    assert_it_fits(look(report.page, tmp_path, width, dark), width, dark, drawings=1)


class TestOtava:
    @pytest.fixture
    def tool(self, tmp_path):
        def made(text: str):
            path = tmp_path / "otava"
            path.write_text(text.format(python=sys.executable))
            path.chmod(0o755)
            return path

        return made

    def test_its_points_come_back_under_the_series_names(self, tool):
        found = otava.change_points(tool(FAKE_OTAVA), {"a": [1.0] * 10, "b": [3.0] * 9})
        assert found == {"a": [8], "b": [8]}

    def test_its_failure_is_one_sentence(self, tool, folder, tmp_path, capsys, monkeypatch):
        path = tool("#!{python}\nimport sys\nprint('Test not found', file=sys.stderr)\nsys.exit(1)\n")
        monkeypatch.setattr(otava, "program", lambda: path)
        assert main(["history", str(folder), f"--output={tmp_path / 'out'}"]) == 2
        assert capsys.readouterr().err == "error: Otava failed: Test not found\n"
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize(
        ("output", "words"),
        [
            ("Warning: old", "Otava's output: expected complete JSON, but it is cut off or damaged at column 1."),
            ('{{"series_0": 5}}', "Otava's output: expected series_0 to be a list, got 5."),
            ('{{"x": []}}', "Otava's output: expected change points of the series asked for, got others."),
            (
                '{{"series_0": [{{"changes": [{{"index": 2}}]}}]}}',
                "Otava's output: expected change points of the series asked for, got others.",
            ),
        ],
    )
    def test_an_answer_that_is_none_is_one_sentence(self, tool, output, words):
        path = tool(f"#!{{python}}\nprint({output!r})\n")
        with pytest.raises(AnalysisError) as error:
            otava.change_points(path, {"a": [1.0, 2.0]})
        assert str(error.value) == words

    def test_a_program_that_cannot_be_run_is_one_sentence(self, tmp_path):
        (tmp_path / "otava").touch()
        with pytest.raises(AnalysisError, match=r"otava: cannot be run \(Permission denied\)\.$"):
            otava.change_points(tmp_path / "otava", {"a": [1.0]})

    def test_it_is_looked_for_in_its_own_environment_and_on_the_path(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("PATH", str(tmp_path))
        assert otava.program() is None
        (tmp_path / "otava").touch(mode=0o755)
        assert otava.program() == tmp_path / "otava"
        (tmp_path / ".otava" / "bin").mkdir(parents=True)
        (tmp_path / ".otava" / "bin" / "otava").touch()
        assert otava.program() == tmp_path / ".otava" / "bin" / "otava"


def truncated(folder) -> str:
    path = next(folder.glob("0*/box/*.json"))
    path.write_text(path.read_text()[:500])
    return f"No measurement in any of 1 result file: {path}: expected complete JSON"


def listless(folder) -> str:
    (folder / COMMITS_FILE).write_text('[{"commit": "a"}]')
    return f"{folder / COMMITS_FILE}: expected [0].time to be a text, got nothing."


def empty(folder) -> str:
    (folder / COMMITS_FILE).write_text("[]")
    return f"{folder}: no commit was measured; run `python -m bench history` first."


def mixed(folder) -> str:
    write_history(folder / "other", [1e-3], machine="tower")
    (folder / "other" / digits(0)).rename(folder / digits(1))
    path = next((folder / digits(1)).glob("box/*.json"))
    path.write_text(path.read_text().replace(digits(0), digits(1)))
    commits = json.loads((folder / COMMITS_FILE).read_text())
    (folder / COMMITS_FILE).write_text(json.dumps([*commits, {**commits[0], "commit": digits(1)}]))
    return f"{folder}: expected results of one machine, got those of box, tower; measure each machine's history"


@pytest.mark.parametrize("damage", [truncated, listless, empty, mixed])
def test_a_damaged_history_is_one_line_and_exit_code_2(damage, tmp_path, capsys):
    folder = write_history(tmp_path / "h", [2e-3])
    message = damage(folder)
    assert main(["history", str(folder), f"--output={tmp_path / 'out'}"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {message}")
    assert error.count("\n") == 1


def test_without_a_history_the_command_says_how_to_make_one(tmp_path, capsys):
    assert main(["history", str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err == (
        f"error: {tmp_path / 'none'}: no history is there; run `python -m bench history` first.\n"
    )
