"""The kernel by other compilers and for other processors, held to the reference as the one for this machine is."""

import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.urnn.parity import arguments, assert_equals_reference, call
from urnn.backends import fused
from urnn.backends.cpu import build as cpu_build
from urnn.backends.inputs import Gradients, Inputs

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
NATIVE, ARM = platform.machine(), "aarch64"
HOST_FLAGS = cpu_build.TARGETS[cpu_build.target()]
STATIC = "-static"  # an emulated program finds no libraries
COMPILERS = {
    "clang++": (NATIVE, ["clang++", *HOST_FLAGS]),
    "g++ 11": (NATIVE, ["g++-11", *HOST_FLAGS]),  # the oldest
    "g++ for aarch64": (ARM, ["aarch64-linux-gnu-g++", STATIC]),
    "clang++ for aarch64": (ARM, ["clang++", "--target=aarch64-linux-gnu", STATIC]),
}
# As a user's kernel is compiled, once for either processor, which takes half a minute. The rest shows that the
# source is understood, and what it then computes.
CASES = [
    ("clang++", torch.float32, "-O3"),
    ("clang++", torch.float64, "-O0"),
    ("g++ 11", torch.float32, "-O0"),
    ("g++ for aarch64", torch.float32, "-O3"),
    ("g++ for aarch64", torch.float64, "-O0"),
    ("clang++ for aarch64", torch.float32, "-O0"),
]


@dataclass
class Program:
    """A `fused.Kernel` that runs driver.cpp for each call."""

    command: list[str]
    threads: int = 2

    def forward(self, given: Inputs) -> tuple[Tensor, Tensor]:
        states = given.x.new_empty(*given.x.shape[:2], 2 * given.b.shape[0])
        self._run(given, [], [states], goes_back=False, with_gradient=False)
        return states, states[-1].clone()

    def backward(
        self, given: Inputs, states: Tensor, states_gradient: Tensor | None, carry: Tensor, with_x: bool
    ) -> Gradients:
        of = Gradients.like(given, with_x=True)
        read = [states, *([] if states_gradient is None else [states_gradient]), carry]
        self._run(
            given, read, [of.x, of.theta, of.v, of.V, of.b, carry],
            goes_back=True, with_gradient=states_gradient is not None,
        )  # fmt: skip
        return of

    def _run(
        self, given: Inputs, more: list[Tensor], results: list[Tensor], goes_back: bool, with_gradient: bool
    ) -> None:
        (steps, batch, m), n = given.x.shape, given.b.shape[0]
        h_0 = given.h_0 if given.h_0_stride else given.h_0[:1]
        sizes = torch.tensor([n, batch, steps, m, self.threads, given.h_0_stride, goes_back, with_gradient])
        epsilon = torch.tensor(given.epsilon, dtype=torch.float64)
        tensors = (sizes, epsilon, given.permutation, given.x, h_0, given.theta, given.v, given.V, given.b, *more)
        done = subprocess.run(
            self.command, input=b"".join(t.numpy().tobytes() for t in tensors), capture_output=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, b"")
        written = torch.frombuffer(bytearray(done.stdout), dtype=given.x.dtype)
        for tensor, values in zip(results, written.split([t.numel() for t in results]), strict=True):
            tensor.copy_(values.view(tensor.shape))


@pytest.fixture(scope="module", params=CASES, ids=str)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Program, torch.dtype]:
    name, dtype, level = request.param
    machine, command = COMPILERS[name]
    run_by = [] if machine == NATIVE else [f"qemu-{machine}"]
    for needed in (command[0], *run_by):
        if not shutil.which(needed):
            pytest.skip(f"no {needed} on this machine")
    program = tmp_path_factory.mktemp("processors") / "driver"
    real = f"-DURNN_REAL={'float' if dtype == torch.float32 else 'double'}"
    included = f"-I{cpu_build.SOURCE.parent}"
    done = subprocess.run(
        [*command, *cpu_build.FLAGS, level, real, "-pthread", included, HERE / "driver.cpp", "-o", program],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if machine != NATIVE and "cannot find" in done.stderr:
        pytest.skip(f"{command[0]} finds no libraries for {machine}")
    assert done.returncode == 0, done.stderr
    return Program([*run_by, str(program)]), dtype


@pytest.fixture
def kernel(built: tuple[Program, torch.dtype], monkeypatch: pytest.MonkeyPatch) -> Program:
    monkeypatch.setitem(fused.KERNELS, "cpu", built[0])
    return built[0]


def test_shuffles_go_through_the_function_that_old_compilers_have_too():
    """`shuffled`, whose builtin came with GCC 12."""
    sources = {path.name: path.read_text() for path in cpu_build.SOURCE.parent.glob("*.h")}
    assert [name for name, text in sources.items() if "__builtin_shuffle" in text] == ["vectors.h"]
    assert sources["vectors.h"].count("__builtin_shufflevector") == 1


@pytest.mark.parametrize("n", [4, 8, 16, 64, 128, 512])
def test_outputs_and_gradients_are_the_references(built, kernel, n, generator):
    """Blocks, what is left of a block, and samples alone; inputs inside and outside of the kernel."""
    for batch, steps, m in [(1, 5, 3), (5, 3, 17), (20, 2, 10)]:
        given = arguments(n, batch, steps, m, built[1], generator)
        assert_equals_reference(fused.run_sequence, given, built[1])


def test_the_released_presets_divisor_and_small_states(built, kernel, generator):
    """z is computed again where |z| is much smaller than b."""
    given = arguments(64, 6, 2, 3, built[1], generator)
    given |= {"epsilon": 1e-5, "b": given["b"].abs() + 0.1, "h_0": given["h_0"] * 1e-6, "x": given["x"] * 1e-6}
    assert_equals_reference(fused.run_sequence, given, built[1])


def test_bits_do_not_depend_on_the_number_of_threads(built, kernel, generator, monkeypatch):
    given = arguments(64, 50, 4, 20, built[1], generator)
    found = []
    for threads in (1, 3):
        monkeypatch.setattr(kernel, "threads", threads)
        leaf = given["V"].detach().clone().requires_grad_()
        states, _ = call(fused.run_sequence, **(given | {"V": leaf}))
        states.square().sum().backward()
        found.append([states.detach(), leaf.grad])
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))
