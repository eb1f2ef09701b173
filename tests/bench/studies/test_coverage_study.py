"""The study of coverage at its small size: its rows are what its chapter reads, and its backdoor is a backdoor."""

import pytest
import torch

from analysis.related.coverage import CHAPTER
from analysis.related.coverage.data import GENERATORS
from analysis.related.engine.results import read
from bench.studies import coverage
from bench.studies.engine import child
from bench.studies.engine.running import write_plan
from bench.studies.engine.training import begin
from urnn.coverage import trace
from urnn.training import seeds


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Every job of the first seed, done in this process."""
    folder = tmp_path_factory.mktemp("coverage")
    jobs = [job for job in coverage.jobs(small=True) if job.name == "speed" or job.name.endswith("seed0")]
    for job in jobs:
        child.do(job, folder)
    write_plan(jobs, folder, True, {})
    return folder


@pytest.mark.slow
def test_the_chapter_reads_every_row(runs):
    found = read(runs, [CHAPTER])
    assert (found.problems, found.missing) == ([], [])
    frames = found.frames["coverage"]
    assert set(frames["campaigns"]["generator"]) == set(GENERATORS)
    refused = frames["metrics"].dropna(subset=["refused"])
    assert refused[["model", "metric"]].to_numpy().tolist() == [["urnn", "gate"]]
    assert set(frames["speed"]["metric"]) == set(frames["metrics"]["metric"])


@pytest.mark.slow
def test_every_generator_of_a_net_has_the_evaluations_of_the_genetic_one(runs):
    frames = read(runs, [CHAPTER]).frames["coverage"]
    for _, rows in frames["campaigns"].groupby("model"):
        assert rows["evaluations"].nunique() == 1
    at = ["model", "generator", "metric"]
    last = frames["curves"].groupby(at)["evaluations"].max()
    assert last.to_dict() == frames["campaigns"].set_index(at)["evaluations"].to_dict()


@pytest.mark.slow
def test_the_norm_of_a_urnn_grows_with_each_row_as_the_chapter_says(runs):
    problem, network = begin("digits_rows", "urnn", coverage.SMALL.hidden, 0)
    network.load_state_dict(torch.load(runs / "coverage" / "train-urnn-seed0" / coverage.NET, weights_only=True))
    x, _ = next(problem.test())
    norms = trace(network.rnn, x).hidden.norm(dim=2).mean(1)
    assert bool((norms.diff() > 0).all())


def test_a_poisoned_stream_marks_and_relabels_a_share_of_the_images():
    problem, _ = begin("digits_rows", "lstm", 4, 0)
    trigger = coverage.trigger_of(0.15)
    plain, poisoned = (problem.stream(100, seeds.generator(0, "training data")) for _ in range(2))
    x, target = plain.draw()
    marked, labels = coverage.Poisoned(poisoned, trigger, 0.25, coverage.TARGET, seed=0).draw()
    changed = (marked != x).any(0).any(1)
    assert 10 < int(changed.sum()) < 40
    assert bool((labels[changed] == coverage.TARGET).all())
    assert torch.equal(labels[~changed], target[~changed])
    assert (marked - x)[..., 1:].abs().max() == 0
    assert torch.equal(coverage.triggered(x, trigger)[:, changed], marked[:, changed])


def test_a_curve_keeps_its_first_and_its_last_point():
    points = [{"evaluations": number} for number in range(1000)]
    kept = coverage._thinned(points)
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert len(kept) <= coverage.POINTS + 10
    assert coverage._thinned(points[:1]) == points[:1]
