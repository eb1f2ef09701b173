"""Every model trains on every task. What it reaches in a second is the paper's story in small."""

import math

import pytest

from tests.urnn.training.tiny import trainer
from urnn.models import MODELS
from urnn.training.presets import untuned

pytestmark = pytest.mark.slow

WINDOW = 10  # iterations between two looks
STUCK = 1.1  # times the baseline: the task's statistics are learned, its memory is not


def loss_after(
    model: str, task: str, length: int | None, iterations: int, below: float = 0.0, learning_rate: float = 1e-2
) -> float:
    """The least validation loss, in baselines, seen in so many iterations; looks no further once it is below."""
    made = trainer(
        task=task,
        length=length,
        model=model,
        hidden_size=16,
        batch=20,
        optimiser="adam",
        learning_rate=learning_rate,
        slow_rate=1.0,
        clip=untuned(task, model).clip,
    )
    least = math.inf
    while made.progress.iteration < iterations and least >= below:
        for _ in range(WINDOW):
            made.iterate()
        made.evaluate()
        least = min(least, made.progress.loss / made.problem.task.baseline)
    return least


def test_the_urnn_carries_ten_symbols_over_a_wait():
    assert loss_after("urnn", "copying", 10, 200, below=0.5) < 0.5


@pytest.mark.parametrize("model", [name for name in MODELS if name != "urnn"])
def test_the_others_learn_copying_but_for_its_memory(model):
    """At first the loss is about ln 9, three baselines; these models are known to stay at one for long."""
    assert loss_after(model, "copying", 1, 100, below=STUCK, learning_rate=2e-2) < STUCK


@pytest.mark.parametrize("model", MODELS)
def test_adding_is_learned_beyond_the_answer_one(model):
    assert loss_after(model, "adding", 10, 200, below=0.97) < 0.97


@pytest.mark.parametrize("model", [name for name in MODELS if name != "irnn"])
def test_digits_are_told_apart(model):
    assert loss_after(model, "digits", None, 100, below=0.97) < 0.97


@pytest.mark.parametrize("model", ["urnn", "rnn_tanh", "ortho_cayley"])
def test_permuted_digits_are_told_apart(model):
    assert loss_after(model, "permuted_digits", None, 100, below=0.97) < 0.97


@pytest.mark.parametrize(
    "task", ["parity", "selective_copying", "denoising", "associative_recall", "characters", "text"]
)
def test_an_lstm_learns_the_statistics_of_each_task_beyond_the_papers(task):
    length = {"selective_copying": 1, "denoising": 1, "associative_recall": 1, "characters": 30}.get(task)
    assert loss_after("lstm", task, length, 200, below=STUCK, learning_rate=2e-2) < STUCK


def test_the_irnn_does_not_get_worse_than_guessing():
    """Its input weights start at a thousandth, and 16 units need far more than a test's time to grow them."""
    assert loss_after("irnn", "digits", None, 20) == pytest.approx(1, abs=0.01)
