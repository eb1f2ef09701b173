"""Magnitude pruning and the group lasso against hand-made groups, and torch's own pruner, which does not serve."""

import math
import warnings

import pytest
import torch
from torch import nn

from urnn.pruning import GroupLasso, MagnitudePruning

both = pytest.mark.parametrize("kind", [MagnitudePruning, GroupLasso])


def norms_by_hand(lstm: nn.LSTM, read_out: nn.Linear) -> list[list[float]]:
    """The groups of a net of two layers, gathered one weight at a time."""
    m, n = lstm.input_size, lstm.hidden_size
    groups = [[0.0] * m, [0.0] * n, [0.0] * n]
    for layer in range(2):
        for row in range(4 * n):
            unit = row % n
            for column, value in enumerate(getattr(lstm, f"weight_ih_l{layer}")[row].tolist()):
                groups[layer + 1][unit] += value**2
                groups[layer][column] += value**2
            for column, value in enumerate(getattr(lstm, f"weight_hh_l{layer}")[row].tolist()):
                groups[layer + 1][unit] += value**2
                groups[layer + 1][column] += value**2
            for name in ("bias_ih", "bias_hh"):
                groups[layer + 1][unit] += float(getattr(lstm, f"{name}_l{layer}")[row].detach()) ** 2
    for row in read_out.weight.tolist():
        for unit, value in enumerate(row):
            groups[2][unit] += value**2
    return [[math.sqrt(square) for square in group] for group in groups]


@both
def test_groups_are_all_that_goes_with_a_unit(kind):
    lstm, read_out = nn.LSTM(3, 4, num_layers=2, dtype=torch.float64), nn.Linear(4, 2, dtype=torch.float64)
    found, expected = kind(lstm).group_norms(read_out), norms_by_hand(lstm, read_out)
    assert [norms.tolist() for norms in found] == [pytest.approx(group, rel=1e-12) for group in expected]


@both
def test_the_largest_are_kept_and_the_small_net_equals_the_masked_one(kind):
    lstm, read_out = nn.LSTM(5, 6, num_layers=2, dtype=torch.float64), nn.Linear(6, 2, dtype=torch.float64)
    pruning = kind(lstm)
    x, expected = torch.randn(4, 3, 5).double(), norms_by_hand(lstm, read_out)
    assert torch.allclose(pruning(x)[0], lstm(x)[0], atol=1e-12), "nothing is cut yet"
    pruning.cut(inputs=2, units=[3, 4], read_out=read_out)
    largest = [
        sorted(sorted(range(len(g)), key=g.__getitem__)[-keep:])
        for g, keep in zip(expected, [2, 3, 4], strict=True)
    ]
    assert [pruning.kept_inputs(), *pruning.kept_units()] == largest
    small = pruning.compact(read_out)
    assert torch.allclose(small.read_out(small(x)[0]), read_out(pruning(x)[0]), atol=1e-12)
    assert small.parameter_count == pruning.expected_weights(outputs=2)


@both
def test_what_is_cut_stays_cut_and_is_saved(kind):
    pruning = kind(nn.LSTM(5, 6))
    pruning.cut(inputs=3, units=[4])
    first = set(pruning.kept_units()[0])
    gone = sorted(set(range(6)) - first)
    with torch.no_grad():
        pruning.lstm.weight_hh_l0[:, gone] = 100.0
    pruning.cut(inputs=3, units=[2])
    assert set(pruning.kept_units()[0]) < first, "however large what was cut has become"
    other = kind(nn.LSTM(5, 6))
    other.load_state_dict(pruning.state_dict())
    assert other.kept_units() == pruning.kept_units()


def test_penalties():
    lstm, read_out = nn.LSTM(3, 4, num_layers=2), nn.Linear(4, 2)
    assert float(MagnitudePruning(lstm).penalty(read_out)) == 0
    inputs, *units = norms_by_hand(lstm, read_out)
    lasso = GroupLasso(lstm, input_multiplier=0.5, unit_multiplier=2.0)
    expected = 0.5 * sum(inputs) / 3 + 2.0 * sum(map(sum, units)) / 8
    assert float(lasso.penalty(read_out).detach()) == pytest.approx(expected, rel=1e-6)


def test_the_lasso_has_a_gradient_at_zero():
    lstm = nn.LSTM(3, 4)
    with torch.no_grad():
        for parameter in lstm.parameters():
            parameter.zero_()
    GroupLasso(lstm).penalty().backward()
    assert all((parameter.grad == 0).all() for parameter in lstm.parameters())


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"inputs": 0, "units": [2]}, "inputs to keep must be from 1 to 3, got 0"),
        ({"inputs": 4, "units": [2]}, "inputs to keep must be from 1 to 3, got 4"),
        ({"inputs": 1, "units": [5]}, "units of layer 0 to keep must be from 1 to 4, got 5"),
        ({"inputs": 1, "units": [2, 2]}, "units must be a number for each of 1 layers, got 2"),
    ],
)
def test_sizes_that_there_are_not(asked, message):
    pruning = MagnitudePruning(nn.LSTM(3, 4))
    with pytest.raises(ValueError) as caught:
        pruning.cut(**asked)
    assert str(caught.value) == message
    assert len(pruning.kept_inputs()) == 3


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"inputs": True, "units": [2]}, "inputs to keep must be a whole number, got bool True"),
        ({"inputs": 2.0, "units": [2]}, "inputs to keep must be a whole number, got float 2.0"),
        ({"inputs": 2, "units": [None]}, "units of layer 0 to keep must be a whole number, got NoneType None"),
        ({"inputs": 2, "units": 2}, "units must be a list of one number for each layer, got int"),
        ({"inputs": 2, "units": "2"}, "units must be a list of one number for each layer, got str"),
    ],
)
@pytest.mark.usefixtures("as_a_user")
def test_sizes_that_are_no_whole_numbers(asked, message):
    pruning = MagnitudePruning(nn.LSTM(3, 4))
    with pytest.raises(TypeError) as caught:
        pruning.cut(**asked)
    assert str(caught.value) == message
    assert len(pruning.kept_inputs()) == 3


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"inputs": 2, "units": [2]}, "inputs to keep must be from 1 to 1, got 2"),
        ({"inputs": 1, "units": [4]}, "units of layer 0 to keep must be from 1 to 2, got 4"),
    ],
)
def test_a_later_cut_opens_nothing_again(asked, message):
    pruning = MagnitudePruning(nn.LSTM(3, 4))
    pruning.cut(inputs=1, units=[2])
    before = [pruning.kept_inputs(), *pruning.kept_units()]
    with pytest.raises(ValueError) as caught:
        pruning.cut(**asked)
    assert str(caught.value) == message
    assert [pruning.kept_inputs(), *pruning.kept_units()] == before


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_not_finite_are_not_the_largest(value):
    pruning = MagnitudePruning(nn.LSTM(3, 4))
    with torch.no_grad():
        pruning.lstm.bias_ih_l0[1] = value
    with pytest.raises(ValueError) as caught:
        pruning.cut(inputs=1, units=[2])
    assert str(caught.value) == (
        "a group of weights of the units of layer 0 has a norm that is not finite, so that none is the largest; "
        "train again with a smaller learning rate"
    )
    assert len(pruning.kept_inputs()) == 3


def test_a_multiplier_below_0():
    with pytest.raises(ValueError) as caught:
        GroupLasso(nn.LSTM(3, 4), unit_multiplier=-1.0)
    assert str(caught.value) == "unit_multiplier must be a finite number of at least 0, got -1.0"


def test_a_read_out_of_another_width():
    with pytest.raises(ValueError) as caught:
        MagnitudePruning(nn.LSTM(3, 4)).group_norms(nn.Linear(5, 2))
    assert str(caught.value) == "read_out must read the 4 features of the last layer, got an nn.Linear of 5"


def test_torchs_own_pruner_cuts_no_unit_as_a_whole():
    """Why it is no baseline: each LSTM gate loses rows of its own, so that a net cannot be made smaller by it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from torch.ao.pruning._experimental.pruner.lstm_saliency_pruner import LSTMSaliencyPruner
    net = nn.Sequential(nn.LSTM(16, 32))
    pruner = LSTMSaliencyPruner({"sparsity_level": 0.5})
    pruner.prepare(net, [{"tensor_fqn": "0.weight_hh_l0"}, {"tensor_fqn": "0.weight_ih_l0"}])
    pruner.step()
    masks = [part[0].mask.view(4, 32) for part in net[0].parametrizations.values()]
    assert all((mask.sum(1) == 16).all() for mask in masks)
    gone = ~torch.cat(masks).any(0)
    assert gone.sum() <= 2, "units without a row left, of the 16 that half of the rows would make"
