"""Units selected while a run trains: what its log holds, that it resumes to the same bits, and what is refused."""

import pytest
import torch

from tests.urnn.training.test_resumption import StopAfter, assert_same_run
from tests.urnn.training.tiny import complaint, run, same_bits, stored, trainer
from urnn.training import checkpoint
from urnn.training.__main__ import main
from urnn.training.display import counted
from urnn.training.log import Log
from urnn.training.selecting import OPTIONS, WAYS, filled
from urnn.training.settings import Settings

ROWS = {"task": "noisy_digits_rows", "length": None, "hidden_size": 6, "optimiser": "adam", "learning_rate": 0.003}
CUT = {"keep_inputs": 5, "keep_units": 3, "cut_at": 3}


def settings(way: str, model: str = "lstm", **changes) -> dict:
    given = {name: value for name, value in CUT.items() if name in WAYS[way].defaults}
    given |= {name: value for name, value in changes.items() if name in OPTIONS}
    others = {name: value for name, value in changes.items() if name not in OPTIONS}
    return {**ROWS, "model": model, "select_neurons": way, **filled(way, given), **others}


EVERY = [(way, model) for way in WAYS for model in WAYS[way].models]
every = pytest.mark.parametrize(("way", "model"), EVERY)


class TestLog:
    @pytest.mark.slow
    @every
    def test_every_evaluation_says_what_is_kept_and_the_end_how_the_small_net_does(self, way, model, tmp_path):
        end = run(tmp_path, **settings(way, model))
        first, *evaluations, last = Log(tmp_path).lines()
        assert first["select_neurons"] == way
        assert first["label"].endswith(", units selected")
        for line in evaluations:
            units, inputs = line["kept_units"], line["kept_inputs"]
            assert line["expected_weights"] > 0
            assert set(inputs) <= set(range(16))
            assert 1 <= units[0] <= 6
        small = last["compacted"]
        assert small["parameters"] == line["parameters"]
        assert small["kept_inputs"] == line["kept_inputs"]
        assert small["test_score"] == pytest.approx(last["test_score"])
        assert small["test_loss"] == pytest.approx(last["test_loss"], rel=1e-5)
        values = small.get("singular_values")
        assert (values is not None) == (model == "urnn")
        unitary = ""
        if values:
            assert 0 <= values["least"] <= values["mean"] <= values["largest"] < 1
            unitary = "; its matrix is not unitary: singular values "
            unitary += f"{values['least']:.3f} to {values['largest']:.3f}"
        assert end.message.endswith(
            f"; cut to {counted(len(small['kept_inputs']), 'input')} and "
            f"{counted(small['kept_units'][0], 'unit')}, "
            f"{small['parameters']:,} parameters: accuracy {small['test_score']:.1%}{unitary}"
        )

    @pytest.mark.parametrize("way", ["magnitude", "group_lasso"])
    def test_a_cut_leaves_what_was_asked_for_from_its_iteration_on(self, way, tmp_path):
        run(tmp_path, **settings(way, evaluate_every=1, max_iterations=4))
        kept = [(len(line["kept_inputs"]), line["kept_units"]) for line in Log(tmp_path).evaluations()]
        assert kept == [(16, [6])] * 2 + [(5, [3])] * 2

    def test_a_goal_that_is_met_before_the_cut_ends_nothing(self, tmp_path):
        made = {"select_neurons": "magnitude", "model": "lstm", "goal_score": 0.0, "goal_loss": 1e3}
        cut = {"keep_inputs": 5, "keep_units": 3, "cut_at": 5}
        end = run(tmp_path, **made, **cut, evaluate_every=2, max_iterations=9)
        seen = [(line["iteration"], line["solved"], line["kept_units"]) for line in Log(tmp_path).evaluations()]
        assert seen == [(2, False, [16]), (4, False, [16]), (6, True, [3])]
        assert end.outcome == "solved"
        assert Log(tmp_path).end()["solved_iteration"] == 6

    def test_a_run_whose_time_is_over_before_the_cut_says_so(self, tmp_path):
        end = run(tmp_path, **settings("magnitude", cut_at=7), max_seconds=1e-3)
        assert end.message.endswith("; it ended before --cut-at 7")

    @pytest.mark.parametrize("way", ["magnitude", "group_lasso"])
    def test_weights_that_are_not_finite_are_not_cut(self, way, tmp_path):
        made = settings(way, optimiser="sgd", momentum=0.0, learning_rate=1e30, cut_at=1)
        end = run(tmp_path, **made)
        assert end.outcome == "diverged"
        assert "has a norm that is not finite" in end.message

    def test_where_nothing_is_left_the_run_ends_and_says_why(self, tmp_path):
        made = settings("gates", unit_multiplier=1e4, gate_rate=50.0, ramp=0, max_iterations=4)
        end = run(tmp_path, **made)
        last = Log(tmp_path).end()
        assert last["compacted"] is None
        assert last["test_score"] is not None
        assert end.message.endswith(
            "; every gate of the 6 units is closed, so nothing is left to compact; lower unit_multiplier, "
            "which is 10000, and train again"
        )

    def test_a_dense_run_says_nothing_of_it(self, tmp_path):
        run(tmp_path, max_iterations=1)
        assert "compacted" not in Log(tmp_path).end()
        assert "kept_units" not in Log(tmp_path).evaluations()[0]


class TestTraining:
    @pytest.mark.slow
    @every
    def test_an_interrupted_run_ends_like_an_undisturbed_one(self, way, model, tmp_path):
        chosen = settings(way, model, max_iterations=5, evaluate_every=2)
        run(tmp_path / "undisturbed", **chosen)
        for stop in (StopAfter(2), StopAfter(1), None):
            run(tmp_path / "stopped", stop, **chosen)
        assert_same_run(tmp_path / "stopped", tmp_path / "undisturbed")

    @pytest.mark.slow
    def test_looking_at_a_run_leaves_its_bits(self, tmp_path):
        run(tmp_path / "with", with_anatomy=True, **settings("gates"))
        run(tmp_path / "without", **settings("gates"))
        assert same_bits(stored(tmp_path / "with"), stored(tmp_path / "without"))

    def test_the_penalty_grows_over_the_ramp_and_is_no_part_of_the_logged_loss(self):
        made = trainer(**settings("gates", ramp=4, input_multiplier=1.0))
        selection, shares = made.network.selection, []
        for _ in range(6):
            full = float(selection.penalty().detach())
            shares.append(float(made._penalty(selection).detach()) / full)
            made.iterate()
        assert shares == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0, 1.0])
        assert made.progress.window_loss / 6 < 3.0, "near the cross-entropy of ten classes, without the penalty"

    def test_a_gpus_generator_is_kept_which_gates_are_drawn_from_there(self, monkeypatch):
        made, kept = trainer(**settings("gates")), []
        assert "gpu_generator" not in made.state_dict()
        object.__setattr__(made.settings, "device", "cuda")  # there may be none here
        monkeypatch.setattr(torch.cuda, "get_rng_state", lambda: torch.tensor([7]))
        monkeypatch.setattr(torch.cuda, "set_rng_state", kept.append)
        state = made.state_dict()
        made.load_state_dict(state)
        assert kept == [torch.tensor([7])]
        del state["gpu_generator"]
        made.load_state_dict(state)
        assert len(kept) == 1, "a checkpoint from before is taken up"

    def test_gates_have_a_learning_rate_of_their_own(self):
        made = trainer(**settings("gates", gate_rate=0.5))
        rates = {id(p): group["lr"] for group in made.optimiser.param_groups for p in group["params"]}
        gates = {id(p) for p in made.network.selection.gate_parameters()}
        assert {rates[one] for one in gates} == {0.5}
        assert {rate for one, rate in rates.items() if one not in gates} == {0.003}

    def test_evaluation_uses_settled_gates_and_training_goes_on_with_draws(self):
        made = trainer(**settings("gates"))
        x, _ = next(made.problem.validation())
        with made.network.evaluating():
            assert torch.equal(made.network(x), made.network(x))
        assert not torch.equal(made.network(x), made.network(x))

    def test_first_values_that_are_published_are_those_of_the_wrapped_net(self):
        assert trainer(**settings("gates", initial="forget_bias_one")).network.selection is not None


class TestIdentity:
    def test_a_checkpoint_from_before_there_was_selection_is_taken_up(self, tmp_path):
        run(tmp_path, StopAfter(4))
        content = checkpoint.read(tmp_path / checkpoint.NAME)
        for name in ("select_neurons", *OPTIONS):
            assert content["identity"].pop(name) is None
        checkpoint.save(tmp_path, content["identity"], content["state"])
        assert run(tmp_path).outcome in ("finished", "not finished")
        assert Log(tmp_path).evaluations()[-1]["iteration"] == 9

    @pytest.mark.slow
    def test_other_multipliers_are_another_run(self, tmp_path, capsys):
        command = ["noisy_digits_rows", "--model=lstm", "--hidden=4", "--max-iterations=1", "--select-neurons"]
        assert main([*command, f"--runs={tmp_path}"]) == 0
        capsys.readouterr()
        told = complaint([*command, "--unit-multiplier=7"], tmp_path, capsys, quiet=False)
        assert "is of another run: unit_multiplier 5.0 instead of 7.0; start over with --fresh" in told

    @pytest.mark.slow
    def test_a_dense_run_and_one_of_each_way_have_folders_of_their_own(self, tmp_path):
        command = ["noisy_digits_rows", "--model=lstm", "--hidden=4", "--max-iterations=2", f"--runs={tmp_path}"]
        cut = ["--keep-inputs=3", "--keep-units=2", "--cut-at=1"]
        for more in ([], ["--select-neurons"], ["--select-neurons=magnitude", *cut]):
            assert main([*command, *more]) == 0
        found = sorted(path.name for path in (tmp_path / "noisy_digits_rows-T8").iterdir())
        assert found == ["lstm-gates-n4-seed0", "lstm-magnitude-n4-seed0", "lstm-n4-seed0"]

    def test_settings_that_nobody_asked_for_are_none(self):
        names = dict.fromkeys(OPTIONS)
        assert {name: getattr(Settings(**BARE), name) for name in names} == names


BARE = {
    **ROWS,
    "model": "lstm",
    "backend": None,
    "batch": 2,
    "seed": 0,
    "slow_rate": 1.0,
    "decay": 0.9,
    "momentum": 0.9,
    "clip": None,
    "max_iterations": 1,
    "evaluate_every": 1,
    "device": "cpu",
    "threads": 1,
}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            "--model=gru --select-neurons",
            f"--select-neurons gates selects units of {', '.join(WAYS['gates'].models)}, got --model gru",
        ),
        (
            "--model=lstm --select-neurons=luck",
            f"--select-neurons must be one of {', '.join(WAYS)}, or alone for gates, got 'luck'",
        ),
        (
            "--model=lstm --ramp=5",
            "--ramp belongs to --select-neurons, which is missing; add it, or leave both out",
        ),
        (
            "--model=lstm --select-neurons --keep-units=5",
            "--select-neurons gates has no --keep-units; it has --input-multiplier, --unit-multiplier, "
            "--gate-rate, --ramp",
        ),
        (
            "--model=lstm --select-neurons=magnitude --keep-units=5",
            "--select-neurons magnitude needs --keep-inputs N, how many are kept in the end",
        ),
        (
            "--model=lstm --select-neurons=magnitude --keep-units=5 --keep-inputs=17",
            "--keep-inputs must be at most 16, as many as there are, got 17",
        ),
        (
            "--model=lstm --hidden=4 --select-neurons=magnitude --keep-units=5 --keep-inputs=3",
            "--keep-units must be at most 4, as many as there are, got 5",
        ),
        (
            "--model=lstm --select-neurons --backend=native",
            "--backend must be left out with --select-neurons, whose net runs in one way alone, got 'native'",
        ),
        ("--model=lstm --select-neurons --ramp=-1", "--ramp must be a whole number from 0 to 1000000000, got -1"),
        (
            "--model=lstm --select-neurons --unit-multiplier=-1",
            "--unit-multiplier must be a number from 0 to 1e+30, got -1.0",
        ),
        (
            "--model=lstm --select-neurons --gate-rate=nan",
            "--gate-rate must be a number from 1e-30 to 1e+30, got nan",
        ),
        (
            "--model=lstm --select-neurons=magnitude --keep-inputs=2 --keep-units=2 --cut-at=3000",
            "--cut-at must be less than --max-iterations 2000, so that what is left is trained, got 3000",
        ),
    ],
)
def test_what_does_not_go_together_is_named(arguments, message, tmp_path, capsys):
    assert complaint(["noisy_digits_rows", *arguments.split()], tmp_path, capsys) == message
