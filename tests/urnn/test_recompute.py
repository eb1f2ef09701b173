"""recompute= changes memory and nothing else, output_steps= says what is returned and nothing else."""

from collections.abc import Callable

import pytest
import torch
from torch.func import functional_call, grad
from torch.nn.utils.rnn import pack_sequence

from bench.meters.memory import peak_allocated_bytes
from urnn import URNN
from urnn.segments import interval

pytestmark = pytest.mark.slow

T, B, M, N = 11, 3, 2, 8
# Sums of gradients over segments round in another order than over the whole.
BOUND = 100 * T * N * torch.finfo(torch.float64).eps
NO_STEPS = "output_steps must be 'all', 'last' or a number k of at least 1, for every k-th step and the last"
STACKED = {"num_layers": 2, "bidirectional": True}


def like(rnn: URNN, **options) -> URNN:
    """Another layer of the same parameters, with options of its own."""
    given = {"num_layers": rnn.num_layers, "bidirectional": rnn.bidirectional, "backend": rnn.backend}
    other = URNN(M, N, **given, **options, device=rnn.layers[0].b.device, dtype=torch.float64)
    other.load_state_dict(rnn.state_dict())
    return other


def results(rnn: URNN, x: torch.Tensor, returned: Callable[[torch.Tensor], torch.Tensor]) -> list[torch.Tensor]:
    """The states returned, the last states, and every gradient of both."""
    x = x.clone().requires_grad_()
    output, h_n = rnn(x)
    states = returned(output)
    (states.square().sum() + h_n.real.sum()).backward()
    return [states, torch.view_as_real(h_n), x.grad, *(p.grad for p in rnn.parameters())]


def assert_same(actual: list[torch.Tensor], expected: list[torch.Tensor]) -> None:
    for one, other in zip(actual, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=BOUND * max(1.0, float(other.detach().abs().max())))


@pytest.fixture
def x(device: str) -> torch.Tensor:
    return torch.randn(T, B, M, dtype=torch.float64, device=device)


@pytest.mark.parametrize(
    ("recompute", "options"), [*((recompute, {}) for recompute in (1, 4, 11, 100)), (4, STACKED), (True, STACKED)]
)
def test_running_steps_again_changes_no_result(recompute, options, x, backend, device):
    plain = URNN(M, N, **options, backend=backend, device=device, dtype=torch.float64)
    again = like(plain, recompute=recompute)
    assert again(x)[0].shape == plain(x)[0].shape
    assert_same(results(again, x, lambda output: output), results(plain, x, lambda output: output))


@pytest.mark.parametrize("recompute", [False, 4])
@pytest.mark.parametrize(
    ("output_steps", "steps", "options"),
    [
        ("all", [*range(T)], {}),
        (1, [*range(T)], {}),
        ("last", [T - 1], STACKED),
        (4, [3, 7, 10], {}),
        (3, [2, 5, 8, 10], STACKED),
        (T, [T - 1], {}),
        (T + 1, [T - 1], {}),
    ],
)
def test_the_steps_returned_are_those_of_the_whole_output(
    output_steps, steps, recompute, options, x, backend, device
):
    plain = URNN(M, N, **options, backend=backend, device=device, dtype=torch.float64)
    chosen = like(plain, output_steps=output_steps, recompute=recompute)
    assert_same(results(chosen, x, lambda output: output), results(plain, x, lambda output: output[steps]))


def test_segments_are_near_the_square_root_of_the_length():
    assert [interval(True, steps) for steps in (1, 2, 100, 10_000)] == [1, 1, 10, 100]


def test_a_given_first_state_gets_its_gradient(x, backend, device):
    plain = URNN(M, N, backend=backend, device=device, dtype=torch.float64)
    gradients = []
    for rnn in (plain, like(plain, recompute=4)):
        h_0 = torch.ones(1, B, N, dtype=torch.complex128, device=device, requires_grad=True)
        rnn(x, h_0)[1].abs().sum().backward()
        gradients.append([torch.view_as_real(h_0.grad)])
    assert_same(*gradients)


def test_packed_sequences_can_be_run_again(x, backend, device):
    packed = pack_sequence([x[:5, 0], x[:, 1], x[:9, 2]], enforce_sorted=False)
    plain = URNN(M, N, **STACKED, backend=backend, device=device, dtype=torch.float64)
    found = []
    for rnn in (plain, like(plain, recompute=True)):
        output, h_n = rnn(packed)
        (output.data.square().sum() + h_n.real.sum()).backward()
        found.append([output.data, torch.view_as_real(h_n), *(p.grad for p in rnn.parameters())])
    assert_same(*found)


def test_under_a_transform_of_torch_func_nothing_is_run_again(x, backend, device, as_a_user):
    plain = URNN(M, N, backend=backend, device=device, dtype=torch.float64)
    parameters = {name: parameter.detach() for name, parameter in plain.named_parameters()}
    gradients = [
        grad(lambda p, rnn=rnn: functional_call(rnn, p, (x,))[1].real.sum())(parameters)
        for rnn in (plain, like(plain, recompute=True))
    ]
    assert_same(*(list(gradient.values()) for gradient in gradients))


def training_peak(steps: int, hidden_size: int = 16, **options) -> int:
    """Most bytes held at once by a forward and a backward pass from the last state."""
    rnn, x = URNN(1, hidden_size, **options), torch.randn(steps, 2, 1)

    def run() -> None:
        rnn.zero_grad()
        rnn(x)[1].real.sum().backward()

    return peak_allocated_bytes(run, "cpu")


def test_memory_grows_with_the_square_root_of_the_length():
    """From 256 to 4,096 steps the kernel keeps 3,840 states more, or 2 * (64 - 16) where it runs steps again."""
    plain, again = (
        training_peak(4096, **options) - training_peak(256, **options)
        for options in ({}, {"recompute": True, "output_steps": "last"})
    )
    assert again < plain / 15


def test_where_only_the_last_state_is_returned_memory_is_a_hundredth_of_the_reference():
    """At n = 512 and T = 10,000 it is 1/368. The reference's memory is a straight line over T."""
    one, two = (training_peak(steps, backend="reference") for steps in (5, 15))
    eager = two + (10_000 - 15) * (two - one) / 10
    assert training_peak(10_000, recompute=True, output_steps="last") < eager / 100


def test_the_reference_keeps_less_for_a_whole_output_too():
    peaks = [training_peak(64, recompute=recompute, backend="reference") for recompute in (True, False)]
    assert peaks[0] < peaks[1] / 3


def test_inference_in_segments_holds_one_at_a_time():
    rnn, x = URNN(1, 16, recompute=True, output_steps="last"), torch.randn(4096, 2, 1)
    whole_output = 4096 * 2 * 32 * x.itemsize
    with torch.no_grad():
        assert peak_allocated_bytes(lambda: rnn(x), "cpu") < whole_output / 10


def test_both_are_shown_where_they_are_not_the_default():
    assert "recompute=True, output_steps='last'" in repr(URNN(M, N, recompute=True, output_steps="last"))
    assert "recompute" not in repr(URNN(M, N))
    assert "output_steps" not in repr(URNN(M, N))


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (0, ValueError, "recompute must be True, False or a number of steps of at least 1, got 0"),
        (-1, ValueError, "recompute must be True, False or a number of steps of at least 1, got -1"),
        (2.5, TypeError, "recompute should be a bool or an int, got: float"),
        ("4", TypeError, "recompute should be a bool or an int, got: str"),
        (None, TypeError, "recompute should be a bool or an int, got: NoneType"),
    ],
)
def test_a_wrong_recompute_is_refused(wrong, error, message, as_a_user):
    with pytest.raises(error, match=f"^{message}$"):
        URNN(M, N, recompute=wrong)


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        *((wrong, ValueError, f"{NO_STEPS}, got {wrong!r}") for wrong in (0, -1, "first", "")),
        (True, TypeError, "output_steps should be a str or an int, got: bool"),
        (2.5, TypeError, "output_steps should be a str or an int, got: float"),
        (None, TypeError, "output_steps should be a str or an int, got: NoneType"),
    ],
)
def test_wrong_output_steps_are_refused(wrong, error, message, as_a_user):
    with pytest.raises(error, match=f"^{message}$"):
        URNN(M, N, output_steps=wrong)


@pytest.mark.parametrize("output_steps", ["last", 4])
def test_packed_sequences_return_every_step(output_steps):
    packed = pack_sequence([torch.randn(3, M), torch.randn(2, M)])
    message = (
        f"URNN: output_steps={output_steps!r} needs sequences of one length, got a PackedSequence; "
        "use output_steps='all' and h_n, which has each sequence's last state"
    )
    with pytest.raises(ValueError, match=f"^{message}$"):
        URNN(M, N, output_steps=output_steps)(packed)
