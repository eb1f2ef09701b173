"""The C++ and CUDA sources give no warning under g++. NVRTC's warnings are tested in cuda/test_build.py."""

import shutil
import subprocess
from pathlib import Path

import pytest

from urnn.backends.cpu import build as cpu_build
from urnn.backends.cuda import build as cuda_build

HERE = Path(__file__).parent
GCC = shutil.which("g++")
WARNINGS = (
    *("-Wall", "-Wextra", "-Wpedantic", "-Wshadow=local", "-Wcast-qual", "-Wcast-align", "-Wformat=2"),
    *("-Wnon-virtual-dtor", "-Woverloaded-virtual", "-Wduplicated-cond", "-Wlogical-op"),
    "-Wno-psabi",  # how vectors are passed matters between files, and each kernel is one
    "-Wno-unknown-pragmas",  # NVRTC's "unroll"
)
# Each of these includes a kernel's source.
ON_A_CPU = (HERE / "cpu/sanitize.cpp", f"-I{cpu_build.SOURCE.parent}")
ON_A_HOST = (HERE / "cuda/driver.cpp", f"-I{cuda_build.SOURCE.parent}", "-DURNN_N=16", "-DURNN_ELEMENTS=4")
VARIANTS = {
    "float and threads": (
        *ON_A_CPU, *cpu_build.TARGETS[cpu_build.target()], "-fopenmp", "-DURNN_REAL=float"
    ),
    "double": (*ON_A_CPU, "-DURNN_REAL=double"),
    "CUDA in float": (*ON_A_HOST, "-DURNN_REAL=float", "-DURNN_RELEASED=0"),
    "the host of CUDA": (HERE / "cuda/host_device.cpp",),
    "CUDA in double": (*ON_A_HOST, "-DURNN_REAL=double", "-DURNN_RELEASED=1"),
}  # fmt: skip

pytestmark = [pytest.mark.slow, pytest.mark.skipif(GCC is None, reason="no g++ on this machine")]


def warnings_of(*source_and_options: str | Path) -> str:
    """What g++ prints, with the flags that users compile with, when it reads a file without generating code."""
    command = [GCC, *cpu_build.FLAGS, *WARNINGS, "-fsyntax-only", *source_and_options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_kernels_compile_without_a_warning(variant):
    assert warnings_of(*VARIANTS[variant]) == ""


def test_a_fault_in_a_source_would_be_seen(tmp_path):
    source = tmp_path / "faulty.cpp"
    source.write_text("bool less(long a, unsigned long b) { return a < b; }\n")
    assert "[-Wsign-compare]" in warnings_of(source)
