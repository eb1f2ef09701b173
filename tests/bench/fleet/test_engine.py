"""The engine with real processes: three Dask workers on the loopback interface, whose commands measure nothing.

Faults are real too: kill -9 and SIGSTOP. The one time in them is the engine's patience, which is shortened.
"""

import contextlib
import itertools
import json
import os
import shutil
import signal
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.command_line import FAILED
from bench.commands import main
from bench.fleet import spread
from bench.paths import ROOT
from bench.processes.guard import descendants
from tests.bench.fleet.conftest import BLOCKS, SLICE, played
from tests.ci.conftest import executable
from tests.forks import forked

pytestmark = pytest.mark.slow
DUMMY = Path(__file__).with_name("dummy.py")
# Ends as a real ssh does: what it began stays, with nothing more to read. Each host has locks of its own.
FAR_AWAY = """#!{python}
import os, subprocess, sys, threading
host, command = sys.argv[-2:]
own = os.path.join(os.environ["TMPDIR"], host)
os.makedirs(own, exist_ok=True)
there = {{"env": os.environ | {{"TMPDIR": own}}, "start_new_session": True}}
far = subprocess.Popen(["sh", "-c", command], stdin=subprocess.PIPE, **there)
def copy():
    while chunk := os.read(0, 4096):
        os.write(far.stdin.fileno(), chunk)
    far.stdin.close()
threading.Thread(target=copy, daemon=True).start()
os._exit(far.wait())
"""


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole sweep, measured by played processes, and its plan as an engine asks for it."""
    folder = tmp_path_factory.mktemp("swept")
    with pytest.MonkeyPatch.context() as patch:
        player = played(patch)
        assert main(["run", *SLICE, f"--results={folder / 'measured'}", "--shard=1/1"]) == 0
        (path,) = folder.glob("measured/shards/*/sweep.json")
        identity = path.parent.name.rpartition("-")[2]
        facts = {"node": "box", "processor": "AMD EPYC", "cores": 2, "memory_gib": 8, "gpu": None}
        machine = facts | {"kind": player.machine.kind, "instance": player.machine.instance}
        (folder / "plan.json").write_text(json.dumps({"id": identity, "machine": machine}))
    return folder


@pytest.fixture
def template(swept, tmp_path, monkeypatch) -> Path:
    """What the machines do in one test; their locks are the test's own."""
    played(monkeypatch)
    folder = shutil.copytree(swept, tmp_path / "template")
    short = tmp_path / "t"
    short.mkdir()
    monkeypatch.setenv("TMPDIR", str(short))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(spread, "COMMAND", [sys.executable, str(DUMMY), str(folder)])
    return folder


@pytest.fixture
def fleet(template, tmp_path) -> Callable[..., int]:
    """The command, with two workers unless told otherwise; its exit code."""
    return lambda *more: main(["fleet", "--on=local:2", *SLICE, f"--results={tmp_path / 'results'}", *more])


def complete(tmp_path: Path) -> list[str]:
    return sorted(path.parent.name for path in (tmp_path / "results").glob("shards/*/blocks/*/*.json"))


def held(tmp_path: Path) -> list[tuple[float, float]]:
    """When a machine's lock was held, by those that ended, in their order."""
    found = [json.loads(path.read_text()) for path in (tmp_path / "results").glob("shards/*/sessions/*.json")]
    return sorted((one["begin"], one["end"]) for one in found)


def require_no_overlap(tmp_path: Path) -> None:
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(held(tmp_path)))


def waits_for(path: Path) -> str:
    while not path.exists() or not path.read_text():
        time.sleep(0.02)
    return path.read_text()


def test_three_workers_take_turns_and_leave_the_table_of_a_single_one(fleet, tmp_path, swept, capsys):
    assert fleet("--on=local:3") == 0
    said = capsys.readouterr().out
    assert said.count("box, AMD EPYC, 2 cores") == 3
    assert "4 of 4 blocks complete, 1 machine\n" in said
    assert complete(tmp_path) == BLOCKS
    assert len(held(tmp_path)) > 1
    require_no_overlap(tmp_path)
    tables = []
    for name, results in (("one", swept / "measured"), ("three", tmp_path / "results")):
        assert main(["merge", str(results), f"--into={tmp_path / name}"]) == 0
        (path,) = (tmp_path / name).glob("kind-*/*.json")
        tables.append([(one["params"], one["stats"]) for one in json.loads(path.read_text())["benchmarks"]])
    assert tables[0] == tables[1]
    capsys.readouterr()
    assert fleet() == 0
    assert capsys.readouterr().out.startswith("4 of 4 blocks complete already, in ")


def test_blocks_of_a_killed_worker_are_measured_by_another(fleet, template, tmp_path, capsys):
    (template / f"{BLOCKS[2]}.once").write_text("kill")
    assert fleet() == 0
    assert "is lost; what it measured is given to another\n" in capsys.readouterr().out
    assert complete(tmp_path) == BLOCKS, "each once"
    require_no_overlap(tmp_path)


def test_a_block_that_always_kills_its_machine_is_given_up_and_the_rest_finishes(
    fleet, template, tmp_path, capsys
):
    (template / f"{BLOCKS[3]}.always").write_text("kill")
    assert fleet() == FAILED
    said = capsys.readouterr().out
    assert f"{BLOCKS[3]} is not measured: 2 machines ended in it\n" in said
    assert said.splitlines()[-1].startswith("3 of 4 blocks complete in ")
    assert complete(tmp_path) == BLOCKS[:3]


def test_a_command_that_fails_is_tried_again_and_what_it_left_is_kept(fleet, template, tmp_path, capsys):
    (template / f"{BLOCKS[0]}.once").write_text("fail")
    (template / f"{BLOCKS[1]}.always").write_text("fail")
    assert fleet() == FAILED
    said = capsys.readouterr().out
    assert f"{BLOCKS[1]} is not measured: error: no room is left\n" in said
    assert complete(tmp_path) == [BLOCKS[0], *BLOCKS[2:]]
    assert list((tmp_path / "results").glob(f"shards/*/attempts/{BLOCKS[1]}/*/main.json"))


def test_a_truncated_answer_is_no_block(fleet, template, tmp_path, capsys):
    (template / f"{BLOCKS[0]}.once").write_text("truncate")
    assert fleet() == FAILED
    assert "cut off or damaged" in capsys.readouterr().out
    assert complete(tmp_path) == BLOCKS[1:]
    assert fleet() == 0, "the same command measures it"
    assert complete(tmp_path) == BLOCKS


def test_code_that_changes_under_way_ends_the_sweep_with_a_sentence(fleet, template, tmp_path, capsys):
    (template / f"{BLOCKS[3]}.once").write_text("foreign")
    assert fleet("--on=local:1") == FAILED
    said = capsys.readouterr().err
    assert "error: local-1 brought blocks of another sweep: code has changed there since this one began; " in said
    assert said.endswith("and the same command measures the others\n")
    assert BLOCKS[3] not in complete(tmp_path)


def test_a_stopped_worker_is_ended_for_it_has_its_machines_lock(fleet, template, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(spread, "LOST_AFTER", 3.0)
    (template / f"{BLOCKS[2]}.once").write_text("stop")
    assert fleet() == 0
    assert "is lost" in capsys.readouterr().out
    assert complete(tmp_path) == BLOCKS, "each once"
    require_no_overlap(tmp_path)


def test_a_worker_elsewhere_that_comes_back_late_brings_nothing(fleet, template, tmp_path, monkeypatch, capsys):
    """It was stopped, is given up, and goes on while another machine measures its block."""
    monkeypatch.setattr(spread, "LOST_AFTER", 3.0)
    executable(tmp_path / "bin" / "ssh", FAR_AWAY.format(python=sys.executable))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    (template / "seconds").write_text("1")
    (template / f"{BLOCKS[2]}.once").write_text("stop")
    threading.Thread(target=goes_on, args=(template, BLOCKS[2]), daemon=True).start()
    assert fleet("--on=ssh:one,two", "--host=127.0.0.1") == 0
    stopped = (template / "stopped").read_text()
    assert "is lost" in capsys.readouterr().out
    assert complete(tmp_path) == BLOCKS, "each once"
    while b"bench.fleet.engine" in command_line(int(stopped)):
        time.sleep(0.02)


def goes_on(template: Path, block: str) -> None:
    """Lets the stopped worker go on once its block has been begun again."""
    waits_for(template / f"{block}.again")
    os.kill(int((template / "stopped").read_text()), signal.SIGCONT)


@pytest.mark.parametrize("whom", ["engine", "owner"])
def test_the_same_command_goes_on_after_a_kill(whom, fleet, template, tmp_path, capsys):
    (template / f"{BLOCKS[-1]}.once").write_text("wait")  # in the last part of one machine
    with forked(lambda: fleet("--on=local:1")) as owner:
        measuring = int(waits_for(template / "waiting"))
        before = {path: path.read_bytes() for path in (tmp_path / "results").glob("shards/*/blocks/*/*.json")}
        assert 0 < len(before) < len(BLOCKS)
        started = descendants(owner.pid)
        if whom == "owner":
            owner.kill()
        else:
            os.kill(engine_of(started), signal.SIGKILL)
            assert owner.wait() == FAILED
        while Path(f"/proc/{measuring}").exists():
            time.sleep(0.02)
    assert fleet() == 0
    assert f"{len(before)} of 4 blocks complete already" in capsys.readouterr().out
    assert complete(tmp_path) == BLOCKS
    assert all(path.read_bytes() == content for path, content in before.items())
    while any(b"bench.fleet.engine" in command_line(pid) for pid in started):
        time.sleep(0.02)


def command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() + b"\0\0\0"
    except (FileNotFoundError, ProcessLookupError):
        return b"\0\0\0"


def test_what_no_machine_meets_is_a_sentence(fleet, tmp_path, capsys):
    assert fleet("--require=gpu=H100") == FAILED
    said = capsys.readouterr().out
    assert said.count("is not used: gpu is none\n") == 2
    assert f"{BLOCKS[0]} is not measured: no machine is left\n" in said
    assert complete(tmp_path) == []


def test_what_slurm_refuses_is_a_sentence(fleet, template, tmp_path, monkeypatch, capsys):
    """`.ci/fleet` asks a real one; this is what it says."""
    said = "sbatch: error: Batch job submission failed: Requested node configuration is not available"
    executable(tmp_path / "bin" / "sbatch", f"#!/bin/sh\necho '{said}' >&2\nexit 1\n")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    assert fleet("--on=slurm:all", "--host=127.0.0.1", "--sbatch=--gres=gpu:H100:1") == FAILED
    assert f"Slurm takes no job for partition all: {said}; 0 of 4 blocks complete" in capsys.readouterr().err


def test_a_machine_with_other_code_is_not_used(fleet, template, capsys):
    known = json.loads((template / "plan.json").read_text())
    (template / "plan.json").write_text(json.dumps(known | {"id": "0" * 8}))
    assert fleet() == FAILED
    said = capsys.readouterr().out
    assert said.count(f"its checkout plans another sweep (00000000, not {known['id']})\n") == 2


def test_idle_processes_take_hardly_any_of_a_core(fleet, template):
    """By Dask's defaults it is more than 2 % for each; docs/fleet.md has what it was over a minute."""
    (template / f"{BLOCKS[3]}.once").write_text("wait")
    with forked(fleet) as owner:
        waits_for(template / "waiting")
        time.sleep(1)  # while they introduce each other
        engine = [pid for pid in descendants(owner.pid) if b"bench.fleet.engine" in command_line(pid)]
        assert len(engine) == 6, "a scheduler, two workers, and their guards"
        before, begin = sum(map(on_processor, engine)), time.monotonic()
        time.sleep(4)
        assert sum(map(on_processor, engine)) - before < 0.01 * (time.monotonic() - begin)
        owner.kill()


def on_processor(pid: int) -> float:
    """Seconds that its threads have had a core."""
    paths = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(path.read_text().split()[0]) for path in paths) / 1e9


@pytest.mark.parametrize("encrypted", [True, False])
def test_a_stranger_gets_no_answer_unless_told_otherwise(encrypted, fleet, template, capfd):
    (template / f"{BLOCKS[3]}.once").write_text("wait")
    with forked(lambda: fleet("--on=local:1", *([] if encrypted else ["--no-tls"]))) as owner:
        waits_for(template / "waiting")
        started = descendants(owner.pid)
        assert {address for pid in started for address, _ in ports(pid)} == {"0100007F"}, "loopback alone"
        called = [word for pid in started for word in command_line(pid).split(b"\0") if b"://" in word]
        (scheduler,) = {int(word.rpartition(b":")[2]) for word in called}
        assert (answers(scheduler, tls=False) or answers(scheduler, tls=True)) is not encrypted
        owner.kill()
    warned = "warning: without TLS whoever reaches the ports of these processes can run code as you"
    assert (warned in capfd.readouterr().out) is not encrypted


def engine_of(started: list[int]) -> int:
    (found,) = [pid for pid in started if b"bench.fleet.engine.driver" in command_line(pid).split(b"\0")[2]]
    return found


def answers(port: int, tls: bool) -> bool:
    """Whether a Dask server greets somebody without a certificate, as it greets whoever it lets in."""
    unchecked = ssl.create_default_context()
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    called = socket.create_connection(("127.0.0.1", port))
    called.settimeout(3.0)
    with contextlib.suppress(OSError), unchecked.wrap_socket(called) if tls else called as stranger:
        stranger.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return bool(stranger.recv(1))
    return False


def ports(pid: int) -> list[tuple[str, int]]:
    """(address as Linux writes it, port) of what a process listens on."""
    names = {os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir() if path.is_symlink()}
    found = []
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state, *rest = line.split()
        if state == "0A" and f"socket:[{rest[5]}]" in names:
            address, port = local.split(":")
            found.append((address, int(port, 16)))
    return found
