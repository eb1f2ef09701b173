"""Where the paper and the released code differ: the first values, modReLU's divisor, the reflections."""

import math

import numpy as np
import pytest
import torch

from tests.urnn import definition
from tests.urnn.definition import complex_vector
from urnn import URNN

N, M = 4096, 3
GLOROT_V = math.sqrt(6 / (M + 2 * N))
FIRST_STATE = math.sqrt(3 / (2 * N))
BOUNDS = {
    "paper": {"W.theta": math.pi, "W.v": 1.0, "V": GLOROT_V, "b": 0.0, "h_0": FIRST_STATE},
    "released": {
        "W.theta": math.pi,
        "W.v": math.sqrt(6 / (2 + 2 * N)),
        "V": GLOROT_V,
        "b": 0.01,
        "h_0": FIRST_STATE,
    },
}


@pytest.mark.parametrize("name", ["W.theta", "W.v", "V", "b", "h_0"])
@pytest.mark.parametrize("preset", BOUNDS)
def test_first_values_are_uniform_between_the_documented_bounds(preset, name):
    values = URNN(M, N, preset=preset).layers[0].state_dict()[name].double()
    bound = BOUNDS[preset][name]
    assert values.abs().max() <= bound * (1 + 1e-6)  # drawn in float32
    # of N values or more the largest is within 1 % of the bound but for a chance of 1e-18
    assert values.abs().max() >= 0.99 * bound
    # uniform: mean 0, variance bound^2 / 3, each within 5 standard errors
    count = values.numel()
    assert abs(values.mean()) <= 5 * bound / math.sqrt(3 * count)
    assert abs(values.square().mean() - bound**2 / 3) <= 5 * bound**2 * math.sqrt(4 / 45 / count)


@pytest.mark.parametrize("preset", BOUNDS)
def test_the_first_state_has_norm_1_on_average(preset):
    squared = [URNN(1, 64, preset=preset).layers[0].h_0.detach().square().sum() for _ in range(200)]
    # |h_0|^2 is a sum of 128 squares: standard deviation sqrt(4/45 * 9 / 128) = 0.08 each, 0.0056 of 200
    assert np.mean(squared) == pytest.approx(1, abs=5 * 0.0056)


def pair_with_the_same_parameters() -> tuple[URNN, URNN]:
    paper, released = (URNN(2, 6, preset=preset, dtype=torch.float64) for preset in ("paper", "released"))
    released.load_state_dict(paper.state_dict())
    return paper, released


def test_the_released_code_reflects_in_conj_v():
    paper, released = pair_with_the_same_parameters()
    assert not torch.allclose(paper.layers[0].W.dense(), released.layers[0].W.dense())
    with torch.no_grad():
        paper.layers[0].W.v[:, 6:].neg_()
    assert torch.equal(paper.layers[0].W.dense(), released.layers[0].W.dense())


def test_the_released_reflection_is_the_row_vectors_formula():
    """Their code: x - 2 (x . v) conj(v) / |v|^2 for a row x, with no conjugate in the product."""
    _, released = pair_with_the_same_parameters()
    W = released.layers[0].W
    v = complex_vector(W.v.detach().numpy())[0]
    x = np.random.default_rng(0).normal(size=12).view(complex)
    expected = x - 2 * (x @ v) * v.conj() / np.sum(np.abs(v) ** 2)
    actual = definition.householder(complex_vector(W.reflection_vectors().detach().numpy())[0]) @ x
    np.testing.assert_allclose(actual, expected, rtol=0, atol=definition.rounding(6))


def test_the_released_code_shrinks_every_state_a_little():
    """W and V of no effect: h = z |z| / (|z| + 1e-5), so the modulus of a state of 1 falls by 1e-5 a step."""
    norms = {}
    for rnn in pair_with_the_same_parameters():
        h_0 = torch.ones(1, 1, 6, dtype=torch.complex128)
        norms[rnn.preset] = float(rnn(torch.zeros(1, 1, 2).double(), h_0)[0].detach().norm())
    assert norms["paper"] == pytest.approx(math.sqrt(6), rel=1e-14)
    lost = 1 - norms["released"] / norms["paper"]
    assert 1e-6 < lost < 1e-4


def test_paper_is_the_default():
    assert URNN(2, 3).preset == "paper"
