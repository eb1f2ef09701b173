"""What is asked of the analysis and what is made of its answer."""

import json
import subprocess

import pytest

from bench.errors import ResultsError, SweepError
from bench.gate import judge
from bench.gate.judge import Pace, Step, ask, final


@pytest.fixture
def analysis(monkeypatch):
    """Answers in the place of the analysis."""

    def answer(code: int, verdicts: dict | str | None = None, error: str = "") -> list:
        asked = []

        def run(command, **options):
            asked.append(command[1:])
            if verdicts is not None:
                with open(command[command.index("--json") + 1], "w") as file:
                    file.write(verdicts if isinstance(verdicts, str) else json.dumps(verdicts))
            return subprocess.CompletedProcess(command, code, "", error)

        monkeypatch.setattr(judge.subprocess, "run", run)
        return asked

    return answer


@pytest.mark.parametrize("stage", ["screening", "confirmation"])
@pytest.mark.parametrize("code", [0, 1, 2])
def test_whatever_the_verdict_the_next_step_is_read(analysis, folder, code, stage):
    step = {"stage": stage, "cells": ["one"], "rounds": 8, "told": "said", "notes": ["kept"]}
    asked = analysis(code, {"next": step})
    found = ask(folder.path, Pace(4, 600.0, 300.5, 0.25))
    assert found == Step(stage == "confirmation", ("one",), 8, "said", ("kept",))
    assert asked[0][:5] == ["-m", "analysis", "gate", str(folder.path), "--quiet"]
    assert asked[0][-5:] == ["--pace", "4", "600.0", "300.5", "0.25"]


def test_an_answer_of_an_earlier_round_is_not_taken_for_this_ones(analysis, folder):
    (folder.path / "verdicts.json").write_text('{"next": {"stage": "screening"}}')
    analysis(2, None, "error: base.json: is cut off.\n")
    with pytest.raises(SweepError, match=r"^the measurements cannot be judged: base\.json: is cut off\.$"):
        ask(folder.path, Pace(4, 600, 300, 0.25))


STEP = {"stage": "screening", "cells": ["one"], "rounds": 1, "told": "", "notes": []}


@pytest.mark.parametrize(
    "verdicts",
    [
        "",
        "[" * 100_000,
        [],
        {},
        {"next": None},
        {"next": STEP | {"stage": "other"}},
        {"next": STEP | {"cells": []}},
        {"next": STEP | {"cells": "one"}},
        {"next": STEP | {"rounds": -1}},
        {"next": STEP | {"rounds": True}},
        {"next": STEP | {"notes": [1]}},
        {"next": {"stage": "screening"}},
    ],
    ids=range(12),
)
def test_an_answer_that_names_no_step_is_one_sentence(analysis, folder, verdicts):
    analysis(0, verdicts)
    said = r"(: expected .*\.| names no cell for the next round)"
    with pytest.raises(SweepError, match=rf"^the measurements cannot be judged: .*verdicts\.json{said}$"):
        ask(folder.path, Pace(4, 600, 300, 0.25))


class TestFinal:
    @pytest.mark.parametrize("code", [0, 1, 2])
    def test_the_exit_code_is_the_analysiss(self, analysis, folder, tmp_path, code):
        asked = analysis(code, {"exit_code": code})
        path = tmp_path / "out.json"
        assert final(folder.path, ("--markdown", "table.md", "--json", str(path))) == code
        verdicts = str(folder.path / "verdicts.json")
        assert asked == [
            ["-m", "analysis", "gate", str(folder.path), "--markdown", "table.md", "--json", verdicts]
        ]
        assert json.loads(path.read_text()) == {"exit_code": code}

    @pytest.mark.parametrize(
        "verdicts", [None, "", "{", "[]", "1", {}, {"exit_code": 0}, {"exit_code": "1"}], ids=str
    )
    @pytest.mark.parametrize("code", [1, -9, 139])
    def test_a_crash_is_neither_a_pass_nor_a_regression(self, analysis, folder, tmp_path, code, verdicts):
        """Python ends with 1 after any exception: a missing pandas must not read as "regressed"."""
        (folder.path / "verdicts.json").write_text('{"exit_code": 1}')
        (tmp_path / "out.json").write_text("an earlier one")
        analysis(code, verdicts)
        with pytest.raises(SweepError, match=rf"^the measurements cannot be judged: .* exit code {code}$"):
            final(folder.path, ("--json", str(tmp_path / "out.json")))
        assert (tmp_path / "out.json").read_text() == "an earlier one"

    def test_what_the_analysis_has_refused_is_not_measured(self, analysis, folder):
        analysis(2)
        assert final(folder.path) == 2

    def test_a_verdict_that_cannot_be_written_is_one_sentence(self, analysis, folder, tmp_path):
        analysis(1, {"exit_code": 1})
        (tmp_path / "file").touch()
        with pytest.raises(ResultsError, match=r"^cannot write .*file/out\.json: "):
            final(folder.path, ("--json", str(tmp_path / "file" / "out.json")))

    def test_a_real_crash_ends_the_command_with_2(self, folder, monkeypatch, tmp_path, capfd):
        """The analysis itself, in a Python whose pandas is broken."""
        (tmp_path / "pandas.py").write_text("raise RuntimeError('broken')")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        assert final(folder.path) == 2
        assert capfd.readouterr().err.endswith("RuntimeError: broken\n")


def test_an_earlier_answer_that_cannot_be_removed_is_one_sentence(folder):
    (folder.path / "verdicts.json").mkdir()
    with pytest.raises(SweepError, match=r"^cannot remove the earlier .*verdicts\.json: "):
        final(folder.path)
