"""The experiments' schedule with a trainer that trains nothing: order, failures, going on, the end of the time."""

import contextlib
import json
import os
import re
import select
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench import reproduce
from bench.commands import main
from bench.errors import SweepError
from bench.experiments import COMPARISON, LONG, REPRODUCTION, SHORT, Experiment, plan
from bench.grid import Cell
from bench.reproduce import Conditions, Result, summary, train_all
from bench.step_costs import cells
from tests.forks import forked

FAKE = Path(__file__).with_name("fake_trainer.py")
URNN = Experiment("copying", 100, "urnn", 0)
LSTM = Experiment("digits", None, "lstm", 0)
FAILS = Experiment("copying", 100, "irnn", 0)
KILLED = Experiment("copying", 100, "urnn", 1)
ENDLESS = Experiment("copying", 100, "ortho_cayley", 0)


@pytest.fixture(autouse=True)
def _fake_trainer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reproduce, "TRAINER", (sys.executable, str(FAKE)))
    monkeypatch.setattr(reproduce, "POLL_SECONDS", 0.01)


@pytest.fixture
def run(tmp_path):
    """Conducts experiments, one at a time unless told otherwise -> the result, and what was told."""

    def trained(*experiments: Experiment, seconds: float = 60.0, jobs: int = 1) -> tuple[Result, list[str]]:
        told: list[str] = []
        return train_all(experiments, Conditions(tmp_path, jobs, seconds), told.append), told

    return trained


@pytest.fixture
def time_is_up_when(monkeypatch, tmp_path):
    """The clock stands still until so many endless runs are going, then jumps to the end of the time."""

    def set_clock(going: int) -> None:
        def monotonic() -> float:
            return 0.0 if len(list((tmp_path / REPRODUCTION).glob("going-*"))) < going else 61.0

        monkeypatch.setattr(reproduce, "time", SimpleNamespace(monotonic=monotonic, sleep=time.sleep))

    return set_clock


def header(runs: Path, experiment: Experiment) -> dict:
    return experiment.log(runs).first()


def test_the_plan_has_one_seed_of_everything_then_the_urnns_others_then_its_rivals():
    reduced = plan(full=False, seeds=3, mnist=False, sets=[REPRODUCTION])
    assert len(reduced) == len(set(reduced)) == 3 * (4 * 8 + 3)
    turns = list(dict.fromkeys((one.model, one.seed) for one in reduced))
    names = ["urnn", "lstm", "irnn", "ortho_cayley"]
    assert turns[:4] == [(name, 0) for name in names]
    assert turns[4:6] == [("urnn", 1), ("urnn", 2)]
    assert turns[6:] == [(name, seed) for seed in (1, 2) for name in names[1:]]
    assert [(one.task, one.length) for one in reduced[:11] if one.model == "urnn"] == [
        *(("copying", length) for length in (100, 200, 300, 500, 1000, 2000, 5000)),
        *(("adding", length) for length in (100, 200)),
        ("digits", None),
        ("permuted_digits", None),
    ]
    assert {one.model for one in reduced if one.length and one.length > 500} == {"urnn"}
    assert list(dict.fromkeys(one.model for one in reduced)) == ["urnn", "lstm", "irnn", "ortho_cayley"]


def test_the_short_comparison_comes_first_and_then_the_papers_first_seeds():
    runs = plan(full=False, seeds=2, mnist=False)
    compared = sum(len(one.models) for one in (*SHORT, *LONG))
    assert compared == 6 * 7 + 3 * 6
    assert len(runs) == len(set(runs)) == 2 * (compared + 4 * 8 + 3)
    parts = list(dict.fromkeys((one.set_name, one.seed) for one in runs))
    assert parts == [(COMPARISON, 0), (REPRODUCTION, 0), (COMPARISON, 1), (REPRODUCTION, 1)]
    short = {(one.task, one.length) for one in SHORT}
    assert {(one.task, one.length) for one in runs[: 4 * 7 + 6]} == short
    first_long = runs.index(Experiment("copying", 200, "urnn", 0, LONG[0].seconds))
    assert all(one.seed == 0 for one in runs[:first_long])
    assert {one.set_name for one in plan(False, 2, False, [COMPARISON])} == {COMPARISON}


def test_every_model_of_the_comparison_is_given_the_same_seconds_on_a_task():
    limits = {}
    for one in plan(full=True, seeds=3, mnist=False, sets=[COMPARISON]):
        limits.setdefault((one.task, one.length), set()).add(one.seconds)
    assert ("copying", 10_000) in limits
    assert all(len(seconds) == 1 for seconds in limits.values())


def test_a_run_of_the_comparison_goes_on_where_its_limit_was_raised(run, tmp_path):
    """The GRU comes to its limit after 2 seconds, the LSTM solves the task."""
    wanted = ["--max-seconds=1.5", "--max-iterations=100000000", "--threads=1"]
    gru, lstm = (Experiment("parity", None, model, 0, 1.5) for model in ("gru", "lstm"))
    run(gru, lstm)
    assert header(tmp_path, gru)["arguments"][:6] == ["parity", "--model=gru", "--seed=0", *wanted]
    raised = [Experiment("parity", None, model, 0, 30.0) for model in ("gru", "lstm")]
    assert (gru.end(tmp_path)["outcome"], raised[0].end(tmp_path)) == ("finished", None)
    assert raised[1].end(tmp_path)["outcome"] == "solved"
    assert URNN.log(tmp_path) is None


def test_the_full_plan_has_the_papers_lengths_and_mnist_where_its_files_are():
    places = {(one.task, one.length) for one in plan(full=True, seeds=1, mnist=False, sets=[REPRODUCTION])}
    assert places >= {("copying", 1000), ("adding", 400), ("adding", 750)}
    assert not any("mnist" in task for task, _ in places)
    with_mnist = {one.task for one in plan(full=True, seeds=1, mnist=True)}
    assert with_mnist >= {"mnist", "permuted_mnist"}


def test_a_run_is_told_its_task_and_one_thread_and_only_the_first_seed_is_looked_into(run, tmp_path):
    run(URNN, LSTM)
    wanted = ["--threads=1", f"--runs={tmp_path.resolve() / REPRODUCTION}", "--end-with-stdin"]
    first = header(tmp_path, URNN)
    assert first["arguments"] == [
        "copying",
        "--length=100",
        "--model=urnn",
        "--seed=0",
        "--untuned",
        "--anatomy",
        *wanted,
    ]
    assert first["threads"] == "1"
    assert header(tmp_path, LSTM)["arguments"] == ["digits", "--model=lstm", "--seed=0", "--untuned", *wanted]
    assert "--anatomy" not in KILLED.arguments()


def test_a_failure_is_recorded_with_its_last_words_and_the_rest_is_run(run):
    result, told = run(FAILS, KILLED, URNN)
    assert result.failed == [(FAILS, "no such luck"), (KILLED, "exit code -9, without a word")]
    assert [(one, end["outcome"]) for one, end in result.ended] == [(URNN, "solved")]
    assert told == [
        "reproduction: copying T = 100, IRNN, seed 0: started; 2 more to come",
        "reproduction: copying T = 100, IRNN, seed 0: failed: no such luck",
        "reproduction: copying T = 100, uRNN, seed 1: started; 1 more to come",
        "reproduction: copying T = 100, uRNN, seed 1: failed: exit code -9, without a word",
        "reproduction: copying T = 100, uRNN, seed 0: started; 0 more to come",
        "reproduction: copying T = 100, uRNN, seed 0: solved after 100 iterations, 2 s",
    ]


def test_what_has_ended_is_not_run_again_a_divergence_included_and_what_has_not_is(run, tmp_path):
    diverges = Experiment("copying", 100, "rnn_tanh", 0)
    run(URNN, KILLED, diverges)
    before = (tmp_path / REPRODUCTION / "copying-T100" / "urnn-n8-seed0" / "log.jsonl").read_bytes()
    result, told = run(URNN, KILLED, diverges)
    assert result.before == [URNN, diverges]
    assert [one for one, _ in result.failed] == [KILLED]
    assert told[0] == "reproduction: copying T = 100, uRNN, seed 1: started; 0 more to come"
    assert (tmp_path / REPRODUCTION / "copying-T100" / "urnn-n8-seed0" / "log.jsonl").read_bytes() == before


def test_a_torn_last_line_is_no_end(run, tmp_path):
    run(URNN)
    log = tmp_path / REPRODUCTION / "copying-T100" / "urnn-n8-seed0" / "log.jsonl"
    log.write_text(log.read_text()[:-5])
    assert URNN.end(tmp_path) is None


def test_so_many_run_at_once(run, time_is_up_when):
    """Two that never end occupy both places; the third waits until the time is up."""
    time_is_up_when(going=2)
    endless = [ENDLESS, Experiment("copying", 200, "ortho_cayley", 0)]
    result, _ = run(*endless, URNN, jobs=2)
    assert (result.interrupted, result.not_run, result.ended) == (endless, [URNN], [])


def test_when_the_time_is_up_nothing_is_started_and_what_is_going_keeps_its_log(run, time_is_up_when, tmp_path):
    result, told = run(URNN, LSTM, seconds=0.0)
    assert (result.not_run, told) == ([URNN, LSTM], [])
    time_is_up_when(going=1)
    result, told = run(ENDLESS, URNN)
    assert (result.interrupted, result.not_run, result.stopped) == ([ENDLESS], [URNN], False)
    assert (
        told[-1]
        == "reproduction: copying T = 100, Orthogonal RNN (Cayley), seed 0: interrupted; the same command goes on"
    )
    assert ENDLESS.log(tmp_path).lines()[-1]["outcome"] == "interrupted"
    assert ENDLESS.end(tmp_path) is None


def test_two_commands_in_one_folder_are_refused(run, tmp_path):
    told: list[str] = []

    def second(line: str) -> None:
        told.append(line)
        if len(told) == 1:
            with pytest.raises(SweepError) as caught:
                train_all([LSTM], Conditions(tmp_path, 1, 60.0), told.append)
            told.append(str(caught.value))

    train_all([URNN], Conditions(tmp_path, 1, 60.0), second)
    assert re.fullmatch(
        rf"another `python -m bench reproduce` is at work in {re.escape(str(tmp_path))} \(process {os.getpid()}, "
        r"since \d\d:\d\d: .+\); wait until it has ended, end it, or name another folder with --runs",
        told[1],
    )
    assert run(LSTM)[0].ended, "the first has let go of it"


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SweepError) as caught:
        train_all([URNN], Conditions(tmp_path / "file", 1, 60.0), print)
    assert str(caught.value).startswith(f"cannot write to {tmp_path / 'file'} (")
    assert str(caught.value).endswith("); name another folder with --runs")


def test_the_summary_says_what_was_run_and_what_was_not():
    result = Result(
        before=[URNN],
        ended=[(URNN, {})],
        interrupted=[ENDLESS],
        failed=[(FAILS, "why")],
        not_run=[KILLED, Experiment("adding", 100, "urnn", 1), LSTM],
    )
    assert summary(result, 5) == [
        "2 of 5 runs have ended, 1 of them now.",
        "1 interrupted, to go on with the same command: "
        "reproduction: copying T = 100, Orthogonal RNN (Cayley), seed 0.",
        "3 not run, because the time was up: reproduction: uRNN, seed 1 (2); reproduction: nn.LSTM, seed 0 (1).",
        "failed: reproduction: copying T = 100, IRNN, seed 0: why",
    ]


def test_the_step_of_every_run_with_a_log_is_measured_once(run, tmp_path):
    permuted = Experiment("permuted_digits", None, "lstm", 0)
    adding = Experiment("adding", 200, "urnn", 0)
    run(URNN, KILLED, LSTM, permuted, adding)
    shared = {"phase": "train", "device": "cpu", "dtype": "float32", "hidden_size": 8, "batch": 2}
    assert cells([URNN, KILLED, LSTM, permuted, adding, FAILS], tmp_path) == [
        Cell("urnn", "cpu", length=120, task="copying", **shared),
        Cell("lstm", "torch", length=64, task="pixels", **shared),
        Cell("urnn", "cpu", length=220, task="adding", **shared),
    ]


@pytest.fixture
def command(monkeypatch, tmp_path, capsys):
    """`python -m bench reproduce` on two experiments -> exit code, output, what was measured."""

    def call(*experiments: Experiment, error: Exception | None = None) -> tuple[int, str, list]:
        measured = []

        def measure(planned, runs):
            measured.append(runs)
            if error:
                raise error

        monkeypatch.setattr("bench.commands.reproduce.plan", lambda full, seeds, mnist, sets: list(experiments))
        monkeypatch.setattr("bench.step_costs.measure", measure)
        code = main(["reproduce", f"--runs={tmp_path}", "--minutes=1", "--jobs=1"])
        out, call.error = capsys.readouterr()
        return code, out, measured

    return call


def test_the_command_trains_sums_up_and_measures_steps(command, tmp_path):
    code, out, measured = command(URNN, FAILS)
    assert (code, measured) == (0, [tmp_path])
    assert "1 of 2 runs have ended, 1 of them now.\n" in out
    assert out.endswith("failed: reproduction: copying T = 100, IRNN, seed 0: no such luck\n")


def test_the_report_does_without_step_times(command):
    code, out, _ = command(URNN, error=SweepError("no compiler"))
    assert code == 0
    assert out.endswith("step times and memory were not measured: no compiler\n")


def test_where_nothing_ended_the_exit_code_is_2_and_nothing_is_measured(command):
    code, _, measured = command(FAILS)
    assert (code, measured) == (2, [])
    assert command.error == "error: no run is done, so there is nothing to report; the same command goes on\n"


@pytest.fixture
def started_command(tmp_path, monkeypatch):
    """The command in a process of its own, as soon as its one trainer, the endless fake, is going."""
    monkeypatch.setattr("bench.commands.reproduce.plan", lambda *a: [ENDLESS])

    def work() -> int:
        with (
            (tmp_path / "out").open("w") as out,
            (tmp_path / "error").open("w") as error,
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(error),
        ):
            return main(["reproduce", f"--runs={tmp_path}"])

    with forked(work) as command:
        while not (tmp_path / REPRODUCTION / "going-100").exists() and command.poll() is None:
            time.sleep(0.01)
        yield command


def test_ctrl_c_stops_the_runs_says_what_there_is_and_leaves_no_process(started_command, tmp_path):
    os.killpg(started_command.pid, signal.SIGINT)
    assert started_command.wait() == 2
    interrupted = "0 of 1 runs have ended, 0 of them now.\n1 interrupted, to go on with the same command: "
    assert interrupted in (tmp_path / "out").read_text()
    error = (tmp_path / "error").read_text()
    assert error == "error: interrupted; what was measured is kept, and the same command goes on\n"
    log = tmp_path / REPRODUCTION / "copying-T100" / "ortho_cayley-n8-seed0" / "log.jsonl"
    assert json.loads(log.read_text().splitlines()[-1])["outcome"] == "interrupted"


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="nothing else tells of the end of another's process")
def test_the_trainers_of_a_killed_command_end(started_command, tmp_path):
    trainer = os.pidfd_open(int((tmp_path / REPRODUCTION / "going-100").read_text()))
    started_command.kill()
    ended, _, _ = select.select([trainer], [], [], 60)
    os.close(trainer)
    assert ended
    assert ENDLESS.log(tmp_path).lines()[-1]["kind"] == "run", "at once, as kill -9 would"


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_lets_every_trainer_keep_its_checkpoint(name, run, tmp_path, monkeypatch):
    def monotonic() -> float:
        if (tmp_path / REPRODUCTION / "going-100").exists():
            os.kill(os.getpid(), getattr(signal, name))
        return 0.0

    monkeypatch.setattr(reproduce, "time", SimpleNamespace(monotonic=monotonic, sleep=time.sleep))
    result, told = run(ENDLESS, URNN)
    assert (result.interrupted, result.not_run, result.stopped) == ([ENDLESS], [URNN], True)
    assert told[-1].endswith("interrupted; the same command goes on")
    assert ENDLESS.log(tmp_path).lines()[-1]["outcome"] == "interrupted"


def test_a_command_that_fails_ends_its_trainers(tmp_path, monkeypatch):
    """Its reader has gone away when it wants to tell of a start."""
    processes = []

    def told(line: str) -> None:
        raise BrokenPipeError

    start = reproduce._start
    monkeypatch.setattr(reproduce, "_start", lambda *a: processes.append(start(*a)) or processes[-1])
    with pytest.raises(BrokenPipeError):
        train_all([ENDLESS], Conditions(tmp_path, 1, 60.0), told)
    assert processes[0].process.returncode == -signal.SIGKILL


DAMAGE = {
    "no UTF-8": b"\xff\n",
    "no objects": b"5\n[]\nnull\n",
    "nesting": b"[" * 50_000 + b"\n",
    "a long number": b'{"kind": "end", "iteration": ' + b"9" * 5000 + b"}\n",
    "an end without numbers": b'{"kind": "run"}\n{"kind": "end", "outcome": "solved", "message": ""}\n',
    "an end with texts": b'{"kind": "end", "outcome": "solved", "message": "", "iteration": 1, "seconds": "1"}\n',
    "nothing": b"",
}


@pytest.mark.parametrize("kind", [*DAMAGE, "folder", "FIFO", "loop"])
def test_a_damaged_log_is_no_end_and_hides_no_other_run(kind, run, tmp_path):
    path = tmp_path / REPRODUCTION / "copying-T100" / "urnn-n8-seed0" / "log.jsonl"
    path.parent.mkdir(parents=True)
    if kind in DAMAGE:
        path.write_bytes(DAMAGE[kind])
    else:
        {"folder": path.mkdir, "FIFO": lambda: os.mkfifo(path), "loop": lambda: path.symlink_to(path)}[kind]()
    run(LSTM)
    told: list[str] = []
    assert [cell.model for cell in cells([URNN, LSTM], tmp_path, told.append)] == ["lstm"]
    assert URNN.end(tmp_path) is None
    assert LSTM.end(tmp_path)["outcome"] == "solved"


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("steps", None, "length must be a whole number of at least 1, got None"),
        ("hidden_size", "8", "hidden_size must be a whole number of at least 1, got '8'"),
        ("batch", -2, "batch must be a whole number of at least 1, got -2"),
        ("device", [], "device must be one of cpu, cuda; got []"),
        ("dtype", "float12", "dtype must be one of"),
        ("backend", "abacus", "backend of lstm must be one of torch, native; got 'abacus'"),
        ("model", "gru", "it is of 'digits' and 'gru'"),
        ("task", ..., "no 'task' in it"),
    ],
)
def test_a_log_that_does_not_say_what_was_trained_is_left_out_of_the_steps_by_name(
    field, value, why, run, tmp_path
):
    run(LSTM, URNN)
    path = tmp_path / REPRODUCTION / "digits-T64" / "lstm-n8-seed0" / "log.jsonl"
    first = {**header(tmp_path, LSTM), field: value}
    if value is ...:
        del first[field]
    path.write_text(json.dumps(first) + "\n")
    told: list[str] = []
    assert [cell.model for cell in cells([LSTM, URNN], tmp_path, told.append)] == ["urnn"]
    assert told[0].startswith(
        "reproduction: digits, nn.LSTM, seed 0: its step is not measured, "
        f"because its log's first line is damaged: {why}"
    )


@pytest.mark.parametrize("kind", ["folder", "FIFO"])
def test_what_stands_in_the_place_of_a_trainers_output_is_replaced_or_named(kind, run, tmp_path):
    path = tmp_path / "output" / f"{URNN.slug}.txt"
    path.parent.mkdir()
    if kind == "FIFO":
        os.mkfifo(path)
        assert run(URNN)[0].ended
    else:
        path.mkdir()
        with pytest.raises(SweepError) as caught:
            run(URNN)
        assert str(caught.value).startswith(
            f"cannot start reproduction: copying T = 100, uRNN, seed 0, its output in {path} ("
        )


@pytest.mark.parametrize("kind", ["folder", "FIFO", "link"])
def test_what_stands_in_the_place_of_the_lock_is_named(kind, run, tmp_path):
    path, other = tmp_path / "lock", tmp_path / "other"
    other.write_text("precious")
    {"folder": path.mkdir, "FIFO": lambda: os.mkfifo(path), "link": lambda: path.symlink_to(other)}[kind]()
    with pytest.raises(SweepError) as caught:
        run(URNN)
    assert str(caught.value).startswith(f"cannot write to {tmp_path} (")
    assert other.read_text() == "precious"
