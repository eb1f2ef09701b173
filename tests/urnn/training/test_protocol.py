"""Who chose a run's settings, from which file, and by which clock its seconds are taken."""

import json
from dataclasses import replace

import pytest

from urnn.training import command, tuned
from urnn.training.presets import preset, untuned

CHOSEN = {"optimiser": "adam", "learning_rate": 3e-3, "slow_rate": 0.5, "decay": 0.999, "momentum": 0.9}
SETTINGS = {**dict.fromkeys(tuned.NAMES), **CHOSEN, "clip_norm": 1.0}


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Tuned settings for the uRNN on copying, T = 100 and 1000, the second at another rate, and on parity."""
    monkeypatch.setattr(tuned, "FOLDER", tmp_path / "tuned")
    for length, rate in ((100, 3e-3), (1000, 1e-2)):
        tuned.write("copying", length, "urnn", SETTINGS | {"learning_rate": rate}, {}, tuned.FOLDER)
    tuned.write("parity", None, "urnn", SETTINGS, {}, tuned.FOLDER)
    return tmp_path


@pytest.fixture
def first_line(files):
    """The trainer's command on a tiny network -> the first line of its log."""

    def trained(*arguments: str) -> dict:
        run = ("--max-iterations=1", f"--runs={files / 'runs'}", "--fresh")
        assert command.main([*arguments, *run]) == 0
        (log,) = (files / "runs").glob("*/*/log.jsonl")
        return json.loads(log.read_text().splitlines()[0])

    return trained


@pytest.mark.parametrize(
    ("length", "rate", "slow_rate"),
    [(100, 3e-3, 0.5), (400, 3e-3, 0.125), (1000, 1e-2, 0.5), (10_000, 1e-2, 0.05)],
)
def test_settings_tuned_at_a_shorter_length_slow_down_in_proportion(length, rate, slow_rate, files):
    chosen = preset("copying", "urnn", length)
    wanted = SETTINGS | {"learning_rate": rate, "slow_rate": pytest.approx(slow_rate)}
    assert {name: getattr(chosen, name) for name in tuned.NAMES} == wanted
    assert replace(chosen, **SETTINGS) == replace(untuned("copying", "urnn", length), **SETTINGS)


@pytest.mark.parametrize(
    ("task", "length", "model"),
    [("copying", 99, "urnn"), ("copying", None, "urnn"), ("copying", 100, "lstm"), ("adding", 100, "urnn")],
)
def test_what_was_not_tuned_has_the_preset(task, length, model, files):
    assert tuned.nearest(task, length, model) is None
    assert preset(task, model, length) == untuned(task, model, length)


def test_a_task_of_one_length_has_one_file(files):
    assert tuned.nearest("parity", None, "urnn") == (None, SETTINGS)
    assert preset("parity", "urnn").slow_rate == 0.5


@pytest.mark.parametrize(
    ("arguments", "protocol"),
    [
        (("parity",), "tuned"),
        (("parity", "--untuned"), "preset"),
        (("parity", "--model=lstm"), "preset"),
        (("parity", "--learning-rate=0.02"), "given"),
        (("parity", "--untuned", "--hidden=4"), "given"),
        (("parity", "--learning-rate=0.003"), "tuned"),
    ],
)
def test_the_log_says_who_chose_the_settings(arguments, protocol, first_line):
    assert first_line(*arguments)["protocol"] == protocol


@pytest.mark.parametrize(("threads", "clock"), [(1, "processor"), (2, "wall")])
def test_the_log_says_whose_seconds_they_are(threads, clock, first_line):
    assert first_line("parity", f"--threads={threads}")["clock"] == clock


def test_a_damaged_file_is_named(files, capsys):
    (tuned.FOLDER / "parity" / "urnn.toml").write_text("format = ")
    assert command.main(["parity"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: cannot read ")
    assert "python -m bench tune --write makes it anew" in error
    assert error.count("\n") == 1


def test_a_trial_leaves_the_test_data_alone(files, capsys):
    run = ("parity", "--untuned", "--hidden=4", "--max-iterations=1", "--no-test", f"--runs={files / 'runs'}")
    assert command.main(list(run)) == 0
    (log,) = (files / "runs").glob("*/*/log.jsonl")
    end = json.loads(log.read_text().splitlines()[-1])
    assert (end["test_loss"], end["test_score"], end["longer_tests"]) == (None, None, [])
    assert end["message"] == "not finished and still improving after 1 iteration; not scored on test data"
    assert capsys.readouterr().out.endswith("not scored on test data\n")
