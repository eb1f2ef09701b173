"""A gate's folder -> verdicts: what stands in it at any moment of a run, whole or not."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest

from analysis.__main__ import main
from analysis.regressions.comparison import judge_folder
from analysis.regressions.policy import Pace
from analysis.vocabulary import VERDICTS_FORMAT

NOISE = (0.004, -0.006, 0.001, 0.005, -0.003, -0.001)
AT = "-train-copying-n64-T100-B32-cpu-float32"
URNN, LSTM = f"urnn:reference{AT}", f"lstm:torch{AT}"


@pytest.fixture
def folder(benchmark_file, entry, tmp_path) -> Path:
    """A gate's folder whose screening has six passes, with the uRNN 6 % slower in head."""
    write_side(benchmark_file, entry, "base")
    write_side(benchmark_file, entry, "head", 1.06)
    write_plan(tmp_path / "gate")
    return tmp_path / "gate"


def write_plan(folder: Path, **changes: object) -> None:
    plan = {
        "format": 1,
        "base": {"name": "aaaaaaaa", "subject": "Before"},
        "head": {"name": "bbbbbbbb", "subject": "After <b>"},
        "cells": [LSTM, URNN],
        "absent": {"base": [], "head": []},
        "sentinel": "lstm:torch",
        "suspects": None,
        "instructions": None,
        "notes": ["the machine was busy"],
        "again": "python -m bench gate --base a --head b",
        "commands": {URNN: "python -m bench gate --models urnn:reference", LSTM: "nothing"},
    } | changes
    (folder / "gate.json").write_text(json.dumps(plan))


def write_side(benchmark_file, entry, name: str, factor: float = 1.0, models=("urnn", "lstm"), **changes) -> Path:
    benchmarks = []
    for model in models:
        for number, noise in enumerate(NOISE if "base" in name else reversed(NOISE), start=1):
            one = entry(model=model, backend="reference" if model == "urnn" else "torch", **{"pass": number})
            one["stats"]["data"] = [0.02 * math.exp(noise) * (factor if model == "urnn" else 1.0)]
            benchmarks.append(one)
    return benchmark_file(benchmarks, f"gate/{name}.json", **changes)


def test_the_screening_alone_names_suspects(folder):
    found = judge_folder(folder)
    assert found.suspects == (URNN,)
    assert found.open == ()
    assert [row.verdict for row in found.rows if row.cell == URNN] == ["inconclusive", "pass", "pass"]
    assert (found.notes, found.base.subject) == (("the machine was busy",), "Before")


def test_the_confirmation_decides(folder, benchmark_file, entry, capsys, tmp_path):
    write_side(benchmark_file, entry, "confirm_base", models=("urnn", "lstm"))
    write_side(benchmark_file, entry, "confirm_head", 1.06)
    write_plan(folder, suspects=[URNN])
    out = tmp_path / "out.md"
    assert main(["gate", str(folder), "--markdown", str(out), "--json", str(tmp_path / "out.json")]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == (
        "Regressed: 1 of 2 cells judged. (1 regressed, 5 pass, of 6 times and other figures)"
    )
    assert json.loads((tmp_path / "out.json").read_text())["rows"][0]["reason"] == "confirmed by fresh passes"
    assert "head `bbbbbbbb` (After &lt;b>)" in out.read_text()
    assert "```\npython -m bench gate --models urnn:reference\n```" in out.read_text()
    assert "See it again: `python -m bench gate --base a --head b`" in out.read_text()


def test_the_json_names_the_suspects_and_has_a_format(folder, tmp_path):
    assert main(["gate", str(folder), "--json", str(tmp_path / "out.json")]) == 0
    verdicts = json.loads((tmp_path / "out.json").read_text())
    assert (verdicts["format"], verdicts["suspects"]) == (VERDICTS_FORMAT, [URNN])
    assert {row["passes"] for row in verdicts["rows"] if row["metric"] == "time"} == {len(NOISE)}


def test_with_a_pace_it_says_what_comes_next(folder):
    step = judge_folder(folder, Pace(6, 600.0, 500.0, 1.0)).next
    assert (step.stage, step.cells) == ("confirmation", (URNN,))
    assert judge_folder(folder).next is None


def test_a_planned_cell_that_no_file_holds_is_missed(folder):
    missing = f"gru:torch{AT}"
    write_plan(folder, cells=[LSTM, URNN, missing])
    found = judge_folder(folder)
    assert found.rows[0].reason == "planned, and measured on neither side"
    assert found.outcome.code == 2


@pytest.mark.parametrize(
    ("base", "head", "reason", "code"),
    [
        (True, False, "new: base does not have it", 0),
        (False, True, "head does not have it: removed or renamed", 2),
        (True, True, "neither commit has it", 0),
    ],
)
def test_a_cell_that_a_commit_does_not_have_says_so(folder, base, head, reason, code):
    other = f"gru:torch{AT}"
    absent = {"base": [other] * base, "head": [other] * head}
    write_plan(folder, cells=[LSTM, URNN, other], absent=absent)
    found = judge_folder(folder)
    assert [row.reason for row in found.rows if row.cell == other] == [reason]
    assert found.outcome.code == code


@pytest.mark.parametrize("side", ["base", "head"])
def test_a_side_that_is_not_there_is_not_measured(folder, side):
    (folder / f"{side}.json").unlink()
    assert judge_folder(folder).outcome.code == 2
    assert judge_folder(folder).outcome.sentence == "Not measured: none of 2 cells has a time on both sides."


def test_rounds_of_one_side_alone_are_left_out(folder, benchmark_file, entry):
    head = json.loads((folder / "head.json").read_text())
    head["benchmarks"] = [one for one in head["benchmarks"] if one["extra_info"]["pass"] <= 4]
    (folder / "head.json").write_text(json.dumps(head))
    assert {row.passes for row in judge_folder(folder).rows if row.metric == "time"} == {4}


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("gate.json", None, "gate.json: cannot be read (No such file or directory)."),
        ("gate.json", '{"format": 1', "gate.json: expected complete JSON, but it is cut off or damaged at "),
        ("gate.json", '{"format": 2}', "gate.json: expected a gate's plan of format 1, got 2."),
        ("gate.json", "[]", "gate.json: expected a gate's plan of format 1, got None."),
        ("gate.json", '{"format": 1}', "gate.json: expected base to be an object, got nothing."),
        ("base.json", '{"machine_info": {', "base.json: expected complete JSON, but it is cut off or damaged at "),
        (
            "head.json",
            '{"benchmarks": [], "machine_info": {}, "run": {"format": 1}}',
            "No measurement in any of 1",
        ),
    ],
)
def test_a_fault_is_one_sentence_and_exit_code_2(folder, capsys, name, text, sentence):
    (folder / name).unlink()
    if text is not None:
        (folder / name).write_text(text)
    assert main(["gate", str(folder)]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert sentence in error
    assert error.count("\n") == 1


def test_sides_of_two_machines_are_refused(folder, benchmark_file, entry, capsys):
    write_side(benchmark_file, entry, "head", machine_info={"node": "other", "torch": "2.13.0+cpu"})
    assert main(["gate", str(folder)]) == 2
    assert "Expected one machine on both sides, got box in " in capsys.readouterr().err


def kind_of(kind: str) -> dict:
    return {"machine_info": {"node": "box", "kind": kind, "processor": kind, "torch": "2.13.0+cpu"}}


def test_sides_of_two_machines_with_one_name_are_refused(folder, benchmark_file, entry, capsys):
    for side, kind in (("base", "0123abcd"), ("head", "4567cdef")):
        write_side(benchmark_file, entry, side, **kind_of(kind))
    assert main(["gate", str(folder)]) == 2
    said = capsys.readouterr().err
    assert "Expected one machine on both sides, got " in said
    assert "(kind 0123abcd) in " in said
    assert "(kind 4567cdef) in " in said


class TestCalibrated:
    """What the plan keeps of a calibration of this machine, or of another one."""

    def plan(self, machine: str) -> dict:
        return {"format": 1, "machine": machine, "recorded": "2026-01-01 10:00", "cells": {LSTM: 0.041}}

    def test_a_cell_that_passes_says_what_would_have_been_seen(self, folder, capsys):
        write_plan(folder, detectable=self.plan("box"))
        assert main(["gate", str(folder)]) == 0
        out = capsys.readouterr().out
        assert "unchanged; 4.1 % would have been seen" in out
        assert "note: what would have been seen is from the calibration of box, recorded 2026-01-01 10:00" in out
        rows = {row.cell: row.detectable for row in judge_folder(folder).rows if row.metric == "time"}
        assert rows == {LSTM: 0.041, URNN: None}

    def test_another_machines_calibration_says_nothing_of_this_one(self, folder, capsys):
        write_plan(folder, detectable=self.plan("other"))
        main(["gate", str(folder)])
        out = capsys.readouterr().out
        assert "% would have been seen" not in out
        assert "note: what would have been seen is not known: box is not calibrated (make calibrate)" in out

    def test_a_machine_is_known_by_its_kind_and_not_by_its_name(self, folder, benchmark_file, entry, capsys):
        for side in ("base", "head"):
            write_side(benchmark_file, entry, side, **kind_of("0123abcd"))
        write_plan(folder, detectable=self.plan("box"))
        main(["gate", str(folder)])
        known = re.search(r"not known: (.*) is not calibrated", capsys.readouterr().out)
        assert known
        assert known[1].endswith("(kind 0123abcd)")
        write_plan(folder, detectable=self.plan(known[1]))
        main(["gate", str(folder)])
        assert f"from the calibration of {known[1]}, recorded" in capsys.readouterr().out

    @pytest.mark.parametrize("changes", [{}, {"detectable": None}])
    def test_without_a_calibration_it_says_nothing(self, folder, capsys, changes):
        write_plan(folder, **changes)
        main(["gate", str(folder)])
        assert "would have been seen" not in capsys.readouterr().out

    def test_a_damaged_plan_is_one_sentence(self, folder, capsys):
        write_plan(folder, detectable={"machine": "box", "recorded": "", "cells": {LSTM: -1}})
        assert main(["gate", str(folder)]) == 2
        assert "to be a number from 0 to 1e+07, got -1." in capsys.readouterr().err
