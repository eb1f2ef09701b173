"""asv is asked for one sweep after the other, and what it says comes back as a count or a sentence."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench import asv_harness, asv_memory, asv_step_time, asv_suite
from bench.asv_harness import benchmark_patterns
from bench.commands import main
from bench.environment import KEPT_HEAP
from bench.errors import ResultsError, SweepError
from bench.paths import ROOT
from bench.profiles import PROFILES, get_profile

CHECK = get_profile("check")
# Three runs of asv: two sweeps and the parameters.
PROFILE = replace(
    CHECK, sweeps=(*CHECK.sweeps, replace(CHECK.sweeps[0], name="over_length")), tracks_parameters=True
)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_the_patterns_name_every_benchmark_of_the_profile_once(profile):
    classes = [asv_suite.class_name(sweep.name) for sweep in profile.sweeps]
    names = [f"step_time.{name}.time_call" for name in classes]
    names += [f"memory.{name}.track_peak_allocated_bytes" for name in classes]
    names += ["memory.Parameters.track_parameters"] * profile.tracks_parameters
    patterns = benchmark_patterns(profile)
    assert len(patterns) == len(profile.sweeps) + profile.tracks_parameters
    for name in names:
        assert len([pattern for pattern in patterns if re.search(pattern, name)]) == 1


def test_a_sweeps_class_is_named_after_it():
    assert [asv_suite.class_name(name) for name in ("stream", "over_hidden_size")] == ["Stream", "OverHiddenSize"]


def test_results_of_before_the_files_were_renamed_keep_their_names_and_versions():
    """asv finds a benchmark's earlier results by its name, and drops those of another version."""
    discovery = pytest.importorskip("asv_runner.discovery")
    modules = (asv_step_time, "OverHiddenSize", "time_call"), (asv_memory, "Parameters", "track_parameters")
    found = []
    for module, name, method in modules:
        kind = getattr(module, name)
        found.append(discovery._get_benchmark(method, module, kind, getattr(kind, method)))
    assert [benchmark.name for benchmark in found] == [
        "step_time.OverHiddenSize.time_call",
        "memory.Parameters.track_parameters",
    ]
    assert found[0].version == "a92981999e1215aa4c6b1a9b384e104fd331f1a532408ce3671b007f0ddb8c71"


@pytest.fixture
def asv(monkeypatch, tmp_path) -> SimpleNamespace:
    """asv replaced by a list of its calls; a checkout without results; `codes` are the exit codes of its runs."""
    state = SimpleNamespace(calls=[], codes=[], told=[], results=tmp_path / ".asv" / "results", writes=id)

    def run(command, cwd, env, **options):
        state.calls.append((command, {"cwd": cwd, "env": env, **options}))
        state.writes(command[3])
        code = state.codes.pop(0) if command[3] == "run" and state.codes else 0
        return SimpleNamespace(returncode=code)

    (tmp_path / ".git").mkdir()
    (tmp_path / "asv.conf.json").write_text((ROOT / "asv.conf.json").read_text())
    monkeypatch.setattr(asv_harness, "ROOT", tmp_path)
    monkeypatch.setattr(asv_harness.children, "run", run)
    monkeypatch.setattr(asv_harness.importlib.util, "find_spec", lambda name: object())
    state.run = lambda **options: asv_harness.run(PROFILE, log=state.told.append, **{"threads": 1} | options)
    return state


def test_each_sweep_is_one_run_of_the_current_commit_that_skips_what_is_there(asv, tmp_path):
    assert asv.run(existing=False) == 0
    (machine, _), *runs = asv.calls
    start = [sys.executable, "-m", "asv"]
    assert machine == [*start, "machine", "--yes"]
    rest = ["--record-samples", "--skip-existing-successful"]
    assert [command for command, _ in runs] == [
        [*start, "run", "HEAD^!", "--bench", pattern, *rest] for pattern in benchmark_patterns(PROFILE)
    ]
    for _, options in asv.calls:
        assert options["cwd"] == tmp_path
        assert (
            options["env"].items() >= {"URNN_BENCH_PROFILE": "check", "OMP_NUM_THREADS": "1", **KEPT_HEAP}.items()
        )
        assert "ASV_PYTHONPATH" not in options["env"]
    assert asv.told == [f"asv {n}/3: {pattern}" for n, pattern in enumerate(benchmark_patterns(PROFILE), 1)]


def test_existing_measures_with_this_interpreter_and_saves_under_the_current_commit(asv, tmp_path):
    asv.run(existing=True, threads=4)
    for command, options in asv.calls[1:]:
        assert command[4:6] == ["--environment=existing:same", "--set-commit-hash=HEAD"]
        assert options["env"]["ASV_PYTHONPATH"] == str(tmp_path)
        assert options["env"]["OMP_NUM_THREADS"] == "4"


def test_a_run_with_a_failed_benchmark_is_counted_and_the_others_follow(asv):
    asv.codes = [2, 0, 2]
    assert asv.run(existing=False) == 2
    assert len(asv.calls) == 4
    why = [line for line in asv.told if line.startswith("a cell failed; to see why: asv run HEAD^! --bench '^")]
    assert len(why) == 2
    assert why[0].endswith(f"--bench '{benchmark_patterns(PROFILE)[0]}' --show-stderr")


@pytest.mark.parametrize("code", [1, -9])
def test_anything_else_that_asv_ends_with_ends_the_sweep(asv, code):
    asv.codes = [0, code]
    message = rf"^asv could not measure .*OverLength.*\(exit code {code}\); see its own message above$"
    with pytest.raises(SweepError, match=message):
        asv.run(existing=False)
    assert len(asv.calls) == 3


def test_without_asv_the_other_harness_is_named(asv, monkeypatch):
    monkeypatch.setattr(asv_harness.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SweepError, match=r"^asv is not installed here; install it, or use --harness pytest-"):
        asv.run(existing=False)
    assert asv.calls == []


def test_outside_a_checkout_the_other_harness_is_named(asv, tmp_path):
    (tmp_path / ".git").rmdir()
    with pytest.raises(SweepError, match=r"^asv measures commits, and this is no git checkout; use --harness"):
        asv.run(existing=False)
    assert asv.calls == []


@pytest.mark.parametrize(("codes", "exit_code"), [([0], 0), ([2], 2)])
def test_the_commands_exit_code_says_whether_a_benchmark_failed(asv, codes, exit_code, monkeypatch, tmp_path):
    monkeypatch.setattr("bench.commands.run.ROOT", tmp_path)
    asv.codes = codes
    assert main(["run", "--profile", "check", "--harness", "asv"]) == exit_code
    assert json.loads((asv.results / "models.json").read_text())["urnn"]["label"] == "uRNN"


CONDITIONS = {"OMP_NUM_THREADS": "1", **KEPT_HEAP}


class TestNoteConditions:
    @pytest.fixture
    def write(self, asv):
        def write(name: str, age: int, content: dict) -> os.PathLike:
            path = asv.results / "vm" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content))
            os.utime(path, (1e9 - age, 1e9 - age))
            return path

        return write

    def test_the_newest_existing_result_gets_the_variables_and_keeps_the_rest(self, write):
        content = {"commit_hash": "c", "env_vars": {}, "results": {"b": [None, 1.0]}, "version": 2}
        older = write("c-existing-py_a.json", 9, content)
        newest = write("c-existing-py_b.json", 5, content)
        other = write("c-virtualenv-py.json", 0, content)
        asv_harness._note_conditions(CONDITIONS)
        assert json.loads(newest.read_text()) == {**content, "env_vars": CONDITIONS}
        assert json.loads(older.read_text()) == json.loads(other.read_text()) == content

    def test_asvs_bare_nan_survives(self, write):
        path = write("c-existing.json", 0, {"results": {"b": [[float("nan"), 1.0]]}})
        asv_harness._note_conditions(CONDITIONS)
        assert "[[NaN, 1.0]]" in path.read_text()

    def test_a_result_that_says_so_already_is_not_written_again(self, write):
        path = write("c-existing.json", 7, {"env_vars": CONDITIONS})
        asv_harness._note_conditions(CONDITIONS)
        assert path.stat().st_mtime == 1e9 - 7

    def test_no_result_is_no_error(self, asv):
        asv_harness._note_conditions(CONDITIONS)
        assert not asv.results.exists()

    def test_it_is_done_after_every_run_with_existing_packages_and_never_otherwise(self, asv, monkeypatch):
        noted = []
        monkeypatch.setattr(asv_harness, "_note_conditions", noted.append)
        asv.run(existing=False)
        assert noted == []
        asv.run(existing=True)
        assert noted == [{**KEPT_HEAP, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}] * 3


class TestWhatIsMeasuredSurvives:
    """asv writes its files in place; `asv.writes` does so in its stead."""

    @pytest.fixture
    def result(self, asv):
        path = asv.results / "vm" / "c-virtualenv.json"
        path.parent.mkdir(parents=True)
        path.write_text('{"results": 1}')
        return path

    def test_a_file_that_a_killed_asv_left_half_written_is_put_back(self, asv, result):
        def killed(what):
            if what == "run":
                result.write_text('{"resul')
                raise KeyboardInterrupt

        asv.writes = killed
        with pytest.raises(KeyboardInterrupt):
            asv.run(existing=False)
        assert result.read_text() == '{"results": 1}'

    def test_the_next_run_puts_it_back_where_this_one_was_killed_too(self, asv, result):
        result.with_name(".c-virtualenv.json.before").write_text('{"results": 1}')
        result.write_text("")
        asv.run(existing=False)
        assert result.read_text() == '{"results": 1}'
        assert [path.name for path in result.parent.iterdir()] == [result.name], "no copy stays behind"

    def test_what_asv_wrote_last_is_what_the_next_copy_holds(self, asv, result):
        written = iter(['{"results": 2}', '{"resul', '{"results": 3}'])
        asv.writes = lambda what: result.write_text(next(written)) if what == "run" else None
        found = []
        asv.told = SimpleNamespace(append=lambda line: found.append(result.read_text()))
        asv.run(existing=False)
        assert found == ['{"results": 1}', '{"results": 2}', '{"results": 2}']
        assert result.read_text() == '{"results": 3}'

    def test_what_someone_has_deleted_does_not_come_back(self, asv, result):
        result.with_name(".gone.json.before").write_text('{"results": 1}')
        asv.run(existing=False)
        assert [path.name for path in result.parent.iterdir()] == [result.name]

    @pytest.mark.parametrize("text", ["", "[1]", "{"])
    def test_a_result_that_is_damaged_is_named_and_kept(self, asv, result, text):
        damaged = result.with_name("c-existing.json")
        damaged.write_text(text)
        with pytest.raises(ResultsError, match=rf"^{re.escape(str(damaged))} is no result of asv's; move it away"):
            asv.run(existing=True)
        assert damaged.read_text() == text


@pytest.mark.slow
def test_asvs_own_check_finds_no_fault(tmp_path):
    """What `asv check` runs in the measured environment; asv itself would import the suite once more before."""
    runner = Path(pytest.importorskip("asv").__file__).with_name("benchmark.py")
    environment = {**os.environ, "ASV_PYTHONPATH": str(ROOT), "URNN_BENCH_PROFILE": "quick"}
    command = [sys.executable, str(runner), "check", str(ROOT / "bench")]
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, ""), result.stdout + result.stderr


def test_asv_reads_its_configuration():
    config = pytest.importorskip("asv.config").Config.load(str(ROOT / "asv.conf.json"))
    assert (config.benchmark_dir, config.launch_method) == ("bench", "forkserver")
