"""Hard concrete gates against their formula, written elementwise, and their probabilities against many draws."""

import math

import pytest
import torch

from urnn.pruning import HardConcrete
from urnn.pruning.gates import EPSILON

LOG_A = [-6.0, -2.0, 0.0, 1.5, 5.0]


def gates(dtype=torch.float64):
    made = HardConcrete(len(LOG_A), dtype=dtype)
    with torch.no_grad():
        made.log_a.copy_(torch.tensor(LOG_A))
    return made


def z(u: float, log_a: float) -> float:
    s = 1 / (1 + math.exp(-(math.log(u) - math.log(1 - u) + log_a) / (2 / 3)))
    return min(1.0, max(0.0, s * (1.1 - -0.1) + -0.1))


def test_a_draw_is_the_formula_of_a_uniform_number():
    torch.manual_seed(3)
    drawn = gates().draw(7)
    torch.manual_seed(3)
    u = torch.empty(7, len(LOG_A), dtype=torch.float64).uniform_(EPSILON, 1 - EPSILON)
    expected = [[z(float(u[b, k]), LOG_A[k]) for k in range(len(LOG_A))] for b in range(7)]
    assert drawn.tolist() == [pytest.approx(row, abs=1e-12) for row in expected]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_probability_of_an_open_gate_is_that_of_the_draws(dtype):
    draws = 40_000
    share = (gates(dtype).draw(draws) != 0).double().mean(0)
    expected = [1 / (1 + math.exp(-(a - 2 / 3 * math.log(0.1 / 1.1)))) for a in LOG_A]
    assert gates(dtype).open_probability().tolist() == pytest.approx(expected, rel=1e-5)
    for found, p in zip(share.tolist(), expected, strict=True):
        assert abs(found - p) < 5 * math.sqrt(p * (1 - p) / draws)


def test_settled_gates_are_those_of_u_one_half_without_the_temperature():
    expected = [min(1.0, max(0.0, 1.2 / (1 + math.exp(-a)) - 0.1)) for a in LOG_A]
    assert gates().settled().tolist() == pytest.approx(expected)
    assert expected[0] == 0, "one of them is closed"
    assert 0 < expected[1] < 1


def test_gradients_reach_log_a_where_a_gate_is_neither_0_nor_1():
    made = gates()
    drawn = made.draw(200)
    drawn.sum().backward()
    inside = ((drawn > 0) & (drawn < 1)).any(0)
    assert inside.sum() >= 3
    assert ((made.log_a.grad > 0) == inside).all()


def test_extreme_log_a_gives_finite_draws():
    made = HardConcrete(2)
    with torch.no_grad():
        made.log_a.copy_(torch.tensor([-1e4, 1e4]))
    assert made.draw(50).tolist() == [[0.0, 1.0]] * 50


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((0,), ValueError, "count must be at least 1, got 0"),
        ((2.5,), TypeError, "count must be a whole number, got float 2.5"),
        ((3, "2"), TypeError, "first must be a number, got str '2'"),
        ((3, math.nan), ValueError, "first must be a finite number, got nan"),
    ],
)
@pytest.mark.usefixtures("as_a_user")
def test_gates_that_there_cannot_be(arguments, error, message):
    with pytest.raises(error) as caught:
        HardConcrete(*arguments)
    assert str(caught.value) == message
