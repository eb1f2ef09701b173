"""`python -m bench`: any slice, and one sentence with exit code 2 for what cannot be."""

import argparse
import json
import re

import pytest

from analysis.vocabulary import DEVICES, NOT_PLANNED, PHASES
from bench.commands import PROGRAM, main
from bench.commands import run as run_command
from bench.environment import ALLOCATORS
from bench.experiments import MOST_SEEDS
from bench.grid import DTYPES, Cell
from bench.lane.events import GaveNothing
from bench.paths import ROOT
from bench.profiles import PROFILES, get_profile
from bench.reproduce import MOST_JOBS
from tests.bench.cells import VARIANTS
from urnn import models
from urnn.tasks import TASKS

pytestmark = pytest.mark.usefixtures("without_gpu")


def listed(capsys, *arguments: str) -> tuple[list[Cell], str]:
    assert main(["list", *arguments]) == 0
    *lines, total = capsys.readouterr().out.splitlines()
    return [Cell.from_id(line.split()[-1]) for line in lines if not line.startswith("not planned: ")], total


class TestBadInput:
    @pytest.mark.parametrize("command", ["run", "list"])
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ("--profile quik", f"profile must be one of {', '.join(PROFILES)}; got 'quik'"),
            (
                "--models lstn",
                f"unknown model 'lstn'; the registry (urnn/models.py) has: {', '.join(models.every())}",
            ),
            (
                "--models lstm,",
                f"unknown model ''; the registry (urnn/models.py) has: {', '.join(models.every())}",
            ),
            ("--models lstm:triton", "backend of lstm must be one of torch, native; got 'triton'"),
            ("--models zoo", "profile 'quick' has no cell of zoo; use --profile full or zoo"),
            (
                "--models lru,mingru:torch",
                "profile 'quick' has no cell of lru, mingru:torch; use --profile full or zoo",
            ),
            ("--phase trian", f"phase must be one of {', '.join(PHASES)}; got 'trian'"),
            ("--phase train,", f"phase must be one of {', '.join(PHASES)}; got ''"),
            ("--device tpu", f"device must be one of {', '.join(DEVICES)}; got 'tpu'"),
            ("--dtype float8", f"dtype must be one of {', '.join(DTYPES)}; got 'float8'"),
            ("--task sorting", f"task must be one of {', '.join(TASKS)}; got 'sorting'"),
            (
                "--device cuda",
                "device 'cuda' was asked for and torch sees no CUDA device here; use --device cpu, "
                "or install a CUDA build of torch on a machine with a GPU",
            ),
            (
                "--phase stream --length 100",
                "no cell of profile 'quick' fits these options; see `python -m bench list`",
            ),
        ],
    )
    def test_is_one_line_and_exit_code_2(self, command, arguments, message, capsys, tmp_path):
        assert main([command, *arguments.split(), f"--results={tmp_path}"]) == 2
        captured = capsys.readouterr()
        assert captured.err == f"error: {message}\n"
        assert captured.out == ""
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ("list --hidden 0", "argument --hidden: expected at least 1, got '0'"),
            ("list --batch 8,-1", "argument --batch: expected at least 1, got '8,-1'"),
            ("list --length abc", "argument --length: expected whole numbers such as 128,256, got 'abc'"),
            ("list --hidden 1.5", "argument --hidden: expected whole numbers such as 128,256, got '1.5'"),
            ("list --hidden 64,", "argument --hidden: expected whole numbers such as 128,256, got '64,'"),
            ("list --hidden ١٢٨", "argument --hidden: expected whole numbers such as 128,256, got '١٢٨'"),
            ("list --hidden 1_000", "argument --hidden: expected whole numbers such as 128,256, got '1_000'"),
            ("list --hidden 64,64", "argument --hidden: expected each number once, got '64,64'"),
            ("list --models lstm,lstm", "argument --models: expected each name once, got 'lstm,lstm'"),
            (f"list --hidden {10**25}", f"argument --hidden: expected at most {10**12}, got '{10**25}'"),
            (f"list --length {10**12 + 1}", f"argument --length: expected at most {10**12}, got '{10**12 + 1}'"),
            (
                f"list --batch {'9' * 5000}",
                f"argument --batch: expected at most {10**12}, got '{'9' * 57}...'",
            ),
            ("list --threads 1000000", "argument --threads: expected at most 1024, got '1000000'"),
            (f"list --passes {10**9}", f"argument --passes: expected at most 10000, got '{10**9}'"),
            ("list --results=", "argument --results: expected a path, got ''"),
            ("reproduce --minutes nan", "argument --minutes: expected a number above 0, got 'nan'"),
            ("reproduce --minutes=-1", "argument --minutes: expected a number above 0, got '-1'"),
            ("reproduce --minutes inf", "argument --minutes: expected a number above 0, got 'inf'"),
            ("reproduce --minutes 1e999", "argument --minutes: expected at most 527040, got '1e999'"),
            ("reproduce --minutes ٣", "argument --minutes: expected a number above 0, got '٣'"),
            ("reproduce --minutes=-inf", "argument --minutes: expected a number above 0, got '-inf'"),
            (f"reproduce --seeds {10**25}", f"argument --seeds: expected at most {MOST_SEEDS}, got '{10**25}'"),
            (f"reproduce --jobs {10**25}", f"argument --jobs: expected at most {MOST_JOBS}, got '{10**25}'"),
            ("gate --base=", "argument --base: expected a name, got ''"),
            ("gate --wait 1e9", "argument --wait: expected at most 604800, got '1e9'"),
            ("history --range=", "argument --range: expected a name, got ''"),
            (f"calibrate --passes {10**25}", f"argument --passes: expected at most 10000, got '{10**25}'"),
            (f"cuda-plans --hidden {10**25}", f"argument --hidden: expected at most {10**12}, got '{10**25}'"),
            ("run --threads 0", "argument --threads: expected at least 1, got '0'"),
            ("run --passes 0", "argument --passes: expected at least 1, got '0'"),
            ("run --passes abc", "argument --passes: expected a whole number, got 'abc'"),
            (f"run --threads {'9' * 5000}", f"argument --threads: expected at most 1024, got '{'9' * 57}...'"),
            ("fleet --on local:0", "argument --on: expected at least 1, got '0'"),
            ("run --threads 1,2", "argument --threads: expected a whole number, got '1,2'"),
            ("run --allocator jemalloc", "argument --allocator: invalid choice: 'jemalloc'"),
            ("run --harness timeit", "argument --harness: invalid choice: 'timeit'"),
            ("measure", "argument COMMAND: invalid choice: 'measure'"),
            ("", "the following arguments are required: COMMAND"),
            ("list --colour", "unrecognized arguments: --colour"),
        ],
    )
    def test_that_cannot_be_parsed_is_one_line_that_names_the_help(self, arguments, message, capsys):
        assert main(arguments.split()) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        command = arguments.split()[:1] if arguments.startswith(PROGRAM.commands) else []
        help_of = " ".join(["python -m bench", *command, "--help"])
        assert re.fullmatch(rf"error: {re.escape(message)}.*; see {help_of}\n", captured.err)

    def test_a_folder_that_cannot_be_written_is_found_before_anything_is_measured(
        self, capsys, tmp_path, processes
    ):
        (tmp_path / "file").write_text("")
        assert main(["run", f"--results={tmp_path / 'file'}"]) == 2
        assert capsys.readouterr().err == (
            f"error: expected a folder for results, got {tmp_path / 'file'}, which is a file; "
            "choose a folder with --results.\n"
        )
        assert main(["run", f"--results={tmp_path / 'file' / 'below'}"]) == 2
        error = capsys.readouterr().err
        assert re.fullmatch(r"error: cannot write .*/below/\.lock: .*; what was .*--results, .*\.\n", error)
        assert processes == []

    @pytest.mark.parametrize("command", ["run", "list", "gate", "calibrate"])
    @pytest.mark.parametrize("size", ["--hidden=1000000", "--batch=1000000000000", "--length=1000000000000"])
    def test_a_cell_that_cannot_fit_into_memory_is_refused_with_what_it_needs(
        self, command, size, capsys, tmp_path, monkeypatch
    ):
        monkeypatch.setattr("bench.estimate.memory_of", lambda device: 16 * 10**9)
        arguments = [command, "--models=lstm", "--phase=train", "--task=copying", size, f"--results={tmp_path}"]
        assert main(arguments) == 2
        assert re.fullmatch(
            r"error: lstm:torch-train-copying-\S*10{6,}\S* needs at least [\d,]+ GB of memory, and cpu "
            r"has 16\.0 GB here; choose a smaller --hidden, --length or --batch\n",
            capsys.readouterr().err,
        )
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize(
        ("error", "line"),
        [
            (PermissionError(13, "Permission denied", "/x"), "[Errno 13] Permission denied: '/x'"),
            (OSError(28, "No space left"), "the output cannot be written (No space left)"),
        ],
    )
    def test_an_error_of_the_system_is_one_line(self, error, line, monkeypatch, capsys):
        def failing(*_arguments):
            raise error

        monkeypatch.setattr("bench.commands.list.get_profile", failing)
        assert main(["list"]) == 2
        assert capsys.readouterr().err == f"error: {line}\n"

    def test_a_damaged_results_file_is_named_and_nothing_is_measured(
        self, capsys, tmp_path, processes, monkeypatch
    ):
        monkeypatch.setattr("bench.lane.sweep.run", lambda *arguments: None)
        monkeypatch.setattr("bench.run_file.RunFile.measured", lambda self: {self._save()} - {None})
        assert main(["run", f"--results={tmp_path}"]) == 0
        damaged = next(path for path in tmp_path.rglob("0001_*_kept.json"))
        damaged.write_text(damaged.read_text()[:50])
        capsys.readouterr()
        assert main(["run", f"--results={tmp_path}"]) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"error: {damaged}: expected complete JSON, but it is cut off or damaged at ")
        assert error.count("\n") == 1
        assert processes == []


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in PROGRAM.commands)])
def test_help_is_printed(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
    assert "usage: python -m bench" in capsys.readouterr().out


def test_the_help_names_everything_that_can_be_asked_for(capsys):
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    text = capsys.readouterr().out
    for name in (
        *PROFILES,
        *models.every(),
        "zoo is 14",
        *PHASES,
        *DEVICES,
        *DTYPES,
        *TASKS,
        *ALLOCATORS,
    ):
        assert name in text


class TestList:
    @pytest.mark.parametrize("profile", [name for name in PROFILES if name != "gpu"])
    def test_it_shows_the_profiles_cells_on_the_devices_that_are_here(self, profile, capsys):
        cells, total = listed(capsys, "--profile", profile)
        assert cells == [cell for cell in get_profile(profile).cells() if cell.device == "cpu"]
        passes = get_profile(profile).passes
        assert re.fullmatch(rf"{len(cells)} cells x {passes} passes, roughly [\d.]+ (s|min|h)", total)

    def test_every_line_has_a_time_and_a_name(self, capsys):
        main(["list", "--models", "lstm"])
        *lines, _ = capsys.readouterr().out.splitlines()
        assert all(re.fullmatch(r" *[\d.]+ (s|min|h)  lstm:(torch|native)-\S+", line) for line in lines)

    def test_it_counts_what_is_not_planned_in_the_slice(self, capsys):
        options = ("--profile", "full", "--models", "lem,lru", "--phase", "train", "--hidden", "512")
        main(["list", *options, "--length", "256,784"])
        *lines, _ = capsys.readouterr().out.splitlines()
        assert [line for line in lines if line.startswith("not planned")] == []  # each size was asked for
        main(["list", *options])  # as sizes replace each other, that of n = 128 and T = 784 is in
        *lines, _ = capsys.readouterr().out.splitlines()
        assert [line.rpartition(":")[0] for line in lines if line.startswith("not planned")] == [
            "not planned: 2 cells. Slow models of the wider field have no cells at n > 128 and T > 256",
            "not planned: 2 cells. Slow models of the wider field have no cells at B > 64",
        ]

    def test_it_shows_any_slice(self, capsys):
        sizes = ("--hidden", "128,256", "--length", "100")
        cells, _ = listed(capsys, "--models", "urnn,lstm", "--phase", "train", "--task", "copying", *sizes)
        assert {cell.model for cell in cells} == {"urnn", "lstm"}
        assert {(cell.phase, cell.length, cell.device, cell.task) for cell in cells} == {
            ("train", 100, "cpu", "copying")
        }
        assert {cell.hidden_size for cell in cells} == {128, 256}

    def test_a_model_may_be_named_with_a_backend(self, capsys):
        cells, _ = listed(capsys, "--models", VARIANTS[0])
        assert {cell.variant for cell in cells} == {VARIANTS[0]}

    def test_sizes_are_free(self, capsys):
        cells, _ = listed(capsys, "--hidden", "97", "--length", "33", "--batch", "5")
        assert {(cell.hidden_size, cell.length, cell.batch) for cell in cells} == {(97, 33, 5)}

    def test_more_passes_take_longer(self, capsys):
        _, once = listed(capsys, "--passes", "1")
        assert " x 1 passes" in once
        assert " x 9 passes" in listed(capsys, "--passes", "9")[1]


class TestRun:
    """Which sweeps a command starts; measuring itself is left out here."""

    @pytest.fixture
    def sweeps(self, monkeypatch) -> list:
        started = []

        def store_failures(jobs, side, on_start, on_end):
            started.append((jobs, side.settings, side.run_file.path))
            for job in jobs:
                on_start(job)
                side.store(job, GaveNothing(job.cell.id, "failed", "not measured in this test"))
                on_end(job, "measured")

        monkeypatch.setattr("bench.lane.sweep.run", store_failures)
        return started

    ANCHOR = ("run", "--models=urnn,lstm,gru", "--phase=train", "--task=copying", "--hidden=512", "--length=100")

    def test_the_allocators_cost_is_measured_once_beside_it_in_a_file_of_its_own(self, sweeps, tmp_path):
        assert main([*self.ANCHOR, f"--results={tmp_path}"]) == 0
        (jobs, settings, path), (control_jobs, control_settings, control_path) = sweeps
        assert (settings.allocator, control_settings.allocator) == ("kept", "default")
        assert {job.pass_number for job in jobs} == {1, 2}
        assert [job.cell for job in control_jobs] == list(get_profile("quick").allocator_controls)
        assert {job.pass_number for job in control_jobs} == {1}
        assert path.name.endswith("_quick_1t_kept.json")
        assert control_path.name.endswith("_quick_1t_default.json")

    def test_a_slice_without_the_controls_or_under_the_default_measures_none(self, sweeps, tmp_path):
        assert main(["run", "--models", "gru", "--hidden", "64", f"--results={tmp_path}"]) == 0
        assert main([*self.ANCHOR, "--allocator", "default", f"--results={tmp_path}"]) == 0
        assert [settings.allocator for _, settings, _ in sweeps] == ["kept", "default"]

    def test_the_same_command_goes_on_and_fresh_starts_again(self, sweeps, tmp_path, capsys):
        command = ["run", "--models", "gru", "--hidden", "64", f"--results={tmp_path}"]
        for arguments in (command, command, [*command, "--fresh"]):
            assert main(arguments) == 0
        (first, _, path), (second, _, same_path), (third, _, new_path) = sweeps
        assert first == third
        assert second == []
        assert path == same_path != new_path
        assert f"{len(first)} of {len(first)} are measured already, in {path}\n" in capsys.readouterr().out

    def test_a_larger_slice_measures_only_what_is_new(self, sweeps, tmp_path):
        main(["run", "--models", "gru", "--hidden", "64", f"--results={tmp_path}"])
        main(["run", "--models", "gru,lstm", "--hidden", "64", f"--results={tmp_path}"])
        assert {job.cell.model for job in sweeps[1][0]} == {"lstm"}
        assert sweeps[0][2] == sweeps[1][2]

    def test_cells_that_a_profile_leaves_out_are_in_the_file_and_measured_when_asked_for(self, sweeps, tmp_path):
        command = ["run", "--profile=full", "--models=lem", "--phase=train", f"--results={tmp_path}", "--passes=1"]
        assert main(command) == 0
        jobs, _, path = sweeps[0]
        outcomes = {one["cell"]: one["outcome"] for one in json.loads(path.read_text())["run"]["outcomes"]}
        left_out = {cell.id for cell in get_profile("full").not_planned() if cell.device == "cpu"}
        left_out = {name for name in left_out if name.startswith("lem:eager-train")}
        assert {name for name, outcome in outcomes.items() if outcome == NOT_PLANNED} == left_out != set()
        assert not {job.cell.id for job in jobs} & left_out
        assert main([*command, "--hidden=512", "--length=2048", "--batch=64"]) == 0
        (asked,) = sweeps[1][0]
        assert asked.cell.id in left_out

    def test_other_conditions_make_another_file(self, sweeps, tmp_path):
        command = ["run", "--models", "gru", "--hidden", "64", f"--results={tmp_path}"]
        for more in ([], ["--threads", "2"], ["--allocator", "default"], ["--profile", "ci"]):
            assert main([*command, *more]) == 0
        assert len({path for _, _, path in sweeps}) == 4
        assert [settings.threads for _, settings, _ in sweeps] == [1, 2, 1, 1]

    def test_passes_may_be_chosen(self, sweeps, tmp_path):
        main(["run", "--models", "gru", "--hidden", "64", "--passes", "3", f"--results={tmp_path}"])
        assert {job.pass_number for job in sweeps[0][0]} == {1, 2, 3}

    def test_results_lie_where_pytest_benchmark_looks_by_default(self):
        parser = argparse.ArgumentParser()
        run_command.add_arguments(parser)
        assert parser.parse_args([]).results == ROOT / ".benchmarks"

    def test_a_file_from_other_code_is_left_alone(self, sweeps, tmp_path, monkeypatch):
        command = ["run", "--models", "gru", "--hidden", "64", f"--results={tmp_path}"]
        assert main(command) == 0
        monkeypatch.setattr("bench.identity.source_digest", lambda root, cells: "0" * 8)
        assert main(command) == 0
        assert len(sweeps[1][0]) == len(sweeps[0][0])
        assert json.loads(sweeps[0][2].read_text())["run"]["profile"] == "quick"


def test_asv_refuses_a_slice_that_it_would_ignore(capsys):
    assert main(["run", "--harness", "asv", "--models", "lstm", "--hidden", "64"]) == 2
    assert capsys.readouterr().err == (
        "error: --harness asv measures whole profiles, got a slice (--models, --hidden); "
        "use --harness pytest-benchmark, or asv run --bench with a regular expression\n"
    )


def test_any_dtype_can_be_listed(capsys):
    assert main(["list", "--dtype", "float64", "--models", "lstm", "--hidden", "64", "--phase", "stream"]) == 0
    assert "lstm:torch-stream-copying-n64-T1-B1-cpu-float64" in capsys.readouterr().out
