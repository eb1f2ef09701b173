"""Folders of many files: a bad one is reported and the others are read; named outright it is an error."""

from __future__ import annotations

import pytest

from analysis.errors import AnalysisError
from analysis.results import read


def test_a_truncated_file_in_a_folder_is_reported(benchmark_file, entry):
    good = benchmark_file([entry()])
    bad = good.with_name("0002_cut.json")
    bad.write_text(good.read_text()[:100])
    results = read([good.parent])
    assert len(results.frame) == 5
    assert len(results.problems) == results.left_out == 1
    assert "0002_cut.json: expected complete JSON, but it is cut off or damaged at line 1" in results.problems[0]


def test_a_truncated_file_named_outright_is_an_error(benchmark_file, entry):
    good = benchmark_file([entry()])
    bad = good.with_name("0002_cut.json")
    bad.write_text(good.read_text()[:100])
    with pytest.raises(AnalysisError, match=r"cut off or damaged at .*; measure again, or leave that file out\.$"):
        read([good, bad])


def test_no_good_file_is_an_error_that_names_the_first(benchmark_file):
    bad = benchmark_file([])
    bad.write_text("{}")
    with pytest.raises(
        AnalysisError,
        match=r"No measurement in any of 1 result file: .*got other JSON; measure again, or name other results\.$",
    ):
        read([bad.parent])


def test_bookkeeping_files_and_doubly_named_files_are_read_once_or_not(benchmark_file, entry):
    good = benchmark_file([entry()])
    for name in ("machine.json", "models.json", "benchmarks.json"):
        (good.parent / name).write_text("{}")
    results = read([good.parent.parent, good.parent, good])
    assert len(results.frame) == 5
    assert (results.problems, results.left_out) == ((), 0)


def test_missing_paths_and_empty_folders(tmp_path, monkeypatch):
    with pytest.raises(AnalysisError, match="no such file or folder"):
        read([tmp_path / "nowhere"])
    with pytest.raises(AnalysisError, match="the given folders hold no result files"):
        read([tmp_path])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AnalysisError) as refused:
        read()
    assert str(refused.value) == (
        f"No results: found neither .benchmarks nor .asv/results in {tmp_path}; run `python -m bench run` first, "
        "which stores in the checkout's .benchmarks, or name that folder, as in "
        "`python -m analysis report FOLDER`."
    )


def test_text_that_is_no_utf8_is_refused(tmp_path):
    path = tmp_path / "latin.json"
    path.write_bytes(b'{"a": "\xe4"}')
    with pytest.raises(AnalysisError, match="expected JSON text in UTF-8"):
        read([path])


def test_both_harnesses_go_into_one_frame(benchmark_file, asv_file, entry, tmp_path):
    benchmark_file([entry()])
    asv_file(
        {
            "step_time.Sweep.time_call": [
                [1.0],
                [["'urnn:reference'"], ["'train'"], ["'cpu'"], ["64"], ["100"], ["32"]],
            ]
        }
    )
    assert set(read([tmp_path]).frame["source"]) == {"asv", "pytest-benchmark"}
