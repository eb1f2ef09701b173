"""The kernel for a dense real recurrent matrix against torch's operators in float64, with every derivative."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.func import grad, jvp, vmap

from urnn.backends import dense
from urnn.backends.cpu import build as cpu_build
from urnn.baselines import OrthogonalModReLURNN

pytestmark = pytest.mark.skipif(cpu_build.compiler() is None, reason="no C++ compiler on this machine")

DOUBLE = torch.float64
DTYPES = [torch.float32, DOUBLE]


def arguments(n: int, batch: int, steps: int, m: int, generator: torch.Generator) -> list[Tensor]:
    """x, h_0, W, V, b in float64: W orthogonal, and biases on both sides of zero, so that some units die."""

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=DOUBLE)

    W = torch.linalg.qr(normal(n, n))[0]
    return [
        normal(steps, batch, m),
        normal(batch, n) / n**0.5,
        W,
        normal(n, m) / (n * m) ** 0.5,
        normal(n) * 0.1 / n**0.5,
    ]


def run(run_sequence, given: list[Tensor], dtype: torch.dtype) -> list[Tensor]:
    """States, last state and each argument's gradient, of a loss that reads every state and the last again."""
    given = [tensor.to(dtype).detach().requires_grad_() for tensor in given]
    states, last = run_sequence(*given)
    weights = torch.Generator().manual_seed(1)
    of_states, of_last = (torch.randn(part.shape, generator=weights, dtype=DOUBLE) for part in (states, last))
    loss = (states * of_states.to(dtype)).sum() + (last * of_last.to(dtype)).sum()
    return [states.detach(), last.detach(), *torch.autograd.grad(loss, given)]


def assert_equals_operators(given: list[Tensor], dtype: torch.dtype) -> None:
    rounded = [tensor.to(dtype).double() for tensor in given]
    (steps, _, m), n = given[0].shape, len(given[4])
    # A step adds the roundings of its sums to each number; those of the steps add up.
    bound = 8 * torch.finfo(dtype).eps * max(n + m, 16) * steps
    exact, found = run(dense.by_operators, rounded, DOUBLE), run(dense.run_sequence, rounded, dtype)
    for value, expected in zip(found, exact, strict=True):
        assert value.dtype == dtype
        error = float((value.double() - expected).abs().max() / expected.abs().max())
        assert error <= bound


# Around a register's lanes, a panel's units and a tile's samples in every instruction set.
@pytest.mark.parametrize("n", [1, 2, 7, 8, 16, 17, 31, 32, 33, 64, 100, 130])
@pytest.mark.parametrize("dtype", DTYPES)
def test_outputs_and_gradients_are_the_operators(n, dtype, generator):
    for batch in (1, 5, 6, 12, 13, 20, 40):
        assert_equals_operators(arguments(n, batch, 4, 3, generator), dtype)


@pytest.mark.parametrize("m", [1, 2, 10, 40, 200])
@pytest.mark.parametrize("steps", [1, 2, 40])
def test_any_input_width_and_length(m, steps, generator):
    assert_equals_operators(arguments(16, 3, steps, m, generator), DOUBLE)


@pytest.mark.parametrize(("n", "batch", "steps"), [(16, 3, 2000), (128, 70, 10), (600, 2, 300)])
def test_a_backward_pass_of_several_chunks(n, batch, steps, generator):
    given = arguments(n, batch, steps, 2, generator)
    given[4] = -given[4].abs()  # states that grow would leave no bound
    assert_equals_operators(given, DOUBLE)


def test_gradcheck(generator):
    given = [tensor.requires_grad_() for tensor in arguments(4, 2, 3, 2, generator)]
    assert torch.autograd.gradcheck(dense.run_sequence, given)


@pytest.mark.parametrize("read", ["states", "last"])
@pytest.mark.parametrize("with_x", [False, True])
def test_losses_that_read_a_part(read, with_x, generator):
    given = arguments(20, 13, 6, 3, generator)
    found = []
    for run_sequence in (dense.run_sequence, dense.by_operators):
        leaves = [tensor.detach().requires_grad_(with_x or k > 0) for k, tensor in enumerate(given)]
        states, last = run_sequence(*leaves)
        (states if read == "states" else last).square().sum().backward()
        found.append([leaf.grad for leaf in leaves])
    assert (found[0][0] is not None) == with_x
    for value, expected in zip(*found, strict=True):
        if value is not None:
            torch.testing.assert_close(value, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n", "batch"), [(33, 1), (33, 25), (300, 70)])
def test_neither_threads_nor_other_samples_change_a_bit(n, batch, dtype, generator, threads):
    given = arguments(n, batch, 12, 10, generator)
    results = []
    for count in (1, 2, 2, 3, 8):
        torch.set_num_threads(count)
        results.append(run(dense.run_sequence, given, dtype))
    for other in results[1:]:
        assert all(map(torch.equal, other, results[0]))
    some = [0, batch // 2, batch - 1]
    x, h_0, *rest = (tensor.to(dtype) for tensor in given)
    assert torch.equal(dense.run_sequence(x[:, some], h_0[some], *rest)[0], results[0][0][:, some])


def test_views_of_any_strides(generator):
    def strided(*given: Tensor) -> tuple[Tensor, Tensor]:
        return dense.run_sequence(*(torch.stack([tensor, tensor], dim=-1)[..., 0] for tensor in given))

    given = arguments(9, 4, 3, 5, generator)
    assert all(map(torch.equal, run(strided, given, DOUBLE), run(dense.run_sequence, given, DOUBLE)))


def test_units_that_are_dead_or_at_zero_pass_no_gradient(generator):
    dead = arguments(16, 13, 4, 2, generator)
    dead[4] = torch.full_like(dead[4], -100.0)
    at_zero = arguments(16, 13, 4, 2, generator)
    at_zero[0], at_zero[1] = torch.zeros_like(at_zero[0]), torch.zeros_like(at_zero[1])
    for given in (dead, at_zero):
        for run_sequence in (dense.run_sequence, dense.by_operators):
            assert all(value.abs().max() == 0 for value in run(run_sequence, given, DOUBLE))


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
@pytest.mark.parametrize("batch", [1, 18])
def test_what_is_not_finite_reaches_the_output_of_its_sample_only(batch, poison, generator):
    x, h_0, W, V, b = (tensor.float() for tensor in arguments(33, batch, 3, 4, generator))
    x[1, batch // 2, 0] = poison
    states, _ = dense.run_sequence(x, h_0, W, V, b)
    finite = torch.isfinite(states)
    assert finite[0].all()
    assert not finite[1:, batch // 2].any()
    assert finite[:, [k for k in range(batch) if k != batch // 2]].all()


def test_it_keeps_the_norm_over_many_steps(generator):
    steps = 20_000
    x, h_0, W, V, b = arguments(32, 1, steps, 1, generator)
    _, last = dense.run_sequence(torch.zeros_like(x), h_0, W, V, torch.zeros_like(b))
    drift = abs(float(last.norm() / h_0.norm()) - 1)
    own = float((W.mT @ W - torch.eye(32)).abs().max())
    assert drift <= steps * 32 * max(own, torch.finfo(DOUBLE).eps)


def test_a_batch_of_no_samples(generator):
    found = run(dense.run_sequence, arguments(5, 0, 4, 3, generator), DOUBLE)
    assert [value.shape for value in found[:2]] == [(4, 0, 5), (0, 5)]
    assert all(value.abs().sum() == 0 for value in found[2:])


X, H, W, V, B = torch.zeros(3, 2, 4), torch.zeros(2, 5), torch.zeros(5, 5), torch.zeros(5, 4), torch.zeros(5)
BAD = {
    "no steps": ((X[:0], H, W, V, B), RuntimeError, r"expected an input of size \(T, B, m\) .* got \(0, 2, 4\)"),
    "two dimensions": ((X[0], H, W, V, B), RuntimeError, r"an input of size .* got \(2, 4\) and \(5, 5\)"),
    "h_0": ((X, H[:1], W, V, B), RuntimeError, r"expected h_0 of size \(2, 5\), got \(1, 5\)"),
    "W": ((X, H, W[:, :4], V, B), RuntimeError, r"expected W of size \(5, 5\), got \(5, 4\)"),
    "V": ((X, H, W, V[:, :3], B), RuntimeError, r"expected V of size \(5, 4\), got \(5, 3\)"),
    "b": ((X, H, W, V, B[:4]), RuntimeError, r"expected b of size \(5,\), got \(4,\)"),
    "two dtypes": ((X, H.double(), W, V, B), ValueError, "h_0 .* which is torch.float32, got torch.float64"),
    "half": ((X.half(), H, W, V, B), ValueError, "expected input to be torch.float32 or torch.float64"),
    "sparse": ((X, H, W.to_sparse(), V, B), RuntimeError, "expected W to be dense and on cpu"),
    "two devices": ((X, H, W.to("meta"), V, B), RuntimeError, "W"),
}  # fmt: skip


@pytest.mark.parametrize(("given", "error", "message"), BAD.values(), ids=BAD)
@pytest.mark.usefixtures("as_a_user")
def test_arguments_that_do_not_fit_are_one_sentence(given, error, message):
    with pytest.raises(error, match=message):
        dense.run_sequence(*given)


def test_freed_memory_is_noticed():
    freed = W.clone()
    freed.untyped_storage().resize_(0)
    with pytest.raises(RuntimeError, match="to be in memory"):
        torch.ops.urnn.dense_sequence(X, H, freed, V, B)


def test_a_second_derivative_is_refused(generator):
    x, *rest = arguments(4, 3, 3, 2, generator)
    x.requires_grad_()
    (first,) = torch.autograd.grad(dense.run_sequence(x, *rest)[0].square().sum(), x, create_graph=True)
    with pytest.raises(NotImplementedError, match="has first derivatives alone, and no second ones"):
        first.sum().backward()


TRANSFORMS = {
    "grad": lambda run, x, rest: grad(lambda x: run(x, *rest)[0].square().sum())(x),
    "vmap": lambda run, x, rest: vmap(lambda x: run(x, *rest)[0])(torch.stack([x, 2 * x])),
    "jvp": lambda run, x, rest: jvp(lambda x: run(x, *rest)[1], (x,), (torch.ones_like(x),))[1],
}


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")
@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize("backend", ["cpu", "eager"])
@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def test_a_transform_gives_what_the_operators_give(transform, backend, generator):
    x, h_0, *rest = arguments(4, 3, 3, 2, generator)
    torch.testing.assert_close(
        transform(dense.run_sequence, x, (h_0, *rest)), transform(dense.by_operators, x, (h_0, *rest))
    )
    rnn = OrthogonalModReLURNN(2, 4, dtype=DOUBLE, backend=backend)
    found = transform(lambda x, h: (rnn(x, h)[0], rnn(x, h)[1][0]), x, (h_0.unsqueeze(0),))
    exact = transform(dense.by_operators, x, (h_0, rnn.Q, rnn.input.weight, rnn.b))
    torch.testing.assert_close(found, exact)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # torch's own notes while it traces
def test_opcheck(generator):
    given = [tensor.requires_grad_() for tensor in arguments(8, 3, 4, 2, generator)]
    torch.library.opcheck(torch.ops.urnn.dense_sequence.default, tuple(given))


COMPILE = """
import torch
from urnn.baselines import OrthogonalModReLURNN
torch.manual_seed(0)
rnn, x = OrthogonalModReLURNN(3, 16, "cayley", backend="cpu"), torch.randn(5, 2, 3)
compiled = torch.compile(rnn, fullgraph=True, backend="aot_eager")
compiled(x)[0].sum().backward()
gradients = [parameter.grad.clone() for parameter in rnn.parameters()]
rnn.zero_grad()
output, state = rnn(x)
output.sum().backward()
torch.testing.assert_close(compiled(x)[0], output)
for gradient, parameter in zip(gradients, rnn.parameters()):
    torch.testing.assert_close(gradient, parameter.grad)
with torch.no_grad():
    torch.testing.assert_close(compiled(x, state)[0], rnn(x, state)[0])
"""


@pytest.mark.slow
def test_torch_compile_does_not_break_the_graph():
    """In a process of its own: the shape checker that the tests put around every function cannot be traced."""
    command = [sys.executable, "-c", COMPILE]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
