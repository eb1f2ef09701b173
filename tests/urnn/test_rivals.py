"""The rivals against their papers' equations, written out step by step."""

import math
import re
import sys

import pytest
import torch
from torch import nn

from urnn import models
from urnn.activations import modrelu
from urnn.baselines import (
    EUNN,
    LRU,
    FullCapacityURNN,
    MinGRU,
    OrthogonalModReLURNN,
    ResidualBlocks,
)
from urnn.baselines.cells import CellLoop
from urnn.baselines.initialisation import chrono, forget_bias_one, orthogonal_recurrence
from urnn.baselines.linear_recurrence import _joined, _step_by_step, linear_recurrence
from urnn.baselines.orthogonal_modrelu import cayley_angles, henaff_angles, start_from_rotations
from urnn.baselines.slstm import SLSTMCell
from urnn.unitary import to_complex

DOUBLE = torch.float64
EPS = torch.finfo(DOUBLE).eps


def sequence(steps: int = 6, batch: int = 3, features: int = 4) -> torch.Tensor:
    return torch.randn(steps, batch, features, dtype=DOUBLE)


def assert_close(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=0, atol=1000 * EPS)


@pytest.mark.parametrize("dtype", [DOUBLE, torch.complex128])
@pytest.mark.parametrize("constant", [False, True], ids=["a changes", "a is constant"])
@pytest.mark.parametrize("run", [_step_by_step, _joined])
def test_a_linear_recurrence_is_its_loop(run, constant, dtype):
    a = torch.randn(*(() if constant else (7, 2)), 5, dtype=dtype)
    u, first = torch.randn(7, 2, 5, dtype=dtype), torch.randn(2, 5, dtype=dtype)
    expected, h = [], first
    for t in range(7):
        h = (a if constant else a[t]) * h + u[t]
        expected.append(h)
    assert_close(run(a, u, first), torch.stack(expected))


@pytest.mark.parametrize("dtype", [DOUBLE, torch.complex128])
@pytest.mark.parametrize("constant", [False, True], ids=["a changes", "a is constant"])
def test_a_linear_recurrence_has_its_gradients(constant, dtype):
    a = torch.randn(*(() if constant else (4, 2)), 3, dtype=dtype, requires_grad=True)
    u, first = (torch.randn(*shape, dtype=dtype, requires_grad=True) for shape in [(4, 2, 3), (2, 3)])
    assert torch.autograd.gradcheck(linear_recurrence, (a, u, first))


@pytest.mark.parametrize("orthogonal_map", ["matrix_exp", "cayley", "householder"])
def test_an_orthogonal_modrelu_step_is_the_equation(orthogonal_map):
    rnn = OrthogonalModReLURNN(4, 6, orthogonal_map, dtype=DOUBLE)
    nn.init.uniform_(rnn.b, -0.2, 0.2)
    x, h = sequence(), torch.randn(1, 3, 6, dtype=DOUBLE)
    output, last = rnn(x, h)
    for x_t, found in zip(x, output, strict=True):
        z = h @ rnn.Q.mT + x_t @ rnn.input.weight.mT
        h = modrelu(torch.complex(z, torch.zeros_like(z)), rnn.b).real
        assert_close(found, h[0])
    assert torch.equal(last[0], output[-1])
    assert (output == 0).any()  # negative biases have switched some off


def test_an_orthogonal_modrelu_rnn_has_its_gradients():
    rnn = OrthogonalModReLURNN(2, 4, dtype=DOUBLE)
    nn.init.uniform_(rnn.b, -0.2, 0.2)
    x, h = sequence(4, 2, 2).requires_grad_(), torch.randn(1, 2, 4, dtype=DOUBLE, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, h, *_: rnn(x, h)[0], (x, h, *rnn.parameters()))


@pytest.mark.parametrize(
    ("angles", "least", "most"), [(henaff_angles, 0, math.pi), (cayley_angles, 0, math.pi / 2)]
)
@pytest.mark.parametrize("n", [6, 7])
def test_a_first_matrix_of_rotations(angles, least, most, n):
    rnn = OrthogonalModReLURNN(2, n, dtype=DOUBLE)
    start_from_rotations(rnn, angles)
    Q = rnn.Q.detach()
    for k in range(0, n - 1, 2):
        block = Q[k : k + 2, k : k + 2]
        angle = math.atan2(block[1, 0], block[0, 0])
        assert least <= abs(angle) <= most
        turn = torch.tensor(
            [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]], dtype=DOUBLE
        )
        assert_close(block, turn)
        Q[k : k + 2, k : k + 2] = 0
    if n % 2:
        assert Q[-1, -1] == pytest.approx(1, abs=10 * n * EPS)
        Q[-1, -1] = 0
    assert Q.abs().max() <= 10 * n * EPS


@pytest.mark.parametrize(("angles", "bound"), [(henaff_angles, math.pi), (cayley_angles, math.pi / 2)])
def test_angles_are_uniform_on_both_sides(angles, bound):
    torch.manual_seed(0)
    drawn = angles(10_000)
    assert drawn.abs().max() <= bound
    assert abs(float(drawn.mean())) < 5 * bound / 3**0.5 / 100  # five standard errors
    assert float(drawn.std()) == pytest.approx(bound / 3**0.5, rel=0.05)


def test_an_lru_step_is_the_equation():
    rnn = LRU(4, 5, dtype=DOUBLE)
    x, h = sequence(), torch.randn(1, 3, 10, dtype=DOUBLE)
    output, _ = rnn(x, h)
    eigenvalues = torch.exp(torch.complex(-rnn.nu.exp(), rnn.angle.exp()))
    B, z = to_complex(rnn.B.mT).mT, to_complex(h[0])
    for x_t, found in zip(x, output, strict=True):
        z = eigenvalues * z + rnn.gamma.exp() * (x_t.to(B) @ B.mT)
        assert_close(found, torch.cat([z.real, z.imag], dim=-1))


def test_an_lru_starts_on_its_ring_with_states_as_large_as_its_inputs():
    torch.manual_seed(0)
    rnn = LRU(1, 2000, radius=(0.5, 0.9), dtype=DOUBLE)
    moduli = rnn.eigenvalues.detach().abs()
    assert 0.5 <= moduli.min() < 0.51
    assert 0.89 < moduli.max() <= 0.9
    # uniform on the ring's area: squares are uniform
    assert float(moduli.square().mean()) == pytest.approx((0.25 + 0.81) / 2, abs=0.02)
    assert_close(rnn.gamma.detach().exp(), (1 - moduli.square()).sqrt())


@pytest.mark.parametrize("radius", [(0.9, 0.9), (-0.1, 0.5), (0.5, 1.0), (math.nan, 0.5)])
def test_an_lru_refuses_a_ring_that_is_none(radius):
    with pytest.raises(ValueError, match=r"radius must be two numbers with 0 <= least < most < 1, got \("):
        LRU(2, 3, radius=radius)


def test_a_mingru_step_is_the_equation():
    rnn = MinGRU(4, 5, dtype=DOUBLE)
    x, h = sequence(), torch.rand(1, 3, 5, dtype=DOUBLE)
    output, _ = rnn(x, h)
    W, b = rnn.gate_and_candidate.weight, rnn.gate_and_candidate.bias
    h = h[0]
    for x_t, found in zip(x, output, strict=True):
        gate = torch.sigmoid(x_t @ W[:5].mT + b[:5])
        candidate = x_t @ W[5:].mT + b[5:]
        positive = torch.where(candidate >= 0, candidate + 0.5, torch.sigmoid(candidate))
        h = (1 - gate) * h + gate * positive
        assert_close(found, h)
    assert (output > 0).all()


def test_residual_blocks_are_their_parts_in_a_row():
    rnn = ResidualBlocks(4, 5, LRU, layer_outputs=2, dtype=DOUBLE)
    x = sequence()
    output, state = rnn(x)
    h, states = rnn.encoder(x), []
    for norm, layer, mixer in zip(rnn.norms, rnn.layers, rnn.mixers, strict=True):
        inner, own = layer(norm(h))
        states.append(own)
        value, gate = mixer(inner).chunk(2, dim=-1)
        h = h + value * torch.sigmoid(gate)
    assert_close(output, rnn.last_norm(h))
    assert torch.equal(state, torch.cat(states, dim=-1))


def test_an_slstm_step_is_the_equation_without_its_stabiliser():
    cell = SLSTMCell(4, 5, dtype=DOUBLE)
    x, zero = sequence(), torch.zeros(3, 5, dtype=DOUBLE)
    h, c, n, state = zero, zero, zero, (zero,) * 4
    for x_t in x:
        z, i, f, o = (cell.input(x_t) + h @ cell.recurrent.weight.mT).chunk(4, dim=-1)
        c = torch.sigmoid(f) * c + i.exp() * z.tanh()
        n = torch.sigmoid(f) * n + i.exp()
        h = torch.sigmoid(o) * c / n
        state = cell(x_t, state)
        assert_close(state[0], h)


def test_an_slstm_bears_gates_whose_exponentials_do_not_fit():
    cell = SLSTMCell(2, 3)
    state = tuple(torch.zeros(1, 3) for _ in range(4))
    for x_t in 1e4 * torch.randn(5, 1, 2):
        state = cell(x_t, state)
    assert all(part.isfinite().all() for part in state)


def test_a_full_capacity_matrix_is_the_cayley_transform():
    rnn = FullCapacityURNN(3, 5, dtype=DOUBLE)
    assert_close(rnn.W.detach(), rnn.start)
    nn.init.normal_(rnn.skew)
    p = rnn.skew.detach()
    S = torch.zeros(5, 5, dtype=torch.complex128)
    for j in range(5):
        S[j, j] = 1j * p[j, j]
        for k in range(j):
            S[k, j] = torch.complex(p[k, j], p[j, k])
            S[j, k] = -S[k, j].conj()
    eye = torch.eye(5, dtype=S.dtype)
    assert_close(rnn.W.detach(), torch.linalg.inv(eye + S) @ (eye - S) @ rnn.start)


@pytest.mark.parametrize(("n", "capacity"), [(2, 1), (5, 2), (6, 3)])
def test_eunns_matrix_is_the_product_of_its_rotations(n, capacity):
    rnn = EUNN(3, n, capacity, dtype=DOUBLE)
    W = torch.eye(n, dtype=torch.complex128)
    for layer, rotations in enumerate(rnn.rotations):
        factor = torch.eye(n, dtype=torch.complex128)
        for pair, (angle, phi) in enumerate(rotations.detach().mT.tolist()):
            k, turn = layer % 2 + 2 * pair, complex(math.cos(phi), math.sin(phi))
            factor[k : k + 2, k : k + 2] = torch.tensor(
                [[turn * math.cos(angle), -turn * math.sin(angle)], [math.sin(angle), math.cos(angle)]],
                dtype=torch.complex128,
            )
        W = factor @ W
    phase = rnn.phase.detach()
    assert_close(rnn.W.detach(), torch.diag(torch.complex(phase.cos(), phase.sin())) @ W)


@pytest.mark.parametrize("build", [FullCapacityURNN, EUNN])
def test_a_dense_unitary_step_is_the_urnns(build):
    rnn = build(4, 6, dtype=DOUBLE)
    nn.init.uniform_(rnn.b, -0.2, 0.2)
    x, h = sequence(), torch.randn(1, 3, 6, dtype=torch.complex128)
    output, last = rnn(x, h)
    for x_t, found in zip(x, output, strict=True):
        h = modrelu(h @ rnn.W.mT + to_complex(x_t @ rnn.V.mT), rnn.b)
        assert_close(found, torch.cat([h[0].real, h[0].imag], dim=-1))
    assert_close(last, h)


@pytest.mark.parametrize(("n", "capacity"), [(1, 2), (4, 0)])
def test_eunn_refuses_sizes_that_leave_no_rotation(n, capacity):
    with pytest.raises(ValueError, match=f"capacity of at least 1, got {n} and {capacity}"):
        EUNN(3, n, capacity)


def test_a_loop_over_a_cell_is_torchs_layer():
    loop, layer = CellLoop(4, 5, nn.GRUCell, dtype=DOUBLE), nn.GRU(4, 5, dtype=DOUBLE)
    layer.load_state_dict({f"{name}_l0": value for name, value in loop.cell.state_dict().items()})
    x = sequence()
    for found, expected in zip(loop(x), layer(x), strict=True):
        assert_close(found, expected)


def test_without_its_package_a_model_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchrecurrent", None)
    message = (
        "model 'lem' needs torchrecurrent, which is not installed; "
        "install it in the checkout of urnn: pip install '.[zoo]'"
    )
    with pytest.raises(ImportError, match=f"^{re.escape(message)}$"):
        models.get("lem").build(3, 4)


def test_an_indrnn_is_its_authors():
    rnn = models.get("indrnn").build(3, 50, dtype=DOUBLE)
    u = rnn.cell.vector_u.detach()
    assert 0 <= u.min() < 0.1 < 0.9 < u.max() <= 1
    x = sequence(features=3)
    h, cell = torch.zeros(3, 50, dtype=DOUBLE), rnn.cell
    for x_t, found in zip(x, rnn(x)[0], strict=True):
        h = torch.relu(x_t @ cell.weight_ih.mT + u * h + cell.bias_ih + cell.bias_hh)
        assert_close(found, h)


@pytest.mark.parametrize(
    ("x", "state", "message"),
    [
        ((5, 2, 3), None, r"MinGRU: expected an input \(T, B, 4\) with T of at least 1, got \(5, 2, 3\)"),
        ((0, 2, 4), None, r"with T of at least 1, got \(0, 2, 4\)"),
        ((4,), None, r"with T of at least 1, got \(4, 1\)|got \(4,\)"),
        ((5, 2, 4), (1, 3, 5), r"expected a state of shape \[\(1, 2, 5\)\], got \[\(1, 3, 5\)\]"),
        ((5, 2, 4), (2, 2, 5), r"expected a state of shape \[\(1, 2, 5\)\], got \[\(2, 2, 5\)\]"),
    ],
)
def test_wrong_shapes_are_named(x, state, message):
    with pytest.raises(RuntimeError, match=message):
        MinGRU(4, 5)(torch.zeros(x), None if state is None else torch.zeros(state))


@pytest.mark.parametrize("layers", [1, 2])
def test_chrono_biases_of_an_lstm(layers):
    lstm = nn.LSTM(3, 1000, layers)
    torch.manual_seed(0)
    chrono(lstm, length=100)
    for layer in range(layers):
        own, recurrent = (getattr(lstm, f"bias_{kind}_l{layer}").detach() for kind in ("ih", "hh"))
        memory = own[1000:2000].exp()  # of about so many steps
        assert 1 <= memory.min() < 2
        assert 98 < memory.max() <= 99.01
        assert float(memory.mean()) == pytest.approx(50, abs=5 * 98 / 12**0.5 / 1000**0.5)
        assert torch.equal(own[:1000], -own[1000:2000])
        assert not own[2000:].any()
        assert not recurrent.any()


def test_a_chrono_gru_keeps_its_state_for_as_long():
    gru = nn.GRU(1, 4, dtype=DOUBLE)
    chrono(gru, length=50)
    with torch.no_grad():
        for weight in (gru.weight_ih_l0, gru.weight_hh_l0):
            weight.zero_()
    h = torch.ones(1, 1, 4, dtype=DOUBLE)
    u = gru.bias_ih_l0.detach()[4:8].exp()
    assert_close(gru(torch.zeros(1, 1, 1, dtype=DOUBLE), h)[1][0, 0], u / (1 + u))  # 1 - 1 / (u + 1)


def test_chrono_needs_a_time_to_remember():
    with pytest.raises(ValueError, match="needs a length of at least 3 time steps, got 2"):
        chrono(nn.LSTM(1, 2), length=2)


def test_forget_gates_open_and_the_rest_as_torch_has_it():
    lstm = nn.LSTM(3, 4)
    before = {name: value.clone() for name, value in lstm.named_parameters()}
    forget_bias_one(lstm, length=10)
    for name, value in lstm.named_parameters():
        if name.startswith("bias"):
            assert value[4:8].tolist() == [1.0 if "ih" in name else 0.0] * 4
            value, before[name] = value[[0, 1, 2, 3, *range(8, 16)]], before[name][[0, 1, 2, 3, *range(8, 16)]]
        assert torch.equal(value, before[name])


def test_a_plain_rnn_from_an_orthogonal_matrix():
    rnn = nn.RNN(3, 8, dtype=DOUBLE)
    orthogonal_recurrence(rnn, length=10)
    assert_close((rnn.weight_hh_l0 @ rnn.weight_hh_l0.mT).detach(), torch.eye(8, dtype=DOUBLE))
    assert not rnn.bias_ih_l0.any()
    assert not rnn.bias_hh_l0.any()
