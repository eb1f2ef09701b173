"""Loading machine code on a device, once, and launching kernels on torch's current stream.

A launch waits for nothing and allocates nothing, so a CUDA graph can capture it. Loading cannot be captured;
trying to raises an error that says so. Known weakness: a launch from Python costs a few microseconds.
"""

import ctypes
import struct
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import torch
from torch import Tensor

from urnn.backends.cuda import build
from urnn.backends.cuda.plan import Device, Plan

KERNELS = ("tables", "forward", "backward", "finish")
STATIC_SHARED = 48 * 1024  # bytes of shared memory that a block has without a request for more


class Kernels:
    """The kernels of one plan, loaded on one device."""

    def __init__(self, plan: Plan, driver: Any, functions: dict[str, Any]) -> None:
        self.plan = plan
        self._driver = driver
        groups = {kernel: plan.group(kernel) for kernel in functions}
        self._launched = {
            kernel: (functions[kernel], one.threads, one.shared_bytes) for kernel, one in groups.items()
        }

    def launch(self, kernel: str, blocks: int, *values: Tensor | int | float | None) -> None:
        """Queues a kernel. Its one argument is a structure with these values as its fields, in this order."""
        function, threads, shared_bytes = self._launched[kernel]
        arguments = ctypes.create_string_buffer(packed(values))
        pointers = (ctypes.c_void_p * 1)(ctypes.addressof(arguments))
        checked(
            self._driver,
            self._driver.cuLaunchKernel(
                function,
                *(blocks, 1, 1),
                *(threads, 1, 1),
                shared_bytes,
                torch.cuda.current_stream().cuda_stream,
                ctypes.addressof(pointers),
                0,
            ),
            f"launching the CUDA kernel {kernel!r} with {blocks} blocks of {threads} threads",
        )


def packed(values: tuple[Tensor | int | float | None, ...]) -> bytes:
    """The fields of an argument structure, 8 bytes each: the address of a tensor, null for None."""
    fields, numbers = "", []
    for value in values:
        if isinstance(value, Tensor):
            value = value.data_ptr()
        fields += "d" if isinstance(value, float) else "q"
        numbers.append(0 if value is None else value)
    return struct.pack(f"={fields}", *numbers)


def on(device: torch.device) -> AbstractContextManager[object]:
    """Makes a device the current one. A launch goes to the current device, wherever its tensors are."""
    return torch.cuda.device(device)


def device() -> Device:
    """The current device, as far as a plan depends on it."""
    return _device(torch.cuda.current_device())


@cache
def _device(index: int) -> Device:
    properties = torch.cuda.get_device_properties(index)
    shared = properties.shared_memory_per_block_optin  # type: ignore[attr-defined] # torch's stub lacks it
    return Device(properties.multi_processor_count, shared)


def load(plan: Plan) -> Kernels:
    """The plan's kernels on torch's current device.

    Raises:
        BuildError: they cannot be compiled.
        RuntimeError: the driver refuses them, or a CUDA graph is being captured and they are not loaded yet.
    """
    return _loaded(plan, torch.cuda.current_device())


@cache
def _loaded(plan: Plan, device: int) -> Kernels:
    if torch.cuda.is_current_stream_capturing():
        raise RuntimeError(
            f"the CUDA kernels for hidden_size={plan.n} are not loaded yet and cannot be while a CUDA graph is "
            "captured; call the layer once, forward and backward, before the capture"
        )
    from cuda.bindings import driver

    properties = torch.cuda.get_device_properties(device)
    code = build.cubin(plan, 10 * properties.major + properties.minor)
    what = f"loading the CUDA kernels for hidden_size={plan.n}"
    module = checked(driver, driver.cuModuleLoadData(code), what)
    functions = {}
    for kernel in KERNELS:
        function = checked(driver, driver.cuModuleGetFunction(module, f"urnn_{kernel}".encode()), what)
        needed = plan.group(kernel).shared_bytes
        if needed > STATIC_SHARED:
            attribute = driver.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
            checked(driver, driver.cuFuncSetAttribute(function, attribute, needed), what)
        functions[kernel] = function
    return Kernels(plan, driver, functions)


def checked(driver: Any, returned: tuple[Any, ...], what: str) -> Any:
    """What a call of the driver returned after its error code; raises RuntimeError if that is an error."""
    code, *values = returned
    if code != driver.CUresult.CUDA_SUCCESS:
        raise RuntimeError(f"{what} failed: {code.name}")
    return values[0] if values else None
