"""IRNN and OrthogonalRNN are what their papers and torch's documentation say."""

import pytest
import torch
from torch.nn.utils import parametrize
from torch.nn.utils.rnn import pack_sequence

from urnn.baselines import IRNN, OrthogonalRNN
from urnn.baselines.orthogonal_maps import ORTHOGONAL_MAPS

EPS = torch.finfo(torch.float64).eps


@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}])
def test_irnn_starts_from_the_identity_without_biases(options):
    for name, parameter in IRNN(3, 50, **options).named_parameters():
        if name.startswith("weight_hh"):
            assert torch.equal(parameter, torch.eye(50))
        elif name.startswith("bias"):
            assert torch.equal(parameter, torch.zeros(50))
        else:
            # 150 draws or more: five standard errors of their deviation
            assert parameter.detach().std() == pytest.approx(1e-3, rel=5 / (2 * 150) ** 0.5)
            assert abs(parameter.detach().mean()) < 5e-3 / 150**0.5


def test_irnn_adds_up_its_input_and_clips_it_at_zero():
    rnn = IRNN(2, 3, dtype=torch.float64)
    with torch.no_grad():
        rnn.weight_ih_l0.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]))
    x = torch.tensor([[1.0, 2.0], [3.0, -5.0], [1.0, 1.0]]).double()
    assert rnn(x)[0].tolist() == [[1, 2, 0], [4, 0, 0], [5, 1, 0]]


def test_irnn_can_be_reset():
    rnn = IRNN(3, 5)
    with torch.no_grad():
        rnn.weight_hh_l0.zero_()
    rnn.reset_parameters()
    assert torch.equal(rnn.weight_hh_l0, torch.eye(5))


def orthogonal_rnn(orthogonal_map: str, **options) -> OrthogonalRNN:
    rnn = OrthogonalRNN(3, 6, orthogonal_map, dtype=torch.float64, **options)
    with torch.no_grad():
        rnn.input.bias.normal_()
    return rnn


def loop(rnn: OrthogonalRNN, x: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
    """h = tanh(Q h + V x + b), step by step and row by row."""
    Q, V, b = rnn.Q, rnn.input.weight, rnn.input.bias
    states = []
    for x_t in x:
        h = torch.stack([torch.tanh(Q[k] @ h + V[k] @ x_t + b[k]) for k in range(len(b))])
        states.append(h)
    return torch.stack(states)


@pytest.mark.parametrize("given", [False, True], ids=["from zeros", "from h_0"])
@pytest.mark.parametrize("orthogonal_map", ORTHOGONAL_MAPS)
def test_orthogonal_rnn_is_the_loop(orthogonal_map, given):
    rnn, x = orthogonal_rnn(orthogonal_map), torch.randn(8, 2, 3).double()
    h_0 = torch.randn(1, 2, 6).double() if given else None
    output, h_n = rnn(x, h_0)
    for k in range(2):
        expected = loop(rnn, x[:, k], torch.zeros(6).double() if h_0 is None else h_0[0, k])
        # n + m products a sum, 8 steps
        torch.testing.assert_close(output[:, k], expected, rtol=0, atol=8 * 9 * 4 * EPS)
        assert torch.equal(h_n[0, k], output[-1, k])


@pytest.mark.parametrize("orthogonal_map", ORTHOGONAL_MAPS)
def test_orthogonal_rnns_gradients_are_the_loops(orthogonal_map):
    rnn, x = orthogonal_rnn(orthogonal_map), torch.randn(5, 3).double()
    parameters = list(rnn.parameters())
    weights = torch.randn(5, 6).double()
    by_kernel = torch.autograd.grad((rnn(x)[0] * weights).sum(), parameters)
    by_loop = torch.autograd.grad((loop(rnn, x, torch.zeros(6).double()) * weights).sum(), parameters)
    torch.testing.assert_close(by_kernel, by_loop, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("orthogonal_map", ORTHOGONAL_MAPS)
def test_the_kernel_reads_the_matrix_that_is_trained(orthogonal_map):
    """nn.RNN with a parametrized weight would go on reading the tensor it was built with."""
    rnn, x = orthogonal_rnn(orthogonal_map), torch.randn(5, 2, 3).double()
    other = orthogonal_rnn(orthogonal_map)
    before = rnn(x)[0]
    rnn.recurrent.weight = other.Q.detach()  # through the parametrization's right inverse
    after = rnn(x)[0]
    assert (after - before).abs().max() > 0.01
    torch.testing.assert_close(
        after[:, 0], loop(rnn, x[:, 0], torch.zeros(6).double()), rtol=0, atol=8 * 9 * 4 * EPS
    )


def skew(X: torch.Tensor) -> torch.Tensor:
    lower = X.tril(-1)
    return lower - lower.T


def reflections(X: torch.Tensor) -> torch.Tensor:
    """One reflection a column of the unit lower triangle, times the signs on the diagonal."""
    Q, eye = torch.diag(X.diagonal()), torch.eye(len(X)).double()
    for v in reversed((X.tril(-1) + eye).unbind(1)):
        Q = Q - 2 * torch.outer(v, v @ Q) / (v @ v)
    return Q


MAPS = {
    "matrix_exp": lambda X: torch.linalg.matrix_exp(skew(X)),
    "cayley": lambda X: torch.linalg.inv(torch.eye(6) - skew(X) / 2) @ (torch.eye(6) + skew(X) / 2),
    "householder": reflections,
}


@pytest.mark.parametrize("orthogonal_map", ORTHOGONAL_MAPS)
def test_the_map_is_the_one_asked_for(orthogonal_map):
    """Q = base map(X), where the base is the matrix that the module was built with."""
    rnn = orthogonal_rnn(orthogonal_map)
    [weight_map] = rnn.recurrent.parametrizations.weight
    X = rnn.recurrent.parametrizations.weight.original
    with torch.no_grad():
        X.add_(0.3 * torch.randn(6, 6).tril(-1))
        expected = weight_map.base @ MAPS[orthogonal_map](X)
        # a series or a solve of 6 x 6: a few dozen roundings a number
        torch.testing.assert_close(rnn.Q, expected, rtol=0, atol=100 * EPS)


@pytest.mark.parametrize("orthogonal_map", ORTHOGONAL_MAPS)
def test_folding_the_map_leaves_the_outputs_alone(orthogonal_map):
    """What the documentation says to do for one-step calls."""
    rnn, x = orthogonal_rnn(orthogonal_map), torch.randn(5, 2, 3).double()
    before = rnn(x)[0]
    parametrize.remove_parametrizations(rnn.recurrent, "weight")
    torch.testing.assert_close(rnn(x)[0], before, rtol=0, atol=8 * 9 * 4 * EPS)


def test_the_bias_is_one_and_is_added_once():
    rnn = orthogonal_rnn("cayley")
    output, _ = rnn(torch.zeros(1, 1, 3).double())
    torch.testing.assert_close(output[0, 0], torch.tanh(rnn.input.bias), rtol=0, atol=4 * EPS)


def test_a_given_first_state_is_in_the_users_order_when_packed():
    rnn = orthogonal_rnn("matrix_exp")
    inputs, h_0 = [torch.randn(length, 3).double() for length in (2, 5, 3)], torch.randn(1, 3, 6).double()
    _, h_n = rnn(pack_sequence(inputs, enforce_sorted=False), h_0)
    for k, x in enumerate(inputs):
        torch.testing.assert_close(h_n[0, k], loop(rnn, x, h_0[0, k])[-1], rtol=0, atol=5 * 9 * 4 * EPS)


@pytest.mark.parametrize("orthogonal_map", ORTHOGONAL_MAPS)
def test_q_starts_anywhere_among_the_orthogonal_matrices(orthogonal_map):
    torch.manual_seed(1)
    one = OrthogonalRNN(3, 6, orthogonal_map).Q
    other = OrthogonalRNN(3, 6, orthogonal_map).Q
    assert (one - other).abs().max() > 0.1
    assert (one - torch.eye(6)).abs().max() > 0.1


def test_an_unknown_map_is_answered_with_those_there_are():
    with pytest.raises(
        ValueError,
        match=r"orthogonal_map must be one of \('matrix_exp', 'cayley', 'householder'\), got 'givens'",
    ):
        OrthogonalRNN(3, 6, "givens")


def test_its_text_names_the_map():
    assert "orthogonal_map='cayley', batch_first=True" in repr(OrthogonalRNN(3, 6, "cayley", batch_first=True))
