"""pytest-benchmark files: what is read, and what is refused with which words."""

from __future__ import annotations

import json

import pytest

from analysis.errors import AnalysisError
from analysis.results import read


def test_raw_data_become_seconds_a_time_step(benchmark_file, entry):
    frame = read([benchmark_file([entry()])]).frame
    times = frame[frame["metric"] == "step_time"]
    assert list(times["value"]) == [0.0001, 0.0002, 0.0003]
    assert list(times["round"]) == [1, 2, 3]
    assert set(times["statistic"]) == {"sample"}
    assert set(times["pass"]) == {2}
    assert list(frame.loc[frame["metric"] == "first_call_time", "value"]) == [0.5]
    assert list(frame.loc[frame["metric"] == "peak_allocated", "value"]) == [4096]


def test_machine_versions_and_setting_are_kept(benchmark_file, entry):
    first = read([benchmark_file([entry()])]).frame.iloc[0]
    assert (first["machine"], first["cpu"], first["cores"], first["memory_bytes"]) == (
        "box",
        "a processor",
        2,
        2**34,
    )
    assert (first["torch"], first["threads"], first["allocator"]) == ("2.13.0+cpu", 1, "kept")
    assert (first["commit"], first["commit_time"]) == ("a" * 40, "2026-01-01T00:00:00+00:00")


def test_layers_are_read_and_are_one_where_the_file_does_not_say(benchmark_file, entry):
    frame = read([benchmark_file([entry(), entry(num_layers=4)])]).frame
    assert sorted(set(frame["num_layers"])) == [1, 4]


@pytest.mark.parametrize("place", ["run", "machine_info", "file", "extra_info"])
def test_the_build_of_the_kernel_is_read_from_wherever_it_is_stated(benchmark_file, entry, place):
    path = benchmark_file([entry()])
    document = json.loads(path.read_text())
    assert read([path]).frame["kernel_build_seconds"].isna().all()
    where = {"file": document, "extra_info": document["benchmarks"][0]["extra_info"]}
    (where.get(place) or document[place])["kernel_build_seconds"] = 12.5
    path.write_text(json.dumps(document))
    assert set(read([path]).frame["kernel_build_seconds"]) == {12.5}


def test_a_build_time_that_is_no_number_is_refused(benchmark_file, entry):
    with pytest.raises(AnalysisError, match=r'kernel_build_seconds to be a number from 0 to 1e\+09, got "long"'):
        read([benchmark_file([entry()], kernel_build_seconds="long")])


def test_without_data_the_median_and_quartiles_are_read(benchmark_file, entry):
    summed_up = entry()
    del summed_up["stats"]["data"]
    frame = read([benchmark_file([summed_up])]).frame
    times = frame[frame["metric"] == "step_time"].set_index("statistic")["value"]
    assert times.to_dict() == {"median": 0.0002, "lower quartile": 0.0001, "upper quartile": 0.0004}
    assert set(frame.loc[frame["metric"] == "step_time", "round"]) == {9}


def test_peak_null_is_not_measured(benchmark_file, entry):
    frame = read([benchmark_file([entry(peak_allocated_bytes=None)])]).frame
    assert "peak_allocated" not in set(frame["metric"])


def test_a_cell_out_of_memory_keeps_its_rows(benchmark_file, entry):
    cell = {key: entry()["extra_info"][key] for key in ("model", "backend", "phase", "task", "device", "dtype")}
    cell |= {
        "hidden_size": 2048,
        "length": 100,
        "batch": 32,
        "pass": 1,
        "outcome": "out of memory",
        "message": "Too big.",
    }
    run = {"format": 1, "threads": 1, "allocator": "kept", "outcomes": [cell]}
    frame = read([benchmark_file([], run=run)]).frame
    assert set(frame["metric"]) == {"step_time", "peak_allocated"}
    assert set(frame["outcome"]) == {"out of memory"}
    assert set(frame["message"]) == {"Too big."}
    assert frame["value"].isna().all()


def test_a_file_without_the_run_key_is_read(benchmark_file, entry):
    frame = read([benchmark_file([entry(threads=4)], run=None)]).frame
    assert set(frame["threads"]) == {4}
    assert set(frame["allocator"]) == {"kept"}


def test_labels_come_from_models_json_where_the_file_has_none(benchmark_file, entry):
    path = benchmark_file([entry(label=None, family=None, state_size=None, model="mine")])
    (path.parent.parent / "models.json").write_text(
        json.dumps({"mine": {"label": "Mine", "family": "f", "state_per_unit": 3}})
    )
    first = read([path]).frame.iloc[0]
    assert (first["label"], first["family"], first["state_size"]) == ("Mine", "f", 192)


def test_another_run_format_is_refused(benchmark_file, entry):
    path = benchmark_file([entry()], run={"format": 7})
    with pytest.raises(AnalysisError, match=r"0001_run.json: expected run format 1, got 7"):
        read([path])


def test_a_foreign_file_is_refused(benchmark_file):
    path = benchmark_file([{"name": "test_other", "extra_info": {}, "stats": {"median": 1.0}}], run=None)
    with pytest.raises(
        AnalysisError, match=r"expected benchmarks with extra_info.model, .* got a pytest-benchmark file of"
    ):
        read([path])


def test_foreign_benchmarks_among_ours_are_left_out_and_reported(benchmark_file, entry):
    foreign = {"name": "test_other", "extra_info": {}, "stats": {"median": 1.0}}
    results = read([benchmark_file([entry(), foreign])])
    assert len(results.frame) == 5
    assert results.problems[0].endswith("1 of 2 benchmarks are not ours and were left out.")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"hidden_size": 0}, r"hidden_size to be a whole number from 1 to 1,000,000,000, got 0; "),
        ({"length": "long"}, 'length to be a whole number from 1 to 1,000,000,000, got "long"'),
        ({"length": 100.0}, "length to be a whole number"),
        ({"length": True}, "length to be a whole number from 1 to 1,000,000,000, got true"),
        ({"batch": None}, "batch to be a whole number from 1 to 1,000,000,000, got null"),
        ({"batch": 10**30}, "batch to be a whole number"),
        ({"num_layers": 0}, "num_layers to be a whole number from 1 to 1,000,000, got 0"),
        ({"label": ["uRNN"]}, r"benchmarks\[0\]\.extra_info\.label to be a text, got a list; "),
        ({"peak_allocated_bytes": -1}, r"peak_allocated_bytes to be a number from 0 to 1e\+18, got -1"),
        ({"first_call_seconds": float("nan")}, "first_call_seconds to be a number from 0 to 1e.09, got NaN"),
    ],
)
def test_damaged_benchmarks_are_refused(benchmark_file, entry, change, words):
    with pytest.raises(AnalysisError, match=words):
        read([benchmark_file([entry(**change)])])


CELL = "lstm:torch-train-copying-n128-T100-B32-cpu-float32"
CONTROL = {"session": "s1", "node": "node1", "instance": "1a", "at": "end", "outcome": "measured"}


class TestMerged:
    """A file that was merged from the shards of several machines."""

    @pytest.fixture
    def merged(self, benchmark_file, entry):
        """Writes such a file, with these controls and missing blocks."""

        def write(controls=(), missing=(), **extra):
            part = {"tolerance": 0.05, "missing": list(missing), "controls": list(controls)}
            run = {"format": 1, "threads": 1, "allocator": "kept", "outcomes": [], "merged": part}
            return benchmark_file([entry(**extra)], run=run)

        return write

    def test_each_figure_says_where_it_was_measured(self, merged):
        frame = read([merged(machine="node1", instance="1a", session="s1")]).frame
        assert set(frame["machine"]) == {"node1"}
        assert set(frame["instance"]) == {"1a"}
        assert set(frame["session"]) == {"s1"}

    def test_controls_are_rows_of_a_metric_of_their_own(self, merged):
        control = CONTROL | {"cell": CELL, "seconds": [1.0, 3.0]}
        frame = read([merged([control])]).frame
        rows = frame[frame["metric"] == "control_time"]
        assert list(rows["value"]) == [0.01, 0.03]
        assert set(rows["pass"]) == {2}, "at the end"
        assert set(rows["message"]) == {"tolerance 0.05"}
        assert (rows["machine"].iloc[0], rows["instance"].iloc[0], rows["session"].iloc[0]) == (
            "node1",
            "1a",
            "s1",
        )

    def test_a_control_that_gave_nothing_is_a_row_without_a_value(self, merged):
        control = CONTROL | {"cell": CELL, "seconds": [], "outcome": "failed"}
        frame = read([merged([control])]).frame
        (row,) = frame[frame["metric"] == "control_time"].to_dict("records")
        assert row["outcome"] == "failed"
        assert row["value"] != row["value"]

    def test_missing_blocks_are_remarked_on(self, merged):
        path = merged(missing=["a", "b"])
        assert read([path]).problems == (f"{path}: merged without 2 blocks of its sweep: a, b.",)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"cell": "x"}, "expected a cell such as"),
            ({"at": "noon"}, r"run\.merged\.controls\[0\]\.at to be .*start.*end"),
            ({"seconds": [-1.0]}, r"run\.merged\.controls\[0\]\.seconds\[0\] to be a number"),
        ],
    )
    def test_damaged_controls_are_refused(self, merged, change, message):
        control = CONTROL | {"cell": CELL, "seconds": [1.0]} | change
        with pytest.raises(AnalysisError, match=message):
            read([merged([control])])


def test_the_kind_and_the_instance_are_read_and_may_be_missing(benchmark_file, entry):
    path = benchmark_file([entry()])
    assert read([path]).frame["kind"].isna().all()
    document = json.loads(path.read_text())
    document["machine_info"] |= {"kind": "1a2b3c4d", "instance": "00ff00ff"}
    path.write_text(json.dumps(document))
    frame = read([path]).frame
    assert set(frame["kind"]) == {"1a2b3c4d"}
    assert set(frame["instance"]) == {"00ff00ff"}
