"""URNN computes the recurrence that the paper writes, and answers where nn.LSTM would."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from tests.urnn import definition
from urnn import URNN
from urnn.backends import BACKENDS

PRESETS = ["paper", "released"]


def stirred(rnn: URNN) -> URNN:
    """Biases of both signs, so that some units die and others grow; the paper starts with none."""
    with torch.no_grad():
        for layer in rnn.layers:
            layer.b.uniform_(-0.3, 0.3)
    return rnn


def complex_like(rnn: URNN, *batch: int) -> torch.Tensor:
    """A first state of modulus about 1."""
    dtype = torch.complex128 if rnn.layers[0].b.dtype == torch.float64 else torch.complex64
    shape = (len(rnn.layers), *batch, rnn.hidden_size)
    return (torch.randn(shape, dtype=dtype) / rnn.hidden_size**0.5).to(rnn.layers[0].b.device)


def assert_is_the_definition(rnn: URNN, x: torch.Tensor, h_0: torch.Tensor | None = None) -> None:
    """Each sequence of x (T, B, m) against the definition of it alone."""
    output, h_n = rnn(x, h_0)
    steps = x.shape[0] * rnn.num_layers
    # modReLU's slope near |z| = 0 is b / |z|: what comes in as rounding goes on up to a few times as large
    bound = 10 * definition.rounding(rnn.hidden_size + rnn.input_size, x.dtype, steps)
    for k in range(x.shape[1]):
        expected, last = definition.urnn(rnn, x[:, k], None if h_0 is None else h_0[:, k])
        np.testing.assert_allclose(output[:, k].detach().cpu().numpy(), expected, rtol=0, atol=bound)
        np.testing.assert_allclose(h_n[:, k].detach().cpu().numpy(), last, rtol=0, atol=bound)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_the_whole_recurrence_is_the_definition(num_layers, bidirectional, preset, dtype, backend, device):
    n = 6 if BACKENDS[backend].applies(6, device) else 8
    options = {"bidirectional": bidirectional, "preset": preset, "backend": backend}
    rnn = stirred(URNN(3, n, num_layers, **options, device=device, dtype=dtype))
    x = torch.randn(7, 2, 3, dtype=dtype, device=device)
    assert_is_the_definition(rnn, x)
    assert_is_the_definition(rnn, x, complex_like(rnn, 2))


@pytest.mark.slow
@settings(deadline=None, derandomize=True, database=None, max_examples=40)
@given(
    steps=st.integers(1, 6),
    batch=st.integers(1, 3),
    input_size=st.integers(1, 4),
    hidden_size=st.integers(1, 11),
    num_layers=st.integers(1, 2),
    bidirectional=st.booleans(),
    preset=st.sampled_from(PRESETS),
    name=st.sampled_from(list(BACKENDS)),
    seed=st.integers(0, 2**16),
)
def test_any_shape_is_the_definition(
    steps, batch, input_size, hidden_size, num_layers, bidirectional, preset, name, seed
):
    assume(BACKENDS[name].applies(hidden_size, "cpu"))
    torch.manual_seed(seed)
    options = {"bidirectional": bidirectional, "preset": preset, "backend": name, "dtype": torch.float64}
    rnn = stirred(URNN(input_size, hidden_size, num_layers, **options))
    assert_is_the_definition(rnn, torch.randn(steps, batch, input_size).double(), complex_like(rnn, batch))


@pytest.mark.slow
def test_a_state_without_input_keeps_its_norm_over_a_long_sequence(backend, device):
    """The paper's first bias is 0, so modReLU passes everything and only W acts."""
    steps = 2000
    rnn = URNN(1, 16, backend=backend, device=device, dtype=torch.float64)
    with torch.no_grad():
        output, _ = rnn(torch.zeros(steps, 3, 1, dtype=torch.float64, device=device))
    norms = output.norm(dim=-1)
    first = rnn.layers[0].h_0.detach().norm()
    # 7 factors and modReLU err by about 1 eps of the norm each, every step the same way at worst
    assert float((norms / first - 1).abs().max()) < 10 * steps * torch.finfo(torch.float64).eps


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 2])
def test_shapes_and_types_are_those_of_an_lstm_with_a_complex_state(num_layers, bidirectional):
    n, m, T, B, D = 5, 3, 4, 2, 1 + bidirectional
    options = {"num_layers": num_layers, "bidirectional": bidirectional}
    lstm = nn.LSTM(m, 2 * n, **options)
    rnn = URNN(m, n, **options)
    for x in (torch.randn(T, B, m), torch.randn(T, m)):
        output, h_n = rnn(x)
        assert output.shape == lstm(x)[0].shape
        assert output.dtype == torch.float32
        assert h_n.shape == (num_layers * D, *x.shape[1:-1], n)
        assert h_n.dtype == torch.complex64


def test_batch_first_turns_input_and_output_and_leaves_the_state():
    rnn = URNN(3, 4, 2, bidirectional=True, dtype=torch.float64)
    turned = URNN(3, 4, 2, bidirectional=True, batch_first=True, dtype=torch.float64)
    turned.load_state_dict(rnn.state_dict())
    x, h_0 = torch.randn(6, 5, 3).double(), complex_like(rnn, 5)
    output, h_n = rnn(x, h_0)
    output_turned, h_n_turned = turned(x.transpose(0, 1), h_0)
    assert torch.equal(output_turned, output.transpose(0, 1))
    assert torch.equal(h_n_turned, h_n)


@pytest.mark.parametrize("batch_first", [False, True])
def test_without_a_batch_it_is_a_batch_of_one(batch_first):
    rnn = URNN(3, 4, 2, batch_first=batch_first, bidirectional=True, dtype=torch.float64)
    x, h_0 = torch.randn(6, 3).double(), complex_like(rnn)
    one = 0 if batch_first else 1
    batched, batched_state = rnn(x.unsqueeze(one), h_0.unsqueeze(1))
    output, h_n = rnn(x, h_0)
    assert torch.equal(output, batched.squeeze(one))
    assert torch.equal(h_n, batched_state.squeeze(1))


@pytest.mark.parametrize(("n", "m", "k", "count"), [(128, 10, 9, 6_153), (512, 2, 1, 8_193), (512, 1, 10, 16_394)])
def test_the_papers_three_models_have_the_papers_parameter_counts(n, m, k, count):
    model = nn.ModuleList([URNN(m, n), nn.Linear(2 * n, k)])
    assert sum(parameter.numel() for parameter in model.parameters()) == count


def test_its_text_says_what_is_not_default():
    assert repr(URNN(10, 128)).splitlines()[0] == "URNN("
    assert URNN(10, 128).extra_repr() == "10, 128, preset='paper', backend='auto'"
    options = {"batch_first": True, "dropout": 0.5, "bidirectional": True, "preset": "released"}
    every = URNN(10, 128, 2, **options, backend="reference")
    assert every.extra_repr() == (
        "10, 128, num_layers=2, batch_first=True, dropout=0.5, bidirectional=True, "
        "preset='released', backend='reference'"
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_under_autocast_it_computes_in_its_own_dtype(dtype, device):
    rnn = stirred(URNN(3, 5, 2, device=device))
    x = torch.randn(4, 2, 3, device=device).to(dtype)
    with torch.autocast(device, dtype=torch.bfloat16):
        output, h_n = rnn(x)
    assert output.dtype == torch.float32
    assert h_n.dtype == torch.complex64
    torch.testing.assert_close(output, rnn(x.float())[0], rtol=0, atol=0)
