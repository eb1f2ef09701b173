"""What a kernel takes on trust is checked at every border: no call may read memory that is not the layer's.

Each fault here crashed the process or returned numbers without meaning before there were checks. The fused kernels
and the reference answer with the same error.
"""

import re
from collections.abc import Callable

import pytest
import torch
from torch import nn

from tests.urnn.parity import arguments, call
from urnn import URNN, checks
from urnn.backends import BACKENDS, cpu, fused
from urnn.backends.cpu import build as cpu_build
from urnn.backends.cuda import plan as cuda_plan

pytestmark = pytest.mark.usefixtures("as_a_user")

N, BATCH, STEPS, M = 8, 2, 3, 4
needs_compiler = pytest.mark.skipif(cpu_build.compiler() is None, reason="no C++ compiler on this machine")


@pytest.fixture(
    params=[
        "reference",
        pytest.param("cpu", marks=needs_compiler),
        pytest.param("host", marks=[needs_compiler, pytest.mark.slow]),
    ]
)
def run_sequence(request: pytest.FixtureRequest) -> Callable:
    """The reference, the CPU kernel, and the CUDA kernel on a host."""
    if request.param == "host":
        request.getfixturevalue("cuda_on_a_host")
    return BACKENDS["reference" if request.param == "reference" else "cpu"].run_sequence


@pytest.fixture
def given(generator: torch.Generator) -> dict:
    return arguments(N, BATCH, STEPS, M, torch.float32, generator)


def meta(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.to("meta")


def twice(permutation: torch.Tensor) -> torch.Tensor:
    return permutation.index_fill(0, torch.tensor([0]), int(permutation[1]))


NOT_ONE = (
    "URNN: permutation must hold each of 0..7 once; it does not, so W would not be unitary. "
    "reset_parameters() draws one anew; load_state_dict() restores one that was saved"
)
OF_A_SIZE = "URNN: Expected {} of size {}, for an input of size (3, 2, 4) and 8 units, got {}"
OF_A_DTYPE = "URNN: Expected {} to be torch.float32 like the input, got torch.{}; convert one of the two"
NO_STEPS = "URNN: Expected input of size (T, B, m) with at least one time step and one feature, got {}"
APART = "URNN: Expected input and layer on one device, got input on {} and {} on {}; move one of the two"
NO_FLOAT = "or torch.float64, got torch.{}; call .float() on the layer and on its input"
OF_A_HALF = (
    "URNN: Expected {} to be torch.float16 like the layer's other parameters, got torch.{}; convert one of the two"
)
FAULTS = {  # the argument, what is done to it, the error
    "whole x": ("x", torch.Tensor.long, ValueError,
                "URNN: Expected input to be torch.float32 " + NO_FLOAT.format("int64")),
    "double theta": ("theta", torch.Tensor.double, ValueError, OF_A_DTYPE.format("theta", "float64")),
    "half h_0": ("h_0", torch.Tensor.half, ValueError, OF_A_DTYPE.format("h_0", "float16")),
    "complex v": ("v", lambda v: v + 0j, ValueError, OF_A_DTYPE.format("v", "complex64")),
    "double b": ("b", torch.Tensor.double, ValueError, OF_A_DTYPE.format("b", "float64")),
    "whole V": ("V", torch.Tensor.long, ValueError, OF_A_DTYPE.format("V", "int64")),
    "int32 permutation": ("permutation", torch.Tensor.int, ValueError,
                          "URNN: Expected permutation to be torch.int64, got torch.int32; convert one of the two"),
    "short theta": ("theta", lambda t: t[:, :4], RuntimeError, OF_A_SIZE.format("theta", (3, 8), (3, 4))),
    "two thetas": ("theta", lambda t: t[:2], RuntimeError, OF_A_SIZE.format("theta", (3, 8), (2, 8))),
    "short v": ("v", lambda t: t[:, :8], RuntimeError, OF_A_SIZE.format("v", (2, 16), (2, 8))),
    "short h_0": ("h_0", lambda t: t[:, :4], RuntimeError, OF_A_SIZE.format("h_0", (2, 16), (2, 4))),
    "an h_0 for another batch": ("h_0", lambda t: t[:1], RuntimeError, OF_A_SIZE.format("h_0", (2, 16), (1, 16))),
    "short V": ("V", lambda t: t[:4], RuntimeError, OF_A_SIZE.format("V", (16, 4), (4, 4))),
    "short permutation": ("permutation", lambda t: t[:4], RuntimeError,
                          OF_A_SIZE.format("permutation", (8,), (4,))),
    "b of two dimensions": ("b", lambda t: t[None], RuntimeError, "URNN: Expected b of size (n,), got (1, 8)"),
    "no units": ("b", lambda t: t[:0], RuntimeError, "URNN: Expected b of size (n,), got (0,)"),
    "x of two dimensions": ("x", lambda x: x[0], RuntimeError, NO_STEPS.format((2, 4))),
    "no time steps": ("x", lambda x: x[:0], RuntimeError, NO_STEPS.format((0, 2, 4))),
    "no features": ("x", lambda x: x[:, :, :0], RuntimeError, NO_STEPS.format((3, 2, 0))),
    "theta on meta": ("theta", meta, RuntimeError, APART.format("cpu", "theta", "meta")),
    "h_0 on meta": ("h_0", meta, RuntimeError, APART.format("cpu", "h_0", "meta")),
    "x on meta": ("x", meta, RuntimeError, APART.format("meta", "the layer", "cpu")),
    "a large entry": ("permutation", lambda p: p + 10**9, ValueError, NOT_ONE),
    "a negative entry": ("permutation", lambda p: p - 1, ValueError, NOT_ONE),
    "an entry that wraps": ("permutation", lambda p: p - N, ValueError, NOT_ONE),
    "an entry twice": ("permutation", twice, ValueError, NOT_ONE),
}  # fmt: skip


@pytest.mark.parametrize(("name", "damage", "error", "message"), FAULTS.values(), ids=FAULTS)
def test_each_fault_is_one_sentence_whatever_runs(run_sequence, given, name, damage, error, message):
    given[name] = damage(given[name])
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        call(run_sequence, **given)


@pytest.mark.parametrize("name", ["reference", pytest.param("cpu", marks=needs_compiler)])
@pytest.mark.parametrize("dtype", checks.HALVES, ids=str)
def test_half_an_input_is_refused_where_no_kernel_reads_it(name, dtype, given):
    assert BACKENDS[name].halves == ()
    message = "URNN: Expected input to be torch.float32 " + NO_FLOAT.format(str(dtype).removeprefix("torch."))
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call(BACKENDS[name].run_sequence, **given | {"x": given["x"].to(dtype)})


@pytest.mark.parametrize("damage", [lambda p: p + 10**9, twice], ids=["out of range", "twice"])
@pytest.mark.parametrize("trace", ["in place", "data", "numpy"])
def test_a_permutation_overwritten_after_a_good_call_is_seen(run_sequence, given, damage, trace):
    """A write through `.data` or numpy leaves no trace in torch's version of the tensor."""
    call(run_sequence, **given)
    permutation = given["permutation"]
    wrong = damage(permutation.clone())
    if trace == "in place":
        permutation.copy_(wrong)
    elif trace == "data":
        permutation.data.copy_(wrong)
    else:
        permutation.numpy()[:] = wrong.numpy()
    with pytest.raises(ValueError, match="permutation must hold each of"):
        call(run_sequence, **given)


@needs_compiler
def test_a_permutation_overwritten_before_the_backward_pass_is_seen(given):
    states, _ = call(fused.run_sequence, **given | {"x": given["x"].requires_grad_()})
    given["permutation"].data.fill_(10**9)
    with pytest.raises(ValueError, match="permutation must hold each of"):
        states.sum().backward()


def test_off_the_cpu_a_permutation_is_read_once_a_version(monkeypatch):
    """Reading waits for a GPU. Here a tensor of the CPU says that it is none."""
    read = []

    class Elsewhere(torch.Tensor):
        is_cpu = False

    monkeypatch.setattr(checks, "is_permutation", lambda p: bool(read.append(p._version) or True))
    permutation = torch.arange(4).as_subclass(Elsewhere)
    for _ in range(3):
        checks.require_permutation(permutation)
    permutation.add_(0)
    checks.require_permutation(permutation)
    checks.require_permutation(torch.arange(4).as_subclass(Elsewhere))
    assert read == [0, 1, 0]


@needs_compiler
@pytest.mark.parametrize("wrong", [10**9, -1, N, "an entry twice"])
def test_on_a_gpu_an_entry_that_python_has_not_seen_is_not_read_from(cuda_on_a_host, monkeypatch, given, wrong):
    """The kernel itself, as after a write through `.data` since the permutation was read."""
    monkeypatch.setattr(checks, "require_permutation", lambda permutation: None)
    given["permutation"][2] = given["permutation"][3] if wrong == "an entry twice" else wrong
    given["V"].requires_grad_()
    states, last = call(fused.run_sequence, **given)
    assert torch.isnan(states).all()
    assert torch.isnan(last).all()
    states.sum().backward()  # reads no other memory either, which the host would report


@pytest.mark.parametrize("n", [cpu.LARGEST + 1, 2 * cpu.LARGEST])
@needs_compiler
def test_a_size_no_kernel_has_is_refused_by_the_operator(n, generator):
    with pytest.raises(ValueError, match=f"needs 1 to {cpu.LARGEST} units, got {n}; backend='ref"):
        call(fused.run_sequence, **arguments(n, BATCH, STEPS, M, torch.float32, generator))
    assert cuda_plan.LARGEST < cpu.LARGEST  # whose own words test_plan.py has


@needs_compiler
@pytest.mark.parametrize("name", ["x", "h_0", "theta", "v", "permutation", "V", "b"])
@pytest.mark.parametrize("left", [0, 8], ids=["freed", "shrunk"])
def test_a_tensor_whose_storage_was_taken_away_is_refused(given, name, left):
    """As FSDP frees a parameter's storage between uses."""
    given[name].untyped_storage().resize_(left)
    with pytest.raises(
        RuntimeError, match=f"to be in memory, got one whose storage has {left} bytes; was it freed"
    ):
        call(fused.run_sequence, **given)


@pytest.mark.parametrize("name", ["x", "h_0", "theta", "v", "permutation", "V", "b"])
@pytest.mark.parametrize("where", ["at the end", "every other entry"])
def test_a_storage_that_is_large_enough_for_another_view_is_not_for_this_one(run_sequence, given, name, where):
    """What was left of the storage holds as many bytes as the tensor has, but not where the tensor is."""
    tensor = given[name]
    if where == "at the end":
        base = tensor.new_zeros(2 * tensor.numel())
        given[name] = base[tensor.numel() :].view(tensor.shape).copy_(tensor)
    else:
        base = tensor.new_zeros(*tensor.shape, 2)
        given[name] = base[..., 0].copy_(tensor)
    call(run_sequence, **given)
    base.untyped_storage().resize_(tensor.nbytes)
    with pytest.raises(RuntimeError, match="to be in memory, got one whose storage has"):
        call(run_sequence, **given)


@needs_compiler
def test_a_batch_of_none_is_refused_by_the_operator(given):
    given |= {"x": given["x"][:, :0], "h_0": given["h_0"][:0]}
    with pytest.raises(
        RuntimeError, match=r"^URNN: Expected batch size to be larger than 0, got an input with B = 0$"
    ):
        torch.ops.urnn.sequence(*given.values())


@needs_compiler
@pytest.mark.parametrize("name", ["x", "theta", "permutation"])
def test_layouts_that_no_kernel_reads_are_refused(given, name):
    given[name] = given[name].to_sparse()
    with pytest.raises(NotImplementedError, match="Could not run 'urnn::sequence'"):
        call(fused.run_sequence, **given)


VIEWS = {
    "neg bit": lambda t: torch._neg_view(-t),
    "imaginary part of a conjugate": lambda t: torch.complex(t, -t).conj().imag,
    "transposed": lambda t: t.mT.contiguous().mT,
    "every second": lambda t: t.repeat_interleave(2, -1)[..., ::2],
    "behind others in its storage": lambda t: torch.cat([t, t])[len(t) :],
    "a leaf of a subclass": lambda t: t.as_subclass(type("Mine", (torch.Tensor,), {})),
}


@pytest.mark.parametrize("name", ["x", "h_0", "theta", "v", "V"])
@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_any_view_of_the_same_numbers_gives_the_same_result(run_sequence, given, name, view):
    """To rounding: torch's own sums take another order where a row's numbers lie apart."""
    expected = call(run_sequence, **given)
    torch.testing.assert_close(
        call(run_sequence, **given | {name: view(given[name])}), expected, rtol=0, atol=1e-5
    )


def backward_arguments(given: dict) -> dict:
    states, last = call(fused.run_sequence, **given)
    gradients = {"states_gradient": torch.ones_like(states), "last_gradient": torch.ones_like(last)}
    return gradients | {"states": states} | given | {"with_x": True}


BACKWARD_FAULTS = {
    "narrow states": ("states", lambda t: t[..., :4],
                      "URNN: Expected states of size (3, 2, 16), got (3, 2, 4)"),
    "a small gradient": ("states_gradient", lambda t: t[:1],
                         "URNN: Expected the states' gradient of size (3, 2, 16), got (1, 2, 16)"),
    "a gradient to be broadcast": ("last_gradient", lambda t: t[:1],
                                   "URNN: Expected the last state's gradient of size (2, 16), got (1, 16)"),
    "a half gradient": ("states_gradient", torch.Tensor.half,
                        "URNN: Expected the states' gradient to be dense, torch.float32 and on cpu like the "
                        "input, got torch.strided, torch.float16 and on cpu"),
    "double states": ("states", torch.Tensor.double,
                      "URNN: Expected states to be dense, torch.float32 and on cpu like the input, got "
                      "torch.strided, torch.float64 and on cpu"),
    "short theta": ("theta", lambda t: t[:, :4], OF_A_SIZE.format("theta", (3, 8), (3, 4))),
}  # fmt: skip


@needs_compiler
@pytest.mark.parametrize(("name", "damage", "message"), BACKWARD_FAULTS.values(), ids=BACKWARD_FAULTS)
def test_the_backward_operator_called_by_itself_checks_too(given, name, damage, message):
    wrong = backward_arguments(given)
    wrong[name] = damage(wrong[name])
    with pytest.raises(RuntimeError, match=f"^{re.escape(message)}$"):
        torch.ops.urnn.sequence_backward(*wrong.values())


@needs_compiler
@pytest.mark.parametrize("name", ["states_gradient", "last_gradient", "states"])
@pytest.mark.parametrize("view", [VIEWS["neg bit"], VIEWS["transposed"]], ids=["neg bit", "transposed"])
def test_the_backward_operator_reads_any_view(given, name, view):
    arguments = backward_arguments(given)
    expected = torch.ops.urnn.sequence_backward(*arguments.values())
    arguments[name] = view(arguments[name])
    for value, exact in zip(torch.ops.urnn.sequence_backward(*arguments.values()), expected, strict=True):
        assert torch.equal(value, exact)


def replaced(name: str, value: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[URNN], None]:
    """Puts another parameter where one was."""

    def replace(rnn: URNN) -> None:
        module, _, last = f"layers.0.{name}".rpartition(".")
        part = rnn.get_submodule(module)
        old = getattr(part, last)
        setattr(part, last, nn.Parameter(value(old.detach())) if isinstance(old, nn.Parameter) else value(old))

    return replace


def smaller_matrix(rnn: URNN) -> None:
    rnn.layers[0].W = URNN(M, 4, device=rnn.layers[0].b.device).layers[0].W


def eight_bits(rnn: URNN) -> None:
    rnn.to(torch.float8_e5m2)


def float_input(rnn: URNN) -> torch.Tensor:
    return torch.zeros(STEPS, BATCH, M)


def same_dtype(rnn: URNN) -> torch.Tensor:
    return torch.zeros(STEPS, BATCH, M, dtype=rnn.layers[0].V.dtype)


LAYERS = {
    "eight bits": (eight_bits, same_dtype, ValueError, NO_FLOAT.format("float8_e5m2")),
    "eight bits, float input": (eight_bits, float_input, ValueError, NO_FLOAT.format("float8_e5m2")),
    "half, float input": (URNN.half, float_input, ValueError, "to be torch.float16, got torch.float32; convert"),
    "half, float theta": (lambda rnn: replaced("W.theta", torch.Tensor.float)(rnn.half()), same_dtype, ValueError,
                          OF_A_HALF.format("theta", "float32")),
    "half, double first state": (lambda rnn: replaced("h_0", torch.Tensor.double)(rnn.half()), same_dtype,
                                 ValueError, OF_A_HALF.format("h_0", "float64")),
    "half V": (replaced("V", torch.Tensor.half), same_dtype, ValueError, OF_A_HALF.format("h_0", "float32")),
    "half b": (replaced("b", torch.Tensor.half), float_input, ValueError, OF_A_DTYPE.format("b", "float16")),
    "half h_0": (replaced("h_0", torch.Tensor.half), float_input, ValueError, OF_A_DTYPE.format("h_0", "float16")),
    "another matrix": (smaller_matrix, float_input, RuntimeError, "Expected theta of size (3, 8)"),
    "short theta": (replaced("W.theta", lambda t: t[:, :4]), float_input, RuntimeError, "Expected theta of size"),
    "short v": (replaced("W.v", lambda t: t[:, :8]), float_input, RuntimeError, "Expected v of size (2, 16)"),
    "short first state": (replaced("h_0", lambda t: t[:8]), float_input, RuntimeError, "Expected h_0 of size"),
    "double first state": (replaced("h_0", torch.Tensor.double), float_input, ValueError, "Expected h_0 to be"),
    "short V": (replaced("V", lambda t: t[:4]), float_input, RuntimeError, "Expected V of size (16, 4)"),
    "short b": (replaced("b", lambda t: t[:4]), float_input, RuntimeError, "and 4 units, got (2, 16)"),
    "long b": (replaced("b", lambda t: t.repeat(9)), float_input, RuntimeError, "and 72 units, got (2, 16)"),
    "permutation": (replaced("W.permutation", lambda t: t * 0), float_input, ValueError, "each of 0..7 once"),
    "layer elsewhere": (lambda rnn: rnn.to("meta"), float_input, RuntimeError,
                        "got input on cpu and the layer on meta; move one of the two"),
    "input elsewhere": (lambda rnn: None, lambda rnn: float_input(rnn).to("meta"), RuntimeError,
                        "got input on meta and the layer on cpu; move one of the two"),
    "sparse input": (lambda rnn: None, lambda rnn: float_input(rnn).to_sparse(), RuntimeError,
                     "Expected input to be a dense tensor, got torch.sparse_coo; call .to_dense()"),
}  # fmt: skip


@pytest.mark.parametrize("preset", ["paper", "released"])
@pytest.mark.parametrize(("damage", "make_input", "error", "message"), LAYERS.values(), ids=LAYERS)
def test_a_layer_that_is_damaged_says_so(backend, device, preset, damage, make_input, error, message):
    rnn = URNN(M, N, preset=preset, backend=backend, device=device)
    damage(rnn)
    x = make_input(rnn)
    x = x if x.is_meta else x.to(device)
    here = str(torch.zeros(0, device=device).device)  # "cuda:0" for "cuda"
    with pytest.raises(error, match=re.escape(message.replace("on cpu", f"on {here}"))):
        rnn(x)


def test_a_bad_permutation_through_functional_call_is_seen(backend, device):
    rnn = URNN(M, N, backend=backend, device=device)
    for wrong in (torch.full((N,), 10**9, device=device), torch.zeros(N, dtype=torch.int64, device=device)):
        with pytest.raises(ValueError, match="permutation must hold each of"):
            torch.func.functional_call(rnn, {"layers.0.W.permutation": wrong}, (float_input(rnn).to(device),))


def test_a_product_with_the_matrix_alone_sees_it_too():
    W = URNN(M, N).layers[0].W
    W.permutation.data[0] = W.permutation[1]
    h = torch.zeros(N, dtype=torch.complex64)
    for product in (W, W.adjoint, lambda h: W.dense()):
        with pytest.raises(ValueError, match="permutation must hold each of"):
            product(h)


def test_permutations_of_several_models_are_checked_under_vmap():
    """As an ensemble has them; a batch of rows, each of which must be one."""
    rows = torch.stack([torch.randperm(N) for _ in range(3)])
    assert torch.equal(torch.vmap(checks.known_permutation)(rows), rows)
    assert torch.equal(torch.vmap(checks.known_permutation, in_dims=1, out_dims=1)(rows.T), rows.T)
    rows[1, 0] = rows[1, 1]
    with pytest.raises(ValueError, match="permutation must hold each of"):
        torch.vmap(checks.known_permutation)(rows)


def test_torch_func_passes_through_the_checks_of_the_reference():
    """Gradients of each sample, and of an ensemble whose permutations differ."""
    models = [URNN(M, N, backend="reference", dtype=torch.float64) for _ in range(2)]
    x = torch.randn(STEPS, BATCH, M, dtype=torch.float64)

    def loss(state: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(models[0], state, (x,))[0].square().sum()

    parameters, buffers = torch.func.stack_module_state(models)
    together = torch.vmap(lambda parameters, buffers: loss(parameters | buffers, x))
    alone = torch.stack([model(x)[0].square().sum() for model in models])
    torch.testing.assert_close(together(parameters, buffers), alone)
    of_each = torch.vmap(torch.func.grad(loss), (None, 1))(dict(models[0].named_parameters()), x)
    alone[0].backward()
    for name, parameter in models[0].named_parameters():
        torch.testing.assert_close(of_each[name].sum(0), parameter.grad)
