"""Campaigns that are killed, started twice or out of disk space, and what they leave, computed a second time."""

import json
import math
import os
import resource
import signal
import subprocess
import sys

import pytest
import torch
from torch import nn

from tests.urnn.coverage.test_command import call, complaint, lines, state
from tests.urnn.training.tiny import run, same_bits
from urnn.coverage import journal, trained
from urnn.training import checkpoint, folder

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("as_a_user", "threads")]
OPTIONS = ("--tests", 100, "--noise", 0.02, "--budget", 12_000)
NAME = "temporal-genetic-seed0"


@pytest.fixture(scope="module")
def lstm(tmp_path_factory):
    """The folder of a run of an LSTM on digits by rows."""
    where = tmp_path_factory.mktemp("runs") / "lstm"
    run(where, task="digits_rows", length=None, model="lstm", hidden_size=8, batch=20, max_iterations=3)
    return where


@pytest.fixture(scope="module")
def whole(lstm, tmp_path_factory):
    """The folder of a campaign that nothing disturbed."""
    runs = tmp_path_factory.mktemp("whole")
    assert call(lstm, *OPTIONS, "--runs", runs) == 0
    return runs / NAME


def started(lstm, runs) -> subprocess.Popen:
    """The same campaign in a process of its own, whose output is read line by line."""
    command = [sys.executable, "-u", "-m", "urnn.coverage", lstm, *OPTIONS, "--runs", runs]
    return subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    )


def test_killed_twice_it_ends_with_the_same_bits(lstm, whole, tmp_path):
    for last in (1, 2):
        process = started(lstm, tmp_path)
        told = (line for line in process.stdout if line.startswith("evaluation "))
        for _ in range(last):
            next(told)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL, "it had not ended before"
    assert call(lstm, *OPTIONS, "--runs", tmp_path) == 0
    parts = tmp_path / NAME
    assert same_bits(state(parts), state(whole))
    assert lines(parts) == lines(whole)


def test_seconds_are_those_of_all_calls(lstm, tmp_path):
    options = (lstm, *OPTIONS[:4], "--runs", tmp_path)
    seconds = [0.0]
    for budget in (1000, 2000, 3000):
        assert call(*options, "--budget", budget) == 0
        found = [json.loads(line) for line in (tmp_path / NAME / journal.NAME).read_text().splitlines()]
        progress = [line["seconds"] for line in found if line["kind"] == "progress"]
        assert progress == sorted(progress)
        assert progress[-1] > seconds[-1]
        seconds.append(progress[-1])
    kept = checkpoint.read(tmp_path / NAME / checkpoint.NAME)
    assert round(kept["state"].pop("seconds"), 3) == seconds[-1]
    checkpoint.save(tmp_path / NAME, kept["identity"], kept["state"])  # as from before they were kept
    assert call(*options, "--budget", 3500) == 0


class TestTwoProcesses:
    def test_the_second_is_told_who_the_first_is(self, lstm, tmp_path, capsys):
        first = started(lstm, tmp_path)
        try:
            first.stdout.readline()  # it has the folder
            told = complaint(capsys, lstm, *OPTIONS, "--runs", tmp_path)
        finally:
            first.kill()
            first.communicate()
        where = tmp_path / NAME
        assert told.startswith(f"{where} is in use by process {first.pid}, since ")
        assert f": python -m urnn.coverage {lstm} --tests 100 " in told
        assert told.endswith("; wait until it has ended, or end it")

    def test_one_of_another_seed_is_not(self, lstm, tmp_path):
        with folder.owned(tmp_path / NAME):
            assert call(lstm, *OPTIONS[:4], "--budget", 200, "--seed", 1, "--runs", tmp_path) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files")
def test_out_of_disk_space_it_says_so_and_goes_on_once_there_is_some(lstm, whole, tmp_path, capsys):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    sizes = [(whole / name).stat().st_size for name in (checkpoint.NAME, journal.NAME)]
    places = []
    for size in (10, 600, min(sizes) // 2, max(sizes) - 100):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            places.append(complaint(capsys, lstm, *OPTIONS, "--runs", tmp_path))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    for told in places:
        assert told.startswith(("cannot write ", f"cannot write to {tmp_path}")), told
        assert "(File too large); " in told
    assert call(lstm, *OPTIONS, "--runs", tmp_path) == 0
    parts = tmp_path / NAME
    assert same_bits(state(parts), state(whole))
    assert lines(parts)[-1] == lines(whole)[-1]


def test_each_stored_defect_is_one_by_torchs_own_lstm(lstm, whole):
    """Radius and labels of what the log holds, from nothing but the net's weights."""
    stored = checkpoint.read(lstm / checkpoint.NAME)["state"]["network"]
    rnn, read_out = nn.LSTM(8, 8), nn.Linear(8, 10)
    rnn.load_state_dict({name.removeprefix("rnn."): value for name, value in stored.items() if "rnn." in name})
    read_out.load_state_dict({name: stored[f"read_out.{name}"] for name in ("weight", "bias")})
    first, *others, last = lines(whole)
    defects = [line for line in others if line["kind"] == "defect"]
    assert len(defects) == last["defects"] > 0
    tests = {tuple(map(tuple, x.tolist())) for x in trained.read(lstm, None, lstm).originals.unbind(1)}
    for defect in defects:
        pairs = [
            (new, old)
            for row, before in zip(defect["input"], defect["original"], strict=True)
            for new, old in zip(row, before, strict=True)
            if new != old
        ]
        measure = math.sqrt(sum((new - old) ** 2 for new, old in pairs)) / len(pairs)
        assert measure == pytest.approx(defect["measure"], rel=1e-4)
        assert measure <= first["radius"] * (1 + 1e-4)
        assert tuple(map(tuple, defect["original"])) in tests
        for name, label in (("input", "label"), ("original", "original_label")):
            output, _ = rnn(torch.tensor(defect[name])[:, None])
            assert int(read_out(output[-1, 0]).argmax()) == defect[label]
        assert defect["label"] != defect["original_label"]
