"""Tuning: the same space and schedule for all, ranking, going on, bad input; no trainer is started."""

import json

import pytest

from bench import tuning
from bench.commands import main
from bench.errors import SweepError
from bench.reproduce import Conditions, Result
from bench.trials import outcome_of, rungs, settings_of
from bench.tuning import Protocol, chosen, tune
from urnn import models
from urnn.training import presets, tuned

GOAL = {"bounds": [{"scored": "loss"}], "ends_training": True}
PROTOCOL = Protocol(4, 16.0)


@pytest.fixture
def played(monkeypatch, tmp_path):
    """Trials that do nothing but log: number -> (best loss, iteration solved at or None); and what was trained."""
    trained = []

    def set_outcomes(outcomes, interrupted_in=()):
        def train_all(jobs, conditions, say):
            trained.append([(job.model, job.number, job.seconds) for job in jobs])
            if len(trained) in interrupted_in:
                return Result(interrupted=list(jobs))
            for job in (one for one in jobs if not one.end(conditions.runs)):
                loss, solved = outcomes[job.number]
                name = f"{tuned.place_of(job.task, job.length)}".replace("-", "-T")
                folder = job.runs_in(conditions.runs) / name / f"{job.model}-n8-seed1000000"
                folder.mkdir(parents=True, exist_ok=True)
                seen = {
                    "kind": "evaluation",
                    "iteration": solved or 50,
                    "seconds": 1.0,
                    "loss": loss,
                    "score": 0.5,
                }
                end = {"kind": "end", "iteration": 50, "seconds": job.seconds, "message": ""}
                end["outcome"] = "solved" if solved else "finished"
                lines = [{"kind": "run", "goal": GOAL}, seen | {"solved": bool(solved)}, end]
                (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
            return Result()

        monkeypatch.setattr(tuning, "train_all", train_all)
        return trained

    return set_outcomes


def tuned_with(runs, model="lstm", protocol=PROTOCOL):
    return tune(
        ["copying-100"], [model], protocol, Conditions(runs, 2, 60.0), lambda line: None, clock=lambda: 0.0
    )


def test_every_model_gets_the_presets_point_and_then_the_same_draws():
    names = list(models.MODELS | models.ZOO)
    points = {
        name: [dict(one) for one in settings_of("adding-200", name, 16)] for name in ("lstm", "urnn", "exprnn")
    }
    for name, found in points.items():
        plain = presets.untuned("adding", name, 200)
        assert found[0] == {key: getattr(plain, key) for key in tuned.NAMES}
        assert len({tuple(one.values()) for one in found}) == 16
    shared = ("learning_rate", "optimiser", "decay", "clip", "clip_norm")
    drawn = {name: {tuple(one[key] for key in shared) for one in found[1:]} for name, found in points.items()}
    assert len(drawn["urnn"]) == 15
    for name in ("lstm", "exprnn"):  # a draw that is a model's preset is no trial of its own, so the next one is
        assert len(drawn["urnn"] & drawn[name]) >= 14
    assert {one["slow_rate"] for one in points["lstm"][1:]} == {1.0}
    assert all(len(settings_of("parity", name, 4)) == 4 for name in names)


def test_what_was_chosen_elsewhere_is_the_last_trial_and_no_trial_twice(monkeypatch, tmp_path):
    monkeypatch.setattr(tuned, "read", lambda *place, read=tuned.read: read(*place, folder=tmp_path))
    drawn = settings_of("copying-1000", "lstm", 4)
    elsewhere = dict(drawn[1]) | {"learning_rate": 0.5}
    tuned.write("copying", 100, "lstm", elsewhere, {}, folder=tmp_path)
    tuned.write("copying", 200, "lstm", dict(drawn[2]), {}, folder=tmp_path)
    assert settings_of("copying-1000", "lstm", 4, "copying-100") == [*drawn, tuple(elsewhere.items())]
    assert settings_of("copying-1000", "lstm", 4, "copying-200") == drawn
    with pytest.raises(ValueError, match="lstm was not tuned on copying-300; run python -m bench tune --task"):
        settings_of("copying-1000", "lstm", 4, "copying-300")


def test_an_included_trial_shares_the_budget(played, tmp_path):
    trained = played({1: (0.5, None), 2: (0.6, None), 3: (0.7, None), 4: (0.1, None)})
    (pair,), done, _ = tuned_with(tmp_path, protocol=Protocol(3, 16.0, include="adding-200"))
    assert (done, [[number for _, number, _ in rung] for rung in trained]) == (True, [[1, 2, 3, 4], [4, 1], [4]])
    assert dict(pair.trials[3].settings) == tuned.read("adding", 200, "lstm")["settings"]


@pytest.mark.parametrize("count", [1, 2, 5, 16, 32])
def test_the_rungs_spend_the_budget_and_end_with_one(count):
    plan = rungs(count, 240.0)
    spent = sum(left * (most if place == 0 else most / 2) for place, (left, most) in enumerate(plan))
    assert spent == pytest.approx(240.0, rel=1e-12)
    assert plan[-1][0] == 1


def test_the_better_half_goes_on_and_the_fastest_solver_is_chosen(played, tmp_path):
    trained = played({1: (0.5, None), 2: (0.01, 300), 3: (0.02, 200), 4: (0.4, None)})
    (pair,), done, stopped = tuned_with(tmp_path)
    assert (done, stopped) == (True, False)
    assert [[number for _, number, _ in rung] for rung in trained] == [[1, 2, 3, 4], [3, 2], [3]]
    assert [rung[0][2] for rung in trained] == [2.0, 4.0, 8.0]
    settings, summary = chosen(pair, tmp_path, PROTOCOL)
    assert (settings, summary["best"]) == (dict(pair.trials[2].settings), 3)
    assert (summary["count"], summary["solved"], summary["solved_iteration"]) == (4, 2, 200)
    assert pair.cut == {1: 1, 4: 1, 2: 2}
    assert len((tmp_path / "copying-100" / "lstm" / "trials.csv").read_text().splitlines()) == 5


def test_what_was_stopped_is_not_chosen_from_and_goes_on(played, tmp_path):
    outcomes = {number: (number / 10, None) for number in range(1, 5)}
    played(outcomes, interrupted_in=(2,))
    assert tuned_with(tmp_path)[1] is False
    (pair,), done, _ = tuned_with(tmp_path)
    assert (done, chosen(pair, tmp_path, PROTOCOL)[1]["best"]) == (True, 1)


def test_a_trial_that_diverged_or_was_never_evaluated_has_no_rank(played, tmp_path):
    played(dict.fromkeys(range(1, 5), (0.1, None)))
    (pair,), _, _ = tuned_with(tmp_path)
    log = pair.trials[0].log(tmp_path)
    log.path.write_text(log.path.read_text().replace('"finished"', '"diverged"'))
    assert outcome_of(pair.trials[0], tmp_path)["rank"] is None
    log.path.unlink()
    assert outcome_of(pair.trials[0], tmp_path)["rank"] is None


def test_another_protocol_in_the_same_folder_is_refused(played, tmp_path):
    played(dict.fromkeys(range(1, 9), (0.1, None)))
    tuned_with(tmp_path)
    with pytest.raises(SweepError, match=r"was begun with .*'trials': 4.*got .*'trials': 8.*--runs"):
        tuned_with(tmp_path, protocol=Protocol(8, 16.0))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--task=sorting"], "unknown task 'sorting'; there are: copying, "),
        (["--task=adding"], "adding needs a length, got 'adding'; say adding-100"),
        (["--task=parity", "--models=lstm", "--include=copying-7"], "lstm was not tuned on copying-7; run python"),
        (["--task=parity", "--models=lstm", "--include=copying"], "copying needs a length, got 'copying'"),
        (["--task=parity-40"], "parity has a length of its own, got 'parity-40'; say parity"),
        (["--task=parity", "--models=elman"], "unknown model 'elman'; the registry"),
        (["--task=parity", "--trials=33"], "expected at most 32, got '33'"),
    ],
)
def test_bad_input_is_one_line_and_2(arguments, said, tmp_path, capsys):
    assert main(["tune", *arguments, f"--runs={tmp_path}"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert said in error


def test_where_the_time_is_up_before_anything_is_chosen_the_exit_code_is_2(played, tmp_path, capsys):
    played({}, interrupted_in=(1,))
    command = ["tune", "--task=copying-100", "--models=lstm", "--jobs=1", f"--runs={tmp_path}"]
    assert main(command) == 2
    assert capsys.readouterr().err == (
        "error: no search is done, so there is nothing to report; the same command goes on\n"
    )
    played(dict.fromkeys(range(1, 17), (0.1, None)))
    assert main(command) == 0
    assert "copying-100, lstm: trial " in capsys.readouterr().out


def test_a_file_of_tuned_settings_comes_back_and_decides_the_preset(tmp_path, monkeypatch):
    wanted = dict(settings_of("adding-200", "lstm", 3)[2])
    tuned.write("adding", 200, "lstm", wanted, {"count": 16}, tmp_path)
    assert tuned.read("adding", 200, "lstm", tmp_path) == {"settings": wanted, "trials": {"count": 16}}
    path = tmp_path / "adding-200" / "lstm.toml"
    path.write_text(path.read_text() + "\nformat =")
    with pytest.raises(ValueError, match=r"cannot read .*lstm.toml .*bench tune --write makes it anew"):
        tuned.read("adding", 200, "lstm", tmp_path)


def test_every_file_that_is_shipped_can_be_read():
    for path in tuned.FOLDER.glob("*/*.toml"):
        task, length = tuned.parsed(path.parent.name)
        models.get(path.stem)
        assert presets.preset(task, path.stem, length)
