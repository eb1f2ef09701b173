"""`python -m bench gate` with made-up commits and rounds: what is measured, noted and returned."""

import json
import math
import sys
import tempfile
from pathlib import Path

import numpy
import pytest

from bench.commands import main
from bench.errors import SweepError
from bench.gate import command
from bench.gate.judge import Step
from bench.paths import ROOT
from bench.prepare import describe
from tests.bench.repositories import BASE, HEAD

SLICE = ("--models=urnn", "--phase=train", "--hidden=8", "--length=5", "--batch=2", "--device=cpu")
URNN = "urnn:reference-train-copying-n8-T5-B2-cpu-float32"
FUSED = "urnn:cpu-train-copying-n8-T5-B2-cpu-float32"
LSTM = "lstm:torch-train-copying-n8-T5-B2-cpu-float32"


class Product:
    """Stands in for both commits: how much slower head's eager uRNN is, and which cells a commit does not have."""

    def __init__(self) -> None:
        self.factor, self.absent, self.suites, self.misfit = 1.0, {"base": (), "head": ()}, [], False
        self.noise = numpy.random.default_rng(0)
        self.rounds: list[tuple[str, int, list[str]]] = []
        self.counted: list[str] = []
        self.remark = ""

    def interpreters(self, kind: str, commits, checkouts, told):
        self.environments = (kind, sorted(checkouts))
        return {side: Path(sys.executable) for side in commits}, self.remark

    def check_out(self, commit, folder, suite) -> None:
        self.suites.append(suite)

    def known_cells(self, name: str, settings, cells) -> list:
        if self.misfit and self.suites[-1] is not None:
            raise SweepError(f"the suite does not run on {name}: ImportError: no")
        return [cell for cell in cells if cell.id not in self.absent[settings.root.name]]

    def count(self, settings, cells) -> dict:
        self.counted = [cell.id for cell in cells]
        return {side: {"counts": {cell.id: 1000 for cell in cells}, "reason": ""} for side in settings}

    def round(self, base, head, cells, number: int) -> None:
        self.rounds.append((base.run_file.path.name, number, [cell.id for cell in cells]))
        for side in (base, head):
            side.run_file.content["machine_info"] = {"node": "box", "torch": "2"}
            side.run_file.content["commit_info"] = side.commit_info
            for cell in cells:
                slow = self.factor if side is head and cell.id == URNN else 1.0
                calls = [0.1 * slow * math.exp(self.noise.normal(0, 0.003))] * 3
                info = {**describe(cell), "pass": number, "operators": 5}
                entry = {"params": {"cell_id": cell.id}, "extra_info": info, "stats": {"data": calls}}
                side.run_file.add_benchmark(entry)


@pytest.fixture
def product(monkeypatch, tmp_path) -> Product:
    made = Product()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(command, "resolve", {"main": BASE, "HEAD": HEAD}.__getitem__)
    monkeypatch.setattr(command, "check_out", made.check_out)
    monkeypatch.setattr(command, "known_cells", made.known_cells)
    monkeypatch.setattr(command, "interpreters", made.interpreters)
    monkeypatch.setattr(command, "measure_round", made.round)
    monkeypatch.setattr(command.instructions, "count_sides", made.count)
    monkeypatch.setattr(command, "Watch", lambda *arguments, **more: lambda: None)
    return made


def gate(tmp_path, *more: str) -> int:
    return main(["gate", *SLICE, f"--results={tmp_path / 'gates'}", *more])


def plan(tmp_path) -> dict:
    return json.loads(next((tmp_path / "gates").glob("*/gate.json")).read_text())


def test_a_slowdown_is_suspected_confirmed_and_called(product, tmp_path, capfd):
    product.factor = 1.05
    assert gate(tmp_path, f"--json={tmp_path / 'out.json'}", f"--markdown={tmp_path / 'out.md'}") == 1
    verdict = json.loads((tmp_path / "out.json").read_text())
    assert verdict["sentence"] == "Regressed: 1 of 2 cells judged."
    assert (verdict["rows"][0]["cell"], verdict["rows"][0]["reason"]) == (URNN, "confirmed by fresh rounds")
    assert f"`{verdict['again']}`" in (tmp_path / "out.md").read_text()
    assert "--models=urnn --phase=train --device=cpu --hidden=8 --length=5 --batch=2 --fresh" in verdict["again"]
    assert product.rounds[0] == ("base.json", 1, [LSTM, FUSED, URNN])
    assert product.rounds[-1] == ("confirm_base.json", 16, [LSTM, URNN])
    assert "Regressed: 1 of 2 cells judged." in capfd.readouterr().out


class TestWithoutAsking:
    """The analysis is not asked here: it would cost a second each time."""

    @pytest.fixture(autouse=True)
    def _judge(self, monkeypatch):
        steps = {1: Step(False, (FUSED, URNN)), 2: Step(False, (FUSED, URNN)), 3: Step(True, ())}
        monkeypatch.setattr(command.judge, "ask", lambda folder, pace: steps[pace.rounds])
        monkeypatch.setattr(command.judge, "final", lambda folder, outputs: 0)

    def test_the_same_command_measures_nothing_again_and_fresh_does(self, product, tmp_path, capsys):
        assert gate(tmp_path) == 0
        number = len(product.rounds)
        assert gate(tmp_path) == 0
        assert len(product.rounds) == number
        assert "measured already, in " in capsys.readouterr().out
        assert gate(tmp_path, "--fresh") == 0
        assert len(product.rounds) == 2 * number

    def test_one_suite_measures_both(self, product, tmp_path):
        gate(tmp_path)
        assert product.suites == [ROOT, ROOT]
        assert plan(tmp_path)["notes"] == []

    def test_a_product_that_does_not_fit_is_measured_by_its_own_suite_and_that_is_noted(self, product, tmp_path):
        product.misfit = True
        assert gate(tmp_path) == 0
        assert product.suites == [ROOT, ROOT, None, None]
        assert plan(tmp_path)["notes"] == [
            "each commit was measured by its own suite, because the suite does not run on base aaaaaaaa: "
            "ImportError: no"
        ]

    def test_a_cell_that_a_commit_does_not_have_is_in_the_plan_and_not_measured(self, product, tmp_path):
        product.absent = {"base": (FUSED,), "head": ()}
        assert gate(tmp_path) == 0
        assert plan(tmp_path)["absent"] == {"base": [FUSED], "head": []}
        assert plan(tmp_path)["cells"] == [FUSED, URNN]
        assert {text for _, _, cells in product.rounds for text in cells} == {LSTM, URNN}

    def test_instructions_of_the_slices_models_are_counted_once_and_kept_in_the_plan(self, product, tmp_path):
        assert gate(tmp_path) == 0
        assert product.counted == [
            "urnn:cpu-train-copying-n128-T40-B16-cpu-float32",
            "urnn:reference-train-copying-n128-T40-B16-cpu-float32",
        ]
        assert plan(tmp_path)["instructions"]["head"]["counts"] == dict.fromkeys(product.counted, 1000)
        assert set(product.counted).isdisjoint(text for _, _, cells in product.rounds for text in cells)

    def test_environments_are_asked_for_and_what_they_were_is_noted(self, product, tmp_path):
        product.remark = "each side was measured in an environment of its own"
        assert gate(tmp_path, "--environments=asv") == 0
        assert product.environments == ("asv", ["base", "head"])
        assert plan(tmp_path)["notes"] == [product.remark]

    def test_no_cell_in_common_is_exit_code_2(self, product, tmp_path, capsys):
        product.absent = {"base": (FUSED,), "head": (URNN,)}
        assert gate(tmp_path) == 2
        assert capsys.readouterr().err == (
            "error: base and head have none of these cells in common, so there is nothing to measure\n"
        )

    def test_an_interrupt_keeps_what_is_measured(self, product, tmp_path, capsys, monkeypatch):
        whole = product.round

        def interrupted(base, head, cells, number):
            if number == 3:
                raise KeyboardInterrupt
            whole(base, head, cells, number)

        monkeypatch.setattr(command, "measure_round", interrupted)
        assert gate(tmp_path) == 2
        error = capsys.readouterr().err
        assert error == "error: interrupted; what was measured is kept, and the same command goes on\n"
        assert not list(tmp_path.glob("urnn-gate-*")), "the checkouts"
        (kept,) = (tmp_path / "gates").glob("*/base.json")
        assert len(json.loads(kept.read_text())["benchmarks"]) == 2 * 3


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
