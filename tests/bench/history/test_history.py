"""Filling in a history of a small repository, and what asv's site is made of, without measuring anything."""

import errno
import json
import math
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from analysis.errors import AnalysisError
from analysis.vocabulary import COMMITS_FILE, FAILURE_FILE
from bench.commands import main
from bench.commits.checkouts import Commit
from bench.errors import ResultsError, SweepError
from bench.history import fill as module
from bench.history import known
from bench.history import site as site_of
from bench.history.commits import timed_commits
from bench.history.fill import Filled, fill, run_own_suite
from bench.history.site import publish
from bench.prepare import describe
from bench.processes.scratch import held
from tests.bench.cells import cell
from tests.bench.repositories import git

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _own_lock(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture(scope="module")
def committed(tmp_path_factory) -> Path:
    """Three commits that change what is timed, and between them one of the README and one of training."""
    folder = tmp_path_factory.mktemp("committed")
    git(folder, "init", "--quiet", "--initial-branch=main")
    for number, path in enumerate(
        ("urnn/a.py", "README", "urnn/a.py", "urnn/training/b.py", "urnn/backends/c.cpp")
    ):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(f"{number}\n")
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "--message", f"Change {number}\tof {path}")
    return folder


@pytest.fixture
def repository(committed, tmp_path) -> Path:
    """A copy of `committed` for one test."""
    return shutil.copytree(committed, tmp_path / "repository")


def measured(log: list[str]):
    """A measurement that writes what the checkout holds."""

    def measure(checkout: Path, results: Path) -> str:
        text = (checkout / "urnn" / "a.py").read_text().strip()
        log.append(text)
        (results / "box").mkdir()
        (results / "box" / "0001.json").write_text(json.dumps({"benchmarks": [], "text": text}))
        return ""

    return measure


def test_the_commits_are_those_that_change_what_is_timed_oldest_first(repository):
    found = timed_commits("main", repository)
    assert [one.subject for one in found] == [
        "Change 0\tof urnn/a.py",
        "Change 2\tof urnn/a.py",
        "Change 4\tof urnn/backends/c.cpp",
    ]
    assert [one.subject for one in timed_commits("main~3..main", repository)] == [one.subject for one in found[1:]]


@pytest.mark.parametrize(
    "path", ["urnn/backends/cuda/plan.py", "urnn/backends/cuda_plan.py", "urnn/ladder/lstm.py"]
)
def test_a_commit_that_changed_only_what_a_history_does_not_run_is_not_measured(repository, path):
    before = timed_commits("main", repository)
    (repository / path).parent.mkdir(parents=True, exist_ok=True)
    (repository / path).write_text("changed")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "--message", "Other")
    assert timed_commits("main", repository) == before


@pytest.mark.parametrize(
    ("revisions", "message"),
    [
        ("no-such", r"^'no-such' is no range of commits here: 'no-such' names no commit; known are main$"),
        ("--all", r"^'--all' is no range of commits here: '--all' names no commit; "),
        ("", r"^'' is no range of commits here: '' names no commit; "),
        ("--output=x..main", r"^'--output=x..main' is no range .*: '--output=x' names no commit; "),
        (
            "main..main..main",
            r"^'main..main..main' is no range of commits here: give one such as main or v1\.\.main; ",
        ),
        ("main~1..main~1", r"^no commit of 'main~1\.\.main~1' changed what is timed"),
    ],
)
def test_a_range_without_such_commits_is_a_sentence(repository, revisions, message):
    with pytest.raises(SweepError, match=message):
        timed_commits(revisions, repository)


def test_what_is_missing_is_measured_in_a_checkout_of_its_commit_and_not_again(repository, tmp_path):
    log, results = [], tmp_path / "history"
    assert fill("main~1", results, lambda text: None, measured(log), repository) == Filled(2, 0, 0)
    assert log == ["0", "2"]
    assert fill("main", results, lambda text: None, measured(log), repository) == Filled(1, 2, 0)
    assert log == ["0", "2", "2"]
    known = json.loads((results / COMMITS_FILE).read_text())
    assert [entry["commit"] for entry in known] == [one.digits for one in timed_commits("main", repository)]
    assert {path.name for path in results.iterdir()} == {COMMITS_FILE, *(entry["commit"] for entry in known)}


def test_after_a_crash_the_same_command_goes_on_with_the_commit_it_was_at(repository, tmp_path):
    log, results = [], tmp_path / "history"

    def crashes(checkout: Path, found: Path) -> str:
        if len(log) == 1:
            raise KeyboardInterrupt
        return measured(log)(checkout, found)

    with pytest.raises(KeyboardInterrupt):
        fill("main", results, lambda text: None, crashes, repository)
    told: list[str] = []
    assert fill("main", results, told.append, measured(log), repository) == Filled(2, 1, 0)
    assert log == ["0", "2", "2"]
    assert [line.partition(":")[0] for line in told] == ["1 of 2", "2 of 2"]


def test_a_commit_that_cannot_be_measured_says_why_and_is_not_tried_again(repository, tmp_path):
    results = tmp_path / "history"
    found = fill("main", results, lambda text: None, lambda checkout, into: "No module named bench", repository)
    assert found == Filled(3, 0, 3)
    assert {path.read_text() for path in results.glob(f"*/{FAILURE_FILE}")} == {"No module named bench\n"}
    assert fill("main", results, lambda text: None, measured([]), repository) == Filled(0, 3, 3)


def test_a_folder_that_cannot_be_written_loses_nothing(repository, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ResultsError, match=r"^cannot write "):
        fill("main", tmp_path / "file", lambda text: None, measured([]), repository)


def test_two_histories_at_once_are_refused(repository, tmp_path):
    def second(checkout: Path, results: Path) -> str:
        with pytest.raises(SweepError, match=r"^another run is measuring on this machine .* history of main"):
            fill("main", tmp_path / "other", lambda text: None, measured([]), repository)
        return ""

    fill("main~4", tmp_path / "history", lambda text: None, second, repository)


def test_a_commits_own_suite_is_run_and_its_last_words_are_kept(tmp_path, monkeypatch):
    asked = []

    def run(command, folder, environment):
        asked.append((command, folder, environment["PYTHONPATH"], environment["TMPDIR"]))
        return subprocess.CompletedProcess(command, 1, "", f"Traceback\n{sys.executable}: No module named bench\n")

    monkeypatch.setattr(module.children, "run", run)
    checkout = tmp_path / "checkout"
    assert run_own_suite(checkout, tmp_path / "results") == "python: No module named bench"
    ((command, folder, path, temporary),) = asked
    assert command[1:4] == ["-m", "bench", "run"]
    assert command[-1] == f"--results={tmp_path / 'results'}"
    assert (folder, path) == (checkout, str(checkout))
    assert Path(temporary) == tmp_path / "temporary", "beside the checkout, and removed with it"


def staged(results: Path) -> list[Path]:
    return [path for path in results.iterdir() if path.name.startswith(".")]


def test_what_a_killed_history_has_half_copied_is_removed_and_a_living_ones_is_not(repository, tmp_path):
    results = tmp_path / "history"
    dead, living, other = results / f".{'a' * 40}.17", results / f".{'b' * 40}.18", results / ".mine"
    for folder in (dead, living, other):
        folder.mkdir(parents=True)
        (folder / "0001.json").touch()
    with held(living):
        fill("main~4", results, lambda text: None, measured([]), repository)
    assert set(staged(results)) == {living, other}


def test_a_suite_that_is_killed_says_nothing_of_its_commit(repository, tmp_path, monkeypatch):
    def killed(command, folder, environment) -> subprocess.CompletedProcess:
        return subprocess.CompletedProcess(command, -9, "", "")

    monkeypatch.setattr(module.children, "run", killed)
    told, results = [], tmp_path / "history"
    assert fill("main", results, told.append, None, repository) == Filled(0, 0, 3)
    assert told[1].endswith(": its suite was ended by signal 9; the same command measures it again")
    assert fill("main", results, told.append, measured([]), repository) == Filled(3, 0, 0)


def test_a_full_disk_keeps_the_commits_before(repository, tmp_path, monkeypatch):
    results, copied = tmp_path / "history", []

    def copy(*arguments, **options):
        if copied:
            raise OSError(errno.ENOSPC, "No space left on device")
        copied.append(arguments)

    monkeypatch.setattr(module.shutil, "copytree", copy)
    with pytest.raises(
        ResultsError, match=r"^cannot write .*: No space left on device; the commits before are kept$"
    ):
        fill("main", results, lambda text: None, measured([]), repository)
    first = timed_commits("main", repository)[0].digits
    assert {path.name for path in results.iterdir()} == {COMMITS_FILE, first}
    assert not list(tmp_path.glob("urnn-history-*"))


def test_commits_are_in_the_order_of_their_times_wherever_they_were_made(tmp_path):
    times = ["2026-01-01T23:30:00-05:00", "2026-01-02T05:00:00+01:00", "2026-01-02T06:00:00+00:00"]
    commits = [Commit(f"{number}" * 40, time, "") for number, time in enumerate(times)]
    known.note(tmp_path, [commits[0], commits[2]])
    known.note(tmp_path, [commits[1]])
    listed = json.loads((tmp_path / COMMITS_FILE).read_text())
    assert [entry["commit"][0] for entry in listed] == ["1", "0", "2"]


GOOD = {"commit": "a" * 40, "time": "2026-01-01T00:00:00+00:00", "subject": ""}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[" * 100_000,
        "9" * 5000,
        "\x00",
        json.dumps([GOOD, []]),
        json.dumps([GOOD | {"time": "yesterday"}]),
        json.dumps([GOOD | {"time": "2026-01-01T00:00:00"}]),
        json.dumps([GOOD | {"commit": "../../other"}]),
        json.dumps([GOOD | {"subject": None}]),
    ],
    ids=range(10),
)
def test_a_damaged_list_of_commits_is_named_and_left_as_it_is(repository, tmp_path, text):
    path = tmp_path / "history" / COMMITS_FILE
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(
        ResultsError, match=rf"^{path}: expected .*; move it away, and `python -m bench history` writes"
    ):
        fill("main", path.parent, lambda text: None, measured([]), repository)
    assert path.read_text() == text


@pytest.fixture
def history(repository, tmp_path) -> Path:
    """A history whose second commit lacks a cell that the others have."""
    results = tmp_path / "history"

    def measure(checkout: Path, found: Path) -> str:
        text = int((checkout / "urnn" / "a.py").read_text())
        cells = [cell("lstm:torch", hidden_size=8), cell("urnn:reference", hidden_size=8)][: 1 if text == 2 else 2]
        entries = []
        for one in cells:
            for number in (1, 2, 9):
                info = {**describe(one), "pass": number, "peak_allocated_bytes": 1000}
                stats = {"data": [number * one.length]}
                entries.append({"params": {"cell_id": one.id}, "extra_info": info, "stats": stats})
        machine = {
            "node": "box",
            "python_version": "3.11.7",
            "torch": "2.13.0",
            "cpu": {"brand_raw": "a cpu", "count": 2},
        }
        digits = git(checkout, "rev-parse", "HEAD")
        results = {"benchmarks": entries, "machine_info": machine, "commit_info": {"id": digits}}
        (found / "0001.json").write_text(json.dumps(results))
        return ""

    fill("main", results, lambda text: None, measure, repository)
    return results


def test_asvs_site_shows_every_commit_with_names_and_units(history, repository, tmp_path, capfd):
    site = tmp_path / "site"
    assert publish(history, site, repository) == 3
    index = json.loads((site / "index.json").read_text())
    shown = index["benchmarks"]["history.step_time"]
    assert (shown["pretty_name"], shown["unit"]) == ("Time of a time step (B = 32, T = 100)", "seconds")
    assert shown["param_names"] == ["model", "phase", "hidden_size"]
    assert index["benchmarks"]["history.peak_memory"]["unit"] == "bytes"
    files = [path for path in (site / "graphs").rglob("history.step_time.json") if "summary" not in path.parts]
    graphs = [json.loads(path.read_text()) for path in files]
    assert [len(graph) for graph in graphs] == [3] * len(graphs)
    assert "Skipping" not in capfd.readouterr().out
    assert {value for graph in graphs for _, values in graph for value in values} == {2, None}


@pytest.mark.parametrize("has_origin", [True, False])
def test_a_clone_without_a_main_of_its_own_is_published_too(history, repository, tmp_path, has_origin, capfd):
    clone, site = tmp_path / "clone", tmp_path / "site"
    git(tmp_path, "clone", "--quiet", str(repository), str(clone))
    git(clone, "checkout", "--quiet", "--detach")
    git(clone, "branch", "--quiet", "-D", "main")
    if not has_origin:
        git(clone, "remote", "remove", "origin")
    assert publish(history, site, clone) == 3
    graphs = [json.loads(path.read_text()) for path in (site / "graphs").rglob("history.step_time.json")]
    assert {len(graph) for graph in graphs} >= {3}
    assert "Couldn't find" not in capfd.readouterr().out


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content["benchmarks"][0]["stats"].update(data=[0]),
        lambda content: content["benchmarks"][0]["stats"].update(data=[math.nan]),
        lambda content: content["benchmarks"][0]["stats"].update(data=[]),
        lambda content: content["benchmarks"].append(None),
        lambda content: content.update(benchmarks=5),
        lambda content: content.update(machine_info=[1]),
    ],
    ids=range(6),
)
def test_a_damaged_file_is_left_out_by_its_name(history, damage, repository, tmp_path, monkeypatch):
    path = max(history.glob("*/0001.json"))
    content = json.loads(path.read_text())
    damage(content)
    path.write_text(json.dumps(content))
    log: list[str] = []
    monkeypatch.setattr(site_of, "_publish", lambda *_: None)
    assert publish(history, tmp_path / "site", repository, log.append) == 2
    assert [line.startswith(str(path)) for line in log] == [True]


@pytest.mark.parametrize(
    ("node", "folder"), [("../../home", "_.._home"), ("a box", "a_box"), ("..", "unknown"), ("", "unknown")]
)
def test_a_machines_name_is_no_path(node, folder):
    assert site_of._machine({"Machine": node})["machine"] == folder


def test_a_history_without_results_is_not_published(repository, tmp_path):
    results = tmp_path / "history"
    fill("main", results, lambda text: None, lambda checkout, into: "no", repository)
    with pytest.raises(AnalysisError, match=r": no commit was measured; run `python -m bench history` first\.$"):
        publish(results, tmp_path / "site", repository)


def test_the_command_is_one_line_and_exit_code_2_for_a_range_that_is_none(tmp_path, capsys):
    assert main(["history", "--range=no-such-range", f"--results={tmp_path / 'history'}"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: 'no-such-range' is no range of commits here: ")
    assert error.count("\n") == 1
