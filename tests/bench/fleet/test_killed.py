"""kill -9 on a shard, with real processes that measure nothing: no orphan beside the retry, and no block twice."""

import contextlib
import itertools
import json
import os
import select
import signal
from pathlib import Path

import pytest

from bench.commands import main
from bench.fleet import command, plan
from bench.fleet.plan import Code
from bench.lane.settings import Settings
from bench.machine import lock
from bench.processes import locks
from bench.processes.guard import descendants
from bench.progress import SweepProgress
from tests.bench.fleet.conftest import BLOCKS, SLICE
from tests.bench.lane.played import SUITE
from tests.forks import forked

MEASURED = 7  # of 24 figures, when the owner is killed


@pytest.fixture
def arguments(tmp_path, monkeypatch) -> list[str]:
    """The command, in whose processes pytest is played and reports the commit of no checkout."""
    monkeypatch.setattr(command, "Settings", lambda *how: Settings(*how, SUITE))
    monkeypatch.setattr(plan, "code_of", lambda root, cells: Code("unversioned", None, "12345678"))
    monkeypatch.setattr(lock, "place", lambda: tmp_path)
    return ["run", *SLICE, "--shard=1/1", f"--results={tmp_path / 'results'}"]


def keep_alone(descriptors: list[int]) -> None:
    """Closes all others: a measuring process inherits no more of its owner."""
    for number in map(int, os.listdir("/proc/self/fd")):
        if number > 2 and number not in descriptors:
            with contextlib.suppress(OSError):  # that of the listing itself
                os.close(number)


def command_line(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def waits_until_gone(pids: list[int]) -> None:
    for pid in pids:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        with os.fdopen(descriptor):
            assert select.select([descriptor], [], [], 60)[0], f"process {pid} was left behind"


def test_a_retry_beside_an_orphan_waits_and_measures_the_rest_afresh(arguments, tmp_path, capsys, monkeypatch):
    """The orphan holds the machine's lock as a measuring process that outlives its owner does."""
    said, saying = os.pipe()
    kept_open, end = os.pipe()

    def owner() -> int:
        os.close(end)
        finished, count = SweepProgress.finished, iter(range(1, 100))

        def pause(progress: SweepProgress, *what: object) -> None:
            finished(progress, *what)
            if next(count) == MEASURED:
                if os.fork() == 0:
                    keep_alone([*locks.inherited(), kept_open])
                    os.read(kept_open, 1)
                    os._exit(0)
                os.write(saying, b"x")
                signal.pause()

        SweepProgress.finished = pause
        return main(arguments)

    with forked(owner) as process:
        os.close(kept_open)
        assert os.read(said, 1) == b"x"
        measuring = [pid for pid in descendants(process.pid) if b"benchmark-only" in command_line(pid)]
        assert measuring
        process.kill()
        waits_until_gone(measuring)
        monkeypatch.setattr(command, "say", lambda text: os.write(saying, text.encode()))
        with forked(lambda: main(arguments)) as retry:
            assert b"waiting until another run has ended" in os.read(said, 1000)
            partial = list((tmp_path / "results").glob("shards/*/attempts/*/*/main.json"))
            assert partial
            assert not list((tmp_path / "results").glob("shards/*/blocks/*/*.json"))
            os.write(end, b"x")  # the orphan ends
            assert retry.wait() == 0
    for path in partial:
        assert path.exists(), "a partial attempt is kept"
    files = sorted((tmp_path / "results").glob("shards/*/blocks/*/*.json"))
    assert [path.parent.name for path in files] == BLOCKS, "each once"
    held = [json.loads(path.read_text()) for path in (tmp_path / "results").glob("shards/*/sessions/*.json")]
    first, second = sorted(held, key=lambda one: one["begin"])
    assert first["end"] is None
    assert second["end"] is not None
    assert first["begin"] < second["begin"]
    assert main(["merge", str(tmp_path / "results"), f"--into={tmp_path / 'merged'}"]) == 0
    assert capsys.readouterr().out.endswith("nothing is missing: 4 blocks\n")


def test_two_shards_at_once_take_turns_on_one_machine(arguments, tmp_path):
    """Three workers of one machine: the times for which they held it never overlap."""
    shards = [[*arguments, f"--shard={number}/3"] for number in (1, 2, 3)]
    with forked(lambda: main(shards[0])) as one, forked(lambda: main(shards[1])) as two:
        assert main(shards[2]) == 0
        assert (one.wait(), two.wait()) == (0, 0)
    held = [json.loads(path.read_text()) for path in (tmp_path / "results").glob("shards/*/sessions/*.json")]
    times = sorted((one["begin"], one["end"]) for one in held)
    assert len(times) == 3
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(times))
    assert main(["merge", str(tmp_path / "results"), f"--into={tmp_path / 'merged'}"]) == 0
