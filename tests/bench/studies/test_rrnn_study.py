"""The study of the RRNN at its small size: its rows are what its chapter reads."""

import pytest

from analysis.related.engine.results import read
from analysis.related.rrnn import CHAPTER
from analysis.related.rrnn.data import METHODS, equal_iterations, equal_seconds
from bench.studies import rrnn
from bench.studies.engine import child
from bench.studies.engine.running import write_plan


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Every job of the first seed, done in this process."""
    folder = tmp_path_factory.mktemp("rrnn")
    jobs = [job for job in rrnn.jobs(small=True) if job.name.endswith("seed0")]
    for job in jobs:
        child.do(job, folder)
    write_plan(jobs, folder, True, {})
    return folder


@pytest.mark.slow
def test_the_chapter_reads_every_row(runs):
    found = read(runs, [CHAPTER])
    assert (found.problems, found.missing) == ([], [])
    frames = found.frames["rrnn"]
    assert set(frames["curves"]["method"]) == set(frames["networks"]["method"]) == set(METHODS)
    assert set(frames["curves"]["stage"]) == {"searching", "fixed", "plain"}
    assert len(frames["structures"]) == rrnn.SMALL.searching
    assert len(frames["times"]) == 5 * rrnn.SMALL.rounds
    assert len(frames["memory"]) == 5
    assert 0 < frames["shares"]["scorer"].iloc[0] < 1
    assert set(frames["trees"]["which"]) == {"first", "fixed"}
    assert equal_iterations(frames) == rrnn.SMALL.searching
    assert equal_seconds(frames) > 0


@pytest.mark.slow
def test_rivals_have_about_as_many_parameters(runs):
    frames = read(runs, [CHAPTER]).frames["rrnn"]
    parameters = frames["networks"].set_index("method")["parameters"]
    assert (abs(parameters / parameters["rrnn"] - 1) < 0.1).all()


def test_the_first_seed_comes_before_the_others_and_times_are_taken_alone():
    ranks = {job.name: job.rank for job in rrnn.jobs(small=False)}
    assert ranks["rrnn-seed0"] < ranks["times-seed0"] < ranks["rrnn-seed1"]
    assert [job.name for job in rrnn.jobs(small=False) if job.alone] == ["times-seed0"]


def test_the_gru_that_trees_come_near_leaves_first_values_as_they_are():
    given = {
        "task": "text",
        "length": 20,
        "hidden": 4,
        "nodes": 9,
        "batch": 4,
        "rate": 1e-3,
        "target": 1,
        "seed": 0,
    }
    problem, _ = rrnn._begun(given)
    before = rrnn._read_out(4, problem).weight
    problem, _ = rrnn._begun(given)
    assert rrnn._target(given, problem) is not None
    assert bool((rrnn._read_out(4, problem).weight == before).all())
