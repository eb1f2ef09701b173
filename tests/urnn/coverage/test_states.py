"""States and gates of every step are those that torch computes."""

import math

import pytest
import torch
from torch import nn

from urnn import URNN
from urnn.coverage import trace
from urnn.coverage.states import AT_ONCE, GATES, traces

pytestmark = pytest.mark.usefixtures("as_a_user")
STEPS, BATCH, INPUTS, UNITS = 7, 3, 5, 6
MAKE = {
    "LSTM": lambda **named: nn.LSTM(INPUTS, UNITS, **named),
    "GRU": lambda **named: nn.GRU(INPUTS, UNITS, **named),
    "RNN": lambda **named: nn.RNN(INPUTS, UNITS, **named),
    "relu": lambda **named: nn.RNN(INPUTS, UNITS, nonlinearity="relu", **named),
    "URNN": lambda **named: URNN(INPUTS, UNITS, **named),
}
BOUNDS = {torch.float32: 1e-6, torch.float64: 1e-14}


@pytest.fixture
def x():
    return torch.randn(STEPS, BATCH, INPUTS)


@pytest.mark.parametrize("dtype", BOUNDS)
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", MAKE)
def test_states_are_torchs(kind, bias, layers, dtype, x):
    if kind == "URNN" and not bias:
        pytest.skip("a uRNN has a bias")
    rnn = MAKE[kind](num_layers=layers, bias=bias, dtype=dtype)
    seen = trace(rnn, x.to(dtype))
    expected = rnn(x.to(dtype))[0]
    assert torch.allclose(seen.hidden, expected, rtol=0, atol=BOUNDS[dtype])
    assert torch.equal(seen.hidden, seen.output)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_the_states_of_a_lower_layer_are_those_of_it_alone(kind, x):
    two, one = MAKE[kind](num_layers=2), MAKE[kind]()
    one.load_state_dict({name: value for name, value in two.state_dict().items() if name.endswith("l0")})
    seen = trace(two, x, layer=0)
    assert torch.allclose(seen.hidden, one(x)[0], rtol=0, atol=1e-6)
    assert torch.allclose(seen.output, two(x)[0], rtol=0, atol=1e-6)


def test_the_states_of_a_lower_unitary_layer_are_those_of_it_alone(x):
    two, one = URNN(INPUTS, UNITS, num_layers=2), URNN(INPUTS, UNITS)
    one.load_state_dict({name: value for name, value in two.state_dict().items() if name.startswith("layers.0.")})
    assert torch.allclose(trace(two, x, layer=-2).hidden, one(x)[0], rtol=0, atol=1e-6)


def test_batch_first_and_dropout_change_nothing(x):
    plain, other = nn.LSTM(INPUTS, UNITS, 2), nn.LSTM(INPUTS, UNITS, 2, batch_first=True, dropout=0.5)
    other.load_state_dict(plain.state_dict())
    assert torch.equal(trace(plain, x).hidden, trace(other, x).hidden)


def test_cell_states_are_torchs_at_every_step(x):
    lstm = nn.LSTM(INPUTS, UNITS, dtype=torch.float64)
    seen = trace(lstm, x.double(), gates=True)
    for step in range(STEPS):
        c = lstm(x[: step + 1].double())[1][1][0]
        assert torch.allclose(seen.gates["state"][step], c, rtol=0, atol=1e-14)


def test_gates_are_those_of_the_weights_in_torchs_order(x):
    lstm = nn.LSTM(INPUTS, UNITS, dtype=torch.float64)
    seen = trace(lstm, x.double(), gates=True)
    before = torch.cat([torch.zeros_like(seen.hidden[:1]), seen.hidden[:-1]])
    w_x, w_h, b_x, b_h = (value.detach() for value in lstm.parameters())
    for number, name in enumerate(GATES):
        rows = slice(number * UNITS, (number + 1) * UNITS)
        inner = x.double() @ w_x[rows].T + before @ w_h[rows].T + b_x[rows] + b_h[rows]
        expected = inner.tanh() if name == "cell" else inner.sigmoid()
        assert torch.allclose(seen.gates[name], expected, rtol=0, atol=1e-14)


def test_an_lstm_of_one_unit_by_hand():
    """Input 1, input and output gates open at sigmoid(0), forget gate at sigmoid(1), candidate tanh(x)."""
    lstm = nn.LSTM(1, 1)
    with torch.no_grad():
        for value in lstm.parameters():
            value.zero_()
        lstm.bias_ih_l0[1] = 1.0
        lstm.weight_ih_l0[2] = 1.0
    seen = trace(lstm, torch.ones(2, 1, 1), gates=True)
    forget, candidate = 1 / (1 + math.exp(-1)), math.tanh(1)
    c = [0.5 * candidate, forget * 0.5 * candidate + 0.5 * candidate]
    assert seen.gates["forget"].flatten().tolist() == pytest.approx([forget, forget])
    assert seen.gates["state"].flatten().tolist() == pytest.approx(c)
    assert seen.hidden.flatten().tolist() == pytest.approx([0.5 * math.tanh(value) for value in c])


def test_parts_are_the_whole():
    gru, x = nn.GRU(2, 3), torch.randn(4, AT_ONCE + 1, 2)
    parts = list(traces(gru, x))
    assert [len(part) for part in parts] == [AT_ONCE, 1]
    assert torch.allclose(torch.cat([part.hidden for part in parts], 1), gru(x)[0], rtol=0, atol=1e-6)
    assert not parts[0].hidden.requires_grad


@pytest.mark.parametrize(
    ("rnn", "sentence"),
    [
        (
            nn.LSTM(5, 6, bidirectional=True),
            "coverage reads one direction, got a bidirectional LSTM, whose states",
        ),
        (URNN(5, 6, bidirectional=True), "coverage reads one direction, got a bidirectional URNN, whose states"),
        (nn.LSTM(5, 6, proj_size=2), "coverage has no definition for projected states, got proj_size=2; use 0"),
        (nn.Linear(5, 6), "coverage reads the states of nn.LSTM, nn.GRU, nn.RNN and URNN, got Linear"),
    ],
)
def test_what_cannot_be_read_is_refused(rnn, sentence, x):
    with pytest.raises(ValueError, match=sentence):
        trace(rnn, x)


def test_wrong_arguments_are_named(x):
    lstm = nn.LSTM(INPUTS, UNITS)
    with pytest.raises(ValueError, match=r"^layer must be from -1 to 0, got 1$"):
        trace(lstm, x, layer=1)
    with pytest.raises(ValueError, match=r"^expected sequences of 5 features a step, got 4$"):
        trace(lstm, x[..., :4])
    with pytest.raises(ValueError, match=r"^expected sequences of at least one step, got none$"):
        trace(lstm, x[:0])
    with pytest.raises(
        ValueError, match=r"^expected sequences \(steps, batch, features\), got the shape \(7, 3\)$"
    ):
        trace(lstm, x[..., 0])
    with pytest.raises(
        ValueError, match=r"^expected sequences of the module's torch.float32, got torch.float64; con"
    ):
        trace(lstm, x.double())
    with pytest.raises(ValueError, match=r"^gates are kept of an LSTM, got GRU$"):
        trace(nn.GRU(INPUTS, UNITS), x, gates=True)
