"""What each tool's file says, and that a file which says it wrongly ends in one sentence."""

from __future__ import annotations

import json
from statistics import median

import pytest

from analysis.__main__ import main
from analysis.errors import AnalysisError
from analysis.harnesses import OURS, READERS, TOOLS, is_ours, read
from tests.analysis.conftest import make_entry
from tests.analysis.harnesses.conftest import SAMPLES, sample
from tests.analysis.harnesses.conftest import TOOLS as ALL


def only(path):
    (file,), problems = read([path])
    assert problems == []
    return file


@pytest.mark.parametrize("tool", ALL)
def test_each_sample_is_known_by_one_reader_alone(tool):
    known = [reader.tool for reader in READERS if reader.recognises(sample(tool))]
    assert known == [tool.replace("google_", "google/").replace("pytest_", "pytest-")]
    assert not is_ours(sample(tool))


def test_pytest_benchmark_is_the_median_of_the_rounds():
    file = only(SAMPLES / "pytest_benchmark.json")
    entries = sample("pytest_benchmark")["benchmarks"]
    assert file.times.seconds == {one["fullname"]: (median(one["stats"]["data"]),) for one in entries}
    assert (file.times.machine, file.times.commit) == ("box", "a" * 40)


def test_pytest_benchmark_without_its_rounds_is_the_median_that_it_says(write):
    def change(found):
        for one in found["benchmarks"]:
            del one["stats"]["data"]

    file = only(write("summed", "pytest_benchmark", change))
    entries = sample("pytest_benchmark")["benchmarks"]
    assert file.times.seconds == {one["fullname"]: (one["stats"]["median"],) for one in entries}


def test_asv_is_the_median_of_each_combination_of_parameters():
    times = only(SAMPLES / "asv.json").times
    values = sample("asv")["results"]["b.Sort.time_sort"][0]
    names = [f"b.Sort.time_sort({n}, '{order}')" for n in (100, 1000) for order in ("up", "down")]
    assert [times.seconds[name] for name in names] == [(value,) for value in values]
    assert times.skipped == {"b.Skip.time_x(2)"}
    assert times.messages["b.time_fails"] == "asv recorded a failure; its log has the message"
    assert "b.mem_list" not in times.seconds
    assert times.notes == ("asv: 2 benchmarks of memory or other figures left out",)


def test_asv_with_samples_is_their_median(write):
    def change(found):
        column = found["result_columns"].index("samples")
        row = found["results"]["b.time_json"]
        row += [None] * (column + 1 - len(row))
        row[column] = [[3e-4, 5e-4, 4e-4]]

    assert only(write("samples", "asv", change)).times.seconds["b.time_json"] == (4e-4,)


def test_google_benchmark_is_the_median_of_the_repetitions_in_seconds():
    times = only(SAMPLES / "google_benchmark.json").times
    rows = [one for one in sample("google_benchmark")["benchmarks"] if one["run_type"] == "iteration"]
    scale = {"ns": 1e-9, "us": 1e-6}
    for name in ("sha", "dumps/8", "dumps/64"):
        found = [one["real_time"] * scale[one["time_unit"]] for one in rows if one["run_name"] == name]
        assert times.seconds[name] == (median(found),)
    assert set(times.seconds) == {"sha", "dumps/8", "dumps/64"}
    assert times.messages == {"bad": "no device"}


def test_google_benchmark_that_kept_aggregates_alone_is_its_median():
    found = sample("google_benchmark_aggregates")["benchmarks"]
    value = next(one["real_time"] for one in found if one["name"] == "dumps/8_median")
    assert only(SAMPLES / "google_benchmark_aggregates.json").times.seconds["dumps/8"] == (value * 1e-6,)


@pytest.mark.parametrize(("unit", "scale"), [("ns", 1e-9), ("us", 1e-6), ("ms", 1e-3), ("s", 1.0)])
def test_google_benchmark_in_any_unit(write, unit, scale):
    def change(found):
        found["benchmarks"] = [{"name": "one", "real_time": 2.5, "time_unit": unit}]

    assert only(write("unit", "google_benchmark", change)).times.seconds == {"one": (2.5 * scale,)}


def test_nvbench_is_the_mean_of_the_cold_measurements_by_state():
    times = only(SAMPLES / "nvbench.json").times
    assert times.seconds == {"copy Device=0 BlockSize=2^8": (1.25e-6,), "copy Device=0 BlockSize=2^9": (1.5e-6,)}
    assert times.messages == {"copy Device=0 BlockSize=2^20": "too many threads"}
    assert times.machine == "NVIDIA H100"


def test_hyperfine_is_every_run():
    found = sample("hyperfine")["results"]
    assert only(SAMPLES / "hyperfine.json").times.seconds == {one["command"]: tuple(one["times"]) for one in found}


def test_hyperfine_says_that_a_command_failed(write):
    def change(found):
        found["results"][0]["exit_codes"][2] = 1

    (note,) = only(write("failing", "hyperfine", change)).times.notes
    assert "ended with an error in some of its runs" in note


def test_a_name_of_several_lines_is_one(write):
    def change(found):
        found["results"][0]["command"] = "sh -c '\n x'"

    assert "sh -c '\\n x'" in only(write("lines", "hyperfine", change)).times.seconds


def test_what_this_suite_wrote_is_known(benchmark_file):
    file = only(benchmark_file([make_entry()], "ours.json"))
    assert file.tool == OURS


def put(*place, value):
    """A change that sets what stands at a place of a file."""

    def change(found):
        for part in place[:-1]:
            found = found[part]
        found[place[-1]] = value

    return change


def twice(*place):
    """A change that repeats the first item of a list."""

    def change(found):
        for part in place:
            found = found[part]
        found.append(found[0])

    return change


DATA = ("benchmarks", 0, "stats", "data")
FIRST = ("benchmarks", 0)
STATE = ("benchmarks", 0, "states", 0)
GPU = (*STATE, "summaries", 2)
NAN = float("nan")
BAD = [
    ("pytest_benchmark", put(*DATA, value=[1.0, NAN]), "benchmarks[0].stats.data[1] to be a number from 1e-12"),
    (
        "pytest_benchmark",
        put(*DATA, value=[0.0]),
        "benchmarks[0].stats.data[0] to be a number from 1e-12 to 1e+09",
    ),
    (
        "pytest_benchmark",
        put(*DATA, value=[-1.0]),
        "benchmarks[0].stats.data[0] to be a number from 1e-12 to 1e+09",
    ),
    ("pytest_benchmark", put(*DATA, value="1 s"), 'benchmarks[0].stats.data to be a list, got "1 s"'),
    (
        "pytest_benchmark",
        put(*FIRST, "stats", value={}),
        "benchmarks[0].stats.median to be there where data is not",
    ),
    (
        "pytest_benchmark",
        put("benchmarks", value=[]),
        "expected benchmarks of pytest-benchmark with times, got none",
    ),
    ("pytest_benchmark", put("benchmarks", value=None), "expected benchmarks to be a list, got null"),
    (
        "pytest_benchmark",
        twice("benchmarks"),
        "benchmarks[3].fullname to be another benchmark than those before it",
    ),
    ("asv", put("version", value=1), "expected asv results of version 2, got 1"),
    ("asv", put("results", value={}), "expected benchmarks of asv with times, got none"),
    ("asv", put("results", "b.time_json", 0, value=[-1.0]), "results.b.time_json.result[0] to be a number from"),
    ("asv", put("results", "b.time_json", 0, value=[0.0]), "results.b.time_json.result[0] to be a number from"),
    ("asv", put("results", "b.time_json", value="x"), "expected results.b.time_json to be a list"),
    (
        "google_benchmark",
        put(*FIRST, "time_unit", value="min"),
        "benchmarks[0].time_unit to be one of ns, us, ms, s",
    ),
    ("google_benchmark", put(*FIRST, "real_time", value=-1.0), "benchmarks[0].real_time to be a time above zero"),
    ("google_benchmark", put(*FIRST, "real_time", value=0.0), "benchmarks[0].real_time to be a time above zero"),
    ("google_benchmark", put(*FIRST, "real_time", value=NAN), "benchmarks[0].real_time to be a number from"),
    ("google_benchmark", put(*FIRST, "real_time", value="1"), "benchmarks[0].real_time to be a number from"),
    (
        "google_benchmark",
        put("benchmarks", value=[]),
        "expected benchmarks of google/benchmark with times, got none",
    ),
    ("nvbench", put(*GPU, "data", 0, "value", value="soon"), 'value to be a number of seconds, got "soon"'),
    ("nvbench", put(*GPU, "data", 0, "value", value="-1"), "summaries[2].value to be a number from 1e-12"),
    ("nvbench", put(*GPU, "data", 0, "value", value="nan"), "summaries[2].value to be a number from 1e-12"),
    ("nvbench", put(*GPU, "data", value=[]), "summaries[2].value to be a number from 1e-12"),
    ("nvbench", put(*STATE, "summaries", value={"GPU": 1}), "states[0].summaries to be a list, got an object"),
    ("nvbench", twice("benchmarks", 0, "states"), "states[3].name to be another benchmark than those before it"),
    ("nvbench", put("benchmarks", value=[]), "expected benchmarks of nvbench with times, got none"),
    ("hyperfine", put("results", 0, "times", value=[-0.1]), "results[0].times[0] to be a number from 1e-12"),
    ("hyperfine", put("results", 0, "times", value=[0]), "results[0].times[0] to be a number from 1e-12"),
    ("hyperfine", put("results", 0, value={"command": "x"}), "expected times of 'x', got none"),
    ("hyperfine", put("results", value=[]), "expected benchmarks of hyperfine with times, got none"),
    ("hyperfine", twice("results"), "results[2].command to be another benchmark than those before it"),
    ("hyperfine", put("results", value={}), "got other JSON"),
]


@pytest.mark.parametrize(("tool", "change", "sentence"), BAD, ids=[f"{n}-{one[0]}" for n, one in enumerate(BAD)])
def test_a_damaged_file_is_one_sentence_and_exit_code_2(write, capsys, tool, change, sentence):
    good, bad = write("good", tool), write("bad", tool, change)
    for paths in ([good, bad], [bad, good]):
        assert main(["compare", *map(str, paths)]) == 2
        out, error = capsys.readouterr()
        assert out == ""
        assert error.startswith("error: ")
        assert error.count("\n") == 1
        assert sentence in error
        assert error.endswith("; measure again, or leave that file out.\n")
        assert str(bad) in error


@pytest.mark.parametrize("tool", ALL)
def test_a_file_that_is_cut_off_is_one_sentence(write, capsys, tool):
    good, bad = write("good", tool), write("bad", tool)
    bad.write_text(bad.read_text()[:-40])
    assert main(["compare", str(good), str(bad)]) == 2
    assert "bad.json: expected complete JSON, but it is cut off or damaged at line 1" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["[]", "3", '"x"', "null", "{}", '{"benchmarks": 1}', '{"results": [1]}'])
def test_other_json_is_one_sentence(tmp_path, text):
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(AnalysisError, match=f"expected a result file of {TOOLS}, got other JSON."):
        read([path])


def test_a_folder_gives_the_good_files_and_names_the_others(write, tmp_path):
    write("good", "hyperfine")
    (tmp_path / "other.json").write_text(json.dumps({"a": 1}))
    files, problems = read([tmp_path])
    assert [file.path.name for file in files] == ["good.json"]
    assert len(problems) == 1


def test_a_folder_without_a_file_is_one_sentence(tmp_path):
    with pytest.raises(AnalysisError, match="holds none"):
        read([tmp_path])
