"""Loading machine code on a device, once, and launching kernels on torch's current stream.

A launch waits for nothing and allocates nothing, so a CUDA graph can capture it. Loading cannot be captured;
trying to raises an error that says so. Known weakness: a launch from Python costs a few microseconds. Reads
torch's private names, since their public ones cost as much as the launch.
"""

import ctypes
import struct
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import torch

from urnn.backends.cuda import build
from urnn.backends.cuda.plan import Device, Plan

# The fields of each kernel's argument structure in arguments.h: q an address or an integer, d a number.
FIELDS = {
    "tables": "11q",
    "forward": "12qd",
    "forward_few": "12qd",
    "step": "13qd",
    "backward": "18qd",
    "backward_few": "18qd",
    "finish": "11q",
}
KERNELS = tuple(FIELDS)  # `Plan.kernels` are those that a plan has
STATIC_SHARED = 48 * 1024  # bytes of shared memory that a block has without a request for more
_STRUCTURES = {kernel: struct.Struct(f"={fields}") for kernel, fields in FIELDS.items()}


class _Arguments:
    """Memory for one argument structure, and the address of its address, which is what the driver takes."""

    def __init__(self) -> None:
        self.fields = ctypes.create_string_buffer(max(one.size for one in _STRUCTURES.values()))
        self._pointers = (ctypes.c_void_p * 1)(ctypes.addressof(self.fields))
        self.address = ctypes.addressof(self._pointers)


class Kernels:
    """The kernels of one plan, loaded on one device."""

    def __init__(self, plan: Plan, device: int, driver: Any, functions: dict[str, Any]) -> None:
        self.plan = plan
        self.device, self._driver, self._queue = device, driver, driver.cuLaunchKernel
        self._succeeded = driver.CUresult.CUDA_SUCCESS
        # A launch takes one out and puts it back: no other thread, and nothing that interrupts it, has the same.
        self._free: list[_Arguments] = []
        groups = {kernel: plan.group(kernel) for kernel in functions}
        self._launched = {
            kernel: (functions[kernel], one.threads, one.shared_bytes, _STRUCTURES[kernel].pack_into)
            for kernel, one in groups.items()
        }

    def launch(self, kernel: str, blocks: int, *values: int | float) -> None:
        """Queues a kernel. Its one argument is a structure with these values as its `FIELDS`; 0 is no address."""
        function, threads, shared_bytes, pack_into = self._launched[kernel]
        try:
            arguments = self._free.pop()
        except IndexError:
            arguments = _Arguments()
        pack_into(arguments.fields, 0, *values)
        returned = self._queue(
            function, blocks, 1, 1, threads, 1, 1, shared_bytes, current_stream(self.device), arguments.address, 0
        )
        self._free.append(arguments)
        if returned[0] != self._succeeded:
            checked(
                self._driver,
                returned,
                f"launching the CUDA kernel {kernel!r} with {blocks} blocks of {threads} threads",
            )


def packed(kernel: str, values: tuple[int | float, ...]) -> bytes:
    """The argument structure of a kernel, 8 bytes a field."""
    return _STRUCTURES[kernel].pack(*values)


# torch's quickest way to the current stream of a device. A build of torch without CUDA lacks it.
current_stream: Callable[[int], int] = getattr(
    torch._C, "_cuda_getCurrentRawStream", lambda device: torch.cuda.current_stream(device).cuda_stream
)
_HERE = nullcontext()


def current_device() -> int:
    """torch's; -1, a tensor's `get_device()` on a CPU, is never it."""
    return torch.cuda.current_device()


def on(device: torch.device) -> AbstractContextManager[object]:
    """Makes a device the current one. A launch goes to the current device, wherever its tensors are."""
    return _HERE if device.index == current_device() else torch.cuda.device(device)


def device() -> Device:
    """The current device, as far as a plan depends on it."""
    return _device(current_device())


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
    return _loaded(plan, current_device())


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
    for kernel in plan.kernels:
        function = checked(driver, driver.cuModuleGetFunction(module, f"urnn_{kernel}".encode()), what)
        needed = plan.group(kernel).shared_bytes
        if needed > STATIC_SHARED:
            attribute = driver.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
            checked(driver, driver.cuFuncSetAttribute(function, attribute, needed), what)
        functions[kernel] = function
    return Kernels(plan, device, driver, functions)


def checked(driver: Any, returned: tuple[Any, ...], what: str) -> Any:
    """What a call of the driver returned after its error code; raises RuntimeError if that is an error."""
    code, *values = returned
    if code != driver.CUresult.CUDA_SUCCESS:
        raise RuntimeError(f"{what} failed: {code.name}")
    return values[0] if values else None
