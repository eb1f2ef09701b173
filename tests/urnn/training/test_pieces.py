"""Streams, presets, optimisers, networks and problems: what a run is put together from."""

import math
from pathlib import Path

import pytest
import torch

from tests.urnn.test_images import write_mnist
from tests.urnn.training.tiny import NOWHERE, trainer
from urnn.models import MODELS
from urnn.tasks import Copying
from urnn.tasks.images import MNIST_VALIDATION, Images
from urnn.training import problems, seeds
from urnn.training.folder import run_folder
from urnn.training.optimisers import OPTIMISERS
from urnn.training.presets import PLANS, untuned
from urnn.training.problems import PROBLEMS
from urnn.training.streams import Epochs, Fresh, MixedLengths


def numbered(count: int) -> Images:
    """Images of one pixel that say which one they are."""
    return Images(torch.arange(count, dtype=torch.uint8)[:, None], torch.arange(count), 1)


class TestStreams:
    def test_an_epoch_shows_every_image_once_in_an_order_of_its_own(self, generator):
        stream = Epochs(numbered(12), 4, generator)
        epochs = [torch.cat([stream.draw()[1] for _ in range(3)]).tolist() for _ in range(3)]
        assert all(sorted(epoch) == list(range(12)) for epoch in epochs)
        assert epochs[0] != epochs[1] != epochs[2] != epochs[0]

    def test_what_fills_no_batch_is_left_out_of_the_epoch(self, generator):
        stream = Epochs(numbered(5), 2, generator)
        epochs = [torch.cat([stream.draw()[1] for _ in range(2)]).tolist() for _ in range(20)]
        assert all(len(set(epoch)) == 4 for epoch in epochs)
        assert {image for epoch in epochs for image in epoch} == set(range(5))

    def test_each_batch_has_a_length_of_its_own_all_equally_often(self, generator):
        stream = MixedLengths(Copying, 30, 34, 2, generator)
        batches = [stream.draw() for _ in range(1000)]
        assert all(len(x) == len(target) for x, target in batches)
        counts = torch.bincount(torch.tensor([len(x) - 30 for x, _ in batches]))
        # binomial: 1,000 draws of chance 1/5, five standard deviations
        assert len(counts) == 5
        assert (counts - 200).abs().max() <= 5 * math.sqrt(1000 / 5 * 4 / 5)

    @pytest.mark.parametrize("kind", ["fresh", "mixed", "epochs"])
    @pytest.mark.parametrize("drawn", [0, 1, 4])
    def test_a_kept_place_is_taken_up(self, kind, drawn):
        def stream(seed: int) -> Fresh | Epochs:
            numbers = torch.Generator().manual_seed(seed)
            if kind == "mixed":
                return MixedLengths(Copying, 21, 40, 2, numbers)
            return Fresh(Copying(30), 2, numbers) if kind == "fresh" else Epochs(numbered(7), 2, numbers)

        first, second = stream(0), stream(1)
        for _ in range(drawn):
            first.draw()
        second.load_state_dict(first.state_dict())
        for _ in range(9):
            assert all(map(torch.equal, first.draw(), second.draw()))


class TestSeeds:
    def test_each_purpose_and_each_seed_has_its_own(self):
        drawn = {seeds.derived(seed, purpose) for seed in range(50) for purpose in seeds.PURPOSES}
        assert len(drawn) == 50 * len(seeds.PURPOSES)

    def test_validation_and_test_data_differ_and_stay_the_same(self):
        problem = problems.build("adding", 10, NOWHERE)
        validation, again = next(problem.validation())[0], next(problem.validation())[0]
        assert torch.equal(validation, again)
        assert not torch.equal(validation, next(problem.test())[0])


class TestProblems:
    @pytest.mark.parametrize(
        "name", ["copying", "adding", "digits", "permuted_digits", "digits_rows", "noisy_digits_rows"]
    )
    def test_batches_fit_the_task(self, name, generator):
        problem = problems.build(name, 10 if name in ("copying", "adding") else None, NOWHERE)
        held_out = list(problem.validation()), list(problem.test())
        sizes = [sum(x.shape[1] for x, _ in batches) for batches in held_out]
        assert sizes == ([180, 360] if "digits" in name else [200, 1000])
        for x, target in [problem.stream(3, generator).draw(), held_out[0][0]]:
            assert x.shape[0] == problem.task.length
            assert x.shape[2] == problem.task.input_size
            assert target.shape[-1] == x.shape[1]

    @pytest.mark.parametrize("name", ["copying", "selective_copying", "denoising"])
    def test_copying_and_its_like_wait_for_t_steps_and_say_so(self, name):
        problem = problems.build(name, 10, NOWHERE)
        assert (problem.length, problem.task.length) == (10, 30)
        assert (problem.shortest_steps, problem.most_steps, problem.longer) == (30, 30, {})

    @pytest.mark.parametrize("name", ["selective_copying", "denoising", "associative_recall"])
    def test_tasks_that_draw_their_sequences_hold_some_out(self, name, generator):
        problem = problems.build(name, 4, NOWHERE)
        validation, test = list(problem.validation()), list(problem.test())
        assert (len(validation), len(test)) == (4, 20)
        for x, target in (problem.stream(50, generator).draw(), *validation, *test):
            assert x.shape == (problem.task.length, 50, problem.task.input_size)
            assert target.shape[-1] == 50
        assert problem.length == 4
        assert [bound.scored for bound in problem.goal.bounds] == ["score", "loss"]

    @pytest.mark.parametrize(
        ("name", "order"), [("parity", 2), ("modular_addition", 5), ("words_s3", 6), ("words_a5", 60)]
    )
    def test_words_are_trained_on_short_and_tested_on_long_too(self, name, order, generator):
        problem = problems.build(name, None, NOWHERE)
        assert problem.task.output_size == order
        stream = problem.stream(3, generator)
        drawn = [len(stream.draw()[0]) for _ in range(500)]
        assert set(drawn) == set(range(4, 41))  # one of 37 is missing with a chance of 37 (36/37)^500, 4e-5
        assert {len(x) for x, _ in (*problem.validation(), *problem.test())} == {40}
        assert (problem.length, problem.shortest_steps, problem.most_steps) == (40, 4, 256)
        longer = {steps: list(batches()) for steps, batches in problem.longer.items()}
        assert list(longer) == [64, 128, 256]
        for steps, batches in longer.items():
            assert {len(x) for x, _ in batches} == {steps}
            assert sum(x.shape[1] for x, _ in batches) == 1000

    def test_characters_are_held_out_in_order_and_the_text_is_named(self, generator):
        problem = problems.build("characters", 50, NOWHERE)
        text = problem.task.text
        x, target = next(problem.test())
        assert torch.equal(x.argmax(-1)[:, 0], text.test[:50])
        assert torch.equal(target[:, 0], text.test[1:51])
        assert torch.equal(next(problem.validation())[1][:, 1], text.validation[51:101])
        assert problem.stream(3, generator).draw()[0].shape == (50, 3, 97)
        assert problem.data == f"Python's manual, SHA-256 {text.checksum}"
        assert problem.goal.ends_training is False

    def test_letters_are_of_the_manual_or_of_the_users_enwik8(self, tmp_path):
        problem = problems.build("text", None, NOWHERE)
        assert (problem.length, problem.task.length, problem.task.input_size) == (20, 20, 27)
        assert problem.data == f"the letters of Python's manual, SHA-256 {problem.task.text.checksum}"
        assert problems.build("text", 7, NOWHERE).length == 7
        (tmp_path / "enwik8").write_bytes(b"Some words. " * 100)
        own = problems.build("text", 7, NOWHERE, tmp_path)
        assert own.data == f"the letters of enwik8, SHA-256 {own.task.text.checksum}"
        assert next(own.test())[0].shape == (7, 7, 27)

    def test_mnist_is_read_from_the_users_folder(self, tmp_path, generator):
        write_mnist(tmp_path)
        plain, permuted = (problems.build(name, None, tmp_path) for name in ("mnist", "permuted_mnist"))
        assert plain.length == permuted.length == 784
        assert sum(x.shape[1] for x, _ in plain.validation()) == MNIST_VALIDATION
        left, right = next(plain.test())[0], next(permuted.test())[0]
        assert not torch.equal(left, right)
        assert torch.equal(left.sort(0).values, right.sort(0).values)


class TestPresets:
    @pytest.mark.parametrize("model", MODELS)
    @pytest.mark.parametrize("task", PROBLEMS)
    def test_every_task_and_model_has_one(self, task, model):
        assert untuned(task, model).hidden_size > 0
        assert untuned(task, model).optimiser in OPTIMISERS

    def test_all_models_see_a_task_in_the_same_batches_for_as_long(self):
        for task in PLANS:
            chosen = {
                (row.batch, row.max_iterations, row.optimiser) for row in (untuned(task, name) for name in MODELS)
            }
            assert len(chosen) == 1

    @pytest.mark.parametrize(
        ("task", "model", "parameters"),
        [
            ("copying", "urnn", 6153),
            ("copying", "irnn", 8089),
            ("adding", "urnn", 8193),
            ("digits", "urnn", 16394),
        ],
    )
    def test_the_papers_parameter_counts_are_met(self, task, model, parameters):
        """Pixel MNIST has the digits' input and output."""
        made = trainer(
            task=task,
            length=None if task == "digits" else 100,
            model=model,
            hidden_size=untuned(task, model).hidden_size,
        )
        assert made.network.parameter_count == parameters

    @pytest.mark.parametrize(
        ("model", "clip"), [("urnn", None), ("ortho_cayley", None), ("lstm", 1.0), ("gru", 1.0), ("irnn", 1.0)]
    )
    def test_gated_and_plain_models_are_clipped(self, model, clip):
        assert untuned("copying", model).clip == clip

    @pytest.mark.parametrize(
        "task", ["parity", "words_a5", "denoising", "associative_recall", "characters", "text"]
    )
    def test_tasks_beyond_the_papers_are_trained_alike_with_every_model(self, task):
        chosen = {
            (row.hidden_size, row.learning_rate, row.decay, row.clip)
            for row in (untuned(task, name) for name in MODELS)
        }
        assert chosen == {(128, 3e-3, 0.999, 1.0)}

    def test_copying_is_trained_as_in_the_paper(self):
        chosen = untuned("copying", "urnn")
        assert (chosen.optimiser, chosen.learning_rate, chosen.decay) == ("rmsprop", 1e-3, 0.9)
        assert untuned("copying", "urnn", 500) == chosen

    def test_beyond_the_papers_lengths_on_copying_the_unitary_step_learns_more_slowly(self):
        assert [untuned("copying", "urnn", length).slow_rate for length in (500, 1000, 5000)] == [1.0, 0.25, 0.05]
        assert untuned("copying", "urnn", 5000).learning_rate == 1e-3
        assert untuned("adding", "urnn", 1000).slow_rate == 1.0
        assert untuned("copying", "ortho_cayley", 5000).slow_rate == 0.1


class TestOptimisers:
    @pytest.mark.parametrize("name", [name for name in MODELS if name.startswith("ortho")])
    def test_a_dense_orthogonal_matrix_learns_at_a_tenth_of_the_rate(self, name):
        made = trainer(model=name, learning_rate=0.5)
        rest, slow = made.optimiser.param_groups
        assert (rest["lr"], slow["lr"]) == (0.5, 0.05)
        assert {id(p) for p in slow["params"]} == {id(p) for p in made.network.rnn.recurrent.parameters()}
        both = [id(p) for p in rest["params"] + slow["params"]]
        assert sorted(both) == sorted(id(p) for p in made.network.parameters())

    def test_all_that_the_urnn_applies_at_every_step_learns_at_the_slow_rate(self):
        made = trainer(model="urnn", learning_rate=0.5, slow_rate=0.25)
        rest, slow = made.optimiser.param_groups
        names = {id(p): name.rpartition("layers.0.")[2] for name, p in made.network.named_parameters()}
        assert (rest["lr"], slow["lr"]) == (0.5, 0.125)
        assert {names[id(p)] for p in slow["params"]} == {"W.theta", "W.v", "b"}
        assert {names[id(p)] for p in rest["params"]} == {"V", "h_0", "read_out.weight", "read_out.bias"}

    @pytest.mark.parametrize("name", [name for name in MODELS if not name.startswith(("ortho", "urnn"))])
    def test_every_other_model_learns_at_one_rate(self, name):
        (group,) = trainer(model=name, learning_rate=0.5).optimiser.param_groups
        assert group["lr"] == 0.5
        assert len(group["params"]) == len(list(trainer(model=name).network.parameters()))

    def test_squared_gradients_decay_as_told(self):
        assert trainer(decay=0.7).optimiser.defaults["alpha"] == 0.7
        adam = trainer(decay=0.7, momentum=0.6, optimiser="adam").optimiser
        assert adam.defaults["betas"] == (0.6, 0.7)
        assert trainer(momentum=0.6, optimiser="sgd").optimiser.defaults["momentum"] == 0.6


class TestNetwork:
    def test_the_read_out_starts_from_glorots_bound_without_a_bias(self):
        read_out = trainer(hidden_size=512).network.read_out
        bound = math.sqrt(6 / (2 * 512 + 9))
        # of 9,216 values the largest is within 1 % of the bound but for a chance of e^-92
        assert 0.99 * bound < float(read_out.weight.detach().abs().max()) <= bound * (1 + 1e-6)
        assert not read_out.bias.any()

    @pytest.mark.parametrize("model", MODELS)
    def test_the_recurrent_model_is_the_registrys(self, model):
        made = trainer(model=model)
        assert type(made.network.rnn) is type(MODELS[model].build(10, 16))
        parameters = MODELS[model].parameters(10, 16) + made.network.read_out.weight.numel() + 9
        assert made.network.parameter_count == parameters


def test_the_folder_of_a_run_says_what_ran():
    made = trainer(task="digits", length=None, seed=2)
    assert run_folder(Path("runs"), made.problem, made.settings) == Path("runs/digits-T64/urnn-n16-seed2")
