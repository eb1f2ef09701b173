"""The C++ and CUDA sources give no warning under g++ and clang++. cuda/test_build.py has NVRTC's."""

import shutil
import subprocess
from pathlib import Path

import pytest
import torch

from urnn.backends.cpu import build as cpu_build
from urnn.backends.cuda import build as cuda_build
from urnn.backends.cuda.plan import Plan

HERE = Path(__file__).parent
WARNINGS = (
    *("-Wall", "-Wextra", "-Wpedantic", "-Wcast-qual", "-Wcast-align", "-Wformat=2", "-Wnon-virtual-dtor"),
    "-Woverloaded-virtual",
    "-Wno-psabi",  # how vectors are passed matters between files, and each kernel is one
    "-Wno-unknown-pragmas",  # NVRTC's "unroll"
)
OWN = {"g++": ("-Wshadow=local", "-Wduplicated-cond", "-Wlogical-op"), "clang++": ()}
# Each of these includes a kernel's source.
ON_A_CPU = (HERE / "cpu/sanitize.cpp", f"-I{cpu_build.SOURCE.parent}")


def on_a_host(n: int, elements: int, dtype: torch.dtype, released: bool) -> tuple[str | Path, ...]:
    """The CUDA kernels of a plan."""
    defined = [f"-D{name}={value}" for name, value in Plan(n, elements, dtype, released).definitions().items()]
    return (HERE / "cuda/driver.cpp", f"-I{cuda_build.SOURCE.parent}", *defined)


VARIANTS = {
    "float": (*ON_A_CPU, *cpu_build.TARGETS[cpu_build.target()], "-DURNN_REAL=float"),
    "driver": (HERE / "cpu/driver.cpp", *ON_A_CPU[1:], "-DURNN_REAL=double"),
    "double": (*ON_A_CPU, "-DURNN_REAL=double"),
    "CUDA in float": on_a_host(16, 4, torch.float32, released=False),
    "the host of CUDA": (HERE / "cuda/host_device.cpp",),
    "CUDA in double": on_a_host(16, 4, torch.float64, released=True),
    "CUDA of 1000 units": on_a_host(1000, 10, torch.float32, released=False),
    "CUDA of 225 units": on_a_host(225, 9, torch.float64, released=True),
}

pytestmark = pytest.mark.slow


@pytest.fixture(params=OWN)
def compiler(request: pytest.FixtureRequest) -> str:
    if not shutil.which(request.param):
        pytest.skip(f"no {request.param} on this machine")
    return request.param


def warnings_of(compiler: str, *source_and_options: str | Path) -> str:
    """What it prints, with the flags that users compile with, when it reads a file without generating code."""
    command = [compiler, *cpu_build.FLAGS, *WARNINGS, *OWN[compiler], "-fsyntax-only", *source_and_options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_kernels_compile_without_a_warning(compiler, variant):
    assert warnings_of(compiler, *VARIANTS[variant]) == ""


def test_a_fault_in_a_source_would_be_seen(compiler, tmp_path):
    source = tmp_path / "faulty.cpp"
    source.write_text("bool less(long a, unsigned long b) { return a < b; }\n")
    assert "[-Wsign-compare]" in warnings_of(compiler, source)
