"""An orthogonal modReLU RNN by its kernel and by its eager loop, over sequences and as a stream."""

import pytest
import torch
from torch import Tensor

from urnn import models
from urnn.backends import dense
from urnn.backends.cpu import build as cpu_build
from urnn.backends.cpu.operator import OPERATORS
from urnn.baselines import OrthogonalModReLURNN

pytestmark = pytest.mark.skipif(cpu_build.compiler() is None, reason="no C++ compiler on this machine")

DOUBLE = torch.float64
DTYPES = [torch.float32, DOUBLE]


def pair(orthogonal_map: str = "cayley", dtype: torch.dtype = DOUBLE, n: int = 20, **options):
    """The same model by the kernel and by the eager loop, with biases that switch some units off."""
    by_kernel = OrthogonalModReLURNN(3, n, orthogonal_map, dtype=dtype, backend="cpu", **options)
    eager = OrthogonalModReLURNN(3, n, orthogonal_map, dtype=dtype, backend="eager", **options)
    torch.nn.init.uniform_(by_kernel.b, -0.2, 0.1)
    eager.load_state_dict(by_kernel.state_dict())
    return by_kernel, eager


@pytest.mark.parametrize("orthogonal_map", ["matrix_exp", "cayley", "householder"])
def test_the_eager_loop_is_the_same_model(orthogonal_map, generator):
    x, h = (
        torch.randn(9, 5, 3, generator=generator, dtype=DOUBLE),
        torch.randn(1, 5, 20, generator=generator, dtype=DOUBLE),
    )
    found = []
    for rnn in pair(orthogonal_map):
        output, last = rnn(x, h)
        (output.square().sum() + last.sum()).backward()
        found.append([output, last, *(parameter.grad for parameter in rnn.parameters())])
    for value, expected in zip(*found, strict=True):
        torch.testing.assert_close(value, expected, rtol=0, atol=1e-11)


def test_the_eager_loop_leaves_zero_at_zero():
    for rnn in pair():
        torch.nn.init.constant_(rnn.b, 0.5)
        assert rnn(torch.zeros(3, 2, 3, dtype=DOUBLE))[0].abs().max() == 0


def test_auto_is_the_kernel_where_there_is_one_and_prepare_says_so(monkeypatch):
    assert OrthogonalModReLURNN(3, 4).prepare() == "cpu"
    assert OrthogonalModReLURNN(3, 4).bfloat16().prepare() == "eager"
    assert OrthogonalModReLURNN(3, 4, backend="eager").prepare() == "eager"
    assert models.get("exprnn").build(3, 4, backend="eager").backend == "eager"
    monkeypatch.setattr(dense.cpu, "has", lambda dtype: False)
    rnn = OrthogonalModReLURNN(3, 4)
    assert rnn.prepare() == "eager"
    assert rnn(torch.randn(5, 2, 3))[0].isfinite().all()
    with pytest.raises(ValueError, match=r"backend 'cpu' cannot run torch\.float32 on cpu here; use"):
        OrthogonalModReLURNN(3, 4, backend="cpu")(torch.randn(5, 2, 3))


def test_an_unknown_backend_is_refused():
    with pytest.raises(ValueError, match=r"^backend must be one of \['auto', 'cpu', 'eager'\], got 'cuda'$"):
        OrthogonalModReLURNN(3, 4, backend="cuda")


@pytest.fixture
def streamed(monkeypatch: pytest.MonkeyPatch) -> list[torch.dtype]:
    """Notes each call of the operator of a stream."""
    calls: list[torch.dtype] = []
    for dtype in DTYPES:
        cpu_build.functions(dtype)

        def dense_stream(*given: Tensor, of=OPERATORS[dtype].dense_stream, dtype=dtype):
            found = of(*given)
            calls.append(dtype)
            return found

        monkeypatch.setitem(OPERATORS, dtype, OPERATORS[dtype]._replace(dense_stream=dense_stream))
    return calls


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("batch", [1, 2, 5, 6, 20])
@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("n", [20, 300])
def test_a_stream_is_the_sequence(n, steps, batch, dtype, generator, streamed):
    rnn, _ = pair(dtype=dtype, n=n)
    x = torch.randn(4 * steps, batch, 3, generator=generator, dtype=dtype)
    with torch.no_grad():
        whole, end = rnn(x)
        assert not streamed
        state, outputs = torch.zeros(1, batch, n, dtype=dtype), []
        for part in x.split(steps):
            output, state = rnn(part, state)
            outputs.append(output)
    assert streamed == [dtype] * 4
    bound = 8 * (n + 3) * len(x) * torch.finfo(dtype).eps
    torch.testing.assert_close(torch.cat(outputs), whole, rtol=0, atol=bound * float(whole.abs().max()))
    torch.testing.assert_close(state, end, rtol=0, atol=bound * float(whole.abs().max()))


def test_a_stream_with_the_batch_in_front(generator, streamed):
    rnn, _ = pair(batch_first=True)
    usual, _ = pair()
    usual.load_state_dict(rnn.state_dict())
    x, h = torch.randn(1, 5, 3, generator=generator, dtype=DOUBLE), torch.zeros(1, 5, 20, dtype=DOUBLE)
    with torch.no_grad():
        output, last = rnn(x.transpose(0, 1), h)
        expected, end = usual(x, h)
    assert len(streamed) == 2
    assert torch.equal(output, expected.transpose(0, 1))
    assert torch.equal(last, end)


@pytest.mark.parametrize("n", [20, 600])
def test_threads_do_not_change_a_bit_of_a_stream(n, generator, threads, streamed):
    rnn, _ = pair(n=n)
    x, h = (
        torch.randn(1, 3, 3, generator=generator, dtype=DOUBLE),
        torch.randn(1, 3, n, generator=generator, dtype=DOUBLE),
    )
    found = []
    for count in (1, 2, 3):
        torch.set_num_threads(count)
        with torch.no_grad():
            found.append(rnn(x, h)[0])
    assert len(streamed) == 3
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_what_is_not_finite_in_a_stream_stays_visible(poison, streamed):
    rnn, _ = pair()
    with torch.no_grad():
        output, _ = rnn(torch.full((1, 1, 3), poison, dtype=DOUBLE), torch.zeros(1, 1, 20, dtype=DOUBLE))
    assert streamed
    assert not output.isfinite().any()


def test_a_stream_of_wrong_arguments_gets_the_general_ways_sentence(streamed):
    rnn, _ = pair()
    x, h = torch.zeros(1, 2, 3, dtype=DOUBLE), torch.zeros(1, 2, 20, dtype=DOUBLE)
    with torch.no_grad():
        with pytest.raises(RuntimeError, match=r"RNN: expected a state of shape \[\(1, 2, 20\)\]"):
            rnn(x, h[:, :1])
        with pytest.raises(RuntimeError, match=r"RNN: expected an input \(T, B, 3\)"):
            rnn(x[..., :2], h)
        with pytest.raises(ValueError, match=r"expected h_0 .* which is torch.float64, got torch.float32"):
            rnn(x, h.float())
    assert not streamed
