"""Counts on work whose operators and saved tensors can be counted by hand."""

import torch
from torch import nn

from bench.meters.operators import counts

N = 7


def operators(run) -> int:
    return counts(run).operators


def saved_for_backward_bytes(run) -> int:
    return counts(run).saved_bytes


def test_operators_are_counted_one_by_one():
    x = torch.ones(N)
    assert operators(lambda: None) == 0
    assert operators(lambda: x + x) == 1
    assert operators(lambda: (x + x).mul(x).sum()) == 3


def test_the_backward_pass_and_every_time_step_count():
    weight = torch.ones(N, requires_grad=True)

    def steps(number: int) -> None:
        y = torch.ones(N)
        for _ in range(number):
            y = y * weight
        y.sum().backward()
        weight.grad = None

    one, two, five = (operators(lambda number=number: steps(number)) for number in (1, 2, 5))
    assert two > one
    assert five - two == 3 * (three_more := operators(lambda: steps(3)) - two)
    assert three_more > 0


def test_it_is_the_same_at_every_call():
    lstm, x = nn.LSTM(3, N), torch.ones(5, 2, 3)

    def run() -> None:
        lstm(x)[0].sum().backward()
        lstm.zero_grad()

    run()
    assert operators(run) == operators(run) > 0
    assert saved_for_backward_bytes(run) == saved_for_backward_bytes(run) > 0


def test_a_saved_tensor_counts_its_bytes_once():
    x = torch.ones(N, requires_grad=True)
    assert saved_for_backward_bytes(lambda: x + 1) == 0
    assert saved_for_backward_bytes(lambda: x.exp()) == 4 * N
    assert saved_for_backward_bytes(lambda: x * x) == 4 * N
    assert saved_for_backward_bytes(lambda: x.exp() * x) == 2 * 4 * N


def test_one_tensor_more_is_seen():
    x = torch.ones(N, requires_grad=True)
    more = saved_for_backward_bytes(lambda: (x.exp() * 2).sin())
    assert more - saved_for_backward_bytes(lambda: x.exp() * 2) == 4 * N


def test_without_gradients_nothing_is_saved():
    x = torch.ones(N, requires_grad=True)
    with torch.inference_mode():
        assert saved_for_backward_bytes(lambda: x * x) == 0


def test_tensors_of_a_graph_that_is_thrown_away_count_too():
    """The next one may get a freed one's address; whether it does is the allocator's mood."""
    weight = torch.ones(1000, requires_grad=True)

    def work() -> None:
        for _ in range(5):
            (weight + 1).sin()

    assert saved_for_backward_bytes(work) == 5 * 1000 * 4
