"""The same grid through asv, one `asv run` a sweep.

asv writes its results when a whole run is over, so an interrupted run would lose everything. Run sweep by sweep
and skipping what it has, it loses the current one at most. It writes in place, so an asv that is killed
while it writes leaves half a file; each of its files therefore has a copy while it runs. Known weakness:
each start of asv costs some seconds for finding the benchmarks again.
"""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from analysis.documents import load
from analysis.errors import AnalysisError
from bench.asv_suite import class_name
from bench.environment import KEPT_HEAP, measured_environment
from bench.errors import ResultsError, SweepError
from bench.grid import Profile
from bench.paths import ROOT
from bench.processes import children
from bench.processes.scratch import scratch_folder, temporary_files
from bench.run_file import write_atomically

ASV_BENCHMARK_FAILED = 2
COPY = ".before"
CONDITIONS = (*KEPT_HEAP, "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def benchmark_patterns(profile: Profile) -> list[str]:
    """A regular expression for each run of asv: a sweep's time and memory, then the models' parameters."""
    over_sweeps = [f"^(step_time|memory)\\.{class_name(sweep.name)}\\." for sweep in profile.sweeps]
    return [*over_sweeps, *["^memory\\.Parameters\\."] * profile.tracks_parameters]


def run(profile: Profile, *, threads: int, existing: bool, log: Callable[[str], None]) -> int:
    """Measures the profile at the current commit; returns how many of asv's runs had a benchmark that failed.

    `existing` measures with the packages of this interpreter; otherwise asv builds an environment of its own,
    with the versions that asv.conf.json pins. `log` gets a line for each run.

    Raises:
        SweepError: asv is missing, or this is no git checkout.
        ResultsError: a file of asv's is damaged, or cannot be written.
    """
    if importlib.util.find_spec("asv") is None:
        raise SweepError("asv is not installed here; install it, or use --harness pytest-benchmark")
    if not (ROOT / ".git").exists():
        raise SweepError("asv measures commits, and this is no git checkout; use --harness pytest-benchmark")
    environment = measured_environment("kept", threads) | {"URNN_BENCH_PROFILE": profile.name}
    if existing:
        environment["ASV_PYTHONPATH"] = str(ROOT)  # asv drops PYTHONPATH and takes this one
    _asv(["machine", "--yes"], environment, stdout=subprocess.DEVNULL)  # takes the defaults, and asks all the same
    where = ["--environment=existing:same", "--set-commit-hash=HEAD"] if existing else ["HEAD^!"]
    if any("cuda" in sweep.devices for sweep in profile.sweeps) and torch.cuda.is_available():
        where.append("--launch-method=spawn")  # a forked process cannot use CUDA where its parent has
    results = _results()
    _restore(results)
    failures = 0
    for number, pattern in enumerate(patterns := benchmark_patterns(profile), 1):
        log(f"asv {number}/{len(patterns)}: {pattern}")
        options = ["--bench", pattern, "--record-samples", "--skip-existing-successful"]
        _copy(results)
        try:
            code = _asv(["run", *where, *options], environment)
        finally:
            _restore(results)
        if code not in (0, ASV_BENCHMARK_FAILED):
            raise SweepError(f"asv could not measure {pattern} (exit code {code}); see its own message above")
        if code == ASV_BENCHMARK_FAILED:
            failures += 1
            log(f"a cell failed; to see why: asv run {' '.join(where)} --bench '{pattern}' --show-stderr")
        if existing:
            _note_conditions({name: environment[name] for name in CONDITIONS if name in environment})
    for copy in results.rglob(f".*{COPY}"):
        copy.unlink()
    return failures


def _asv(arguments: list[str], environment: Mapping[str, str], stdout: int | None = None) -> int:
    command = [sys.executable, "-m", "asv", *arguments]
    streams = {"stdin": subprocess.DEVNULL, "stdout": stdout, "stderr": None}
    with scratch_folder("sweep") as scratch:
        environment = {**environment, **temporary_files(scratch)}
        return children.run(command, ROOT, environment, grace=0, **streams).returncode


def _note_conditions(conditions: Mapping[str, str]) -> None:
    """Writes into the newest result the variables that it was measured under.

    asv notes those of environments that it made; for an existing one it notes none, though they hold there too.
    """
    files = list(_results().glob("*/*-existing*.json"))
    if not files:
        return
    newest = max(files, key=os.path.getmtime)
    content = _read(newest)
    if not isinstance(content, dict):
        raise ResultsError(f"{newest} is no result of asv's; move it away, and run the same command again")
    if content.get("env_vars") != conditions:
        write_atomically(newest, json.dumps({**content, "env_vars": dict(conditions)}))


def _results() -> Path:
    return ROOT / json.loads((ROOT / "asv.conf.json").read_text())["results_dir"]


def _copy(results: Path) -> None:
    """Copies what asv has written since the last time."""
    for path in results.rglob("*.json"):
        copy = path.with_name(f".{path.name}{COPY}")
        is_old = not copy.exists() or copy.stat().st_mtime_ns <= path.stat().st_mtime_ns
        if is_old and _read(path) is not None:
            write_atomically(copy, path.read_text(encoding="utf-8"))


def _restore(results: Path) -> None:
    """Puts the copy in the place of each file that is not whole; what someone has deleted stays deleted."""
    for copy in results.rglob(f".*{COPY}"):
        path = copy.with_name(copy.name[1:].removesuffix(COPY))
        if not path.exists():
            copy.unlink()
        elif _read(path) is None:
            copy.replace(path)


def _read(path: Path) -> object:
    """What the file holds; None where that is no JSON."""
    try:
        return load(path)
    except AnalysisError:
        return None
