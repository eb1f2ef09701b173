"""`python -m analysis calibration --from`: what comparing somebody's benchmarks is worth."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from analysis.__main__ import main
from analysis.calibration.repeated import COMPARISONS, EFFECTS, SEED, SHARES, needed_floor, worth
from analysis.errors import AnalysisError
from analysis.regressions.judge import RULES, SEEN, Verdict, changes
from analysis.statistics.log_ratio import ENOUGH, of_groups
from analysis.statistics.power import of_welch, processes_needed, smallest_change
from tests.analysis.conftest import make_entry

FIRST, SECOND = (f"copy Device=0 BlockSize=2^{power}" for power in (8, 9))


def logs_of(paths):
    """The same files read by hand: benchmark -> log of each process's time."""
    found = {}
    for path in paths:
        for state in json.loads(path.read_text())["benchmarks"][0]["states"][:2]:
            value = float(state["summaries"][2]["data"][0]["value"])
            found.setdefault(f"copy {state['name']}", []).append(math.log(value))
    return found


@pytest.fixture
def files(processes):
    return processes("nvbench", "run", 16, spread=0.01)


def test_the_spread_is_that_of_the_logarithms(files):
    for one in worth(files).benchmarks:
        values = logs_of(files)[one.name]
        assert one.spread.value == pytest.approx(np.std(values, ddof=1))
        assert one.spread.low < one.spread.value < one.spread.high
        assert one.seconds == pytest.approx(math.exp(np.median(values)))


@pytest.mark.parametrize("share", SHARES)
def test_the_slowdown_that_is_caught_is_called_by_that_share_of_comparisons(files, share):
    number = 4
    found = {one.name: one for one in worth(files, number).benchmarks}[FIRST].caught[share]
    random, logs = np.random.default_rng(SEED), logs_of(files)
    orders = [random.permutation(len(files)) for _ in range(COMPARISONS)]

    def called(slowdown: float) -> float:
        hits = 0
        for order in orders:
            old, new = order[:number], order[number : 2 * number]
            shift = {FIRST: math.log1p(slowdown), SECOND: 0.0}
            ratios = {
                name: of_groups([own[at] for at in old], [own[at] + shift[name] for at in new])
                for name, own in logs.items()
            }
            hits += changes(ratios).get(FIRST) is Verdict.REGRESSED
        return hits / COMPARISONS

    assert called(found + 1e-6) >= share > called(found - 1e-4) - 0.02
    assert called(0.8 * found) < share


def test_it_agrees_with_the_power_of_the_test(processes):
    files = processes("nvbench", "many", 60, spread=0.01)
    for one in worth(files, 5).benchmarks:
        error, tail = one.spread.value * math.sqrt(2 / 5), RULES.level / 2 / 2
        expected = smallest_change(SEEN, error, math.log1p(RULES.floor), of_welch(5, tail))
        assert math.log1p(one.caught[SEEN]) == pytest.approx(expected, rel=0.15)


def test_the_processes_that_are_needed(files):
    for one in worth(files).benchmarks:
        for effect in EFFECTS:
            floor = math.log1p(needed_floor(effect, RULES))
            asked = (math.log1p(effect), one.spread.value, SEEN, floor, RULES.level / 2 / 2, ENOUGH, 1000)
            assert one.needed[effect] == processes_needed(*asked)
        assert one.needed[0.05] < one.needed[0.03]


def test_a_change_below_the_floor_is_asked_for_at_a_lower_one():
    assert [needed_floor(effect, RULES) for effect in (0.05, 0.03, 0.01)] == [0.02, 0.02, 0.005]


def test_without_a_change_few_comparisons_call_one(files):
    alarms = worth(files, 4).alarms
    assert [one.floor for one in alarms] == [0.0, 0.01, 0.02, 0.03, 0.05, 0.10]
    assert all(one.mixed.low <= one.mixed.value <= one.mixed.high for one in alarms)
    assert alarms[0].mixed.value <= 0.05
    assert alarms[-1].mixed.value == 0.0
    # Two comparisons of 4 a side without a process in common: no alarm in either is below 84 % (1 - 0.025^(1/2)).
    assert alarms[-1].mixed.high == pytest.approx(1 - 0.025**0.5)


def test_a_drift_is_an_alarm_where_one_side_is_measured_after_the_other(processes):
    files = processes("nvbench", "drift", 20, spread=0.001)
    for number, path in enumerate(files):
        found = json.loads(path.read_text())
        for state in found["benchmarks"][0]["states"][:2]:
            data = state["summaries"][2]["data"][0]
            data["value"] = repr(float(data["value"]) * math.exp(0.01 * number))
        path.write_text(json.dumps(found))
    floor = next(one for one in worth(files, 5).alarms if one.floor == RULES.floor)
    assert floor.in_a_row > 0.5 > 10 * floor.mixed.value


def test_files_are_in_the_order_in_which_they_were_measured(processes):
    files = processes("pytest_benchmark", "timed", 6)
    for number, path in enumerate(files):
        found = json.loads(path.read_text())
        found["datetime"] = f"2026-01-01T00:{59 - number:02d}:00+00:00"
        path.write_text(json.dumps(found))
    assert worth(files, 3) == worth(files[::-1], 3)


def test_one_file_of_hyperfine_holds_several_processes(processes):
    found = worth(processes("hyperfine", "one", 1))
    assert (found.measured, found.processes) == (8, 4)


def test_a_benchmark_that_some_files_lack_is_left_out_and_named(files):
    found = json.loads(files[0].read_text())
    del found["benchmarks"][0]["states"][0]
    files[0].write_text(json.dumps(found))
    result = worth(files)
    assert [one.name for one in result.benchmarks] == [SECOND]
    assert f"{FIRST}: left out, as it is in 15 of 16 processes" in result.notes


def test_what_is_printed_and_written(files, tmp_path, capsys):
    written = ["--markdown", str(tmp_path / "worth.md"), "--json", str(tmp_path / "worth.json")]
    assert main(["calibration", "--from", *map(str, files), "--processes", "4", "--floor", "3", *written]) == 0
    out = capsys.readouterr().out.splitlines()
    assert "2 benchmarks, 16 processes; 500 comparisons of 4 a side were replayed." in out
    assert any(line.startswith("To call 3.0 %, with --floor 1.5, every benchmark needs at most ") for line in out)
    text = (tmp_path / "worth.md").read_text()
    assert "| Floor | Sides measured in turn | One side after the other |" in text
    content = json.loads((tmp_path / "worth.json").read_text())
    assert (content["measured"], content["processes"], content["floor"]) == (16, 4, 0.03)
    assert set(content["benchmarks"][0]["needed"]) == {"0.05", "0.03", "0.01"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--processes", "3"], "Expected --from FILE... with --processes, --floor, --markdown or --json."),
        (["a", "--from", "b"], "Expected a recording or --from FILE..., got both."),
        (["--from", "b", "--processes", "x"], "expected a whole number of processes, got 'x'"),
        (["--from", "nowhere.json"], "nowhere.json: no such file or folder"),
    ],
)
def test_a_wrong_question_is_one_sentence(capsys, arguments, sentence):
    assert main(["calibration", *arguments]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1


def test_too_few_processes_are_one_sentence(files):
    expected = "Expected at least 6 processes of one code, for 3 a side, got 5; measure it again, each time"
    with pytest.raises(AnalysisError, match=expected):
        worth(files[:5])
    with pytest.raises(AnalysisError, match="Expected at least 18 processes of one code, for 9 a side, got 16; "):
        worth(files, 9)


def test_results_of_this_suite_have_a_calibration_of_their_own(benchmark_file):
    with pytest.raises(AnalysisError, match="`python -m bench calibrate` measures its gate"):
        worth([benchmark_file([make_entry()], "ours.json")])
