"""One contract over every model of the registry and every backend of it: to register a model is to test it."""

import re

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence, pad_packed_sequence

from urnn import models
from urnn.backends import BACKENDS
from urnn.baselines.cells import TORCHRECURRENT
from urnn.models import MODELS, SEARCHED, ZOO, Model
from urnn.tasks import Copying

FAMILIES = {"unitary", "orthogonal", "gated", "plain", "linear", "oscillator", "searched"}
NORM_PRESERVING = {"unitary", "orthogonal"}
DTYPES = [torch.float32, torch.float64]
M, N, T, B = Copying.input_size, 16, 12, 4

ALL = models.every()
ENTRIES = [(model, backend) for model in ALL.values() for backend in model.backends]
PROMISING = [entry for entry in ENTRIES if entry[0].family in NORM_PRESERVING]


def over(entries: list[tuple[Model, str]]):
    ids = [f"{model.name}-{backend}" for model, backend in entries]
    return pytest.mark.parametrize(("model", "run_by"), entries, ids=ids)


def build(model: Model, run_by: str, device: str = "cpu", dtype=torch.float32, m=M, n=N, **options) -> nn.Module:
    if run_by in BACKENDS and not BACKENDS[run_by].applies(n, device):
        pytest.skip(f"backend {run_by} does not run hidden_size={n} on {device}")
    if model.name in TORCHRECURRENT:  # of an extra that a machine with a GPU may lack
        pytest.importorskip("torchrecurrent")
    if len(model.backends) > 1:
        options["backend"] = run_by
    return model.build(m, n, device=device, dtype=dtype, **options)


def copying_batch(device: str = "cpu", dtype=torch.float32) -> torch.Tensor:
    x, _ = Copying(T).sample(B, torch.Generator().manual_seed(0))
    return x.to(device, dtype)


def bound(dtype: torch.dtype) -> float:
    """Rounding of T steps of sums over the input and the state, each state at most about 1."""
    return 10 * T * (M + N) * torch.finfo(dtype).eps


def whole_state(state: torch.Tensor | tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
    """nn.LSTM's two, every other model's one."""
    return list(state) if isinstance(state, tuple) else [state]


def assert_same(left, right, dtype: torch.dtype) -> None:
    torch.testing.assert_close(left, right, rtol=0, atol=bound(dtype))


def test_the_registry_has_the_model_and_its_baselines():
    assert set(MODELS) >= {
        "urnn",
        "lstm",
        "gru",
        "rnn_tanh",
        "irnn",
        "ortho_matrix_exp",
        "ortho_cayley",
        "ortho_householder",
    }
    assert len({model.label for model in ALL.values()}) == len(ALL) == len(MODELS) + len(ZOO) + len(SEARCHED)


@pytest.mark.parametrize("name", ALL)
def test_a_row_is_whole(name):
    model = models.get(name)
    assert model.name == name
    assert model.label
    assert model.family in FAMILIES
    assert (model.recurrent_matrix is not None) == (model.family in NORM_PRESERVING)
    assert model.state_per_unit >= model.output_per_unit >= 1
    assert model.backends in [("torch",), ("torch", "native"), ("eager",), ("cpu", "eager")] or set(
        model.backends
    ) <= set(BACKENDS)
    assert model.backends
    assert set(model.backend_labels) <= set(model.backends)


def test_an_unknown_name_is_answered_with_those_there_are():
    with pytest.raises(ValueError, match=r"unknown model 'elman'; .* has: urnn, lstm, gru, .*ortho_householder"):
        models.get("elman")


@pytest.mark.parametrize("name", ["my rnn", "", "../rnn", "rnn-2", "Netz\u00e4hnlich"])
def test_a_name_that_no_cell_or_file_can_have_is_refused(name):
    message = (
        "a model's name must be ASCII letters, digits and underscores, since cells and files are named after it, "
        f"got {name!r}"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Model(name, "My RNN", "plain", torch.nn.RNN, state_per_unit=1, parameters=lambda m, n: 1)


@over(ENTRIES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_output_and_state_have_the_size_the_row_says(model, run_by, dtype, device):
    output, state = build(model, run_by, device, dtype)(copying_batch(device, dtype))
    assert output.shape == (T, B, model.output_per_unit * N)
    assert output.dtype == dtype
    assert output.device.type == device
    parts = whole_state(state)
    assert all(part.device.type == device and part.shape[:2] == (1, B) for part in parts)
    reals = sum(part.numel() * (2 if part.is_complex() else 1) for part in parts)
    assert reals == model.state_per_unit * N * B


@over(ENTRIES)
@pytest.mark.parametrize(("m", "n"), [(1, 3), (10, 16), (7, 4)])
def test_it_has_as_many_parameters_as_the_row_says(model, run_by, m, n):
    rnn = build(model, run_by, m=m, n=n)
    assert sum(parameter.numel() for parameter in rnn.parameters()) == model.parameters(m, n)


@over(ENTRIES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_gradients_reach_the_input_and_every_parameter(model, run_by, dtype, device):
    rnn = build(model, run_by, device, dtype)
    x = copying_batch(device, dtype).requires_grad_()
    output, _ = rnn(x)
    (output * torch.randn_like(output)).sum().backward()
    for name, tensor in [("input", x), *((name, parameter) for name, parameter in rnn.named_parameters())]:
        assert tensor.grad is not None, name
        assert torch.isfinite(tensor.grad).all(), name
        assert tensor.grad.abs().max() > 0, name


@over(ENTRIES)
def test_every_parameter_is_read(model, run_by, device):
    """A weight that is trained and that the kernel never reads would pass for a model."""
    rnn, x = build(model, run_by, device), copying_batch(device)
    with torch.no_grad():
        for name, parameter in rnn.named_parameters():
            before, kept = rnn(x)[0], parameter.clone()
            # small enough for the Cayley map, which may not meet an eigenvalue of -1
            parameter.add_(0.1 * torch.randn_like(parameter))
            assert not torch.equal(rnn(x)[0], before), name
            parameter.copy_(kept)
            assert torch.equal(rnn(x)[0], before), name


@over(ENTRIES)
def test_the_last_output_can_be_had_from_the_state(model, run_by, device):
    output, state = build(model, run_by, device)(copying_batch(device))
    assert torch.equal(model.last_output(output, state), output[-1])


@pytest.mark.parametrize(
    ("model", "initialisation"),
    [(model, name) for model in ALL.values() for name in model.initialisations],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_other_first_values_are_another_start_of_the_same_model(model, initialisation):
    rnn = build(model, model.backends[0], dtype=torch.float64)
    x = copying_batch(dtype=torch.float64)
    before = rnn(x)[0]
    torch.manual_seed(0)
    model.initialisations[initialisation](rnn, T)
    after = rnn(x)[0]
    assert after.isfinite().all()
    assert not torch.equal(after, before)
    torch.manual_seed(0)
    model.initialisations[initialisation](rnn, T)
    assert torch.equal(rnn(x)[0], after)  # every draw is torch's generator's
    if model.recurrent_matrix:
        Q = model.recurrent_matrix(rnn)
        assert_same(Q.mH @ Q, torch.eye(N, dtype=Q.dtype), torch.float64)


@over(ENTRIES)
def test_two_calls_agree(model, run_by, device):
    rnn, x = build(model, run_by, device), copying_batch(device)
    assert torch.equal(rnn(x)[0], rnn(x)[0])


@over(ENTRIES)
def test_the_state_at_the_end_carries_the_sequence_on(model, run_by, device):
    rnn, x = build(model, run_by, device, torch.float64), copying_batch(device, torch.float64)
    whole, end = rnn(x)
    first, state = rnn(x[:5])
    second, end_again = rnn(x[5:], state)
    assert_same(torch.cat([first, second]), whole, torch.float64)
    assert_same(whole_state(end_again), whole_state(end), torch.float64)


@over(ENTRIES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_state_dict_takes_everything_along(model, run_by, dtype, device):
    rnn, other = (build(model, run_by, device, dtype) for _ in range(2))
    x = copying_batch(device, dtype)
    assert not torch.equal(rnn(x)[0], other(x)[0])
    other.load_state_dict(rnn.state_dict())
    assert torch.equal(rnn(x)[0], other(x)[0])


@over(ENTRIES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_batch_first_is_the_transpose(model, run_by, dtype, device):
    rnn = build(model, run_by, device, dtype)
    turned = build(model, run_by, device, dtype, batch_first=True)
    turned.load_state_dict(rnn.state_dict())
    x = copying_batch(device, dtype)
    output, state = rnn(x)
    output_turned, state_turned = turned(x.transpose(0, 1))
    assert_same(output_turned, output.transpose(0, 1), dtype)
    assert_same(whole_state(state_turned), whole_state(state), dtype)
    assert_same(turned(x[:, 0])[0], output[:, 0], dtype)  # without a batch there is nothing to turn


@over(ENTRIES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_without_a_batch_it_is_a_batch_of_one(model, run_by, dtype, device):
    rnn, x = build(model, run_by, device, dtype), copying_batch(device, dtype)
    output, state = rnn(x)
    alone, state_alone = rnn(x[:, 1])
    assert_same(alone, output[:, 1], dtype)
    assert_same(whole_state(state_alone), [part[:, 1] for part in whole_state(state)], dtype)
    carried_on = rnn(x[:, 1], state_alone if len(whole_state(state)) == 1 else tuple(state_alone))[0]
    assert_same(carried_on, rnn(x, state)[0][:, 1], dtype)


@over(ENTRIES)
@pytest.mark.parametrize("lengths", [[T, 7, 7, 1], [3, T, 1, 7]], ids=["sorted", "unsorted"])
def test_packed_is_each_sequence_alone(model, run_by, lengths, device):
    dtype = torch.float64
    rnn, x = build(model, run_by, device, dtype), copying_batch(device, dtype)
    _, start = rnn(x.flip(0))
    inputs = [x[:length, k] for k, length in enumerate(lengths)]
    packed_input = pack_sequence(inputs, enforce_sorted=lengths[0] == T)
    for h_0 in (None, start):
        packed, state = rnn(packed_input, h_0)
        output, lengths_back = pad_packed_sequence(packed)
        assert lengths_back.tolist() == lengths
        for k, sequence in enumerate(inputs):
            first = None if h_0 is None else [part[:, k].contiguous() for part in whole_state(h_0)]
            if first is not None:
                first = first[0] if len(first) == 1 else tuple(first)
            alone, state_alone = rnn(sequence, first)
            assert_same(output[: len(sequence), k], alone, dtype)
            assert_same([part[:, k] for part in whole_state(state)], whole_state(state_alone), dtype)


@over(PROMISING)
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_recurrent_matrix_keeps_norms_before_and_after_training(model, run_by, dtype, device):
    task, rnn = Copying(T), build(model, run_by, device, dtype)
    read_out = nn.Linear(model.output_per_unit * N, task.output_size, device=device, dtype=dtype)
    parameters = [*rnn.parameters(), *read_out.parameters()]
    optimiser = torch.optim.RMSprop(parameters, lr=1e-2, alpha=0.9)
    numbers = torch.Generator().manual_seed(0)

    def matrix() -> torch.Tensor:
        return model.recurrent_matrix(rnn).detach()

    def distance_from_unitary() -> float:
        Q = matrix()
        return float((Q.mH @ Q - torch.eye(N, dtype=Q.dtype, device=device)).abs().max())

    first, allowed = matrix().clone(), 10 * N * torch.finfo(dtype).eps
    assert first.shape == (N, N)
    assert distance_from_unitary() <= allowed
    losses = []
    for _ in range(10):
        x, target = task.sample(20, numbers)
        output, _ = rnn(x.to(device, dtype))
        loss = task.loss(read_out(task.read(output, output[-1])), target.to(device))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    assert (matrix() - first).abs().max() > 0.01
    assert distance_from_unitary() <= allowed


@over(PROMISING)
def test_the_recurrent_matrix_is_the_one_that_acts(model, run_by, device):
    """One step from h without input: the state that leaves is that matrix times h, through the nonlinearity."""
    rnn = build(model, run_by, device, torch.float64)
    with torch.no_grad():
        matrix = model.recurrent_matrix(rnn)
        h = 1e-4 * torch.randn(1, 1, N, dtype=matrix.dtype, device=device)
        nothing = torch.zeros(1, 1, M, dtype=torch.float64, device=device)
        resting = rnn(nothing, torch.zeros_like(h))[1]
        moved = rnn(nothing, h)[1]
    slope = 1 - resting.abs().square()  # tanh's, where there is a bias; modReLU rests at 0 and has slope 1
    # the next term of tanh's series is of order h^2
    torch.testing.assert_close(moved - resting, slope * (h @ matrix.mT), rtol=0, atol=10 * 1e-8)


@over(ENTRIES)
def test_it_moves_to_a_device(model, run_by, device):
    if run_by in BACKENDS and device not in BACKENDS[run_by].devices:
        pytest.skip(f"backend {run_by} is not for {device}")
    rnn = build(model, run_by)
    x = copying_batch()
    expected = rnn(x)[0].detach()
    moved = rnn.to(device)
    assert {tensor.device.type for tensor in (*moved.parameters(), *moved.buffers())} == {device}
    assert_same(moved(x.to(device))[0].cpu(), expected, torch.float32)
