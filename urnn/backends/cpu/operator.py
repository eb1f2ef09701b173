"""A step of a stream as an operator whose way to the kernel leads through no Python: see `operator.h`.

There is one operator for each dtype, since each has a library of its own. It is for calls without gradients: it
has no derivative, and torch.compile does not see it.
"""

import ctypes
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

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
SCHEMA = (
    "(Tensor x, Tensor h, Tensor theta, Tensor v, Tensor permutation, Tensor V, Tensor b, float epsilon, "
    "bool conjugate) -> (Tensor, Tensor)"
)
COMPLEX = {"float32": "complex64", "float64": "complex128"}

_schemas = torch.library.Library("urnn", "FRAGMENT")
for _dtype in COMPLEX:
    _schemas.define(f"stream_{_dtype}{SCHEMA}", tags=(torch.Tag.pt2_compliant_tag,))

# The registered operators, by the dtype of a layer's parameters; a kernel is registered when it is loaded.
STREAMS: dict[torch.dtype, Callable[..., tuple[torch.Tensor, torch.Tensor]]] = {}


def register(dtype: str, by_kernel: Callable[..., int]) -> None:
    """Makes a loaded kernel the operator of its dtype. Without torch's C interface there is none, and no loss."""
    if getattr(torch, dtype) in STREAMS:
        return
    try:
        torch_library = _torch_library()
        addresses = [ctypes.cast(getattr(torch_library, name), ctypes.c_void_p).value for name in FUNCTIONS]
        codes = [_code(f"dtype_{name}") for name in (dtype, COMPLEX[dtype], "int64", "uint8")]
        codes += [_code("device_type_cpu"), _code("layout_strided")]
    except (OSError, AttributeError):  # another build of torch
        return
    name = f"stream_{dtype}"
    failed = by_kernel(
        name.encode(), (ctypes.c_void_p * len(addresses))(*addresses), (ctypes.c_int64 * len(codes))(*codes)
    )
    if not failed:
        STREAMS[getattr(torch, dtype)] = getattr(torch.ops.urnn, name).default


@cache
def _torch_library() -> Any:
    """torch's library, which this process has loaded already."""
    folder = Path(torch.__file__).parent / "lib"
    return ctypes.CDLL(str(next(folder.glob("libtorch_cpu.*"), folder / "libtorch_cpu.so")))


def _code(name: str) -> int:
    return getattr(_torch_library(), f"aoti_torch_{name}")()
