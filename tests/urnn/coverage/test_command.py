"""`python -m urnn.coverage`: what it leaves in a folder, how it goes on, and each error in one line."""

import json
import signal
from functools import partial

import pytest
import torch

from tests.urnn.training.tiny import hold_out_few, raises, run, same_bits
from urnn.coverage import METRICS, __main__, command, journal, trained
from urnn.coverage.campaign import Campaign
from urnn.coverage.generators import GENERATORS, Genetic, GradientDirected, RandomMutation
from urnn.tasks import text
from urnn.training import checkpoint, ending, files
from urnn.training.selecting import filled

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("as_a_user")]


# The generators with short rounds.
SMALL = {
    "random": partial(RandomMutation, batch=100),
    "gradient": partial(GradientDirected, batch=20),
    "genetic": partial(Genetic, generations=3, mutants=30),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folders of runs of three iterations: digits by rows, copying and adding."""
    folder, patch = tmp_path_factory.mktemp("runs"), pytest.MonkeyPatch()
    hold_out_few(patch)
    for task, length, model in (
        ("digits_rows", None, "lstm"),
        ("digits_rows", None, "urnn"),
        ("digits_rows", None, "ortho_cayley"),
        ("copying", 5, "gru"),
        ("adding", 5, "gru"),
        ("parity", None, "gru"),
    ):
        where = folder / f"{task}-{model}"
        run(where, task=task, length=length, model=model, hidden_size=8, batch=20, max_iterations=3, slow_rate=1.0)
    yield folder
    patch.undo()


@pytest.fixture(autouse=True)
def _few_sequences(monkeypatch, threads):
    hold_out_few(monkeypatch)
    monkeypatch.setattr(trained, "SEQUENCES", 100)
    monkeypatch.setattr(command, "EVERY", 200)


def call(*arguments: object) -> int:
    return __main__.main([str(argument) for argument in arguments])


def complaint(capsys, *arguments: object) -> str:
    """The one line on standard error."""
    assert call(*arguments) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert told.count("\n") == 1
    return told.removeprefix("error: ").strip()


def lines(folder) -> list[dict]:
    """The log without the times that a clock has put in."""
    found = [json.loads(line) for line in (folder / journal.NAME).read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in found]


def state(folder) -> dict:
    """The checkpoint's without the time that a clock has put in."""
    kept = checkpoint.read(folder / checkpoint.NAME)["state"]
    assert kept.pop("seconds") > 0
    return kept


class TestCampaigns:
    @pytest.mark.parametrize("generator", GENERATORS)
    @pytest.mark.parametrize("model", ["lstm", "urnn"])
    def test_it_logs_progress_defects_and_an_end(self, model, generator, runs, tmp_path, capsys):
        options = (
            "--task",
            "digits_rows",
            "--generator",
            generator,
            "--budget",
            1000,
            "--tests",
            100,
            "--noise",
            0.02,
        )
        assert call(runs / f"digits_rows-{model}", *options, "--runs", tmp_path) == 0
        folder = tmp_path / f"temporal-{generator}-seed0"
        first, *middle, last = lines(folder)
        assert (first["kind"], first["task"], first["model"], first["requirements"]) == (
            "campaign",
            "digits_rows",
            model,
            243,
        )
        progress = [line for line in middle if line["kind"] == "progress"]
        defects = [line for line in middle if line["kind"] == "defect"]
        assert [line["coverage"] for line in progress] == sorted(line["coverage"] for line in progress)
        assert progress[-1]["evaluations"] == last["evaluations"] == 1000
        assert (last["kind"], last["outcome"], len(last["left"])) == ("end", "spent", last["uncovered"])
        assert len(defects) == last["defects"]
        for defect in defects:
            assert torch.tensor(defect["input"]).shape == torch.tensor(defect["original"]).shape == (8, 8)
            assert defect["label"] != defect["original_label"]
        said = capsys.readouterr().out
        assert f"requirements met ({last['coverage']:.1%}) in 1000 evaluations" in said
        assert "evaluation 1000 of 1000: " in said

    @pytest.mark.parametrize("metric", METRICS)
    def test_every_metric(self, metric, runs, tmp_path):
        options = ("--metric", metric, "--budget", 300, "--tests", 50, "--runs", tmp_path)
        assert call(runs / "digits_rows-lstm", *options) == 0
        assert lines(tmp_path / f"{metric}-genetic-seed0")[-1]["kind"] == "end"

    def test_by_default_it_is_beside_the_checkpoint(self, runs):
        assert call(runs / "digits_rows-lstm" / checkpoint.NAME, "--budget", 50, "--seed", 7) == 0
        assert (runs / "digits_rows-lstm" / "coverage" / "temporal-genetic-seed7" / journal.NAME).exists()

    def test_all_that_is_covered_ends_it(self, runs, tmp_path):
        options = ("--metric", "neuron", "--budget", 10**6, "--noise", 0.3, "--runs", tmp_path)
        assert call(runs / "digits_rows-urnn", *options) == 0
        assert lines(tmp_path / "neuron-genetic-seed0")[-1]["outcome"] == "covered"

    @pytest.mark.parametrize(
        ("name", "sentence"),
        [
            (
                "copying-gru",
                "the inputs of copying are symbols, and another symbol is another question: coverage is ",
            ),
            ("adding-gru", "the answers of adding are no classes: no defects are looked for"),
        ],
    )
    def test_what_it_leaves_out_it_says(self, name, sentence, runs, tmp_path, capsys):
        assert call(runs / name, "--budget", 200, "--tests", 20, "--runs", tmp_path) == 0
        told = capsys.readouterr().out
        assert sentence in told
        assert "in 200 evaluations; no defect; " in told

    def test_words_are_of_the_longest_length(self, runs, tmp_path):
        assert call(runs / "parity-gru", "--budget", 50, "--tests", 20, "--runs", tmp_path) == 0


class TestGoingOn:
    OPTIONS = ("--tests", 100, "--noise", 0.02)

    @pytest.mark.parametrize("generator", GENERATORS)
    def test_stopped_and_called_again_it_ends_with_the_same_bits(
        self, generator, runs, tmp_path, monkeypatch, capsys
    ):
        monkeypatch.setattr(command, "GENERATORS", SMALL)
        options = (runs / "digits_rows-lstm", "--generator", generator, *self.OPTIONS, "--budget", 1200)
        whole, parts = (tmp_path / name / f"temporal-{generator}-seed0" for name in ("whole", "parts"))
        assert call(*options, "--runs", whole.parent) == 0
        evaluate, count = Campaign.evaluate, 0

        def stopping(self, *given, **named):
            nonlocal count
            count += 1
            if count == 4:
                signal.raise_signal(signal.SIGINT)
            return evaluate(self, *given, **named)

        capsys.readouterr()
        with monkeypatch.context() as patch:
            patch.setattr(Campaign, "evaluate", stopping)
            assert call(*options, "--runs", parts.parent) == 2
        done = state(parts)["counts"][1]
        assert 100 < done < 1200
        assert capsys.readouterr().err == (
            f"error: interrupted after {done} evaluations; {parts} keeps it, and the same command goes on\n"
        )
        assert lines(parts)[-1]["outcome"] == "interrupted"
        assert call(*options, "--runs", parts.parent) == 0
        assert f"going on after {done} evaluations, from {parts}" in capsys.readouterr().out
        assert same_bits(state(whole), state(parts))
        extra = [line for line in lines(parts) if line not in lines(whole)]
        assert [(line["kind"], line["evaluations"]) for line in extra] in ([], [("progress", done)])

    def test_a_campaign_that_goes_on_drops_what_its_checkpoint_does_not_cover(self, runs, tmp_path):
        options = (runs / "digits_rows-lstm", *self.OPTIONS)
        assert call(*options, "--budget", 1200, "--runs", tmp_path / "whole") == 0
        assert call(*options, "--budget", 600, "--runs", tmp_path / "parts") == 0
        path = tmp_path / "parts" / "temporal-genetic-seed0" / journal.NAME
        files.append(path, b'{"kind": "progress", "evaluations": 999999}\n{"kind": "pro')
        assert call(*options, "--budget", 1200, "--runs", tmp_path / "parts") == 0
        ended = lines(path.parent)
        assert [line["kind"] for line in ended].count("end") == 1
        assert max(line.get("evaluations", 0) for line in ended) == 1200

    def test_a_damaged_log_gets_its_defects_back(self, runs, tmp_path):
        options = (runs / "digits_rows-lstm", *self.OPTIONS, "--budget", 600, "--runs", tmp_path)
        assert call(*options) == 0
        path = tmp_path / "temporal-genetic-seed0" / journal.NAME
        whole = lines(path.parent)
        assert any(line["kind"] == "defect" for line in whole)
        wrong = b'{"kind": "progress", "evaluations": "many"}\n{"kind": "defect", "evaluations": null}\n\xff\n'
        path.write_bytes(wrong + b"[" * 100_000 + b"\n")
        assert call(*options) == 0
        assert [line for line in lines(path.parent) if line["kind"] != "progress"] == [
            line for line in whole if line["kind"] != "progress"
        ]

    def test_called_again_after_its_end_it_repeats_no_progress(self, runs, tmp_path):
        options = (runs / "digits_rows-lstm", *self.OPTIONS, "--budget", 600, "--runs", tmp_path)
        assert call(*options) == 0
        first = lines(tmp_path / "temporal-genetic-seed0")
        assert call(*options) == 0
        assert lines(tmp_path / "temporal-genetic-seed0") == first
        done = [line["evaluations"] for line in first if line["kind"] == "progress"]
        assert len(done) == len(set(done))

    def test_fresh_starts_over(self, runs, tmp_path):
        options = (runs / "digits_rows-lstm", *self.OPTIONS, "--runs", tmp_path)
        assert call(*options, "--budget", 900) == 0
        assert call(*options, "--budget", 300, "--fresh") == 0
        assert lines(tmp_path / "temporal-genetic-seed0")[-1]["evaluations"] == 300


class TestMessages:
    def test_a_checkpoint_of_another_task(self, runs, capsys):
        path = runs / "copying-gru"
        assert complaint(capsys, path, "--task", "digits_rows") == (
            f"{path / checkpoint.NAME} is of task copying, not digits_rows; leave --task out, or correct it"
        )

    def test_no_checkpoint(self, tmp_path, capsys):
        assert complaint(capsys, tmp_path) == (
            f"there is no checkpoint {tmp_path / checkpoint.NAME}; "
            "name the file or the folder of a run of the trainer"
        )

    def test_a_damaged_checkpoint(self, runs, tmp_path, capsys):
        path = tmp_path / "checkpoint.pt"
        path.write_bytes((runs / "digits_rows-lstm" / checkpoint.NAME).read_bytes()[:-5])
        assert complaint(capsys, path) == (
            f"{path} is damaged or no checkpoint (its checksum is wrong); name one that the trainer wrote"
        )

    @pytest.mark.parametrize(
        ("change", "cause"),
        [
            (lambda stored: stored["identity"].pop("hidden_size"), "KeyError"),
            (lambda stored: stored["state"].pop("network"), "KeyError"),
            (lambda stored: stored["identity"].update(hidden_size=9), "RuntimeError"),
        ],
    )
    def test_a_checkpoint_that_does_not_fit(self, change, cause, runs, tmp_path, capsys):
        stored = checkpoint.read(runs / "digits_rows-lstm" / checkpoint.NAME)
        change(stored)
        checkpoint.save(tmp_path, stored["identity"], stored["state"])
        path = tmp_path / checkpoint.NAME
        assert complaint(capsys, path) == f"{path} does not fit this version ({cause}); train it anew"

    def test_a_checkpoint_of_an_unknown_model(self, runs, tmp_path, capsys):
        stored = checkpoint.read(runs / "digits_rows-lstm" / checkpoint.NAME)
        checkpoint.save(tmp_path, stored["identity"] | {"model": "gpt"}, stored["state"])
        assert complaint(capsys, tmp_path).startswith("unknown model 'gpt'; the registry")

    def test_a_text_that_has_changed(self, tmp_path, capsys):
        run(tmp_path, task="characters", length=5, model="gru", max_iterations=1)
        stored = checkpoint.read(tmp_path / checkpoint.NAME)
        checkpoint.save(tmp_path, stored["identity"] | {"data": "another text"}, stored["state"])
        assert complaint(capsys, tmp_path) == (
            f"{tmp_path / checkpoint.NAME} was trained on other data: another text, and here is "
            f"Python's manual, SHA-256 {text.manual().checksum}"
        )

    def test_a_campaigns_own_checkpoint(self, runs, tmp_path, capsys):
        assert call(runs / "digits_rows-lstm", "--budget", 50, "--tests", 50, "--runs", tmp_path) == 0
        folder = tmp_path / "temporal-genetic-seed0"
        capsys.readouterr()
        assert complaint(capsys, folder) == (
            f"{folder / checkpoint.NAME} is a campaign's own checkpoint, which holds no net; name that of the run "
            "that it tests"
        )

    def test_a_net_under_gates(self, tmp_path, capsys):
        given = filled("gates", {})
        run(tmp_path, task="copying", length=5, model="lstm", max_iterations=1, select_neurons="gates", **given)
        assert complaint(capsys, tmp_path) == (
            f"{tmp_path / checkpoint.NAME} is of a run with --select-neurons gates, whose net stands under "
            "gates, and coverage reads the states of nn.LSTM, nn.GRU, nn.RNN and URNN; name a run without it, or "
            "test what compact leaves from Python"
        )

    def test_more_tests_than_memory_holds(self, runs, tmp_path, capsys):
        lots = ("--tests", 10**9, "--budget", 10**9, "--runs", tmp_path)
        told = complaint(capsys, runs / "digits_rows-lstm", *lots)
        assert told.startswith("--tests 1000000000 need at least 1.3 TB of memory, and ")
        assert told.endswith(" are free; make it smaller")

    def test_an_allocation_that_fails(self, runs, tmp_path, capsys, monkeypatch):
        monkeypatch.setattr(command.memory, "available", lambda device: None)
        monkeypatch.setattr(Campaign, "random_originals", raises(MemoryError()))
        told = complaint(capsys, runs / "digits_rows-lstm", "--tests", 10**9, "--runs", tmp_path)
        assert told == "there is not enough memory for this run; make --tests smaller"

    def test_a_model_whose_states_are_not_read(self, runs, capsys):
        assert complaint(capsys, runs / "digits_rows-ortho_cayley") == (
            "coverage reads the states of nn.LSTM, nn.GRU, nn.RNN and URNN, got OrthogonalRNN"
        )

    def test_gates_of_a_urnn(self, runs, capsys):
        assert complaint(capsys, runs / "digits_rows-urnn", "--metric", "gate") == (
            "gate coverage is the mean of an LSTM's forget gates, and this URNN has none; "
            "take another metric, or an nn.LSTM"
        )

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--budget=0"], "--budget must be a whole number from 1 to 1000000000, got 0"),
            (["--tests=0"], "--tests must be a whole number from 1 to 1000000000, got 0"),
            (["--seed=-1"], f"--seed must be a whole number from 0 to {2**63 - 1}, got -1"),
            (["--threads=0"], f"--threads must be a whole number from 1 to {command.MOST_THREADS}, got 0"),
            (["--radius=0"], "radius must be a finite number above 0, got 0.0"),
            (["--noise=nan"], "noise must be a finite number above 0, got nan"),
            (["--layer=1"], "layer must be from -1 to 0, got 1"),
            (["--window=1-8"], "--window must be FIRST:LAST, two numbers of steps, got 1-8"),
            (
                ["--window=1:9"],
                "temporal coverage looks at steps up to 9, got sequences of 8; give longer ones or a ",
            ),
            (["--window=6:8"], "window must be FIRST, LAST with at least 5 steps from FIRST on, got 6, 8"),
            (["--metric=luck"], "argument --metric: invalid choice: 'luck' (choose from "),
            (["--generator=luck"], "argument --generator: invalid choice: 'luck' (choose from "),
            (
                ["--budget=many"],
                "--budget must be a whole number, got 'many'; see python -m urnn.coverage --help",
            ),
        ],
    )
    def test_a_bad_argument(self, arguments, message, runs, capsys):
        assert complaint(capsys, runs / "digits_rows-lstm", *arguments).startswith(message)

    def test_gradients_of_symbols_and_of_answers_that_are_no_classes(self, runs, capsys):
        assert complaint(capsys, runs / "copying-gru", "--generator=gradient") == (
            "the inputs are symbols, which have no gradient; take the random or genetic generator"
        )
        assert complaint(capsys, runs / "adding-gru", "--generator=gradient") == (
            "the answers of adding are no classes, which the gradient generator needs; take random or genetic"
        )

    def test_a_campaign_of_other_options(self, runs, tmp_path, capsys):
        options = (runs / "digits_rows-lstm", "--runs", tmp_path, "--budget", 60, "--tests", 50)
        assert call(*options) == 0
        capsys.readouterr()
        assert complaint(capsys, *options, "--radius", 0.02) == (
            f"{tmp_path / 'temporal-genetic-seed0' / checkpoint.NAME} is of another run: "
            "radius 0.01 instead of 0.02; start over with --fresh, or name another folder with --runs"
        )

    def test_a_state_that_does_not_fit(self, runs, tmp_path, capsys):
        options = (runs / "digits_rows-lstm", "--runs", tmp_path, "--budget", 60, "--tests", 50)
        assert call(*options) == 0
        folder = tmp_path / "temporal-genetic-seed0"
        stored = checkpoint.read(folder / checkpoint.NAME)
        checkpoint.save(folder, stored["identity"], {})
        capsys.readouterr()
        assert complaint(capsys, *options) == (
            f"{folder / checkpoint.NAME} does not fit this campaign (KeyError); "
            "start over with --fresh, or name another folder with --runs"
        )

    def test_a_full_disk(self, runs, tmp_path, capsys, monkeypatch):
        def full(path, content):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(files, "append", full)
        path = tmp_path / "temporal-genetic-seed0" / journal.NAME
        told = complaint(capsys, runs / "digits_rows-lstm", "--runs", tmp_path, "--budget", 60)
        assert told == f"cannot write {path} (No space left on device); the last checkpoint is kept"

    def test_an_interruption_before_anything_runs(self, runs, capsys, monkeypatch):
        def interrupted(*given):
            raise KeyboardInterrupt

        monkeypatch.setattr(command, "read", interrupted)
        told = complaint(capsys, runs / "digits_rows-lstm")
        assert told == "interrupted; the last checkpoint is kept, and the same command goes on"

    def test_a_missing_package(self, capsys, monkeypatch):
        monkeypatch.setattr(__main__, "_call", lambda arguments: __import__("no_such_package"))
        assert call() == ending.FAILED
        assert capsys.readouterr().err == (
            "error: no_such_package is not installed; "
            "install it in the checkout of urnn: pip install '.[training]'\n"
        )
