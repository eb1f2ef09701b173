"""The same grid through asv, one `asv run` a benchmark.

asv writes its results when a whole run is over, so an interrupted one would lose all of it. Run benchmark by
benchmark and told to skip what it has, it loses the current one at most. Known weakness: each start of asv costs
some seconds for finding the benchmarks again.
"""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping

import torch

from bench.environment import KEPT_HEAP, measured_environment
from bench.grid import Profile
from bench.store import write_atomically
from bench.suite import class_name
from bench.worker import ROOT, SweepError

ASV_BENCHMARK_FAILED = 2
CONDITIONS = (*KEPT_HEAP, "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def benchmark_patterns(profile: Profile) -> list[str]:
    """A regular expression for each asv class of the profile, in the order in which they are run."""
    classes = [class_name(sweep.name) for sweep in profile.sweeps]
    over_sweeps = [f"^{file}\\.{name}\\." for name in classes for file in ("step_time", "memory")]
    return [*over_sweeps, "^memory\\.Parameters\\."]


def run(profile: Profile, *, threads: int, existing: bool, told: Callable[[str], None]) -> int:
    """Measures the profile at the current commit; returns how many benchmarks failed.

    `existing` measures with the packages of this interpreter; otherwise asv builds an environment of its own,
    with the versions that asv.conf.json pins. `told` gets a line for each benchmark.

    Raises:
        SweepError: asv is missing, or this is no git checkout.
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
    failures = 0
    for number, pattern in enumerate(patterns := benchmark_patterns(profile), 1):
        told(f"asv {number}/{len(patterns)}: {pattern}")
        options = ["--bench", pattern, "--record-samples", "--skip-existing-successful"]
        code = _asv(["run", *where, *options], environment)
        if code not in (0, ASV_BENCHMARK_FAILED):
            raise SweepError(f"asv could not measure {pattern} (exit code {code}); its own message stands above")
        if code == ASV_BENCHMARK_FAILED:
            failures += 1
            told(f"a cell failed; to see why: asv run {' '.join(where)} --bench '{pattern}' --show-stderr")
        if existing:
            _note_conditions({name: environment[name] for name in CONDITIONS if name in environment})
    return failures


def _asv(arguments: list[str], environment: Mapping[str, str], stdout: int | None = None) -> int:
    command = [sys.executable, "-m", "asv", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=stdout, check=False)
    return done.returncode


def _note_conditions(conditions: Mapping[str, str]) -> None:
    """Writes into the newest result the variables that it was measured under.

    asv notes those of environments that it made; for an existing one it notes none, though they hold there too.
    """
    results = json.loads((ROOT / "asv.conf.json").read_text())["results_dir"]
    files = list((ROOT / results).glob("*/*-existing*.json"))
    if not files:
        return
    newest = max(files, key=os.path.getmtime)
    content = json.loads(newest.read_text())
    if content.get("env_vars") != conditions:
        write_atomically(newest, json.dumps({**content, "env_vars": dict(conditions)}))
