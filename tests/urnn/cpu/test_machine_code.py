"""What is built: for any instruction set, the same for several processes, and inside its arrays."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from urnn.backends.cpu import build as cpu_build

needs_compiler = pytest.mark.skipif(cpu_build.compiler() is None, reason="no C++ compiler on this machine")


def test_an_unknown_instruction_set_lists_the_known_ones(monkeypatch):
    monkeypatch.setenv("URNN_INSTRUCTION_SET", "mmx")
    with pytest.raises(ValueError, match="URNN_INSTRUCTION_SET must be one of avx512, avx2, baseline; got 'mmx'"):
        cpu_build.target()


def test_an_instruction_set_that_the_processor_lacks_is_refused(monkeypatch):
    """Its first instruction would end the process."""
    monkeypatch.setattr(cpu_build, "_widest", lambda: "avx2")
    monkeypatch.setenv("URNN_INSTRUCTION_SET", "avx512")
    message = "URNN_INSTRUCTION_SET=avx512 is wider .* which is avx2; use one of avx2, baseline, or unset it"
    with pytest.raises(ValueError, match=message):
        cpu_build.target()


COMPARE = """
import torch
from urnn import URNN
from urnn.backends.cpu import build as cpu_build
torch.manual_seed(0)
n, steps = 64, 6
rnn, x = URNN(3, n, backend="cpu"), torch.randn(steps, 18, 3)  # blocks and two samples alone
def run(rnn, x):
    rnn.zero_grad()
    output, _ = rnn(x)
    output.square().sum().backward()
    return [output.detach(), *(p.grad.clone() for p in rnn.parameters())]
fused = run(rnn, x)
rnn.backend = "reference"
for value, exact in zip(fused, run(rnn.double(), x.double())):
    error = (value - exact).abs().max() / exact.abs().max()
    assert error <= 8 * n * steps * torch.finfo(torch.float32).eps, error
library = cpu_build.library("float32")
print(library.target, library.build_seconds)
"""


def compare(**environment: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", COMPARE],
        cwd=Path(__file__).parents[3],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@needs_compiler
@pytest.mark.skipif(cpu_build.target() == "baseline", reason="this processor has no AVX2")
def test_a_narrower_instruction_set_gives_the_same_function():
    output, _ = (process := compare(URNN_INSTRUCTION_SET="avx2")).communicate()
    assert process.returncode == 0, output
    assert output.startswith("avx2")


@needs_compiler
def test_processes_that_start_together_share_one_library(tmp_path):
    """For the instruction set that every processor has, which thereby is held to the reference as well."""
    environment = {"URNN_CACHE": str(tmp_path), "URNN_INSTRUCTION_SET": "baseline"}
    together = [compare(**environment) for _ in range(2)]
    outputs = [process.communicate()[0] for process in together]
    assert [process.returncode for process in together] == [0, 0], outputs
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".note", ".so"]
    noted = next(tmp_path.glob("*.note"))
    checksum, seconds = noted.read_text().split()
    assert float(seconds) > 0
    noted.write_text(f"{checksum} 12.5\n")  # what only a process that does not compile can say
    assert compare(**environment).communicate()[0].split() == ["baseline", "12.5"]


@needs_compiler
def test_no_byte_outside_its_arrays_is_touched(tmp_path):
    """Address and undefined-behaviour sanitizers over every path, on arrays of exactly the size allowed."""
    here, program = Path(__file__).parent, tmp_path / "sanitize"
    kernel = Path(cpu_build.__file__).parent
    flags = [*cpu_build.FLAGS, *cpu_build.TARGETS[cpu_build.target()], "-O0", "-fopenmp", "-DURNN_REAL=float"]
    sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    command = [*cpu_build.compiler(), *flags, *sanitizers, f"-I{kernel}", here / "sanitize.cpp", "-o", program]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if "asan" in built.stderr:
        pytest.skip("the compiler has no sanitizer libraries")
    assert built.returncode == 0, built.stderr
    # libgomp keeps its threads' memory to the end, which is no leak of the kernel's.
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    done = subprocess.run([program], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "finite\n"), done.stderr
