"""The uRNN's ladder: every rung is the same function, and does what its name says as often as it says."""

import math
from collections import Counter

import pytest
import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tests.urnn.parity import call
from urnn import URNN
from urnn.backends import reference
from urnn.backends.cpu import build as cpu_build
from urnn.ladder import unitary_wavefront
from urnn.ladder.unitary import RUNGS, LadderURNN, build
from urnn.ladder.unitary_wavefront import diagonals

pytestmark = pytest.mark.slow

M, N, T, B = 3, 8, 7, 5
CHUNK = 3  # the last chunk is a short one
DTYPES = [torch.float32, torch.float64]
NAMES = ("x", "h_0", "theta", "v", "V", "b")
FUSED = ("fused_step", "whole_sequence", "wavefront")
GEMMS = ("aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm")

needs_compiler = pytest.mark.skipif(cpu_build.compiler() is None, reason="no C++ compiler on this machine")
every_rung = pytest.mark.parametrize(
    "rung", [pytest.param(name, marks=needs_compiler if name in FUSED else ()) for name in RUNGS]
)


@pytest.fixture(autouse=True)
def _several_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unitary_wavefront, "CHUNK", CHUNK)


def normal(*shape: int, generator: torch.Generator) -> torch.Tensor:
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def assert_close(actual: torch.Tensor, exact: torch.Tensor, dtype: torch.dtype, layers: int = 1) -> None:
    """A few roundings of each of n numbers a step and layer, relative to the largest value."""
    assert actual.dtype == (dtype.to_complex() if exact.is_complex() else dtype)
    bound = 8 * max(N, 16) * T * layers * torch.finfo(dtype).eps
    error = (actual.to(exact.dtype) - exact).abs().max()
    assert error <= bound * exact.abs().max(), f"{error / exact.abs().max():.2e} of the largest value"


def one_layer(run_sequence, given: dict, weights: list[torch.Tensor], dtype: torch.dtype) -> list[torch.Tensor]:
    """States, last state and the gradients of a loss that reads every state and the last one once more."""
    given = {key: value.to(dtype) if key in NAMES else value for key, value in given.items()}
    leaves = [given[name].requires_grad_() for name in NAMES]
    outputs = call(run_sequence, **given)
    loss = sum((output * weight.to(dtype)).sum() for output, weight in zip(outputs, weights, strict=True))
    return [*(output.detach() for output in outputs), *torch.autograd.grad(loss, leaves)]


def arguments(generator: torch.Generator, epsilon: float = 0.0) -> dict:
    """First states that differ in the batch, and biases on both sides of zero, so that some units die."""
    return {
        "x": normal(T, B, M, generator=generator),
        "h_0": normal(B, 2 * N, generator=generator) / N**0.5,
        "theta": normal(3, N, generator=generator),
        "v": normal(2, 2 * N, generator=generator),
        "permutation": torch.randperm(N, generator=generator),
        "V": normal(2 * N, M, generator=generator) / (N * M) ** 0.5,
        "b": normal(N, generator=generator) * 0.1,
        "epsilon": epsilon,
    }


@every_rung
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("epsilon", [0.0, 1e-2])
def test_a_layer_and_its_gradients_are_the_references(rung, dtype, epsilon, generator):
    given = arguments(generator, epsilon)
    weights = [normal(T, B, 2 * N, generator=generator), normal(B, 2 * N, generator=generator)]
    exact = one_layer(reference.run_sequence, dict(given), weights, torch.float64)
    actual = one_layer(RUNGS[rung].run_sequence, dict(given), weights, dtype)
    for value, expected in zip(actual, exact, strict=True):
        assert_close(value, expected, dtype)


def whole_model(model, x: torch.Tensor, h_0: torch.Tensor | None, dtype: torch.dtype) -> list[torch.Tensor]:
    """Output, last states, and the gradients of the input, the first state and every parameter that is read."""
    leaves = {"x": x.to(dtype).requires_grad_()}
    if h_0 is not None:
        leaves["h_0"] = h_0.to(dtype.to_complex()).requires_grad_()
    output, last = model(*leaves.values())
    loss = (output * output.detach().roll(1, 0)).sum() + 2 * last.abs().square().sum()
    read = [p for name, p in model.named_parameters() if h_0 is None or not name.endswith("h_0")]
    return [output.detach(), last.detach(), *torch.autograd.grad(loss, [*leaves.values(), *read])]


@every_rung
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("learned", [True, False], ids=["learned first state", "given first state"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_it_is_urnn_with_the_same_state_dict(rung, layers, learned, dtype, generator):
    exact = URNN(M, N, layers, backend="reference", dtype=torch.float64)
    with torch.no_grad():
        for layer in exact.layers:
            layer.b.normal_(std=0.1)
    model = build(M, N, layers, backend=rung, dtype=dtype)
    assert [(name, p.shape) for name, p in model.named_parameters()] == [
        (name, p.shape) for name, p in exact.named_parameters()
    ]
    model.load_state_dict(exact.state_dict())
    x = normal(T, B, M, generator=generator)
    h_0 = None if learned else torch.view_as_complex(normal(layers, B, N, 2, generator=generator)) / N**0.5
    for value, expected in zip(
        whole_model(model, x, h_0, dtype), whole_model(exact, x, h_0, torch.float64), strict=True
    ):
        assert_close(value, expected, dtype, layers)


@every_rung
def test_its_first_values_are_urnns_and_its_state_dict_goes_back(rung):
    torch.manual_seed(1)
    model = LadderURNN(M, N, 2, rung)
    torch.manual_seed(1)
    for name, value in URNN(M, N, 2).state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name
    URNN(M, N, 2).load_state_dict(model.state_dict())


@every_rung
def test_states_at_exactly_zero_pass_no_gradient(rung, generator):
    given = arguments(generator)
    given |= {"x": torch.zeros_like(given["x"]), "h_0": torch.zeros_like(given["h_0"])}
    weights = [torch.ones(T, B, 2 * N), torch.ones(B, 2 * N)]
    for value in one_layer(RUNGS[rung].run_sequence, given, weights, torch.float64):
        assert value.abs().max() == 0  # and so not NaN


def counts(rung: str, layers: int) -> Counter[str]:
    """How often each operator runs in one forward pass."""
    model, x = build(M, N, layers, backend=rung), torch.zeros(T, B, M)
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        model(x)
    return Counter({event.key: event.count for event in seen.key_averages()})


@every_rung
@pytest.mark.parametrize("layers", [1, 2])
def test_operations_are_as_many_as_the_rung_says(rung, layers):
    """Matrix products, transforms and kernel calls of a layer; the kernel multiplies a narrow input inside."""
    products, transforms, calls = {
        "op_by_op": (T, 2 * T, 0),
        "real_pairs": (T, 2 * T, 0),
        "materialised": (2 * T, 2, 0),
        "hoisted_input": (T + 1, 2, 0),
        "fused_step": (0, 0, T),
        "whole_sequence": (0, 0, 1),
        "wavefront": (0, 0, math.ceil(T / CHUNK)),
    }[rung]
    found = counts(rung, layers)
    assert sum(found[name] for name in GEMMS) == products * layers
    assert found["aten::_fft_c2c"] == transforms * layers
    assert found["_Sequence"] == calls * layers


@pytest.mark.parametrize(
    ("rung", "norms"), [("op_by_op", T), ("real_pairs", 2 * T), ("materialised", 1), ("hoisted_input", 1)]
)
def test_v_is_brought_to_length_1_in_every_step_until_w_is_written_out(rung, norms):
    assert counts(rung, 1)["aten::linalg_vector_norm"] == norms


class ComplexOperations(TorchDispatchMode):
    """Notes every operator that reads or writes a complex tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        touched = tree_leaves((args, kwargs, result))
        if any(isinstance(value, torch.Tensor) and value.is_complex() for value in touched):
            self.names.add(func.overloadpacket.__name__)
        return result


def test_real_pairs_take_complex_numbers_to_the_transform_and_back_only(generator):
    given = arguments(generator)
    with ComplexOperations() as seen:
        call(RUNGS["real_pairs"].run_sequence, **given)
    assert seen.names == {"complex", "_fft_c2c", "view_as_real"}


@pytest.mark.parametrize("layers", [1, 2, 4])
@pytest.mark.parametrize("chunks", [1, 2, 5])
def test_the_wavefront_runs_every_chunk_once_after_what_it_reads(layers, chunks):
    depth = diagonals(layers, chunks)
    assert len(depth) == chunks + layers - 1
    at = {cell: d for d, cells in enumerate(depth) for cell in cells}
    assert len(at) == sum(map(len, depth)) == layers * chunks
    for (layer, chunk), d in at.items():
        assert layer == 0 or at[layer - 1, chunk] < d
        assert chunk == 0 or at[layer, chunk - 1] < d


@needs_compiler
def test_the_wavefront_runs_its_diagonals_in_turn():
    model, ran = build(M, N, 3, backend="wavefront"), []
    for layer, module in enumerate(model.layers):
        module.register_forward_pre_hook(lambda *_, layer=layer: ran.append(layer))
    model(torch.zeros(T, B, M))
    assert ran == [layer for cells in diagonals(3, math.ceil(T / CHUNK)) for layer, _ in cells]


def test_rungs_stand_in_their_order_under_their_names():
    assert list(RUNGS) == [
        "op_by_op", "real_pairs", "materialised", "hoisted_input", "fused_step", "whole_sequence", "wavefront"
    ]  # fmt: skip
    assert list(RUNGS) == [rung.name for rung in RUNGS.values()]


def test_an_unknown_rung_is_answered_with_those_there_are():
    with pytest.raises(ValueError, match=r"unknown rung 'cudnn'; the uRNN's ladder has: op_by_op, .*, wavefront$"):
        build(M, N, backend="cudnn")


@pytest.mark.parametrize("rung", FUSED)
def test_a_size_the_kernel_cannot_run_says_what_it_needs(rung):
    with pytest.raises(
        ValueError, match=f"rung '{rung}' cannot run hidden_size=16385 on cpu: .* 1 to 16384 units"
    ):
        build(M, 16385, backend=rung)


def test_a_device_the_kernel_cannot_run_on_says_what_it_needs():
    with pytest.raises(ValueError, match=r"rung 'wavefront' cannot run hidden_size=8 on meta: .* needs a CPU"):
        build(M, N, backend="wavefront", device="meta")


def test_a_rung_is_not_overridden_by_the_environment(monkeypatch):
    """Under an override that names no backend, a rung runs its own function and no other."""
    rnn, x = build(M, 6, backend="op_by_op"), torch.zeros(T, B, M)
    expected = rnn(x)[0]
    monkeypatch.setenv("URNN_BACKEND", "cudnn")
    assert torch.equal(rnn(x)[0], expected)


@pytest.mark.parametrize("shape", [(T, M), (T, B, M + 1), (0, B, M), (T, 0, M)])
@pytest.mark.usefixtures("as_a_user")
def test_an_input_of_the_wrong_shape_says_which_is_right(shape):
    with pytest.raises(RuntimeError, match=r"Expected x size \(T, B, 3\), none of them 0, got \("):
        build(M, N, backend="op_by_op")(torch.zeros(shape))


@pytest.mark.usefixtures("as_a_user")
def test_a_first_state_of_the_wrong_shape_says_which_is_right():
    with pytest.raises(RuntimeError, match=r"Expected h_0 size \(2, 5, 8\), got \(1, 5, 8\)"):
        build(M, N, 2, backend="op_by_op")(torch.zeros(T, B, M), torch.zeros(1, B, N, dtype=torch.complex64))


def test_it_says_which_rung_it_is():
    assert repr(build(M, N, 2, backend="real_pairs")).startswith(
        "LadderURNN(\n  3, 8, num_layers=2, rung='real_pairs'"
    )
