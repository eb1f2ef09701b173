"""Fewer states kept, the same function: checkpoint= against the plain run."""

import pytest
import torch
from torch.nn.utils.rnn import pack_sequence

from urnn import URNN
from urnn.backends.checkpointed import interval

T, B, M, N = 23, 3, 2, 8
# Sums of gradients over segments round in another order than over the whole.
BOUND = {"rtol": 0, "atol": 100 * T * N * torch.finfo(torch.float64).eps}


def pair(backend: str, device: str, checkpoint: int | bool) -> tuple[URNN, URNN]:
    """The same parameters without and with checkpoints."""
    plain = URNN(M, N, backend=backend, device=device, dtype=torch.float64)
    kept = URNN(M, N, backend=backend, checkpoint=checkpoint, device=device, dtype=torch.float64)
    kept.load_state_dict(plain.state_dict())
    return plain, kept


@pytest.mark.parametrize("checkpoint", [1, 4, 5, 23, 100, True])
def test_states_and_gradients_are_those_of_the_plain_run(checkpoint, backend, device):
    plain, kept = pair(backend, device, checkpoint)
    x = torch.randn(T, B, M, dtype=torch.float64, device=device)
    every = interval(checkpoint, T)
    steps = [*range(every - 1, T - 1, every), T - 1]
    results = []
    for rnn, chosen in ((plain, steps), (kept, slice(None))):
        sequence = x.clone().requires_grad_()
        output, h_n = rnn(sequence)
        states = output[chosen]
        (states.square().sum() + h_n.real.sum()).backward()
        results.append([states, torch.view_as_real(h_n), sequence.grad, *(p.grad for p in rnn.parameters())])
    for expected, actual in zip(*results, strict=True):
        torch.testing.assert_close(actual, expected, **BOUND)


def test_the_default_is_near_the_square_root_of_the_length():
    assert [interval(True, steps) for steps in (1, 2, 100, 10_000)] == [1, 1, 10, 100]


def test_a_given_first_state_gets_its_gradient(backend, device):
    plain, kept = pair(backend, device, 4)
    x = torch.randn(T, B, M, dtype=torch.float64, device=device)
    gradients = []
    for rnn in (plain, kept):
        h_0 = torch.ones(1, B, N, dtype=torch.complex128, device=device, requires_grad=True)
        rnn(x, h_0)[1].abs().sum().backward()
        gradients.append(torch.view_as_real(h_0.grad))
    torch.testing.assert_close(*gradients, **BOUND)


def test_it_is_shown_where_it_is_on():
    assert "checkpoint=True" in repr(URNN(M, N, checkpoint=True))
    assert "checkpoint" not in repr(URNN(M, N))


@pytest.mark.parametrize("options", [{"num_layers": 2}, {"bidirectional": True}])
def test_another_layer_or_direction_is_refused(options):
    with pytest.raises(ValueError, match="checkpoint keeps too few states for another layer or direction to read"):
        URNN(M, N, checkpoint=4, **options)


@pytest.mark.parametrize("wrong", [-1, 2.5, "4", None])
def test_what_is_no_number_of_steps_is_refused(wrong, as_a_user):
    with pytest.raises(ValueError, match="checkpoint should be True, False or a number of steps, got"):
        URNN(M, N, checkpoint=wrong)


def test_packed_sequences_are_refused():
    packed = pack_sequence([torch.randn(3, M), torch.randn(2, M)])
    with pytest.raises(ValueError, match="checkpoint needs sequences of one length, got a PackedSequence"):
        URNN(M, N, checkpoint=4)(packed)
