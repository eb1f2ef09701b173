"""`python -m analysis compare` on files of any benchmark tool: the same judge, verdicts and exit codes."""

from __future__ import annotations

import json
import math

import pytest

from analysis.__main__ import main
from analysis.errors import AnalysisError
from analysis.regressions.files import compare
from analysis.regressions.judge import RULES
from tests.analysis.conftest import make_entry
from tests.analysis.harnesses.conftest import SAMPLES, TOOLS


def verdicts(comparison):
    return {row.cell: row.verdict.value for row in comparison.rows}


@pytest.mark.parametrize("tool", TOOLS)
def test_a_file_against_itself_is_no_difference(write, capsys, tool):
    one, copy = write("one", tool), write("copy", tool)
    for other in (one, copy):
        assert main(["compare", str(one), str(other)]) == 0
        out = capsys.readouterr().out
        assert out.splitlines()[-1].startswith("No difference: both sides are the same measurements of ")
        assert "inconclusive" not in out


@pytest.mark.parametrize("tool", TOOLS)
def test_several_files_a_side_are_judged(processes, tool):
    old = processes(tool, "old", 5)
    assert set(verdicts(compare(old, processes(tool, "same", 5))).values()) <= {"pass", "not measured"}
    slow = compare(old, processes(tool, "slow", 5, slower=1.06))
    assert slow.outcome.code == 1
    assert set(verdicts(slow).values()) <= {"regressed", "not measured"}
    for row in slow.rows:
        if row.verdict == "regressed":
            assert row.ratio == pytest.approx(1.06, abs=0.01)
            assert row.passes == 5


@pytest.mark.parametrize("tool", TOOLS)
def test_one_process_a_side_says_what_it_is_worth(processes, tool):
    found = compare(processes(tool, "old", 1), processes(tool, "new", 1))
    if tool == "hyperfine":  # whose every run is a process
        assert all(row.passes == 8 for row in found.rows)
        assert any(note.startswith("the processes of one file ran in one go") for note in found.notes)
        return
    assert any(
        note.startswith(
            "1 process a side: how far two processes of one commit differ was not measured, so 3.0 % is"
        )
        for note in found.notes
    )


def test_the_slowdown_that_one_process_a_side_calls_is_the_one_that_is_named(processes):
    (note,) = compare(processes("nvbench", "old", 1), processes("nvbench", "new", 1)).notes
    limit = float(note.partition("called from ")[2].partition(" %")[0]) / 100
    old = processes("nvbench", "old", 1, spread=0.0)
    for factor, called in ((limit - 0.01, False), (limit + 0.01, True)):
        new = processes("nvbench", "new", 1, slower=1 + factor, spread=0.0)
        assert (compare(old, new).outcome.code == 1) is called


def test_several_files_are_the_unit_however_many_runs_they_hold(processes):
    found = compare(processes("hyperfine", "old", 3), processes("hyperfine", "new", 4))
    assert {row.passes for row in found.rows} == {3}


def test_missing_and_new_benchmarks_are_named_and_never_slower(processes, write, capsys):
    old = processes("hyperfine", "old", 3)

    def change(found):
        found["results"][0]["command"] = "another"

    new = [write("new", "hyperfine", change)]
    found = compare(old, new)
    assert verdicts(found)["another"] == "not measured"
    said = {row.cell: row.reason for row in found.rows}
    assert said["another"] == "only in head: nothing to compare it with"
    assert said["python3 -c 'import json'"] == "only in base: missing or renamed in head"
    assert found.outcome.code == 2
    assert compare(new, [*old[:1]]).outcome.code == 2


def test_a_new_benchmark_is_nobodys_fault(processes):
    old, new = processes("nvbench", "old", 4), processes("nvbench", "new", 4)
    for path in old:
        found = json.loads(path.read_text())
        del found["benchmarks"][0]["states"][0]
        path.write_text(json.dumps(found))
    comparison = compare(old, new)
    assert comparison.outcome.sentence == "Passed: 1 benchmark judged, none regressed."
    assert [row.cell for row in comparison.rows if row.excused] == ["copy Device=0 BlockSize=2^8"]


def test_a_benchmark_that_was_changed_itself_is_not_compared(processes, write):
    def change(found):
        found["results"]["b.time_json"][2] = "anotherversion"
        found["results"]["b.time_json"][0] = [1.0]

    (row,) = (
        row for row in compare([write("old", "asv")], [write("new", "asv", change)]).rows if "json" in row.cell
    )
    assert row.verdict == "not measured"
    assert "timed in another way than in base (version anotherv and version " in row.reason


def test_nvbench_times_of_two_kinds_are_not_compared(write):
    def change(found):
        for state in found["benchmarks"][0]["states"][:2]:
            state["summaries"][2]["tag"] = "nv/batch/time/gpu/mean"

    found = compare([write("old", "nvbench")], [write("new", "nvbench", change)])
    assert {row.verdict.value for row in found.rows} == {"not measured"}
    assert found.outcome.code == 2


def test_another_tool_is_said(write):
    found = compare([write("python", "pytest_benchmark")], [write("cpp", "google_benchmark")])
    assert "measured by different tools: pytest-benchmark, and google/benchmark" in found.notes
    assert found.outcome.code == 2


def test_different_machines_are_said(processes):
    def change(path):
        found = json.loads(path.read_text())
        found["machine_info"]["node"] = "other"
        path.write_text(json.dumps(found))
        return path

    old = processes("pytest_benchmark", "old", 3)
    new = [change(path) for path in processes("pytest_benchmark", "new", 3)]
    assert (
        "measured on different machines (box, and other): a difference may be the machine's"
        in compare(old, new).notes
    )


def test_the_same_measurements_twice_are_no_second_process(processes, write):
    old, new = processes("nvbench", "old", 3), processes("nvbench", "new", 3)
    copy = new[0].with_name("copy.json")
    copy.write_text(new[0].read_text())
    with pytest.raises(
        AnalysisError, match=r"Expected each file to be measured anew, got the same times in .*copy"
    ):
        compare(old, [*new, copy])
    with pytest.raises(AnalysisError, match="Expected two sides measured apart, got the same times on both"):
        compare(old, [*new, old[0]])


def test_two_commits_on_one_side_are_refused(processes):
    old, new = processes("pytest_benchmark", "old", 2), processes("pytest_benchmark", "new", 2)
    found = json.loads(new[0].read_text())
    found["commit_info"]["id"] = "b" * 40
    new[0].write_text(json.dumps(found))
    with pytest.raises(AnalysisError, match=r"Expected one commit a side, got 2 \(aaaaaaaa, bbbbbbbb\)"):
        compare(old, new)


def test_this_suite_and_another_project_have_nothing_in_common(benchmark_file):
    ours = benchmark_file([make_entry()], "ours.json")
    with pytest.raises(
        AnalysisError, match=r"Expected both sides of one project, got .*ours\.json of this suite and"
    ):
        compare([ours], [SAMPLES / "hyperfine.json"])


def test_a_smaller_floor_calls_smaller_slowdowns(processes):
    old, new = (
        processes("nvbench", "old", 8, spread=0.001),
        processes("nvbench", "new", 8, slower=1.012, spread=0.001),
    )
    assert compare(old, new).outcome.code == 0
    assert compare(old, new, RULES.with_floor(0.005)).outcome.code == 1


def test_what_would_have_been_seen_is_said_and_kept(processes, tmp_path, capsys):
    old, new = processes("nvbench", "old", 5), processes("nvbench", "new", 5)
    files = ["--markdown", str(tmp_path / "table.md"), "--json", str(tmp_path / "table.json")]
    assert main(["compare", "--old", *map(str, old), "--new", *map(str, new), *files]) == 0
    content = json.loads((tmp_path / "table.json").read_text())
    seen = [row["detectable"] for row in content["rows"] if row["verdict"] == "pass"]
    assert all(RULES.floor < one < 0.05 for one in seen)
    text = (tmp_path / "table.md").read_text()
    assert f"unchanged; {100 * seen[0]:.1f} % would have been seen" in text
    assert "| Verdict | Benchmark | Base | Head | Change | 95 % interval | Processes | Why |" in text
    assert f"See it again: `python -m analysis compare --old {old[0]} " in text


@pytest.mark.parametrize(
    ("arguments", "came"),
    [
        ([], "no file"),
        (["a.json"], "OLD"),
        (["a.json", "b.json", "--old", "c.json"], "OLD, NEW and --old"),
        (["--old", "a.json"], "--old"),
        (["--new", "a.json"], "--new"),
    ],
)
def test_half_a_question_is_one_sentence_that_says_which_half_came(capsys, arguments, came):
    assert main(["compare", *arguments]) == 2
    error = capsys.readouterr().err
    assert error == f"error: Expected OLD and NEW, or --old FILE... and --new FILE..., got {came}.\n"


def test_a_file_that_is_not_there_or_damaged_is_one_sentence_with_what_to_do(tmp_path, capsys):
    path = tmp_path / "one.json"
    tools = "pytest-benchmark, asv, google/benchmark, nvbench or hyperfine"
    assert main(["compare", str(path), str(path)]) == 2
    assert capsys.readouterr().err == f"error: {path}: no such file or folder; expected results of {tools}.\n"
    path.write_text('{"benchmarks": [')
    assert main(["compare", str(path), str(path)]) == 2
    damaged = f"{path}: expected complete JSON, but it is cut off or damaged at line 1, column 17"
    assert capsys.readouterr().err == f"error: {damaged}; measure again, or leave that file out.\n"
    assert main(["compare", str(tmp_path), str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"error: No file of {tools}: {damaged}; name other files.\n"


@pytest.mark.parametrize("floor", ["x", "-1", "101", "nan", "inf"])
def test_a_floor_that_is_none_is_one_sentence(capsys, floor):
    assert main(["compare", "a", "b", f"--floor={floor}"]) == 2
    assert f"expected per cent from 0 to 100, got '{floor}'" in capsys.readouterr().err


def test_interval_and_ratio_are_those_of_the_logarithms(processes):
    old, new = processes("nvbench", "old", 4), processes("nvbench", "new", 4, slower=1.03)
    row = next(row for row in compare(old, new).rows if row.verdict != "not measured")
    assert row.low < row.ratio < row.high
    assert math.log(row.ratio) - math.log(row.low) == pytest.approx(math.log(row.high) - math.log(row.ratio))
