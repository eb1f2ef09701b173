"""The tasks' data is what the papers describe, and their losses measure what they say."""

import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from urnn.tasks import TASKS, Copying, Pixels
from urnn.tasks.copying import BLANK, MARKER

LENGTHS = [1, 2, 3, 5, 20, 21, 25, 29, 30, 120]


def numbers(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


LEAST = {"adding": 2}  # time steps, one for each marked number; 1 elsewhere


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
class TestEveryTask:
    @pytest.mark.parametrize("length", LENGTHS)
    def test_shapes_and_types(self, task, length):
        length = max(length, LEAST.get(task.__name__.lower(), 1))
        x, target = task(length).sample(7, numbers())
        assert x.shape == (length, 7, task.input_size)
        assert x.dtype == torch.float32
        assert x.is_contiguous()
        if task.output_size == 1:  # an amount, not a class
            assert target.dtype == torch.float32
            assert 0 <= target.min() <= target.max() <= 2
        else:
            assert target.dtype == torch.int64
            assert 0 <= target.min() <= target.max() < task.output_size

    def test_a_generator_seeded_alike_gives_the_same_and_goes_on_to_something_else(self, task):
        generator = numbers(5)
        first, again = task(100).sample(4, generator), task(100).sample(4, numbers(5))
        assert torch.equal(first[0], again[0])
        assert torch.equal(first[1], again[1])
        assert not torch.equal(task(100).sample(4, generator)[0], first[0])

    def test_torchs_own_generator_is_left_alone(self, task):
        before = torch.get_rng_state()
        task(30).sample(4, numbers())
        assert torch.equal(torch.get_rng_state(), before)

    @pytest.mark.parametrize("length", [0, -3])
    def test_no_time_steps_are_refused(self, task, length):
        least = LEAST.get(task.__name__.lower(), 1)
        with pytest.raises(ValueError, match=f"^length must be at least {least} time step.*, got {length}$"):
            task(length)


def symbols(x: torch.Tensor) -> torch.Tensor:
    """The symbol of each step, once every step is seen to hold exactly one."""
    assert torch.equal(x.sum(-1), torch.ones(x.shape[:2]))
    assert set(x.unique().tolist()) <= {0.0, 1.0}
    return x.argmax(-1)


@pytest.mark.parametrize("length", [21, 25, 29, 30, 120])
def test_copying_shows_ten_symbols_waits_and_asks_for_them(length):
    x, target = Copying(length).sample(50, numbers())
    shown = symbols(x)
    assert (shown[:10] < 8).all()
    assert (shown[10 : length - 11] == BLANK).all()
    assert (shown[length - 11] == MARKER).all()
    assert (shown[length - 10 :] == BLANK).all()
    assert (target[: length - 10] == BLANK).all()
    assert torch.equal(target[length - 10 :], shown[:10])


def test_copying_draws_all_eight_symbols_about_equally_often():
    x, _ = Copying(21).sample(1000, numbers())
    counts = torch.bincount(symbols(x)[:10].flatten(), minlength=8)
    # binomial: 10,000 draws of chance 1/8, five standard deviations
    assert (counts - 1250).abs().max() <= 5 * math.sqrt(10_000 / 8 * 7 / 8)


@pytest.mark.parametrize(("length", "recall"), [(1, 0), (2, 0), (3, 1), (5, 1), (6, 2), (20, 6), (21, 10)])
def test_short_copying_carries_a_third_of_its_steps(length, recall):
    task = Copying(length)
    x, target = task.sample(50, numbers())
    shown = symbols(x)
    assert task.recall == recall
    assert ((shown < 8).sum(0) == recall).all()
    assert ((shown == MARKER).sum(0) == (recall > 0)).all()
    assert ((target != BLANK).sum(0) == recall).all()
    assert torch.equal(target[length - recall :], shown[:recall])


def certain(classes: torch.Tensor) -> torch.Tensor:
    """Logits so far apart that the other classes' probability is 0 in float32."""
    return 1000 * torch.nn.functional.one_hot(classes, 9).float()


@pytest.mark.parametrize("length", [1, 5, 21, 120])
def test_a_perfect_copier_has_no_loss(length):
    task = Copying(length)
    _, target = task.sample(6, numbers())
    assert task.loss(certain(target), target) == 0


@pytest.mark.parametrize("length", [21, 120, 220, 520])
def test_copying_without_memory_costs_ten_ln_eight_over_the_length(length):
    """The paper's baseline: blanks where blanks are due, any of 8 symbols where they are to be recalled."""
    task = Copying(length)
    _, target = task.sample(6, numbers())
    logits = certain(torch.full_like(target, BLANK))
    logits[-10:] = torch.tensor([0.0] * 8 + [-1000.0])
    # a float32 mean over every step
    expected = 10 * math.log(8) / length
    assert float(task.loss(logits, target)) == pytest.approx(expected, rel=length * torch.finfo().eps)


def test_copying_is_read_at_every_step_and_pixels_at_the_last():
    output = torch.randn(5, 3, 4)
    assert Copying.read(output, output[-1]) is output
    assert torch.equal(Pixels.read(output, output[-1]), output[-1])


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """The images as scikit-learn has them: whole numbers from 0 to 16."""
    images, labels = load_digits(return_X_y=True)
    assert images.shape == (1797, 64)
    return images.astype(int), labels


def grey(x: torch.Tensor) -> np.ndarray:
    """Sequences (B, T) as the whole numbers they were made from."""
    values = x.squeeze(-1).T.double().numpy() * 16
    assert values.min() >= 0
    assert values.max() <= 16
    np.testing.assert_array_equal(values, values.round())
    return values.astype(int)


@pytest.mark.parametrize("length", [64, 65, 100, 128, 784])
def test_the_last_64_pixels_are_a_whole_image_of_the_target(digits, length):
    images, labels = digits
    x, target = Pixels(length).sample(20, numbers())
    for sequence, label in zip(grey(x), target, strict=True):
        matches = (images == sequence[-64:]).all(1)
        assert matches.any()
        assert set(labels[matches]) == {int(label)}


@pytest.mark.parametrize("length", [100, 128, 784])
def test_what_comes_before_is_images_too_the_first_cut_to_its_last_rows(digits, length):
    images, _ = digits
    x, _ = Pixels(length).sample(5, numbers())
    for sequence in grey(x):
        for end in range(length, 0, -64):
            part = sequence[max(end - 64, 0) : end]
            assert (images[:, 64 - len(part) :] == part).all(1).any()
    two_images = grey(Pixels(128).sample(20, numbers())[0])
    assert not (two_images[:, :64] == two_images[:, 64:]).all()


@pytest.mark.parametrize("length", [1, 8, 63])
def test_a_short_sequence_is_the_end_of_an_image_of_the_target(digits, length):
    images, labels = digits
    x, target = Pixels(length).sample(20, numbers())
    for sequence, label in zip(grey(x), target, strict=True):
        matches = (images[:, 64 - length :] == sequence).all(1)
        assert int(label) in labels[matches]


def test_pixels_are_drawn_from_all_ten_digits_and_use_the_whole_range():
    x, target = Pixels(64).sample(300, numbers())
    assert target.unique().tolist() == list(range(10))
    assert (float(x.min()), float(x.max())) == (0.0, 1.0)


def test_the_pixels_loss_is_the_cross_entropy_of_the_classes():
    task, target = Pixels(64), torch.tensor([3, 9])
    assert float(task.loss(torch.zeros(2, 10), target)) == pytest.approx(math.log(10), rel=1e-6)
    assert task.loss(1000 * torch.nn.functional.one_hot(target, 10).float(), target) == 0
