"""Dropout acts between layers, while training, and nowhere else."""

import pytest
import torch
from torch.nn.utils.rnn import pack_sequence

from urnn import URNN


def build(dropout: float, num_layers: int = 2) -> URNN:
    torch.manual_seed(1)
    return URNN(3, 8, num_layers, dropout=dropout)


def test_in_evaluation_it_changes_nothing():
    x = torch.randn(5, 2, 3)
    with_dropout, without = build(0.5).eval(), build(0.0)
    assert torch.equal(with_dropout(x)[0], without(x)[0])


def test_in_training_every_call_drops_something_else():
    rnn, x = build(0.5), torch.randn(5, 2, 3)
    assert not torch.equal(rnn(x)[0], rnn(x)[0])


def test_without_dropout_training_and_evaluation_agree():
    rnn, x = build(0.0), torch.randn(5, 2, 3)
    assert torch.equal(rnn(x)[0], rnn.eval()(x)[0])


def test_it_drops_the_output_of_the_layer_below_and_scales_what_is_left():
    rnn, x = build(0.5, num_layers=3), torch.randn(5, 2, 3)
    below, middle, above = URNN(3, 8), URNN(16, 8), URNN(16, 8)
    for part, layer in zip((below, middle, above), rnn.layers, strict=True):
        part.layers[0].load_state_dict(layer.state_dict())
    torch.manual_seed(7)
    output, h_n = rnn(x)
    torch.manual_seed(7)
    first, h_first = below(x)
    second, _ = middle(torch.nn.functional.dropout(first, 0.5))
    third, h_third = above(torch.nn.functional.dropout(second, 0.5))
    assert torch.equal(output, third)
    assert torch.equal(h_n[0], h_first[0])
    assert torch.equal(h_n[2], h_third[0])


def test_certain_dropout_hides_the_input_from_the_layer_above():
    rnn = build(1.0)
    one, other = torch.randn(2, 5, 2, 3)
    assert torch.equal(rnn(one)[0], rnn(other)[0])
    assert not torch.equal(rnn(one)[1][0], rnn(other)[1][0])


def test_it_acts_on_packed_input_too():
    rnn = build(1.0)
    one, other = ([torch.randn(4, 3), torch.randn(2, 3)] for _ in range(2))
    assert torch.equal(rnn(pack_sequence(one))[0].data, rnn(pack_sequence(other))[0].data)


def test_with_one_layer_there_is_nothing_to_drop_and_a_warning_says_so():
    with pytest.warns(UserWarning, match=r"no effect with num_layers=1 \(dropout=0.5\)"):
        rnn = build(0.5, num_layers=1)
    x = torch.randn(5, 2, 3)
    assert torch.equal(rnn(x)[0], rnn(x)[0])
