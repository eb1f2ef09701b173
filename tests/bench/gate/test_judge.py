"""What is asked of the analysis and what is made of its answer."""

import json
import subprocess

import pytest

from bench.gate import judge
from bench.gate.judge import Pace, Step, ask, final
from bench.worker import SweepError


@pytest.fixture
def analysis(monkeypatch):
    """Answers in the place of the analysis."""

    def answer(code: int, verdicts: dict | None = None, error: str = "") -> list:
        asked = []

        def run(command, **options):
            asked.append(command[1:])
            if verdicts is not None:
                with open(command[command.index("--json") + 1], "w") as file:
                    json.dump(verdicts, file)
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


@pytest.mark.parametrize(("code", "expected"), [(0, 0), (1, 1), (2, 2), (-9, 2), (139, 2)])
def test_the_exit_code_is_the_analysiss_and_never_a_pass_where_it_died(analysis, folder, code, expected):
    asked = analysis(code)
    assert final(folder.path, ("--markdown", "table.md")) == expected
    assert asked == [["-m", "analysis", "gate", str(folder.path), "--markdown", "table.md"]]
