"""What a user who is wrong is told, word for word."""

import re

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence

from urnn import URNN

pytestmark = pytest.mark.usefixtures("as_a_user")


def text(message: str) -> str:
    """The whole message, and nothing but it."""
    return f"^{re.escape(message)}$"


@pytest.mark.parametrize("size", ["input_size", "hidden_size", "num_layers"])
@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (0, ValueError, "{} must be at least 1, got 0"),
        (-1, ValueError, "{} must be at least 1, got -1"),
        (1.5, TypeError, "{} should be of type int, got: float"),
        (True, TypeError, "{} should be of type int, got: bool"),
        ("8", TypeError, "{} should be of type int, got: str"),
        (None, TypeError, "{} should be of type int, got: NoneType"),
    ],
)
def test_sizes(size, value, error, message):
    with pytest.raises(error, match=text(message.format(size))):
        URNN(**{"input_size": 3, "hidden_size": 4, size: value})


@pytest.mark.parametrize("dropout", [-0.1, 1.1, True, "a lot", None, float("nan")])
def test_dropout(dropout):
    with pytest.raises(ValueError, match=text(f"dropout should be a number in range [0, 1], got {dropout!r}")):
        URNN(3, 4, 2, dropout=dropout)


def test_preset():
    with pytest.raises(ValueError, match=text("preset must be one of ['paper', 'released'], got 'theano'")):
        URNN(3, 4, preset="theano")


def test_backend():
    with pytest.raises(ValueError, match=r"backend must be one of .*'reference'.*, got 'cudnn'"):
        URNN(3, 4, backend="cudnn")


@pytest.mark.parametrize("dtype", [torch.float8_e5m2, torch.complex64, torch.int64])
def test_dtype(dtype):
    known = "torch.float32, torch.float64, torch.float16 or torch.bfloat16"
    with pytest.raises(ValueError, match=text(f"dtype must be {known}, got {dtype}")):
        URNN(3, 4, dtype=dtype)


@pytest.mark.parametrize("shape", [(), (3,), (2, 2, 2, 3)])
def test_input_of_the_wrong_dimension(shape):
    with pytest.raises(ValueError, match=text(f"URNN: Expected input to be 2D or 3D, got {len(shape)}D instead")):
        URNN(3, 4)(torch.zeros(shape))


@pytest.mark.parametrize(
    "x", [torch.zeros(5, 2, 7), torch.zeros(5, 7), pack_sequence([torch.zeros(5, 7)])], ids=["TBm", "Tm", "packed"]
)
def test_input_of_the_wrong_size(x):
    with pytest.raises(RuntimeError, match=text("input.size(-1) must be equal to input_size. Expected 3, got 7")):
        URNN(3, 4)(x)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.int64, torch.complex64])
def test_input_of_the_wrong_dtype(dtype):
    message = f"URNN: Expected input to be torch.float32, got {dtype}; convert one of the two"
    for x in (torch.zeros(5, 2, 3, dtype=dtype), pack_sequence([torch.zeros(5, 3, dtype=dtype)])):
        with pytest.raises(ValueError, match=text(message)):
            URNN(3, 4)(x)


@pytest.mark.parametrize(("batch_first", "shape"), [(False, (0, 2, 3)), (True, (2, 0, 3)), (False, (0, 3))])
def test_input_of_no_time_steps(batch_first, shape):
    message = "URNN: Expected sequence length to be larger than 0, got an input with T = 0"
    with pytest.raises(RuntimeError, match=text(message)):
        URNN(3, 4, batch_first=batch_first)(torch.zeros(shape))


@pytest.mark.parametrize("x", [[[0.0, 0.0, 0.0]], None, 3.0])
def test_input_of_the_wrong_type(x):
    message = f"input must be a Tensor or a PackedSequence, got {type(x).__name__}"
    with pytest.raises(TypeError, match=text(message)):
        URNN(3, 4)(x)


@pytest.mark.parametrize("shape", [(2, 2, 4), (4, 2, 5), (4, 3, 4), (4, 4), (2, 4, 2), (1, 4, 2, 4)])
def test_first_state_of_the_wrong_shape(shape):
    rnn, h_0 = URNN(3, 4, 2, bidirectional=True), torch.zeros(shape, dtype=torch.complex64)
    with pytest.raises(RuntimeError, match=text(f"Expected h_0 size (4, 2, 4), got {shape}")):
        rnn(torch.zeros(5, 2, 3), h_0)
    with pytest.raises(RuntimeError, match=text(f"Expected h_0 size (4, 2, 4), got {shape}")):
        rnn(pack_sequence([torch.zeros(5, 3), torch.zeros(2, 3)]), h_0)


def test_first_state_of_the_wrong_shape_without_a_batch():
    with pytest.raises(RuntimeError, match=text("Expected h_0 size (1, 4), got (1, 1, 4)")):
        URNN(3, 4)(torch.zeros(5, 3), torch.zeros(1, 1, 4, dtype=torch.complex64))


@pytest.mark.parametrize(
    ("dtype", "given", "expected"),
    [
        (torch.float32, torch.float32, torch.complex64),
        (torch.float32, torch.complex128, torch.complex64),
        (torch.float64, torch.complex64, torch.complex128),
        (torch.float16, torch.float16, torch.complex64),
        (torch.bfloat16, torch.bfloat16, torch.complex64),
    ],
)
def test_first_state_of_the_wrong_dtype(dtype, given, expected):
    remedy = f"call .to({expected})" if given.is_complex else "torch.complex(re, im) makes one"
    message = f"URNN: Expected h_0 to be {expected}, got {given}; {remedy}"
    with pytest.raises(ValueError, match=text(message)):
        URNN(3, 4, dtype=dtype)(torch.zeros(5, 2, 3, dtype=dtype), torch.zeros(1, 2, 4, dtype=given))


def test_an_input_on_another_device_is_held_against_the_layer_where_no_state_was_given():
    message = (
        "URNN: Expected input and layer on one device, got input on meta and the layer on cpu; move one of the two"
    )
    with pytest.raises(RuntimeError, match=text(message)):
        URNN(3, 4)(torch.zeros(5, 2, 3, device="meta"))


def test_the_two_states_of_an_lstm():
    _, state = nn.LSTM(3, 4)(torch.zeros(5, 2, 3))
    message = "h_0 must be a complex Tensor or None, got tuple; a uRNN has one state, no cell"
    with pytest.raises(TypeError, match=text(message)):
        URNN(3, 4)(torch.zeros(5, 2, 3), state)
