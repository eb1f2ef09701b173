"""The study of pruning at its small size: its rows are what its chapter reads, and nets are cut as they say."""

import json

import pytest
import torch

from analysis.related.engine.results import read
from analysis.related.pruning import CHAPTER
from analysis.related.pruning.data import METHODS
from bench.studies import pruning
from bench.studies.engine import child
from bench.studies.engine.running import write_plan
from urnn.pruning import Compacted, ContractedRNN


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Every job of the first seed, done in this process."""
    folder = tmp_path_factory.mktemp("pruning")
    jobs = [job for job in pruning.jobs(small=True) if job.name.endswith("seed0")]
    for job in jobs:
        child.do(job, folder)
    write_plan(jobs, folder, True, {})
    return folder


@pytest.mark.slow
def test_the_chapter_reads_every_row(runs):
    found = read(runs, [CHAPTER])
    assert (found.problems, found.missing) == ([], [])
    frames = found.frames["pruning"]
    assert set(frames["networks"]["method"]) == set(METHODS)
    assert set(frames["times"]["method"]) == set(METHODS)
    assert len(frames["times"]) == len(METHODS) * 2 * 2 * pruning.SMALL.rounds
    assert (frames["agreement"].query("dtype == 'float64'")["error"] < 1e-12).all()
    assert frames["singular_values"]["value"].max() <= 1 + 1e-5


@pytest.mark.slow
def test_the_baselines_have_the_size_that_neuron_selection_chose(runs):
    rows = [
        json.loads((runs / "pruning" / f"{name}-seed0.json").read_text()) for name in ("selected", "magnitude")
    ]
    ours, theirs = (one["tables"]["networks"][0] for one in rows)
    assert (ours["units"], ours["inputs_kept"]) == (theirs["units"], theirs["inputs_kept"])
    assert ours["parameters"] == theirs["parameters"]


@pytest.mark.parametrize("unitary", [False, True])
def test_a_net_to_be_timed_is_what_compacting_leaves(unitary):
    net = pruning._cut_net(16, 3, 5, unitary)
    assert isinstance(net, Compacted)
    assert isinstance(net.rnn, ContractedRNN if unitary else torch.nn.LSTM)
    output, _ = net(torch.zeros(8, 2, 16))
    assert output.shape == (8, 2, 10 if unitary else 5)


def test_the_first_seed_of_everything_and_its_times_come_before_the_others():
    ranks = {job.name: job.rank for job in pruning.jobs(small=False)}
    assert ranks["selected-seed0"] < ranks["times-seed0"] < ranks["selected-seed1"] < ranks["times-seed1"]
    assert {job.name for job in pruning.jobs(small=False) if job.alone} == {
        f"times-seed{seed}" for seed in (0, 1, 2)
    }
