"""The operators whose way to the kernel leads through no Python: see `operator.h` and `step.h`.

There is one of each for each dtype, since each has a library of its own. To torch they have no derivative:
`urnn.streaming` calls them where none is wanted, and joins a step and its gradients. torch.compile does not see
them.
"""

import ctypes
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch

# torch's functions in the order of `Torch` in operator.h. All but the last are its stable C interface; the last is
# at::get_num_threads().
FUNCTIONS = (
    *(
        f"aoti_torch_{name}"
        for name in (
            "get_data_ptr", "get_dim", "get_sizes", "get_strides", "get_dtype", "get_device_type", "get_layout",
            "get_storage_size", "get_storage_offset", "empty_strided", "delete_tensor_object",
            "library_init_impl", "library_impl",
        )
    ),
    "_ZN2at15get_num_threadsEv",
)  # fmt: skip
ARGUMENTS = (
    "Tensor x, Tensor h, Tensor theta, Tensor v, Tensor permutation, Tensor V, Tensor b, float epsilon, "
    "bool conjugate"
)
SCHEMAS = {
    "stream": f"({ARGUMENTS}) -> (Tensor, Tensor)",
    "step": f"({ARGUMENTS}) -> Tensor",
    "step_gradients": f"(Tensor gradient, Tensor next, {ARGUMENTS}, bool with_x) "
    "-> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)",
    "dense_stream": "(Tensor x, Tensor h, Tensor W, Tensor V, Tensor b) -> (Tensor, Tensor)",
}
COMPLEX = {"float32": "complex64", "float64": "complex128"}
COMPLEX_OF = {getattr(torch, real): getattr(torch, name) for real, name in COMPLEX.items()}

_schemas = torch.library.Library("urnn", "FRAGMENT")
for _dtype in COMPLEX:
    for _name, _schema in SCHEMAS.items():
        _schemas.define(f"{_name}_{_dtype}{_schema}", tags=(torch.Tag.pt2_compliant_tag,))


class Operators(NamedTuple):
    """One dtype's: many steps, one step, the gradients of one step, and many steps with a dense real matrix."""

    stream: Callable[..., tuple[torch.Tensor, torch.Tensor]]
    step: Callable[..., torch.Tensor]
    step_gradients: Callable[..., tuple[torch.Tensor, ...]]
    dense_stream: Callable[..., tuple[torch.Tensor, torch.Tensor]]


# By the dtype of a layer's parameters; a kernel is registered when it is loaded.
OPERATORS: dict[torch.dtype, Operators] = {}


def register(dtype: str, by_kernel: Callable[..., int]) -> None:
    """Makes a loaded kernel its dtype's operators. Without torch's C interface there are none, and no loss."""
    if getattr(torch, dtype) in OPERATORS:
        return
    try:
        torch_library = _torch_library()
        addresses = [ctypes.cast(getattr(torch_library, name), ctypes.c_void_p).value for name in FUNCTIONS]
        codes = [_code(f"dtype_{name}") for name in (dtype, COMPLEX[dtype], "int64", "uint8")]
        codes += [_code("device_type_cpu"), _code("layout_strided")]
    except (OSError, AttributeError):  # another build of torch
        return
    names = [f"{name}_{dtype}" for name in SCHEMAS]
    failed = by_kernel(
        (ctypes.c_char_p * len(names))(*map(str.encode, names)),
        (ctypes.c_void_p * len(addresses))(*addresses),
        (ctypes.c_int64 * len(codes))(*codes),
    )
    if not failed:
        OPERATORS[getattr(torch, dtype)] = Operators(*(getattr(torch.ops.urnn, name).default for name in names))


@cache
def _torch_library() -> Any:
    """torch's library, which this process has loaded already."""
    folder = Path(torch.__file__).parent / "lib"
    return ctypes.CDLL(str(next(folder.glob("libtorch_cpu.*"), folder / "libtorch_cpu.so")))


def _code(name: str) -> int:
    return getattr(_torch_library(), f"aoti_torch_{name}")()
