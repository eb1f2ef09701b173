"""A job done in this process: what its result holds, and what of it counts."""

import json
import subprocess
import sys

import pytest

from bench import studies
from bench.errors import ResultsError
from bench.paths import ROOT
from bench.studies.engine import child
from bench.studies.engine.jobs import Workplace, result
from tests.bench.studies.hand_made import FIRST, LATER, STUDY, job


def test_a_result_says_what_was_measured_on_what_and_with_which_settings(tmp_path):
    document = json.loads(child.do(FIRST, tmp_path).read_text())
    assert (tmp_path / "counting" / "first").is_dir()
    assert {name: document[name] for name in ("format", "study", "job", "title", "settings", "tables")} == {
        "format": 1,
        "study": "counting",
        "job": "first",
        "title": "count first",
        "settings": {"size": 1},
        "tables": {"numbers": [{"value": 1}]},
    }
    known = {"torch", "python", "machine", "cpu", "commit", "started_at", "ended_at", "seconds", "threads"}
    assert document["provenance"].keys() == known
    assert FIRST.end(tmp_path) == document


def test_a_job_reads_what_it_needs(tmp_path):
    with pytest.raises(ResultsError) as caught:
        child.do(LATER, tmp_path)
    assert str(caught.value) == (
        f"counting: count later needs first, which has no result in {tmp_path}; run that first"
    )
    child.do(FIRST, tmp_path)
    assert json.loads(child.do(LATER, tmp_path).read_text())["tables"] == {"numbers": [{"value": 2}]}
    assert Workplace(tmp_path, LATER).folder_of("first") == tmp_path / "counting" / "first"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "expected complete JSON, but it is cut off or damaged at line 1, column 2"),
        ('{"format": 2}', "expected a study's result of format 1, got 2"),
        ('{"format": 1, "study": "counting"}', "expected job to be a text, got nothing"),
    ],
)
def test_a_damaged_result_is_named_and_counts_as_none(tmp_path, text, why):
    path = tmp_path / "counting" / "first.json"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(ResultsError) as caught:
        result(tmp_path, "counting", "first")
    assert str(caught.value) == f"{path}: {why}; remove it, and it is measured again."
    assert FIRST.end(tmp_path) is None


def test_a_job_that_gives_what_json_cannot_hold_leaves_nothing(tmp_path):
    endless = job("first", size=float("inf"))
    with pytest.raises(ValueError, match="not JSON compliant"):
        child.do(endless, tmp_path)
    assert list(tmp_path.rglob("*.json*")) == []


def test_the_process_finds_its_job_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr(child, "every_study", lambda: (STUDY,))
    assert child.main([str(tmp_path), "counting", "first"]) == 0
    assert FIRST.end(tmp_path)


@pytest.mark.slow
def test_what_goes_wrong_in_the_process_is_one_line(tmp_path):
    command = [sys.executable, "-m", "bench.studies.engine.child", str(tmp_path), "pruning"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2


def test_studies_are_found_by_their_files_and_have_jobs_with_names_of_their_own():
    found = studies.every_study()
    assert [one.arxiv for one in found] == sorted(one.arxiv for one in found)
    for study in found:
        for small in (False, True):
            jobs = study.jobs(small)
            assert {job.study for job in jobs} == {study.name}
            assert len({job.name for job in jobs}) == len(jobs)
            assert {name for job in jobs for name in job.needs} <= {job.name for job in jobs}
            ranks = {job.name: job.rank for job in jobs}
            assert all(ranks[name] <= job.rank for job in jobs for name in job.needs)
            assert all(json.loads(json.dumps(dict(job.settings))) == dict(job.settings) for job in jobs)
