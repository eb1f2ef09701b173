"""Checks of a backend's arguments: types, sizes, devices, memory, and whether the permutation is valid.

A kernel reads addresses, so a wrong argument would make it read memory that is not its own, or compute nonsense.
The operators of the fused kernels, which anyone can call, and the reference share these checks. For a correct call
they take some three microseconds, which matters when streaming; only a wrong call is examined closely.
"""

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

FLOAT, DOUBLE, LONG = torch.float32, torch.float64, torch.int64
HALVES = (torch.float16, torch.bfloat16)  # a layer's parameters may have them; it then computes in float32
DTYPES = (FLOAT, DOUBLE, *HALVES)
COMPLEX = {FLOAT: torch.complex64, DOUBLE: torch.complex128}
NAMES = ("input", "h_0", "theta", "v", "permutation", "V", "b")


def require(
    x: Tensor,
    h_0: Tensor,
    theta: Tensor,
    v: Tensor,
    permutation: Tensor,
    V: Tensor,  # noqa: N803
    b: Tensor,
    *,
    halves: tuple[torch.dtype, ...] = (),
) -> None:
    """Raises unless these can be the arguments of `reference.run_sequence`, whatever the numbers in them.

    Args:
        halves: what x may have instead of float32, where a kernel reads it.

    Raises:
        ValueError: a dtype that is not float32 or float64, or not the same for all.
        RuntimeError: sizes that do not belong together, several devices, or a layout that is not dense.
    """
    # A fast test first. Where it is false, the checks below find out why; if nothing is wrong, only time is lost.
    dtype, shape, n = x.dtype, x.shape, b.numel()
    if dtype in halves:
        dtype = FLOAT
    if (
        (dtype is FLOAT or dtype is DOUBLE)
        and dtype is h_0.dtype is theta.dtype is v.dtype is V.dtype is b.dtype
        and permutation.dtype is LONG
        and len(shape) == 3
        and shape[0] > 0
        and shape[2] > 0
        and n > 0
        and b.dim() == 1
        and h_0.shape == (shape[1], width := 2 * n)
        and theta.shape == (3, n)
        and v.shape == (2, width)
        and permutation.shape == (n,)
        and V.shape == (width, shape[2])
        and (
            (
                x.is_cpu
                and h_0.is_cpu
                and theta.is_cpu
                and v.is_cpu
                and permutation.is_cpu
                and V.is_cpu
                and b.is_cpu
            )
            or x.device == h_0.device == theta.device == v.device == permutation.device == V.device == b.device
        )
    ):
        return
    given = dict(zip(NAMES, (x, h_0, theta, v, permutation, V, b), strict=True))
    require_dense(given)
    _require_one_device(given)
    _require_dtypes(given, halves)
    _require_sizes(given)


def require_dense(given: dict[str, Tensor], module: str = "URNN") -> None:
    """Raises RuntimeError unless every tensor, by its name, is dense."""
    for name, tensor in given.items():
        if tensor.layout is not torch.strided:
            raise RuntimeError(
                f"{module}: Expected {name} to be a dense tensor, got {tensor.layout}; call .to_dense()"
            )


def _require_one_device(given: dict[str, Tensor]) -> None:
    device = given["input"].device
    apart = {name: tensor.device for name, tensor in given.items() if tensor.device != device}
    if not apart:
        return
    # Where nobody passes h_0 it is the layer's own, so it is named only if all else is on one device.
    others = {name: where for name, where in apart.items() if name != "h_0"} or apart
    name, where = next(iter(others.items()))
    if len(others) == len(given) - 2 and len(set(others.values())) == 1:
        name = "the layer"
    raise RuntimeError(
        f"URNN: Expected input and layer on one device, got input on {device} and {name} on {where}; "
        "move one of the two"
    )


def computed_in(dtype: torch.dtype) -> torch.dtype:
    """The dtype that a layer with parameters of this dtype computes in."""
    return FLOAT if dtype in HALVES else dtype


def widened(name: str, parameter: Tensor, dtype: torch.dtype) -> Tensor:
    """A parameter as the recurrence reads it: in float32 if the layer's dtype is one of `HALVES`, else as it is.

    Raises:
        ValueError: it should be widened, and has another dtype than the layer.
        RuntimeError: it is not in memory.
    """
    if dtype not in HALVES:
        return parameter
    if parameter.dtype != dtype:
        raise ValueError(
            f"URNN: Expected {name} to be {dtype} like the layer's other parameters, got {parameter.dtype}; "
            "convert one of the two"
        )
    return in_float32(parameter)


def in_float32(tensor: Tensor) -> Tensor:
    """A copy in float32; raises RuntimeError if the tensor is not in memory, which torch would not notice."""
    if not torch.compiler.is_compiling() and has_storage(tensor):
        require_memory(tensor)
    return tensor.float()


def require_input_dtype(module: str, x: Tensor, expected: torch.dtype) -> None:
    """Raises ValueError unless a layer of dtype `expected` reads x: in that dtype, or any float under autocast."""
    if x.dtype == expected and expected in DTYPES:
        return
    require_float("parameters", computed_in(expected))
    autocast = x.device.type != "meta" and torch.is_autocast_enabled(x.device.type)
    if not (autocast and x.is_floating_point()):
        raise ValueError(f"{module}: Expected input to be {expected}, got {x.dtype}; convert one of the two")


def require_complex_dtype(module: str, name: str, tensor: Tensor, real: torch.dtype) -> None:
    """Raises ValueError unless a layer of dtype `real` reads this complex tensor: the precision it computes in."""
    computed = computed_in(real)
    require_float("parameters", computed)
    expected = COMPLEX[computed]
    if tensor.dtype != expected:
        remedy = f"call .to({expected})" if tensor.dtype.is_complex else "torch.complex(re, im) makes one"
        raise ValueError(f"{module}: Expected {name} to be {expected}, got {tensor.dtype}; {remedy}")


def require_vectors(module: str, h: object, like: Tensor, n: int) -> None:
    """Raises unless h can be complex vectors of n entries for a matrix with the parameter `like`.

    Raises:
        TypeError: it is no tensor.
        RuntimeError: a wrong size, another device, or a layout that is not dense.
        ValueError: another dtype than the complex one of the parameter's precision.
    """
    if not isinstance(h, Tensor):
        raise TypeError(f"{module}: input must be a Tensor, got {type(h).__name__}")
    if h.dim() == 0:
        raise RuntimeError(f"{module}: Expected input of size (..., {n}), got ()")
    if h.shape[-1] != n:
        raise RuntimeError(f"input.size(-1) must be equal to n. Expected {n}, got {h.shape[-1]}")
    require_dense({"input": h}, module)
    if h.device != like.device:
        raise RuntimeError(
            f"{module}: Expected input and matrix on one device, got input on {h.device} and the matrix on "
            f"{like.device}; move one of the two"
        )
    require_complex_dtype(module, "input", h, like.dtype)


def require_float(name: str, dtype: torch.dtype) -> None:
    """Raises ValueError unless the recurrence can be computed in this dtype."""
    if dtype not in (FLOAT, DOUBLE):
        raise ValueError(
            f"URNN: Expected {name} to be torch.float32 or torch.float64, got {dtype}; "
            "call .float() on the layer and on its input"
        )


def _require_dtypes(given: dict[str, Tensor], halves: tuple[torch.dtype, ...]) -> None:
    of_input = given["input"].dtype
    dtype = FLOAT if of_input in halves else of_input
    require_float("input", dtype)
    for name, tensor in given.items():
        expected = LONG if name == "permutation" else of_input if name == "input" else dtype
        if tensor.dtype != expected:
            beside = " like the input" if dtype == of_input else f" beside {of_input}"
            like = "" if name == "permutation" else beside
            raise ValueError(
                f"URNN: Expected {name} to be {expected}{like}, got {tensor.dtype}; convert one of the two"
            )


def _require_sizes(given: dict[str, Tensor]) -> None:
    x, b = given["input"], given["b"]
    if x.dim() != 3 or x.shape[0] == 0 or x.shape[2] == 0:
        raise RuntimeError(
            "URNN: Expected input of size (T, B, m) with at least one time step and one feature, "
            f"got {tuple(x.shape)}"
        )
    if b.dim() != 1 or b.numel() == 0:
        raise RuntimeError(f"URNN: Expected b of size (n,), got {tuple(b.shape)}")
    (_, batch, m), n = x.shape, b.numel()
    sizes = {"h_0": (batch, 2 * n), "theta": (3, n), "v": (2, 2 * n), "permutation": (n,), "V": (2 * n, m)}
    for name, expected in sizes.items():
        _require_size(name, given[name], expected, f", for an input of size {tuple(x.shape)} and {n} units")


def _require_size(name: str, tensor: Tensor, expected: tuple[int | torch.SymInt, ...], where: str = "") -> None:
    if tensor.shape != expected:
        raise RuntimeError(f"URNN: Expected {name} of size {expected}{where}, got {tuple(tensor.shape)}")


def require_gradients(
    states_gradient: Tensor | None,
    last_gradient: Tensor | None,
    states: Tensor,
    x: Tensor,
    width: int | torch.SymInt,  # a symbol where torch.compile takes sizes for unknown
) -> None:
    """Raises RuntimeError unless these fit an x (T, B, m) that has been checked, and a state of so many numbers.

    The states and their gradient must be of size (T, B, width), the last state's gradient of size (B, width), all
    on x's device and of its dtype, the last state's of float32 where that is half.
    """
    steps, batch, _ = x.shape
    last = (batch, width)
    for name, tensor, expected, dtype in (
        ("states", states, (steps, *last), x.dtype),
        ("the states' gradient", states_gradient, (steps, *last), x.dtype),
        ("the last state's gradient", last_gradient, last, computed_in(x.dtype)),
    ):
        if tensor is None:
            continue
        _require_size(name, tensor, expected)
        if tensor.dtype != dtype or tensor.device != x.device or tensor.layout is not torch.strided:
            raise RuntimeError(
                f"URNN: Expected {name} to be dense, {dtype} and on {x.device} like the input, got "
                f"{tensor.layout}, {tensor.dtype} and on {tensor.device}"
            )


def require_kernel(
    x: Tensor,
    h_0: Tensor,
    theta: Tensor,
    v: Tensor,
    permutation: Tensor,
    V: Tensor,  # noqa: N803
    b: Tensor,
    *,
    halves: tuple[torch.dtype, ...] = (),
) -> None:
    """`require`, and what a kernel needs besides: at least one sequence, and tensors that are in memory.

    Raises:
        ValueError, RuntimeError: as `require` and `require_memory` do.
    """
    require(x, h_0, theta, v, permutation, V, b, halves=halves)
    if x.shape[1] == 0:
        raise RuntimeError("URNN: Expected batch size to be larger than 0, got an input with B = 0")
    # The same as `require_memory` for tensors that start where their storage starts, as parameters mostly do, and
    # without its loop, which a stream would pay for at each step.
    one = b.nbytes
    if not (
        x.untyped_storage().nbytes() >= x.nbytes + x.storage_offset() * x.itemsize
        and x.is_contiguous()
        and b.untyped_storage().nbytes() >= one
        and theta.untyped_storage().nbytes() >= 3 * one
        and v.untyped_storage().nbytes() >= 4 * one
        and permutation.untyped_storage().nbytes() >= permutation.nbytes
        and V.untyped_storage().nbytes() >= V.nbytes
        and _holds(h_0)  # often a row that all samples share
        and b.is_contiguous()
        and theta.is_contiguous()
        and v.is_contiguous()
        and permutation.is_contiguous()
        and V.is_contiguous()
        and not (
            b.storage_offset()
            or theta.storage_offset()
            or v.storage_offset()
            or permutation.storage_offset()
            or V.storage_offset()
        )
    ):
        require_memory(x, h_0, theta, v, permutation, V, b)


def require_memory(*tensors: Tensor | None) -> None:
    """Raises RuntimeError unless each tensor's storage holds all of it; storages can be freed and resized."""
    for tensor in tensors:
        if tensor is None:
            continue
        if not _holds(tensor):
            raise RuntimeError(
                f"URNN: Expected a tensor of size {tuple(tensor.shape)} to be in memory, got one whose storage "
                f"has {tensor.untyped_storage().nbytes()} bytes; was it freed or resized?"
            )


def has_storage(tensor: Tensor) -> bool:
    """False for a sparse tensor, and for the wrappers that torch's transforms put around one."""
    try:
        tensor.untyped_storage()
    except NotImplementedError:
        return False
    return True


def _holds(tensor: Tensor) -> bool:
    """Whether its storage reaches its last entry; entries that a stride of 0 repeats are stored once."""
    if tensor.is_contiguous():
        end = tensor.nbytes + tensor.storage_offset() * tensor.itemsize
        return tensor.nbytes == 0 or tensor.untyped_storage().nbytes() >= end
    if tensor.numel() == 0:
        return True
    last = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    return tensor.untyped_storage().nbytes() >= (tensor.storage_offset() + last + 1) * tensor.itemsize


def require_units(n: int, smallest: int, largest: int) -> None:
    """Raises ValueError unless the fused kernel of the CPU can run n units: `smallest` to `largest`."""
    if not smallest <= n <= largest:
        raise ValueError(
            f"URNN: the fused kernel needs {smallest} to {largest} units, got {n}; "
            "backend='reference' runs any number"
        )


def no_permutation(n: int) -> str:
    """The message for an invalid permutation of n units."""
    return (
        f"URNN: permutation must hold each of 0..{n - 1} once; it does not, so W would not be unitary. "
        "reset_parameters() draws one anew; load_state_dict() restores one that was saved"
    )


def is_permutation(entries: Tensor) -> bool:
    """Whether each row of (..., n) holds each of 0..n - 1 once, in any dtype. Reading them waits for a GPU."""
    if entries.dim() == 0 or entries.is_complex():
        return False
    ordered = entries.detach().double().sort(dim=-1).values
    counted = torch.arange(entries.shape[-1], dtype=ordered.dtype, device=ordered.device)
    return torch.equal(ordered, counted.expand_as(ordered))


# Valid permutations on a GPU, with the version that was read: reading one again would wait for the GPU.
_read: WeakTensorKeyDictionary = WeakTensorKeyDictionary()
# Copies of valid permutations on a CPU: comparing is faster than sorting.
_known: WeakTensorKeyDictionary = WeakTensorKeyDictionary()


def require_permutation(permutation: Tensor) -> None:
    """Raises ValueError unless the entries (..., n) are a permutation.

    On a CPU they are read each time, since writes through `.data` or numpy leave no trace, and compared with the
    last valid ones; elsewhere they are read once per version.
    """
    if permutation.is_cpu:
        known = _known.get(permutation)
        if known is not None and known.dtype == permutation.dtype and torch.equal(permutation, known):
            return
    unread = permutation.is_cpu or permutation.is_inference()  # inference tensors count no versions
    version = None if unread else (permutation._version, permutation.data_ptr())
    if not unread and _read.get(permutation) == version:
        return
    if not is_permutation(permutation):
        raise ValueError(no_permutation(permutation.shape[-1]))
    if not unread:
        _read[permutation] = version
    elif permutation.is_cpu:
        _known[permutation] = permutation.detach().clone()


@torch.library.custom_op("urnn::permutation", mutates_args=(), device_types=("cpu", "cuda"))
def known_permutation(permutation: Tensor) -> Tensor:
    """A copy, once it is known to be a permutation. An operator, so that torch.compile and vmap can handle it."""
    require_permutation(permutation)
    return permutation.clone()


@known_permutation.register_fake
def _(permutation: Tensor) -> Tensor:
    return torch.empty_like(permutation)


@known_permutation.register_vmap
def _(info: object, in_dims: tuple[int, ...], permutation: Tensor) -> tuple[Tensor, int]:
    return known_permutation(permutation.movedim(in_dims[0], 0)), 0
