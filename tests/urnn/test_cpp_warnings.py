"""The C++ and CUDA sources give no warning under g++; NVRTC's are looked at where it compiles, in cuda/test_build.py."""

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
    # Vectors are passed between functions of one file, so that it does not matter how.
    "-Wno-psabi",
    "-Wno-unknown-pragmas",  # NVRTC's "unroll"
)
ON_A_HOST = ("-DURNN_N=16", "-DURNN_ELEMENTS=4")
VARIANTS = {  # a file that includes a kernel's source, and what it is compiled with
    "float and threads": ("cpu/sanitize.cpp", *cpu_build.TARGETS["avx512"], "-fopenmp", "-DURNN_REAL=float"),
    "double": ("cpu/sanitize.cpp", "-DURNN_REAL=double"),
    "CUDA in float": ("cuda/driver.cpp", *ON_A_HOST, "-DURNN_REAL=float", "-DURNN_RELEASED=0"),
    "CUDA in double": ("cuda/driver.cpp", *ON_A_HOST, "-DURNN_REAL=double", "-DURNN_RELEASED=1"),
}

pytestmark = pytest.mark.skipif(GCC is None, reason="no g++ on this machine")


def said(source: Path, *options: str) -> str:
    """What g++ says of a file, without making code of it."""
    sources = [
        f"-I{place.parent}" for place in (cpu_build.SOURCE if "cpu" in source.parts else cuda_build.SOURCE,)
    ]
    command = [GCC, *cpu_build.FLAGS, *WARNINGS, "-fsyntax-only", *sources, *options, str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_kernels_compile_without_a_warning(variant):
    source, *options = VARIANTS[variant]
    assert said(HERE / source, *options) == ""


def test_a_fault_in_a_source_would_be_seen(tmp_path):
    source = tmp_path / "faulty.cpp"
    source.write_text("bool less(long a, unsigned long b) { return a < b; }\n")
    assert "[-Wsign-compare]" in said(source)


def test_what_users_compile_with_hides_no_warning():
    assert "-w" not in cpu_build.FLAGS
