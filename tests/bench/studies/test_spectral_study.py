"""The study of GLOREE at its small size: its rows are what its chapter reads."""

import json
import math

import pytest
import torch

from analysis.related.engine.results import read
from analysis.related.spectral import CHAPTER
from analysis.related.spectral.data import CONTROLS, METHODS, WAYS
from bench.studies import spectral
from bench.studies.engine import child
from bench.studies.engine.running import write_plan


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Every job of the first seed, done in this process."""
    folder = tmp_path_factory.mktemp("spectral")
    jobs = [job for job in spectral.jobs(small=True) if not job.name.endswith("seed1")]
    for job in jobs:
        child.do(job, folder)
    write_plan(jobs, folder, True, {})
    return folder


@pytest.mark.slow
def test_the_chapter_reads_every_row(runs):
    found = read(runs, [CHAPTER])
    assert (found.problems, found.missing) == ([], [])
    frames = found.frames["spectral"]
    assert set(frames["errors"]["way"]) == set(WAYS)
    assert set(frames["controls"]["control"]) == set(CONTROLS)
    assert set(frames["descents"]["method"]) == set(METHODS)
    assert set(frames["errors"]["samples"]) == {*spectral.SMALL.samples, spectral.SMALL.most}
    assert len(frames["directions"]) == 2
    assert len(frames["weights"]) == 2 * 2 * (3 * 6 + 3 * 6 + 3 * 3)
    assert all(len(frames[name]) for name in ("sizes", "times"))


@pytest.mark.slow
def test_weights_stand_beside_the_true_ones(runs):
    tables = json.loads((runs / "spectral" / "samples-rho0-seed0.json").read_text())["tables"]
    last = [row for row in tables["weights"] if row["samples"] == spectral.SMALL.samples[-1]]
    for matrix, bound in (("A1", 0.02), ("A2", 0.05), ("U", 0.5)):
        rows = [row for row in last if row["matrix"] == matrix]
        off = math.sqrt(sum((row["found"] - row["truth"]) ** 2 for row in rows))
        assert off < bound * math.sqrt(sum(row["truth"] ** 2 for row in rows))


def test_a_seed_s_net_is_the_same_everywhere():
    given = {**spectral.NET, "seed": 3}
    assert all(map(torch.equal, spectral.net_of(given).parameters(), spectral.net_of(given).parameters()))
    assert torch.linalg.matrix_norm(spectral.net_of(given).U, 2).item() == pytest.approx(given["norm"])


def test_times_are_taken_alone():
    alone = {job.name for job in spectral.jobs(small=False) if job.alone}
    assert alone == {"times-alone", *(f"descent-seed{seed}" for seed in range(5))}
