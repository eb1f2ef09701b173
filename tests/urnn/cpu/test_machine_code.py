"""What is built: for any instruction set, and inside its arrays."""

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


# Compiled without optimisation, in a third of the time: what differs is in the source.
COMPARE = """
import torch
from urnn import URNN
from urnn.backends import dense
from urnn.backends.cpu import build as cpu_build
cpu_build.FLAGS = tuple(flag.replace("-O3", "-O0") for flag in cpu_build.FLAGS)
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
sizes = (steps, 17, 3), (17, 37), (37, 37), (37, 3), (37,)
given = [torch.randn(size) / 37**0.5 for size in sizes]
def run_dense(run_sequence, given):
    given = [tensor.detach().requires_grad_() for tensor in given]
    states, last = run_sequence(*given)
    return states, *torch.autograd.grad(states.square().sum() + last.sum(), given)
exact = run_dense(dense.by_operators, [tensor.double() for tensor in given])
for value, expected in zip(run_dense(dense.run_sequence, given), exact):
    error = (value - expected).abs().max() / expected.abs().max()
    assert error <= 8 * 40 * steps * torch.finfo(torch.float32).eps, error
print(cpu_build.library("float32").target)
"""


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("narrower", cpu_build._from(cpu_build.target())[1:])
def test_a_narrower_instruction_set_gives_the_same_function(narrower):
    done = subprocess.run(
        [sys.executable, "-c", COMPARE],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "URNN_INSTRUCTION_SET": narrower},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, f"{narrower}\n"), done.stderr


SANITIZERS = {
    # Null pointers and misaligned vectors end the program as it is; looking for them doubles the compiler's work.
    "no byte outside the arrays": (
        "-fsanitize=address,undefined",
        "-fno-sanitize=null,alignment,object-size,pointer-overflow,vptr",
        "-fno-sanitize-recover=all",
    ),
    "no byte of another thread's": ("-fsanitize=thread",),
}


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("sanitizers", SANITIZERS.values(), ids=SANITIZERS)
def test_nothing_is_touched_that_is_not_its_own(tmp_path, sanitizers):
    """Sanitizers over every path, on arrays of exactly the size allowed."""
    here, program = Path(__file__).parent, tmp_path / "sanitize"
    kernel = Path(cpu_build.__file__).parent
    flags = [*cpu_build.FLAGS, *cpu_build.TARGETS[cpu_build.target()], "-O0", "-pthread", "-DURNN_REAL=float"]
    command = [*cpu_build.compiler(), *flags, *sanitizers, f"-I{kernel}", here / "sanitize.cpp", "-o", program]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if "asan" in built.stderr or "tsan" in built.stderr:
        pytest.skip("the compiler has no sanitizer libraries")
    assert built.returncode == 0, built.stderr
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    if "unexpected memory mapping" in done.stderr:
        pytest.skip("the thread sanitizer is older than this system's random addresses")
    assert (done.returncode, done.stdout) == (0, "finite\n"), done.stderr
