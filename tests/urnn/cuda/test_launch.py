"""From torch to the driver and back without a GPU: NVIDIA's bindings call a driver that runs kernels on a host.

`driver.cpp` has the functions of libcuda that the launcher calls. A process finds it in the place of the real one,
so what is tested is the real NVRTC, the real bindings and the bytes of a launch. Only torch's device is played.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.urnn.cuda.host import Host
from urnn.backends.cpu import build as cpu_build
from urnn.backends.cuda import launch as cuda_launch
from urnn.backends.cuda.plan import Plan

pytestmark = [
    pytest.mark.skipif(cpu_build.compiler() is None, reason="no C++ compiler on this machine"),
    pytest.mark.skipif(importlib.util.find_spec("cuda") is None, reason="no cuda.bindings on this machine"),
    pytest.mark.skipif(torch.cuda.is_available(), reason="a real driver is loaded already"),
    pytest.mark.slow,
]
N = 1024  # the smallest whose kernels need more shared memory than a block has without asking
PLAN = Plan(N, 4, torch.float32, released=False)


# One process tries everything, since loading torch and compiling take seconds: a first call while a graph is
# captured, a driver that fails, a training step. Prints, for each, the error if there was one and what the driver
# was told.
SESSION = f"""
import contextlib, json, os, types
import torch
device, capturing, properties = 0, True, types.SimpleNamespace(
    major=9, minor=0, multi_processor_count=132, shared_memory_per_block_optin=232448)
torch.cuda.current_device = lambda: device
torch.cuda.is_current_stream_capturing = lambda: capturing
torch.cuda.current_stream = lambda device: types.SimpleNamespace(cuda_stream=1234)
torch.cuda.get_device_properties = lambda index: properties
torch.cuda.device = lambda device: contextlib.nullcontext()
from urnn import URNN
from urnn.backends import cuda, fused
assert all(cuda.applies(n, "cuda") for n in ({N}, 4, 100)) and not cuda.applies(7, "cuda")
properties.shared_memory_per_block_optin = 99 * 1024
cuda._can_be_built_on.cache_clear()
assert not cuda.applies(4096, "cuda") and cuda.applies(2048, "cuda")
fused.KERNELS["cpu"] = cuda.sequence
torch.manual_seed(0)
rnn, x = URNN(3, {N}, backend="cpu"), torch.randn(3, 2, 3)
few, few_x = URNN(2, {N}, backend="cpu"), torch.randn(3, 2, 2)
journal = open(os.environ["DRIVER_LOG"])
results = {{}}
def attempt(name, run):
    error = None
    try:
        run()
    except RuntimeError as raised:
        error = str(raised)
    results[name] = (error, journal.read().splitlines())
def train(rnn=rnn, x=x):
    found = []
    for rnn.backend in ("cpu", "reference"):
        rnn.zero_grad()
        output, _ = rnn(x)
        output.square().sum().backward()
        found.append([output.detach(), *(p.grad for p in rnn.parameters())])
    for value, expected in zip(*found):
        error = (value - expected).norm() / expected.norm()
        assert error <= {N} * torch.finfo(torch.float32).eps, error
    rnn.backend = "cpu"
attempt("capturing", lambda: rnn(x))
capturing = False
for function in ("cuModuleLoadData", "cuLaunchKernel"):
    os.environ["DRIVER_FAILS"] = function
    attempt(function, lambda: rnn(x))
del os.environ["DRIVER_FAILS"]
attempt("training", train)
attempt("training with few inputs", lambda: train(few, few_x))
attempt("a second call", lambda: rnn(x))
print(json.dumps(results))
"""


@pytest.fixture(scope="module")
def session(host: Host, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str | None, list[str]]]:
    """What `SESSION` prints, with a libcuda.so.1 whose kernels are those of N units."""
    folder = tmp_path_factory.mktemp("driver")
    shutil.copy(host.library(PLAN, "driver.cpp"), folder / "libcuda.so.1")
    (log := folder / "driver.log").touch()
    done = subprocess.run(
        [sys.executable, "-c", SESSION],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "LD_LIBRARY_PATH": str(folder), "DRIVER_LOG": str(log)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def launched(kernel: str, blocks: int) -> str:
    group = PLAN.group(kernel)
    return f"launch urnn_{kernel} {blocks} {group.threads} {group.shared_bytes} on 1234"


def test_a_training_step_is_the_references(session):
    error, told = session["training"]
    assert error is None
    assert told == [
        launched("tables", 1),
        launched("forward", 2),
        launched("backward", 2),
        launched("finish", 1),
    ]


def test_few_inputs_have_kernels_of_their_own(session):
    error, told = session["training with few inputs"]
    assert error is None
    assert told == [
        launched("tables", 1),
        launched("forward_few", 2),
        launched("backward_few", 2),
        launched("finish", 1),
    ]


def test_what_is_loaded_stays_loaded(session):
    assert session["a second call"] == [None, [launched("tables", 1), launched("forward", 2)]]


def test_a_launch_that_fails_says_which_and_why(session):
    error, told = session["cuLaunchKernel"]
    assert error == (
        "launching the CUDA kernel 'tables' with 1 blocks of 512 threads failed: CUDA_ERROR_ILLEGAL_ADDRESS"
    )
    dynamic = 8  # CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, in cuda.h
    assert told == [
        "load ELF",
        *(
            f"attribute urnn_{kernel} {dynamic} {PLAN.group(kernel).shared_bytes}"
            for kernel in ("tables", "backward", "backward_few", "finish")
        ),
        launched("tables", 1),
    ]


def test_a_kernel_that_cannot_be_loaded_says_so(session):
    error = f"loading the CUDA kernels for hidden_size={N} failed: CUDA_ERROR_ILLEGAL_ADDRESS"
    assert session["cuModuleLoadData"] == [error, ["load ELF"]]


def test_a_first_call_while_a_graph_is_captured_is_refused_before_anything_is_loaded(session):
    error = (
        f"the CUDA kernels for hidden_size={N} are not loaded yet and cannot be while a CUDA graph is captured; "
        "call the layer once, forward and backward, before the capture"
    )
    assert session["capturing"] == [error, []]


def test_arguments_are_eight_bytes_each():
    fields = (1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 10, -1)  # addresses and integers
    values = cuda_launch.packed("forward", (*fields, 0.5))
    assert values == b"".join(
        [*(field.to_bytes(8, "little", signed=True) for field in fields), bytes([0, 0, 0, 0, 0, 0, 0xE0, 0x3F])]
    )
