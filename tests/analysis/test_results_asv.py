"""asv files of version 2: NaN, null, dropped trailing columns, repr'd parameters, and files standing alone."""

from __future__ import annotations

import json
import math

import pytest

from analysis.errors import AnalysisError
from analysis.results import read

PARAMS = [["'urnn:reference'", "'lstm:torch'"], ["'train'"], ["'cpu'", "'cuda'"], ["64"], ["100"], ["32"]]
NAN = math.nan


def test_samples_nan_and_null(asv_file):
    samples = [[1.0, 2.0], None, None, None]
    row = [[1.5, NAN, None, NAN], PARAMS, "v", 0, 1.0, None, None, None, None, [1] * 4, [2] * 4, samples]
    frame = read([asv_file({"step_time.Sweep.time_call": row})]).frame
    measured = frame[frame["outcome"] == "measured"]
    assert list(measured["value"]) == [0.01, 0.02]
    assert set(measured["model"]) == {"urnn"}
    assert set(measured["device"]) == {"cpu"}
    others = frame[frame["outcome"] != "measured"][["model", "device", "outcome"]].to_numpy().tolist()
    assert others == [
        ["urnn", "cuda", "not applicable"],
        ["lstm", "cpu", "failed"],
        ["lstm", "cuda", "not applicable"],
    ]


def test_quartiles_stand_in_for_dropped_samples(asv_file):
    four = [[3.0] * 4]
    row = [[2.0] * 4, PARAMS, "v", 0, 1.0, *four, *four, [1.0] * 4, [4.0] * 4, [1] * 4, [8] * 4]
    frame = read([asv_file({"step_time.Sweep.time_call": row})]).frame
    first = frame[(frame["model"] == "urnn") & (frame["device"] == "cpu")].set_index("statistic")
    assert first["value"].to_dict() == {"median": 0.02, "lower quartile": 0.01, "upper quartile": 0.04}
    assert set(first["round"]) == {8}


def test_a_benchmark_that_failed_altogether_is_a_null(asv_file):
    frame = read([asv_file({"step_time.Sweep.time_call": [None, PARAMS]})]).frame
    assert set(frame["outcome"]) == {"failed"}
    assert len(frame) == 4


def test_memory_and_parameter_counts(asv_file):
    memory, count = [[4096.0] * 4, PARAMS], [[3000.0, 3000.0, 9000.0, 9000.0], PARAMS]
    frame = read(
        [asv_file({"memory.Sweep.track_peak_allocated_bytes": memory, "memory.Sweep.track_parameters": count})]
    ).frame
    assert set(frame["metric"]) == {"peak_allocated"}
    assert set(frame["value"]) == {4096.0}
    assert dict(zip(frame["model"], frame["parameters"], strict=True)) == {"urnn": 3000, "lstm": 9000}


def test_parameter_counts_may_have_a_benchmark_of_their_own_by_model_and_size(asv_file):
    count = [[3000.0, 9000.0], [["'urnn'", "'lstm'"], ["64"]]]
    times = [[1.0] * 4, PARAMS]
    frame = read(
        [asv_file({"step_time.Sweep.time_call": times, "memory.Parameters.track_parameters": count})]
    ).frame
    assert dict(zip(frame["model"], frame["parameters"], strict=True)) == {"urnn": 3000, "lstm": 9000}


def test_setting_comes_from_the_environment(asv_file):
    first = read([asv_file({"step_time.Sweep.time_call": [[1.0] * 4, PARAMS]})]).frame.iloc[0]
    assert (first["threads"], first["allocator"], first["torch"], first["machine"]) == (1, "kept", "2.13.0", "box")
    assert first["commit_time"] == "2026-01-01T00:00:00+00:00"
    bare = read([asv_file({"step_time.Sweep.time_call": [[1.0] * 4, PARAMS]}, env_vars={})]).frame.iloc[0]
    assert bare["allocator"] == "unknown"
    assert bare.isna()["threads"]


def test_the_same_cell_in_two_sweeps_is_two_measurements(asv_file):
    row = [[1.0] * 4, PARAMS]
    frame = read([asv_file({"step_time.Hidden.time_call": row, "step_time.Length.time_call": row})]).frame
    assert len(frame) == 8
    assert sorted(set(frame["pass"])) == [1, 2]


def test_layers_are_an_axis_where_the_suite_has_them_and_one_elsewhere(asv_file):
    assert set(read([asv_file({"step_time.Sweep.time_call": [[1.0] * 4, PARAMS]})]).frame["num_layers"]) == {1}
    count = [[3000.0, 9000.0], [["'urnn'"], ["64"], ["1", "4"]]]
    results = {"step_time.Sweep.time_call": [[1.0] * 8, [*PARAMS, ["1", "4"]]], "memory.P.track_parameters": count}
    path = asv_file(results)
    names = {"memory.P.track_parameters": {"param_names": ["model", "hidden_size", "num_layers"]}}
    (path.parent.parent / "benchmarks.json").write_text(json.dumps(names))
    frame = read([path]).frame
    urnn = frame[frame["model"] == "urnn"]
    assert set(zip(urnn["num_layers"], urnn["parameters"], strict=True)) == {(1, 3000), (4, 9000)}


def test_ladders_and_ceilings_are_known_by_their_names(asv_file):
    params = [["'urnn_ladder:op_by_op'", "'lstm_ladder:naive'", "'ceiling:fourier'", "'urnn:cpu'"], *PARAMS[1:]]
    frame = read([asv_file({"step_time.Sweep.time_call": [[1.0] * 8, params]})]).frame
    assert dict(zip(frame["model"], frame["family"], strict=True)) == {
        "urnn_ladder": "ladder",
        "lstm_ladder": "ladder",
        "ceiling": "ceiling",
        "urnn": "unitary",
    }


def test_parameter_names_come_from_benchmarks_json(asv_file):
    swapped = [PARAMS[1], PARAMS[0], *PARAMS[2:]]
    path = asv_file({"step_time.Sweep.time_call": [[1.0] * 4, swapped]})
    names = ["phase", "model", "device", "hidden_size", "length", "batch"]
    (path.parent.parent / "benchmarks.json").write_text(
        json.dumps({"step_time.Sweep.time_call": {"param_names": names}})
    )
    assert set(read([path]).frame["model"]) == {"urnn", "lstm"}


@pytest.mark.parametrize(
    ("results", "changes", "words"),
    [
        (
            {"step_time.Sweep.time_call": [[1.0] * 4, PARAMS]},
            {"version": 3},
            "expected asv results of version 2, got 3",
        ),
        ({"sorting.Sort.time_sort": [[1.0], [["1"]]]}, {}, "expected benchmarks named step_time"),
        ({"step_time.Sweep.time_call": [[1.0], [["1"]]]}, {}, "has other parameters than model, phase"),
    ],
)
def test_other_files_are_refused(asv_file, results, changes, words):
    with pytest.raises(AnalysisError, match=words):
        read([asv_file(results, **changes)])


def test_an_interpreters_path_is_no_version():
    from analysis.results.asv import _python_version

    assert _python_version("3.11") == "3.11"
    assert _python_version("/opt/python/bin/python") is None
    assert _python_version(None) is None
