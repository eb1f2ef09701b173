"""What a run leaves behind: its log, its outcome, its lines on a screen."""

import io
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console

from tests.urnn.training.tiny import COPYING, logged, run, same_bits, stored, trainer
from urnn.models import MODELS
from urnn.tasks import characters
from urnn.tasks.text import manual
from urnn.training import display
from urnn.training.__main__ import main
from urnn.training.display import Display
from urnn.training.errors import DivergedError, TrainingError
from urnn.training.interruption import Stop
from urnn.training.log import Log
from urnn.training.probe import probe
from urnn.training.run import End, Run
from urnn.training.trainer import Progress, Trainer

FACTS = {"kind", "format", "task", "length", "steps", "model", "label", "backend", "hidden_size", "parameters"}
FACTS |= {
    "batch",
    "seed",
    "optimiser",
    "learning_rate",
    "slow_rate",
    "decay",
    "momentum",
    "clip",
    "clip_norm",
    "initial",
    "max_iterations",
    "max_seconds",
    "protocol",
}
FACTS |= {"evaluate_every", "baseline", "baseline_score", "loss_name", "score_name", "threads", "device"}
FACTS |= {
    "shortest_steps",
    "data",
    "family",
    "goal",
    "dtype",
    "torch",
    "python",
    "machine",
    "cpu",
    "clock",
    "commit",
    "started_at",
}
FACTS |= {"select_neurons", "input_multiplier", "unit_multiplier", "gate_rate", "ramp"}
FACTS |= {"keep_inputs", "keep_units", "cut_at"}


def clock_of(step: float):
    """A clock that is read at a step's start and end, and shows it to have taken so many seconds."""
    now = iter(range(10**6))
    return lambda: next(now) * step


class TestLog:
    def test_the_first_line_says_what_ran(self, tmp_path):
        run(tmp_path)
        first = Log(tmp_path).lines()[0]
        assert set(first) == FACTS
        assert (first["kind"], first["format"]) == ("run", 1)
        assert (first["task"], first["length"], first["steps"]) == ("copying", 10, 30)
        assert (first["label"], first["parameters"]) == ("uRNN", 16 * 30 + 9 * 33)
        assert first["baseline"] == pytest.approx(10 * math.log(8) / 30, rel=1e-12)
        assert (first["baseline_score"], first["score_name"]) == (1 / 8, "recall accuracy")
        assert (first["dtype"], first["family"]) == ("float32", "unitary")
        assert first["backend"] in MODELS["urnn"].backends

    def test_an_evaluation_is_a_line_and_so_is_the_end(self, tmp_path):
        run(tmp_path)
        lines = Log(tmp_path).lines()
        assert [line["kind"] for line in lines] == ["run", "evaluation", "evaluation", "evaluation", "end"]
        assert [line["iteration"] for line in lines[1:]] == [4, 8, 9, 9]
        names = {"kind", "iteration", "seconds", "train_loss", "loss", "score", "score_all", "solved"}
        assert set(lines[1]) == names | {"iterations_per_second"}
        end = {"kind", "iteration", "seconds", "outcome", "message", "test_loss", "test_score"}
        end |= {"longer_tests", "probes", "solved_iteration", "solved_seconds"}
        assert set(lines[-1]) == end
        assert (lines[-1]["outcome"], lines[-1]["seconds"]) == ("not finished", lines[-2]["seconds"])
        assert lines[-1]["longer_tests"] == lines[-1]["probes"] == []
        assert lines[-1]["message"].startswith(
            "not finished and still improving after 9 iterations; on test data: cross-entropy "
        )

    def test_state_tracking_is_tested_at_each_length(self, tmp_path, few_held_out):
        message = run(tmp_path, task="parity", length=None, max_iterations=1).message
        first, _, end = Log(tmp_path).lines()
        assert (first["length"], first["steps"], first["shortest_steps"]) == (40, 40, 4)
        made = trainer(task="parity", length=None, max_iterations=1)
        made.iterate()
        expected = [(steps, made.scores(batches())) for steps, batches in made.problem.longer.items()]
        assert [line["steps"] for line in end["longer_tests"]] == [64, 128, 256]
        assert end["longer_tests"] == [
            {"steps": steps, "loss": found.loss, "score": found.score} for steps, found in expected
        ]
        assert end["probes"] == probe(made.network.rnn, made.problem.task)
        told = ", ".join(f"{found.score:.1%} at {steps} time steps" for steps, found in expected)
        assert message == end["message"]
        assert message.endswith(f"accuracy over all steps {end['test_score']:.1%}, {told}")

    def test_the_text_that_was_read_is_named_and_another_one_is_another_run(self, tmp_path, monkeypatch):
        settings = {"task": "characters", "length": 20, "hidden_size": 4, "max_iterations": 1}
        run(tmp_path, **settings)
        text = manual()
        assert Log(tmp_path).lines()[0]["data"] == f"Python's manual, SHA-256 {text.checksum}"
        monkeypatch.setattr(characters, "manual", lambda: replace(text, checksum="other"))
        with pytest.raises(TrainingError) as caught:
            run(tmp_path, **settings)
        assert str(caught.value).startswith(
            f"{tmp_path / 'checkpoint.pt'} is of another run: data Python's manual, SHA-256 {text.checksum} "
            "instead of Python's manual, SHA-256 other; start over"
        )

    def test_seconds_are_those_of_iterations_alone(self, tmp_path):
        made = trainer()
        made._clock = clock_of(0.5)
        with Display(made.problem, made.settings) as shown:
            Run(made, tmp_path, shown).to_its_end(Stop())
        evaluations = Log(tmp_path).lines()[1:-1]
        assert [line["seconds"] for line in evaluations] == [2, 4, 4.5]
        assert [line["iterations_per_second"] for line in evaluations] == [2, 2, 2]

    def test_the_training_loss_is_the_mean_since_the_last_evaluation(self, tmp_path, monkeypatch):
        run(tmp_path)
        losses = []
        made = trainer()
        for _ in range(8):
            before = made.progress.window_loss
            made.iterate()
            losses.append(made.progress.window_loss - before)
        lines = Log(tmp_path).lines()
        assert lines[2]["train_loss"] == pytest.approx(sum(losses[4:8]) / 4, rel=1e-12)

    def test_half_a_line_is_no_line(self, tmp_path):
        log = Log(tmp_path)
        log.start({})
        log.append("end", iteration=1, seconds=0.5, outcome="solved", message="")
        whole = log.lines()
        assert len(whole) == 2
        with log.path.open("a") as file:
            file.write('{"kind": "en')
        assert log.lines() == whole


class TestOutcome:
    def test_a_solved_task_ends_early(self, tmp_path):
        settings = {"hidden_size": 64, "batch": 20, "max_iterations": 1000, "evaluate_every": 10}
        assert run(tmp_path, optimiser="adam", learning_rate=0.02, slow_rate=1.0, **settings).outcome == "solved"
        *_, last, end = Log(tmp_path).lines()
        assert last["score"] >= 0.99
        assert last["loss"] <= last["score_all"] * 10 * math.log(8) / 30 / 10
        assert end["iteration"] == last["iteration"] < 1000
        assert end["test_score"] >= 0.98

    @pytest.mark.parametrize(
        ("task", "loss", "score", "solved"),
        [
            ("copying", 0.069, 0.99, True),
            ("copying", 0.070, 0.99, False),  # a tenth of the baseline is 0.0693
            ("copying", 0.069, 0.989, False),
            ("adding", 0.01, 0.0, True),
            ("adding", 0.0101, 1.0, False),
            ("digits", 9.0, 0.95, True),
            ("digits", 0.0, 0.949, False),
            ("permuted_digits", 9.0, 0.93, True),
            ("digits", 0.0, math.nan, False),
            ("parity", 9.0, 0.99, True),
            ("words_a5", 0.0, 0.989, False),
            ("selective_copying", 0.207, 0.99, True),
            ("selective_copying", 0.208, 0.99, False),  # a tenth of ln 8 is 0.2079
            ("denoising", 0.073, 0.99, True),
            ("denoising", 0.073, 0.989, False),
            ("characters", 2.2, 0.0, True),
            ("characters", 2.21, 1.0, False),
            ("text", 2.0, 0.0, True),
            ("text", 2.01, 1.0, False),
        ],
    )
    def test_when_a_task_is_solved(self, task, loss, score, solved):
        own = any(word in task for word in ("digits", "parity", "words"))
        made = trainer(task=task, length=None if own else 10)
        assert made.goal.met({"loss": loss, "score": score}) is solved
        assert made.goal.ends_training is ("digits" not in task and task not in ("characters", "text"))

    def test_images_are_trained_on_to_the_last_iteration_when_they_are_solved(self, tmp_path):
        end = run(tmp_path, task="digits", length=None, goal_score=0.0, max_iterations=3, evaluate_every=1)
        assert end.outcome == "finished"
        *evaluations, last = Log(tmp_path).lines()[1:]
        assert [line["solved"] for line in evaluations] == [True, True, True]
        assert (last["iteration"], last["solved_iteration"]) == (3, 1)

    def test_a_loss_that_is_no_number_stops_it_and_the_last_good_state_is_kept(self, tmp_path, monkeypatch):
        run(tmp_path / "good", max_iterations=8)
        plain = Trainer.iterate

        def poisoned(self):
            if self.progress.iteration == 9:
                with torch.no_grad():
                    self.network.read_out.bias.fill_(math.nan)
            plain(self)

        monkeypatch.setattr(Trainer, "iterate", poisoned)
        end = run(tmp_path / "bad", max_iterations=20)
        assert end.outcome == "diverged"
        told = (
            "diverged: the training loss is nan at iteration 10; {} keeps the last good state; "
            "try a smaller --learning-rate or a --clip, with --fresh"
        )
        assert end.message == told.format(tmp_path / "bad" / "checkpoint.pt")
        good, bad = stored(tmp_path / "good"), stored(tmp_path / "bad")
        assert same_bits(good["state"]["network"], bad["state"]["network"])
        assert logged(tmp_path / "bad")[-1]["test_loss"] is None
        assert logged(tmp_path / "bad")[-1]["message"] == told.format(Path("bad", "checkpoint.pt"))
        assert run(tmp_path / "bad", max_iterations=20) == End("diverged", logged(tmp_path / "bad")[-1]["message"])

    def test_divergence_is_exit_code_3_and_one_line(self, tmp_path, capsys):
        arguments = ["copying", "--length=10", "--hidden=4", "--learning-rate=1e30", f"--runs={tmp_path}"]
        assert main(arguments) == 3
        told = capsys.readouterr().err
        assert told.startswith("error: diverged: the ")
        assert told.count("\n") == 1

    @pytest.mark.parametrize("place", ["evaluation", "checkpoint"])
    def test_parameters_that_are_no_numbers_are_never_kept(self, place, tmp_path):
        made = trainer()
        with torch.no_grad():
            made.network.rnn.layers[0].b.fill_(math.nan)
        with Display(made.problem, made.settings) as shown, pytest.raises(DivergedError) as caught:
            made.evaluate() if place == "evaluation" else Run(made, tmp_path, shown)._save()
        message = "the validation loss is nan" if place == "evaluation" else "a parameter is not finite"
        assert str(caught.value) == f"{message} after iteration 0"


class TestIteration:
    def test_gradients_are_clipped_entry_by_entry(self):
        made = trainer(clip=1e-4)
        made.iterate()
        gradients = [parameter.grad for parameter in made.network.parameters()]
        assert max(float(gradient.abs().max()) for gradient in gradients) == pytest.approx(1e-4, rel=1e-6)

    def test_the_norm_of_all_gradients_is_clipped_too(self):
        made, free = trainer(clip_norm=1e-4), trainer()
        for run_of in (made, free):
            run_of.iterate()
        gradients = [[parameter.grad for parameter in one.network.parameters()] for one in (made, free)]
        norms = [float(torch.cat([gradient.flatten() for gradient in many]).norm()) for many in gradients]
        assert norms[0] == pytest.approx(1e-4, rel=0.01)  # torch divides by the norm plus 1e-6
        for clipped, whole in zip(*gradients, strict=True):
            torch.testing.assert_close(clipped / norms[0], whole / norms[1], rtol=1e-4, atol=1e-6)

    def test_first_values_can_be_others_that_are_published(self):
        biases = [trainer(model="lstm", initial=name).network.rnn.bias_ih_l0 for name in (None, "forget_bias_one")]
        assert not torch.equal(*biases)
        assert biases[1][16:32].tolist() == [1.0] * 16

    def test_evaluating_leaves_training_alone(self):
        undisturbed, looked_at = trainer(), trainer()
        for _ in range(3):
            undisturbed.iterate()
            looked_at.iterate()
            looked_at.evaluate()
        assert same_bits(undisturbed.network.state_dict(), looked_at.network.state_dict())

    def test_the_scores_are_means_over_sequences(self):
        """Of a batch of two and one of one: the mean over three."""
        made = trainer(task="digits", length=None)
        images = next(made.problem.validation())
        three = images[0][:, :3], images[1][:3]
        parts = [(three[0][:, :2], three[1][:2]), (three[0][:, 2:], three[1][2:])]
        whole, apart = made.scores([three]), made.scores(parts)
        assert apart.loss == pytest.approx(whole.loss, rel=64 * torch.finfo().eps)
        assert apart.score == pytest.approx(whole.score, rel=1e-12)


class TestDisplay:
    def lines(self, terminal: bool) -> str:
        made, written = trainer(), io.StringIO()
        console = Console(file=written, force_terminal=terminal, width=200, highlight=False)
        done = Progress(iteration=4, seconds=8.0, loss=0.5, score=0.25)
        with Display(made.problem, made.settings, console) as shown:
            shown.iterated(done)
            shown.evaluated(done, 0.5)
        return written.getvalue()

    def test_without_a_terminal_an_evaluation_is_a_plain_line(self):
        assert self.lines(terminal=False) == (
            "iteration 4 of 9: cross-entropy 0.5000 (baseline 0.6931), recall accuracy 25.0%, "
            "0.5 iterations/s, at most 10 s left\n"
        )

    def test_a_terminal_shows_one_live_line(self):
        told = self.lines(terminal=True)
        assert "copying urnn" in told
        assert "recall accuracy 25.0%, 0.5 iterations/s, at most 10 s left" in told
        assert "iteration 4 of 9" not in told

    @pytest.mark.parametrize(
        ("seconds", "told"), [(0.0, "0 s"), (89.0, "89 s"), (90.0, "2 min"), (5399.0, "90 min"), (5400.0, "1.5 h")]
    )
    def test_durations(self, seconds, told):
        assert display.as_duration(seconds) == told

    @pytest.mark.parametrize(("number", "told"), [(0, "0 inputs"), (1, "1 input"), (2, "2 inputs")])
    def test_counts(self, number, told):
        assert display.counted(number, "input") == told


def test_settings_say_everything_that_decides_the_bits():
    assert replace(COPYING, seed=1).as_dict() == {**COPYING.as_dict(), "seed": 1}
