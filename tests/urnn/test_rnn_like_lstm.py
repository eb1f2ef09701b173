"""What a user of nn.LSTM expects: its arguments, attributes and ways to be called, or a sentence that says no."""

import inspect
import re

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence

from urnn import URNN
from urnn.backends import BACKENDS

pytestmark = pytest.mark.usefixtures("as_a_user")

# nn.LSTM hands its arguments on; RNNBase names them.
LSTMS = [p for name, p in inspect.signature(nn.RNNBase).parameters.items() if name != "mode"]
OURS = inspect.signature(URNN).parameters
POSITIONAL = ("input_size", "hidden_size", "num_layers")


def text(message: str) -> str:
    return f"^{re.escape(message)}$"


@pytest.mark.parametrize("name", [p.name for p in LSTMS])
def test_every_argument_of_an_lstm_is_one_of_ours_with_its_default(name):
    theirs = inspect.signature(nn.RNNBase).parameters[name]
    assert OURS[name].default == theirs.default


def test_the_arguments_by_position_are_the_first_of_an_lstm():
    assert tuple(p.name for p in LSTMS[:3]) == POSITIONAL
    ours = [name for name, p in OURS.items() if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    assert tuple(ours) == POSITIONAL


def test_a_call_has_the_arguments_of_an_lstms():
    theirs = list(inspect.signature(nn.LSTM.forward).parameters)
    assert list(inspect.signature(URNN.forward).parameters)[: len(theirs)] == theirs


@pytest.mark.parametrize("more", [(True,), (True, True), (False, False, 0.5)])
def test_a_fourth_argument_by_position_is_refused(more):
    """It was batch_first, where nn.LSTM has bias."""
    message = (
        "URNN takes input_size, hidden_size and num_layers by position and all else by name, got "
        f"{len(more)} more by position; nn.LSTM's next are bias, batch_first, dropout, bidirectional"
    )
    with pytest.raises(TypeError, match=text(message)):
        URNN(3, 8, 1, *more)


def test_the_options_of_an_lstm_at_their_defaults_change_nothing():
    torch.manual_seed(0)
    plain = URNN(3, 8)
    torch.manual_seed(0)
    spelled = URNN(3, 8, **{p.name: p.default for p in LSTMS[2:]})
    x = torch.ones(2, 1, 3)
    assert torch.equal(plain(x)[0], spelled(x)[0])
    assert repr(plain) == repr(spelled)


def test_an_lstm_without_bias_has_no_counterpart():
    message = (
        "bias must be True, got False; modReLU's b is what makes the layer nonlinear. To keep it at its first "
        "value, call requires_grad_(False) on the b of each of URNN.layers"
    )
    with pytest.raises(ValueError, match=text(message)):
        URNN(3, 8, bias=False)


def test_a_projection_has_no_counterpart():
    message = "proj_size must be 0, got 4; URNN has no projection, an nn.Linear of its output is one"
    with pytest.raises(ValueError, match=text(message)):
        URNN(3, 8, proj_size=4)


@pytest.mark.parametrize("name", ["bias", "batch_first", "bidirectional"])
@pytest.mark.parametrize("value", ["False", "no", 0, 1, None])
def test_a_switch_is_a_bool(name, value):
    message = f"{name} should be of type bool, got: {type(value).__name__}"
    with pytest.raises(TypeError, match=text(message)):
        URNN(3, 8, **{name: value})


@pytest.mark.parametrize("value", ["0", None, False, 0.0])
def test_proj_size_is_a_number(value):
    with pytest.raises(TypeError, match=text(f"proj_size should be of type int, got: {type(value).__name__}")):
        URNN(3, 8, proj_size=value)


def test_it_has_the_attributes_of_an_lstm():
    options = {"num_layers": 2, "batch_first": True, "dropout": 0.5, "bidirectional": True}
    lstm, rnn = nn.LSTM(3, 8, **options), URNN(3, 8, **options)
    for name in (*POSITIONAL, "bias", "batch_first", "dropout", "bidirectional", "proj_size"):
        assert getattr(rnn, name) == getattr(lstm, name), name
    assert rnn.mode == "URNN"
    assert rnn.flatten_parameters() is None


def test_the_state_has_an_lstms_name_and_its_own():
    rnn, x = URNN(3, 8), torch.ones(2, 1, 3)
    h_0 = torch.randn(1, 1, 8, dtype=torch.complex64)
    expected = rnn(x, h_0)[0]
    assert not torch.equal(expected, rnn(x)[0])
    assert torch.equal(rnn(x, hx=h_0)[0], expected)
    assert torch.equal(rnn(input=x, h_0=h_0)[0], expected)
    with pytest.raises(TypeError, match="hx and h_0 are two names of the first state; give one of them"):
        rnn(x, h_0, h_0=h_0)


@pytest.mark.parametrize("given", [False, True], ids=["learned h_0", "given h_0"])
@pytest.mark.parametrize(
    "options",
    [{}, {"num_layers": 2, "bidirectional": True, "dropout": 0.5}, {"batch_first": True}, {"recompute": 2}],
)
def test_a_batch_of_none_gives_none_and_zero_gradients(backend, device, options, given):
    lstm_options = {key: value for key, value in options.items() if key != "recompute"}
    rnn = URNN(3, 8, **options, backend=backend, device=device)
    shape = (0, 5, 3) if rnn.batch_first else (5, 0, 3)
    x = torch.zeros(shape, requires_grad=True, device=device)
    h_0 = torch.zeros(len(rnn.layers), 0, 8, dtype=torch.complex64, device=device) if given else None
    output, h_n = rnn(x, h_0)
    expected, _ = nn.LSTM(3, 16, **lstm_options)(torch.zeros(shape))
    assert output.shape == expected.shape
    assert h_n.shape == (len(rnn.layers), 0, 8)
    assert h_n.is_complex()
    (output.sum() + h_n.abs().sum()).backward()
    assert x.grad.shape == shape
    for name, parameter in rnn.named_parameters():
        if not (given and name.endswith("h_0")):
            assert torch.equal(parameter.grad, torch.zeros_like(parameter)), name


def test_a_batch_of_none_is_none_whatever_the_numbers():
    rnn = URNN(3, 8)
    with torch.no_grad():
        for parameter in rnn.parameters():
            parameter.fill_(float("nan"))
    rnn(torch.zeros(5, 0, 3))[0].sum().backward()
    assert all(torch.equal(p.grad, torch.zeros_like(p)) for p in rnn.parameters())


@pytest.mark.parametrize("name", ["auto", *BACKENDS])
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True, "batch_first": True}])
def test_on_the_meta_device_a_call_gives_the_sizes(name, options):
    meta = URNN(3, 8, **options, backend=name, device="meta")
    here = URNN(3, 8, **options)
    for shape in ((4, 5, 3), (4, 3), (0, 5, 3) if here.batch_first else (5, 0, 3)):
        h_0 = here(torch.zeros(shape))[1].detach()
        for first in (None, h_0):
            expected = here(torch.zeros(shape), first)
            found = meta(torch.zeros(shape, device="meta"), None if first is None else first.to("meta"))
            for value, known in zip(found, expected, strict=True):
                assert (value.shape, value.dtype, value.device.type) == (known.shape, known.dtype, "meta")
    meta(torch.zeros(4, 5, 3, device="meta"))[0].sum().backward()
    assert all(p.grad.shape == p.shape for p in meta.parameters())


def test_a_packed_sequence_on_the_meta_device_gives_the_sizes():
    packed = pack_sequence([torch.zeros(3, 3, device="meta"), torch.zeros(2, 3, device="meta")])
    assert URNN(3, 8, device="meta")(packed)[0].data.shape == (5, 16)


@pytest.mark.parametrize("dtype", [torch.int64, torch.complex64, torch.bool])
def test_autocast_converts_floating_numbers_alone(dtype):
    """A complex input would lose its imaginary part."""
    with (
        torch.autocast("cpu", dtype=torch.bfloat16),
        pytest.raises(ValueError, match=f"float32, got {dtype}; con"),
    ):
        URNN(3, 8)(torch.zeros(4, 5, 3, dtype=dtype))


def test_an_input_on_another_device_than_the_layer_is_refused_as_by_an_lstm():
    for rnn in (nn.LSTM(3, 8), URNN(3, 8)):
        with pytest.raises(RuntimeError, match=r"(?i)device"):
            rnn(torch.zeros(4, 5, 3, device="meta"))
