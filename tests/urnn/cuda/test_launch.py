"""From torch to the driver and back without a GPU: NVIDIA's bindings call a driver that runs kernels on a host.

`driver.cpp` has the functions of libcuda that the launcher calls. A process finds it in the place of the real one,
so what is tested is the real NVRTC, the real bindings and the bytes of a launch. Only torch's device is played.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.urnn.cuda.host import compile_for_a_host
from urnn.backends.cpu import build as cpu_build
from urnn.backends.cuda import launch as cuda_launch
from urnn.backends.cuda.plan import Plan

pytestmark = [
    pytest.mark.skipif(cpu_build.compiler() is None, reason="no C++ compiler on this machine"),
    pytest.mark.skipif(importlib.util.find_spec("cuda") is None, reason="no cuda.bindings on this machine"),
    pytest.mark.skipif(torch.cuda.is_available(), reason="a real driver is loaded already"),
    pytest.mark.slow,
]
N = 2048

TRAIN = """
import contextlib, sys, types
import torch
device, properties = 0, types.SimpleNamespace(
    major=9, minor=0, multi_processor_count=132, shared_memory_per_block_optin=232448)
torch.cuda.current_device = lambda: device
torch.cuda.is_current_stream_capturing = lambda: "capturing" in sys.argv
torch.cuda.current_stream = lambda: types.SimpleNamespace(cuda_stream=1234)
torch.cuda.get_device_properties = lambda index: properties
torch.cuda.device = lambda device: contextlib.nullcontext()
from urnn import URNN
from urnn.backends import cuda, fused
from urnn.backends.cuda.plan import Plan
assert cuda.applies(2048, "cuda") and cuda.applies(4, "cuda") and not cuda.applies(100, "cuda")
properties.shared_memory_per_block_optin = 99 * 1024
assert not cuda.applies(4096, "cuda") and cuda.applies(2048, "cuda")
fused.KERNELS["cpu"] = cuda.sequence
torch.manual_seed(0)
rnn, x = URNN(3, 2048), torch.randn(3, 2, 3)
found = []
for rnn.backend in ("cpu", "reference"):
    rnn.zero_grad()
    output, _ = rnn(x)
    output.square().sum().backward()
    found.append([output.detach(), *(p.grad for p in rnn.parameters())])
    if rnn.backend == "cpu":  # a second call loads nothing
        rnn(x)
for value, expected in zip(*found):
    error = (value - expected).norm() / expected.norm()
    assert error <= 2048 * torch.finfo(torch.float32).eps, error
"""


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a libcuda.so.1 whose kernels are those of 2048 units."""
    folder = tmp_path_factory.mktemp("driver")
    compile_for_a_host(Plan(N, 8, torch.float32, released=False), "driver.cpp", folder / "libcuda.so.1")
    return folder


def run(
    driver: Path, tmp_path: Path, *arguments: str, **environment: str
) -> tuple[subprocess.CompletedProcess, list]:
    """A training step in a process of its own, and what the driver was told."""
    log = tmp_path / "driver.log"
    log.touch()
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, *arguments],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "LD_LIBRARY_PATH": str(driver), "DRIVER_LOG": str(log), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done, log.read_text().splitlines()


def test_a_training_step_is_the_references(driver, tmp_path):
    done, told = run(driver, tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    sequence, double = (Plan(N, 8, torch.float32, False).group(kernel) for kernel in ("forward", "tables"))

    def launch(kernel: str, blocks: int) -> str:
        group = double if kernel in ("tables", "finish") else sequence
        return f"launch urnn_{kernel} {blocks} {group.threads} {group.shared_bytes} on 1234"

    dynamic = 8  # CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, in cuda.h
    assert told == [
        "load ELF",
        f"attribute urnn_tables {dynamic} {double.shared_bytes}",
        f"attribute urnn_finish {dynamic} {double.shared_bytes}",
        launch("tables", 1),
        launch("forward", 2),
        launch("tables", 1),
        *[launch("backward", 2)] * 3,
        launch("finish", 1),
        launch("tables", 1),
        launch("forward", 2),
    ]


def test_a_launch_that_fails_says_which_and_why(driver, tmp_path):
    done, _ = run(driver, tmp_path, DRIVER_FAILS="cuLaunchKernel")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "RuntimeError: launching the CUDA kernel 'tables' with 1 blocks of 512 threads failed: "
        "CUDA_ERROR_ILLEGAL_ADDRESS"
    )


def test_a_kernel_that_cannot_be_loaded_says_so(driver, tmp_path):
    done, _ = run(driver, tmp_path, DRIVER_FAILS="cuModuleLoadData")
    assert done.stderr.splitlines()[-1] == (
        "RuntimeError: loading the CUDA kernels for hidden_size=2048 failed: CUDA_ERROR_ILLEGAL_ADDRESS"
    )


def test_a_first_call_while_a_graph_is_captured_is_refused_before_anything_is_loaded(driver, tmp_path):
    done, told = run(driver, tmp_path, "capturing")
    assert done.stderr.splitlines()[-1] == (
        "RuntimeError: the CUDA kernels for hidden_size=2048 are not loaded yet and cannot be while a CUDA graph "
        "is captured; call the layer once, forward and backward, before the capture"
    )
    assert told == []


def test_arguments_are_eight_bytes_each():
    tensor = torch.zeros(3)
    values = cuda_launch.packed((tensor, None, 7, -1, 0.5))
    assert values == b"".join(
        [
            tensor.data_ptr().to_bytes(8, "little"),
            bytes(8),
            (7).to_bytes(8, "little"),
            b"\xff" * 8,
            bytes([0, 0, 0, 0, 0, 0, 0xE0, 0x3F]),
        ]
    )
