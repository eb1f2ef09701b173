"""The CPU kernel at hidden sizes that are no power of two, against the reference, and where they end."""

import pytest
import torch

from tests.urnn.parity import NAMES, arguments, assert_equals_reference, call, run
from urnn import URNN, backends
from urnn.backends import BACKENDS, cpu, fused
from urnn.backends.cpu import build as cpu_build

pytestmark = pytest.mark.skipif(cpu_build.compiler() is None, reason="no C++ compiler on this machine")

DTYPES = [torch.float32, torch.float64]

# Every way to cut a transform into stages, and none: one unit, radices and their products, primes that are stages
# by the definition, two of them, and convolutions.
ANY_SIZES = [
    2,
    3,
    5,
    6,
    7,
    9,
    10,
    11,
    13,
    22,
    27,
    31,
    60,
    81,
    96,
    100,
    121,
    125,
    127,
    192,
    251,
    257,
    300,
    343,
    514,
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", ANY_SIZES)
def test_any_size_on_a_cpu_is_the_references(n, dtype, generator):
    for batch in (1, 5, 20):
        given = arguments(n, batch, 5, 3, dtype, generator)
        assert_equals_reference(fused.run_sequence, given, dtype)


@pytest.mark.slow
@pytest.mark.parametrize("n", [500, 768, 1000, 1021, 1536, 2039, 2187, 3125, 16383])
def test_large_sizes_on_a_cpu_are_the_references(n, generator):
    given = arguments(n, 5, 3, 2, torch.float64, generator)
    assert_equals_reference(fused.run_sequence, given, torch.float64)


def test_one_unit_turns_by_its_three_phases(generator):
    """Both reflections of one number are -1, whatever v is, so that v's gradient is 0."""
    given = arguments(1, 3, 1, 1, torch.float64, generator)
    given |= {"x": torch.zeros_like(given["x"]), "b": torch.zeros_like(given["b"])}
    given["v"].requires_grad_()
    states, _ = call(fused.run_sequence, **given)
    turned = torch.polar(torch.ones(1).double(), given["theta"].sum(0)) * torch.complex(
        *given["h_0"].T[:, :, None]
    )
    torch.testing.assert_close(states[0], torch.view_as_real(turned)[:, 0])
    states.square().sum().backward()
    assert given["v"].grad.abs().max() < 1e-14


@pytest.mark.parametrize("n", [1, 3, 10, 11])
def test_gradcheck_at_other_sizes(n, generator):
    given = arguments(n, 2, 2, 2, torch.float64, generator)
    inputs = [given[name].requires_grad_() for name in NAMES]

    def states(x, h_0, theta, v, V, b):
        tensors = {"x": x, "h_0": h_0, "theta": theta, "v": v, "V": V, "b": b}
        return call(fused.run_sequence, **tensors, permutation=given["permutation"], epsilon=0.0)

    assert torch.autograd.gradcheck(states, inputs)


@pytest.mark.parametrize("n", [30, 37, 257])
def test_other_sizes_keep_the_norm_over_many_steps(n, generator):
    steps = 20_000
    given = arguments(n, 1, steps, 1, torch.float64, generator)
    given |= {"x": torch.zeros_like(given["x"]), "b": torch.zeros_like(given["b"])}
    _, last = call(fused.run_sequence, **given)
    drift = abs(last.norm() / given["h_0"].norm() - 1).item()
    assert drift <= steps * torch.finfo(torch.float64).eps * 4


@pytest.mark.parametrize("n", [60, 127, 257])
def test_threads_do_not_change_a_bit_at_other_sizes(n, generator):
    given = arguments(n, 37, 6, 3, torch.float32, generator)
    weights = (torch.randn(6, 37, 2 * n, generator=generator), torch.randn(37, 2 * n, generator=generator))
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            results.append(run(fused.run_sequence, given, weights, torch.float32))
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        for value, first in zip((*other[:2], *other[2]), (*results[0][:2], *results[0][2]), strict=True):
            assert torch.equal(value, first)


@pytest.mark.parametrize("n", [1, 2, 3, 6, 100, 127, 509])
def test_auto_finds_it_at_every_size(n):
    assert BACKENDS["cpu"].applies(n, "cpu")
    assert URNN(2, n).backend_in_use == "cpu"


@pytest.mark.parametrize("n", [300, 320, 509])
def test_states_that_bypass_the_caches_are_the_same(n, generator):
    """All of them are past 8 MiB, from where on stores go around the caches; each half is not."""
    steps, batch = 130, 28
    given = arguments(n, batch, steps, 3, torch.float32, generator)
    whole, _ = call(fused.run_sequence, **given)
    assert whole.nbytes > 8 << 20
    half = steps // 2
    first, state = call(fused.run_sequence, **given | {"x": given["x"][:half]})
    second, _ = call(fused.run_sequence, **given | {"x": given["x"][half:], "h_0": state})
    assert first.nbytes < 8 << 20
    assert torch.equal(whole, torch.cat([first, second]))


def test_python_and_the_kernel_end_at_the_same_size():
    assert [cpu_build.functions(dtype)["largest"]() for dtype in DTYPES] == [cpu.LARGEST] * 2


def test_a_size_past_the_last_runs_on_the_reference_with_one_warning():
    with pytest.warns(RuntimeWarning, match="hidden_size=16385 .* ends at 16384 units; .* are 16384 and 16200$"):
        assert backends.choose("auto", 16385, "cpu").name == "reference"


def test_asking_for_it_at_a_size_it_cannot_run_says_what_to_do():
    with pytest.raises(ValueError, match="backend 'cpu' cannot run hidden_size=16385 on cpu; use backend='auto'"):
        backends.choose("cpu", 16385, "cpu")
