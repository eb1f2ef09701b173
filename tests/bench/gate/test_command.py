"""`python -m bench gate` with made-up commits and passes: what is measured, noted and returned."""

import json
import math
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy
import pytest

from analysis.regressions.policy import Step
from bench.commands import gate as gate_command
from bench.commands import main
from bench.commits import checkouts
from bench.errors import SweepError
from bench.gate import judge
from bench.gate.command import Dependencies, Request, gate
from bench.lane.turns import take_turns
from bench.paths import ROOT
from bench.prepare import describe
from bench.profiles import get_profile
from tests.bench.cells import cell
from tests.bench.repositories import BASE, HEAD

URNN, FUSED, LSTM = (cell(name, hidden_size=8, length=5) for name in ("urnn:reference", "urnn:cpu", "lstm:torch"))
SLICE = ("--models=urnn", "--phase=train", "--hidden=8", "--length=5", "--batch=2", "--device=cpu")


class World:
    """Stands in for commits, processes and the judge.

    Attributes:
        factor: how much slower head's eager uRNN is.
        absent: cells that a commit does not have.
        misfit: whether the commits do not run with today's suite.
        passes: file of base, number and cells of each pass.
        judge: whether the real judge is asked; else three passes of all cells and no suspect.
    """

    def __init__(self, results: Path) -> None:
        self.results = results
        self.factor, self.absent, self.suites, self.misfit = 1.0, {"base": (), "head": ()}, [], False
        self.noise = numpy.random.default_rng(0)
        self.passes: list[tuple[str, int, list[str]]] = []
        self.counted: list[str] = []
        self.remark = ""
        self.judge = False
        self.log: list[str] = []

    def gate(self, **more: object) -> int:
        judged = {} if self.judge else {"ask": self.ask, "conclude": lambda *asked: 0}
        use = Dependencies(
            resolve={"main": BASE, "HEAD": HEAD}.__getitem__,
            check_out=self.check_out,
            interpreters=self.interpreters,
            known_cells=self.known_cells,
            count_instructions=self.count,
            take_turns=self.take_turns,
            watch=lambda *arguments, **more: lambda: None,
            log=self.log.append,
            clock=lambda: 0.0,
            **judged,
        )
        request = Request("main", "HEAD", [FUSED, URNN], get_profile("ci"), results=self.results, slice=SLICE)
        return gate(replace(request, **more), use)

    def ask(self, folder: Path, pace) -> Step:
        return Step(
            "screening" if pace.passes < 3 else "confirmation", (FUSED.id, URNN.id) if pace.passes < 3 else ()
        )

    def interpreters(self, kind: str, commits, checkouts, log):
        self.environments = (kind, sorted(checkouts))
        return {side: Path(sys.executable) for side in commits}, self.remark

    def check_out(self, commit, folder, suite) -> None:
        self.suites.append(suite)

    def known_cells(self, name: str, settings, cells) -> list:
        if self.misfit and self.suites[-1] is not None:
            raise SweepError(f"the suite does not run on {name}: ImportError: no")
        return [one for one in cells if one not in self.absent[settings.root.name]]

    def count(self, settings, cells, seconds: float) -> dict:
        assert 0 < seconds <= 4 * 60
        self.counted = [one.id for one in cells]
        return {side: {"counts": {one.id: 1000 for one in cells}, "reason": ""} for side in settings}

    def take_turns(self, parts, number: int) -> None:
        (base, cells), (head, _) = parts
        assert [cells for _, cells in parts] == [cells, cells]
        self.passes.append((base.run_file.path.name, number, [one.id for one in cells]))
        for side in (base, head):
            side.run_file.content["machine_info"] = {"node": "box", "torch": "2"}
            side.run_file.content["commit_info"] = side.commit_info
            for one in cells:
                slow = self.factor if side is head and one == URNN else 1.0
                calls = [0.1 * slow * math.exp(self.noise.normal(0, 0.003))] * 3
                info = {**describe(one), "pass": number, "operators": 5}
                side.run_file.add_benchmark(
                    {"params": {"cell_id": one.id}, "extra_info": info, "stats": {"data": calls}}
                )

    def plan(self) -> dict:
        return json.loads(next(self.results.glob("*/gate.json")).read_text())


@pytest.fixture
def world(monkeypatch, tmp_path) -> World:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return World(tmp_path / "gates")


def test_a_slowdown_is_suspected_confirmed_and_called(world, tmp_path, capsys):
    world.factor, world.judge = 1.05, True
    assert world.gate(json=tmp_path / "out.json", markdown=tmp_path / "out.md") == 1
    verdict = json.loads((tmp_path / "out.json").read_text())
    assert verdict["sentence"] == "Regressed: 1 of 2 cells judged."
    assert verdict["rows"][0]["cell"] == URNN.id
    assert verdict["rows"][0]["reason"] == "confirmed by fresh passes"
    assert f"`{verdict['again']}`" in (tmp_path / "out.md").read_text()
    assert " ".join([*SLICE, "--fresh"]) in verdict["again"]
    assert world.passes[0] == ("base.json", 1, [LSTM.id, FUSED.id, URNN.id])
    assert world.passes[-1] == ("confirm_base.json", 16, [LSTM.id, URNN.id])
    assert "Regressed: 1 of 2 cells judged." in capsys.readouterr().out


def test_a_fiftieth_of_the_time_is_kept_for_the_verdict(world):
    world.gate(minutes=10.0)
    assert "9.8 of 10 minutes are left to measure in" in world.log


def test_a_commit_against_itself_is_said_before_anything_is_measured(world):
    assert world.gate(head="main") == 0
    assert world.log[0] == (
        "base and head are the same commit, aaaaaaaa, so this measures the gate itself and no change; "
        "--base names another commit"
    )
    world.log.clear()
    world.gate()
    assert not any("the same commit" in line for line in world.log)


def test_counting_says_how_long_it_shows_nothing(world):
    world.gate()
    assert (
        "counting instructions of 2 cells on both sides, which takes two to three minutes on two cores and is "
        "given up after 4 min"
    ) in world.log


def test_the_same_command_measures_nothing_again_and_fresh_does(world):
    assert world.gate() == 0
    number = len(world.passes)
    assert world.gate() == 0
    assert len(world.passes) == number
    assert world.log[-2].startswith("measured already, in ")
    assert world.gate(fresh=True) == 0
    assert len(world.passes) == 2 * number


def test_one_suite_measures_both(world):
    world.gate()
    assert world.suites == [ROOT, ROOT]
    assert world.plan()["notes"] == []


def test_a_product_that_does_not_fit_is_measured_by_its_own_suite_and_that_is_noted(world):
    world.misfit = True
    assert world.gate() == 0
    assert world.suites == [ROOT, ROOT, None, None]
    assert world.plan()["notes"] == [
        "each commit was measured by its own suite, because the suite does not run on base aaaaaaaa: "
        "ImportError: no"
    ]


def test_a_cell_that_a_commit_does_not_have_is_in_the_plan_and_not_measured(world):
    world.absent = {"base": (FUSED,), "head": ()}
    assert world.gate() == 0
    assert world.plan()["absent"] == {"base": [FUSED.id], "head": []}
    assert world.plan()["cells"] == [FUSED.id, URNN.id]
    assert {text for _, _, cells in world.passes for text in cells} == {LSTM.id, URNN.id}


def test_instructions_of_the_slices_models_are_counted_once_and_kept_in_the_plan(world):
    assert world.gate() == 0
    assert world.counted == [
        "urnn:cpu-train-copying-n128-T40-B16-cpu-float32",
        "urnn:reference-train-copying-n128-T40-B16-cpu-float32",
    ]
    assert world.plan()["instructions"]["head"]["counts"] == dict.fromkeys(world.counted, 1000)
    assert set(world.counted).isdisjoint(text for _, _, cells in world.passes for text in cells)


def test_environments_are_asked_for_and_what_they_were_is_noted(world):
    world.remark = "each side was measured in an environment of its own"
    assert world.gate(environments="asv") == 0
    assert world.environments == ("asv", ["base", "head"])
    assert world.plan()["notes"] == [world.remark]


def test_no_cell_in_common_is_a_sentence(world):
    world.absent = {"base": (FUSED,), "head": (URNN,)}
    with pytest.raises(
        SweepError, match=r"^base and head have none of these cells in common, so there is nothing to measure$"
    ):
        world.gate()


def test_an_interrupt_keeps_what_is_measured(world, tmp_path):
    whole = world.take_turns

    def interrupted(parts, number):
        if number == 3:
            raise KeyboardInterrupt
        whole(parts, number)

    world.take_turns = interrupted
    with pytest.raises(KeyboardInterrupt):
        world.gate()
    assert not list(tmp_path.glob("urnn-gate-*")), "the checkouts"
    (kept,) = world.results.glob("*/base.json")
    assert len(json.loads(kept.read_text())["benchmarks"]) == 2 * 3
    world.take_turns = whole
    assert world.gate() == 0
    assert world.plan()["ended"]


def test_by_default_it_acts_on_the_real_things():
    use = Dependencies()
    assert (use.take_turns, use.ask, use.conclude) == (take_turns, judge.ask, judge.conclude)
    assert (use.resolve, use.check_out, use.known_cells) == (
        checkouts.resolve,
        checkouts.check_out,
        checkouts.known_cells,
    )


def test_the_command_line_is_the_request(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(gate_command, "gate", lambda request: asked.append(request) or 1)
    files = tmp_path / "a.md", tmp_path / "b.json"
    arguments = [*SLICE, f"--results={tmp_path}", f"--markdown={files[0]}", f"--json={files[1]}", "--minutes=3"]
    assert main(["gate", *arguments]) == 1
    (request,) = asked
    assert (request.base, request.head, request.minutes, request.results) == ("main", "HEAD", 3, tmp_path)
    assert [one.id for one in request.cells] == [FUSED.id, URNN.id]
    assert (request.markdown, request.json) == files


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--minutes=0", "argument --minutes: expected a number above 0, got '0'"),
        ("--minutes=nan", "argument --minutes: expected a number above 0, got 'nan'"),
        ("--wait=soon", "argument --wait: expected a number above 0, got 'soon'"),
    ],
)
def test_a_time_that_is_none_is_refused(arguments, message, capsys):
    assert main(["gate", arguments]) == 2
    assert capsys.readouterr().err == f"error: {message}; see python -m bench gate --help\n"


def test_a_base_that_is_no_commit_is_one_line_and_exit_code_2(tmp_path, capsys):
    assert main(["gate", "--base=no-such-branch", *SLICE, f"--results={tmp_path}"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: 'no-such-branch' names no commit here; known are ")
    assert error.count("\n") == 1
