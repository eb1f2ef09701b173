"""`python -m analysis compare`: two files in, a table, Markdown, JSON and an exit code out."""

from __future__ import annotations

import json
import math

import pytest

from analysis.__main__ import main
from analysis.errors import AnalysisError
from analysis.regressions.files import compare
from analysis.regressions.outputs import MARK
from analysis.vocabulary import VERDICTS_FORMAT

NOISE = (0.004, -0.006, 0.001, 0.005, -0.003, -0.001)
CELL = "urnn:reference-train-copying-n64-T100-B32-cpu-float32"


@pytest.fixture
def results(benchmark_file, entry):
    """Writes a file of nn.LSTM and the uRNN in six processes, the latter `factor` times as slow."""

    def write(name: str, factor: float = 1.0, models=("urnn", "lstm"), info=None, **changes):
        benchmarks = []
        for model in models:
            row = {"model": model, "backend": "reference" if model == "urnn" else "torch"} | (info or {})
            for number, noise in enumerate(NOISE, start=1):
                one = entry(**row, **{"pass": number})
                call = 0.02 * math.exp(noise * (1 if model == "urnn" else -1))
                one["stats"]["data"] = [call * (factor if model == "urnn" else 1.0)] * 3
                benchmarks.append(one)
        return benchmark_file(benchmarks, f"{name}/0001_run.json", **changes)

    return write


def test_the_exit_code_and_the_last_line_say_it(results, capsys):
    old, slow, fast = results("old"), results("slow", 1.08), results("fast", 0.8)
    for new, code, last in (
        (old, 0, "No difference: both sides are the same measurements of 2 cells. (6 pass"),
        (results("again", 1.001), 0, "Passed: 2 cells judged, none regressed. (6 pass"),
        (slow, 1, "Regressed: 1 of 2 cells judged. (1 regressed, 5 pass"),
        (fast, 0, "Passed: 2 cells judged, none regressed. (1 faster, 5 pass"),
    ):
        assert main(["compare", str(old), str(new)]) == code
        assert capsys.readouterr().out.splitlines()[-1] == f"{last}, of 6 times and other figures)"


def test_the_terminal_shows_the_worst_first(results, capsys):
    main(["compare", str(results("old")), str(results("new", 1.08))])
    lines = capsys.readouterr().out.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(" Verdict")) + 1
    assert lines[first].split()[:2] == ["regressed", CELL]
    assert "+8.0 %" in lines[first]
    assert "4 deterministic figures are the same on both sides." in lines


def test_markdown_says_the_answer_what_it_is_and_how_to_see_it_again(results, tmp_path):
    old, new = results("old"), results("new", 1.08)
    main(["compare", str(old), str(new), "--markdown", str(tmp_path / "table.md")])
    lines = (tmp_path / "table.md").read_text().splitlines()
    assert lines[0] == MARK
    assert lines[2] == "### Regressed: 1 of 2 cells judged."
    rows = [line.split(" | ") for line in lines if line.startswith("| ")]
    assert rows[2][0] == "| regressed"
    assert rows[2][1] == CELL
    assert rows[2][3:6] == ["200 µs", "216 µs", "+8.0 %"]
    assert len({len(row) for row in rows}) == 1
    assert f"See it again: `python -m analysis compare {old} {new}`" in lines
    assert "<details><summary>5 rows that pass</summary>" in lines


def test_json_holds_every_row_in_numbers(results, tmp_path):
    main(["compare", str(results("old")), str(results("new", 1.08)), "--json", str(tmp_path / "verdict.json")])
    content = json.loads((tmp_path / "verdict.json").read_text())
    assert (content["format"], content["exit_code"]) == (VERDICTS_FORMAT, 1)
    assert content["counts"] == {"regressed": 1, "not measured": 0, "inconclusive": 0, "faster": 0, "pass": 5}
    row = content["rows"][0]
    assert (row["cell"], row["metric"], row["verdict"], row["passes"]) == (CELL, "time", "regressed", 6)
    assert row["low"] < row["ratio"] < row["high"]
    assert row["ratio"] == pytest.approx(1.08, rel=1e-15 * 100)
    assert content["base"] == {"name": "a" * 8, "subject": ""}


def test_more_memory_is_a_regression_whatever_the_time(results, capsys):
    old, new = results("old"), results("new", info={"peak_allocated_bytes": 5000})
    assert main(["compare", str(old), str(new)]) == 1
    assert "more than 1.0 % increase is a regression" in capsys.readouterr().out


def test_a_new_figure_of_a_kind_is_read(results):
    old = results("old", info={"operators": 100, "saved_for_backward_bytes": 64})
    new = results("new", info={"operators": 100, "saved_for_backward_bytes": 128})
    regressed = [row.metric for row in compare([old], [new]).rows if row.verdict == "regressed"]
    assert regressed == ["saved_for_backward"] * 2


@pytest.mark.parametrize(
    ("changes", "what", "values"),
    [
        (
            {"machine_info": {"node": "other", "torch": "2.13.0+cpu"}},
            "machine",
            "box",
        ),
        ({"machine_info": {"node": "box", "torch": "2.14.0"}}, "version of torch", "2.13.0+cpu"),
        ({"run": {"format": 1, "threads": 2, "allocator": "kept"}}, "number of threads", "1"),
        ({"run": {"format": 1, "threads": 1, "allocator": "default"}}, "allocator setting", "kept"),
    ],
)
def test_a_changed_machine_or_condition_is_refused(results, capsys, changes, what, values):
    info = {"threads": None, "allocator": None}
    old, new = results("old", info=info), results("new", info=info, **changes)
    assert main(["compare", str(old), str(new)]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith(f"error: Expected one {what} on both sides, got {values} in {old} and ")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"machine_info": {}, "benchm', "expected complete JSON, but it is cut off or damaged at line 1"),
        (
            "{}",
            "asv, google/benchmark, nvbench or hyperfine, got other JSON; ",
        ),
        ('{"machine_info": {}, "benchmarks": [], "run": {"format": 2}}', "expected run format 1, got 2; "),
        ('{"machine_info": {}, "benchmarks": [], "run": {"format": 1}}', "No measurement in any of 1 result file"),
        ('{"result_columns": [], "results": {}, "version": 3}', "expected asv results of version 2, got 3; "),
    ],
)
@pytest.mark.parametrize("which", [0, 1])
def test_a_damaged_foreign_or_empty_file_is_one_sentence(results, tmp_path, capsys, text, sentence, which):
    (tmp_path / "bad.json").write_text(text)
    paths = [str(results("good")), str(results("good"))]
    paths[which] = str(tmp_path / "bad.json")
    assert main(["compare", *paths]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1


def test_two_commits_in_one_folder_are_not_mixed(results, tmp_path):
    old = results("both/1", commit_info={"id": "c" * 40})
    results("both/2")
    with pytest.raises(AnalysisError, match="expected one commit under one set of conditions, got 2 "):
        compare([tmp_path / "both"], [old])


def test_an_output_that_cannot_be_written_is_one_sentence(results, tmp_path, capsys):
    old = str(results("old"))
    assert main(["compare", old, old, "--json", str(tmp_path / "nowhere" / "verdict.json")]) == 2
    assert "verdict.json: cannot be written (No such file or directory)." in capsys.readouterr().err


class TestAsv:
    PARAMS = (["'urnn:reference'", "'lstm:torch'"], ["'train'"], ["'cpu'", "'cuda'"], ["64"], ["100"], ["32"])

    def file(self, asv_file, factor: float = 1.0):
        samples = [[0.02 * factor] * 3, None, [0.02] * 3, None]
        row = [[0.02, math.nan, 0.02, math.nan], list(self.PARAMS), "v", 0, 1.0, *[None] * 4, [1] * 4, [3] * 4]
        memory = [[4096.0, math.nan, 4096.0, math.nan], list(self.PARAMS)]
        results = {"step_time.S.time_call": [*row, samples], "memory.S.track_peak_allocated_bytes": memory}
        return asv_file(results)

    def test_two_sets_are_judged_and_what_is_skipped_on_both_sides_is_no_cell(self, asv_file, tmp_path):
        old = self.file(asv_file).rename(tmp_path / "old.json")
        found = compare([old], [self.file(asv_file, 2.0)])
        times = {row.cell: row.verdict for row in found.rows if row.metric == "time"}
        assert times == {CELL: "regressed", CELL.replace("urnn:reference", "lstm:torch"): "inconclusive"}
        assert found.outcome.code == 1

    def test_one_of_each_is_judged_and_says_so(self, asv_file, results):
        old = results("old", machine_info={"node": "box", "torch": "2.13.0"})
        found = compare([old], [self.file(asv_file, 2.0)])
        assert found.notes == ("measured by different harnesses: pytest-benchmark and asv",)
        assert found.outcome.code == 1
