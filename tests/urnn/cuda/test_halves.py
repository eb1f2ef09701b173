"""Inputs and states of 16 bits on the CUDA kernels: what is rounded, how far off that is, and what it saves."""

from dataclasses import replace

import pytest
import torch
from torch.nn.utils.rnn import pack_sequence

from bench.kernel_check import rounding_inputs
from tests.urnn.cuda.host import H100
from tests.urnn.parity import NAMES, OF_THE_LAYER, arguments, call
from urnn import URNN
from urnn.backends import BACKENDS, fused, reference
from urnn.backends.cpu import build as cpu_build
from urnn.backends.cuda.plan import FEW, HALVES, choose

pytestmark = [
    pytest.mark.skipif(cpu_build.compiler() is None, reason="no C++ compiler on this machine"),
    pytest.mark.slow,
]
DTYPES = pytest.mark.parametrize("dtype", HALVES, ids=str)


def drawn(n: int, batch: int, steps: int, m: int, dtype: torch.dtype, generator: torch.Generator) -> dict:
    """Arguments whose x and V are exact in `dtype`, everything in float32."""
    given = arguments(n, batch, steps, m, torch.float32, generator)
    return given | {name: given[name].to(dtype).float() for name in ("x", "V")}


def run(run_sequence, given: dict, dtypes: tuple[torch.dtype, torch.dtype], names: tuple[str, ...]) -> list:
    """States, last state and gradients, for an x in the first dtype and the rest in the second."""
    kinds = dict.fromkeys(NAMES, dtypes[1]) | {"x": dtypes[0]}
    given = given | {name: given[name].to(kind) for name, kind in kinds.items()}
    given |= {name: given[name].clone().requires_grad_() for name in names}
    states, last = call(run_sequence, **given)
    signs = torch.Generator().manual_seed(1)
    weights = (torch.randint(0, 2, shape, generator=signs) * 2 - 1 for shape in (states.shape, last.shape))
    of_states, of_last = (weight.double() for weight in weights)
    loss = (states.double() * of_states).sum() + (last.double() * of_last).sum()
    return [states, last, *torch.autograd.grad(loss, [given[name] for name in names])]


def errors(given: dict, dtype: torch.dtype, names: tuple[str, ...]) -> list[float]:
    """Of states, last state and gradients, in the Euclidean norm, from float64, as multiples of dtype's epsilon.

    Where V x is rounded, float64 begins from it: a z near 0 turns by far with that rounding, as it would with x's.
    """
    found = run(fused.run_sequence, given, (dtype, torch.float32), names)
    exactly = reference.run_sequence if given["V"].shape[1] <= FEW else rounding_inputs(dtype)
    exact = run(exactly, given, (torch.float64, torch.float64), names)
    pairs = zip(found, exact, strict=True)
    return [((value.double() - one).norm() / one.norm()).item() / torch.finfo(dtype).eps for value, one in pairs]


# Units a thread and a row's copies: fewer copies than lanes, one for each, two; samples that share a warp.
# Of the other sizes rows that begin at no multiple of 16 bytes too.
CUTS = [(4, 2), (8, 2), (16, 4), (64, 2), (64, 8), (128, 4), (512, 4), (1024, 8)]
CUTS += [(9, 3), (15, 3), (20, 4), (100, 10)]


@DTYPES
@pytest.mark.parametrize(("n", "elements"), CUTS)
def test_of_few_inputs_the_states_are_those_of_float32_rounded_once(
    cuda_on_a_host, monkeypatch, n, elements, dtype, generator
):
    """V x is computed from the same numbers; the last state is not rounded, nor what a step hands to the next."""
    monkeypatch.setenv("URNN_CUDA_ELEMENTS", str(elements))
    for m in (1, 2):
        given = drawn(n, 3, 5, m, dtype, generator)
        states, last = call(fused.run_sequence, **given | {"x": given["x"].to(dtype)})
        exact, exact_last = call(fused.run_sequence, **given)
        assert (states.dtype, last.dtype) == (dtype, torch.float32)
        assert torch.equal(states, exact.to(dtype))
        assert torch.equal(last, exact_last)


@DTYPES
@pytest.mark.parametrize("m", [2, 3])
@pytest.mark.parametrize(("n", "elements"), CUTS)
def test_every_error_is_below_an_epsilon(cuda_on_a_host, monkeypatch, n, elements, m, dtype, generator):
    """Rounding to nearest is off by .2 in this norm, and nothing adds up."""
    monkeypatch.setenv("URNN_CUDA_ELEMENTS", str(elements))
    given = drawn(n, 3, 5, m, dtype, generator)
    for names in (NAMES, OF_THE_LAYER):
        assert max(errors(given, dtype, names)) <= 0.6


@DTYPES
@pytest.mark.parametrize("m", [2, 3])
def test_errors_do_not_grow_with_the_steps(cuda_on_a_host, m, dtype, generator):
    assert max(errors(drawn(32, 4, 400, m, dtype, generator), dtype, OF_THE_LAYER)) <= 0.6


@DTYPES
@pytest.mark.parametrize("value", [float("inf"), float("nan"), 1e30, 1e-41, 65504.0, 65519.9, 65520.0, 6e-8, 2e-8])
def test_what_is_at_the_ends_of_the_dtype_is_rounded_as_by_torch(cuda_on_a_host, value, dtype):
    """A state that began far from 1, subnormal or beyond the largest number of 16 bits."""
    given = drawn(16, 1, 1, 1, dtype, torch.Generator().manual_seed(0))
    given |= {"h_0": torch.full((1, 32), value), "b": torch.zeros(16)}
    states, last = call(fused.run_sequence, **given | {"x": torch.zeros(1, 1, 1, dtype=dtype)})
    assert torch.equal(states[0].nan_to_num(7), last.to(dtype).nan_to_num(7))


@DTYPES
def test_launches_are_of_a_plan_of_its_own(cuda_on_a_host, dtype, generator):
    plan = choose(16, 3, torch.float32, False, H100, dtype)
    kernels = cuda_on_a_host.load(plan)
    kernels.launches.clear()
    given = drawn(16, 3, 4, 3, dtype, generator)
    call(fused.run_sequence, **given | {"x": given["x"].to(dtype)})
    assert plan.stored is dtype
    assert [name for name, _ in kernels.launches] == ["tables", "forward"]


WRONG = {  # the names, what is done to them, the one that the error names
    "a half first state": (["h_0"], torch.Tensor.half, "h_0", "float16"),
    "half biases": (["b"], torch.Tensor.half, "b", "float16"),
    "all of it double": (OF_THE_LAYER, torch.Tensor.double, "h_0", "float64"),
}


@pytest.mark.parametrize(("names", "change", "named", "got"), WRONG.values(), ids=WRONG)
def test_all_but_the_input_is_float32(cuda_on_a_host, names, change, named, got, generator, as_a_user):
    given = drawn(16, 3, 4, 3, torch.float16, generator)
    given |= {"x": given["x"].half()} | {name: change(given[name]) for name in names}
    expected = (
        f"Expected {named} to be torch.float32 beside torch.float16, got torch.{got}; convert one of the two"
    )
    with pytest.raises(ValueError, match=f"^URNN: {expected}$"):
        call(fused.run_sequence, **given)


@DTYPES
def test_a_batch_of_no_samples(cuda_on_a_host, dtype, generator):
    given = drawn(16, 0, 4, 3, dtype, generator)
    states, last = call(fused.run_sequence, **given | {"x": given["x"].to(dtype)})
    assert (states.shape, states.dtype) == ((4, 0, 32), dtype)
    assert (last.shape, last.dtype) == ((0, 32), torch.float32)


@DTYPES
@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")
def test_forward_mode_takes_the_reference(cuda_on_a_host, dtype, generator):
    given = drawn(16, 2, 4, 3, dtype, generator)
    given["x"] = given["x"].to(dtype)
    b = given.pop("b")
    value, tangent = torch.func.jvp(
        lambda b: call(fused.run_sequence, **given, b=b)[0], (b,), (torch.ones_like(b),)
    )
    assert value.dtype == tangent.dtype == dtype
    assert tangent.float().norm() > 0


@DTYPES
@pytest.mark.filterwarnings("default")  # torch's own notes while it traces
def test_opcheck(cuda_on_a_host, dtype, generator):
    given = drawn(8, 3, 4, 3, dtype, generator)
    given["x"] = given["x"].to(dtype)
    for name in NAMES:
        given[name].requires_grad_()
    torch.library.opcheck(torch.ops.urnn.sequence.default, tuple(given.values()))


@pytest.fixture
def layers(cuda_on_a_host, monkeypatch):
    """Layers on a CPU take its kernels for those of a GPU."""
    monkeypatch.setitem(BACKENDS, "cpu", replace(BACKENDS["cpu"], halves=BACKENDS["cuda"].halves))


OPTIONS = {
    "one layer": {},
    "released": {"preset": "released"},
    "two layers, both directions": {"num_layers": 2, "bidirectional": True},
    "recomputed": {"recompute": 2, "output_steps": 3},
    "the last step": {"output_steps": "last"},
}


@DTYPES
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("m", [2, 3])
def test_a_layer_is_that_of_float32_to_a_few_epsilons(layers, m, options, dtype, generator):
    rnn = URNN(m, 16, **options).to(dtype)
    wide = URNN(m, 16, **options, backend="reference")
    wide.load_state_dict(rnn.state_dict())
    wide.double()
    x = torch.randn(7, 5, m, generator=generator).to(dtype)
    output, h_n = rnn(x)
    exact, last = wide(x.double())
    assert (output.dtype, h_n.dtype) == (dtype, torch.complex64)
    (output.float().square().sum() + h_n.abs().sum()).backward()
    (exact.square().sum() + last.abs().sum()).backward()
    of_both = zip(rnn.parameters(), wide.parameters(), strict=True)
    for value, expected in [(output, exact), *((half.grad, double.grad) for half, double in of_both)]:
        assert value.dtype == dtype
        error = (value.double() - expected).norm() / expected.norm()
        assert error <= 4 * len(rnn.layers) * torch.finfo(dtype).eps


@DTYPES
def test_steps_one_by_one_are_the_whole_sequence(layers, dtype, generator):
    """The state has float32's digits, so that no step starts from a rounded one."""
    rnn, x = URNN(3, 16).to(dtype), torch.randn(9, 4, 3, generator=generator).to(dtype)
    whole, last = rnn(x)
    state, outputs = None, []
    for x_t in x:
        output, state = rnn(x_t.unsqueeze(0), state)
        outputs.append(output)
    assert torch.equal(torch.cat(outputs), whole)
    assert torch.equal(state, last)


@DTYPES
def test_the_last_states_of_a_packed_batch_are_not_rounded(layers, dtype, generator):
    rnn = URNN(2, 16).to(dtype)
    packed = pack_sequence([torch.randn(steps, 2, generator=generator).to(dtype) for steps in (6, 4)])
    _, h_n = rnn(packed)
    assert not torch.equal(torch.view_as_real(h_n), torch.view_as_real(h_n).to(dtype).float())
    assert torch.equal(h_n, rnn.float()(packed.to(torch.float32))[1])


@DTYPES
def test_on_the_meta_device_a_layer_for_a_gpu_gives_the_sizes(dtype):
    rnn = URNN(3, 16, backend="cuda", device="meta", dtype=dtype)
    output, h_n = rnn(torch.zeros(4, 5, 3, device="meta", dtype=dtype))
    assert (output.shape, output.dtype) == ((4, 5, 32), dtype)
    assert (h_n.shape, h_n.dtype) == ((1, 5, 16), torch.complex64)
