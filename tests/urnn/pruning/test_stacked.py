"""Stacked layers of different widths: nn.LSTM where the widths are equal, refusals where a state does not fit."""

import math

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence

from urnn.pruning import StackedLSTM


def alike(**options) -> tuple[StackedLSTM, nn.LSTM]:
    stacked, lstm = StackedLSTM(3, [5, 5], **options), nn.LSTM(3, 5, num_layers=2, **options)
    with torch.no_grad():
        for number, layer in enumerate(stacked.layers):
            for name, parameter in layer.named_parameters():
                parameter.copy_(getattr(lstm, name.replace("l0", f"l{number}")))
    return stacked, lstm


@pytest.mark.parametrize("options", [{}, {"batch_first": True}, {"bias": False}])
@pytest.mark.parametrize("with_state", [False, True])
@pytest.mark.parametrize("batch", [None, 4])
def test_equal_widths_are_nn_lstm(options, with_state, batch):
    stacked, lstm = alike(**options)
    x = torch.randn(7, 3) if batch is None else torch.randn(*((4, 7) if options.get("batch_first") else (7, 4)), 3)
    hx = tuple(torch.randn(2, *([] if batch is None else [batch]), 5) for _ in range(2)) if with_state else None
    (output, state), (expected, last) = stacked(x, hx), lstm(x, hx)
    assert torch.allclose(output, expected, atol=1e-6)
    for parts, tensor in zip(state, last, strict=True):
        assert torch.allclose(torch.stack(parts), tensor, atol=1e-6)


def test_packed_sequences():
    stacked, lstm = alike()
    packed = pack_sequence([torch.randn(steps, 3) for steps in (2, 5, 1)], enforce_sorted=False)
    (output, (h, _)), (expected, (h_n, _)) = stacked(packed), lstm(packed)
    assert torch.allclose(output.data, expected.data, atol=1e-6)
    assert torch.allclose(torch.stack(h), h_n, atol=1e-6)


@pytest.mark.parametrize("packed", [False, True])
def test_dropout_is_between_layers_in_training(packed):
    stacked = StackedLSTM(3, [5, 2], dropout=0.5)
    x = pack_sequence([torch.randn(4, 3), torch.randn(2, 3)]) if packed else torch.randn(4, 2, 3)
    values = [stacked(x)[0] for _ in range(2)]
    assert not torch.equal(*(value.data if packed else value for value in values))
    stacked.eval()
    values = [stacked(x)[0] for _ in range(2)]
    assert torch.equal(*(value.data if packed else value for value in values))


def test_no_layer_is_refused():
    with pytest.raises(ValueError) as caught:
        StackedLSTM(3, [])
    assert str(caught.value) == "hidden_sizes must name the units of at least one layer, got none"


def test_a_state_of_another_depth_is_refused():
    state = (torch.zeros(4, 5),)
    with pytest.raises(ValueError) as caught:
        StackedLSTM(3, [5, 2])(torch.zeros(7, 4, 3), (state, state))
    assert str(caught.value) == "expected a state (h_0, c_0) of 2 layers each, got [1, 1]"


def test_it_says_what_it_is():
    assert "3, [5, 2]" in repr(StackedLSTM(3, [5, 2]))
    StackedLSTM(3, [5, 2]).flatten_parameters()


@pytest.mark.parametrize("dropout", [2.0, -0.1, math.nan, True, "0.5"])
@pytest.mark.usefixtures("as_a_user")
def test_a_dropout_that_is_no_probability_is_refused(dropout):
    with pytest.raises(ValueError) as caught:
        StackedLSTM(3, [5, 2], dropout=dropout)
    assert str(caught.value) == f"dropout should be a number in range [0, 1], got {dropout!r}"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: StackedLSTM(3, [5], kind=nn.GRU), "kind must be nn.LSTM or a subclass of it, got GRU"),
        (
            lambda: StackedLSTM(3, [5], kind=nn.LSTM(3, 5)),
            "kind must be nn.LSTM or a subclass of it, got LSTM(3, 5)",
        ),
        (lambda: StackedLSTM(3, 5), "hidden_sizes must be a list of the units of each layer, got int"),
        (lambda: StackedLSTM(3, "52"), "hidden_sizes must be a list of the units of each layer, got str"),
    ],
)
@pytest.mark.usefixtures("as_a_user")
def test_what_cannot_be_stacked(make, message):
    with pytest.raises(TypeError) as caught:
        make()
    assert str(caught.value) == message


H, C = (torch.zeros(4, 5), torch.zeros(4, 2)), [torch.zeros(4, 5), torch.zeros(3, 2)]


@pytest.mark.parametrize(
    ("hx", "error", "message"),
    [
        (torch.zeros(2, 4, 5), TypeError, "StackedLSTM: expected a state (h_0, c_0), got Tensor"),
        ((H,), TypeError, "StackedLSTM: expected a state (h_0, c_0), got tuple of 1"),
        ("hc", TypeError, "StackedLSTM: expected a state (h_0, c_0), got str of 2"),
        ((1, 2), TypeError, "StackedLSTM: expected h_0 and c_0 to be tensors, one a layer, got 1"),
        ((H, C), RuntimeError, "Expected c_0[1] size (4, 2), got (3, 2)"),
        ((torch.zeros(2, 4, 5),) * 2, RuntimeError, "Expected h_0[1] size (4, 2), got (4, 5)"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.usefixtures("as_a_user")
def test_states_that_are_refused(hx, error, message, packed):
    x = torch.zeros(7, 4, 3)
    with pytest.raises(error) as caught:
        StackedLSTM(3, [5, 2])(pack_sequence(list(x.unbind(1))) if packed else x, hx)
    assert str(caught.value) == message
