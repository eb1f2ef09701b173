"""The CUDA kernels on a CPU: their own source built by g++ with fibers for threads, as NVRTC does for a GPU."""

import ctypes
import subprocess
from functools import cache
from pathlib import Path

from urnn.backends import cuda
from urnn.backends.cpu import build as cpu_build
from urnn.backends.cuda import launch as cuda_launch
from urnn.backends.cuda.plan import Plan

HERE = Path(__file__).parent
SOURCES = Path(cuda.__file__).parent


class KernelError(AssertionError):
    """A race, an access out of bounds or a barrier that not all threads reach."""


class HostKernels:
    """Stands for `cuda_launch.Kernels`; notes the launches."""

    def __init__(self, plan: Plan, library: ctypes.CDLL) -> None:
        self.plan = plan
        self._library = library
        self.launches: list[tuple[str, int]] = []

    def launch(self, kernel: str, blocks: int, *values: object) -> None:
        self.launches.append((kernel, blocks))
        arguments, group = cuda_launch.packed(values), self.plan.group(kernel)
        failure = self._library.urnn_launch(
            cuda_launch.KERNELS.index(kernel),
            ctypes.c_long(blocks),
            group.threads,
            ctypes.c_long(group.shared_bytes),
            arguments,
            ctypes.c_long(len(arguments)),
        )
        if failure:
            raise KernelError(f"{kernel} of {self.plan}: {failure.decode()}")

    def sizes(self) -> list[int]:
        """See `urnn_sizes` in host.cpp."""
        sizes = (ctypes.c_long * 7)()
        self._library.urnn_sizes(sizes)
        return list(sizes)


class Host:
    """Builds what is asked for, into a folder, once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.load = cache(self._load)

    def _load(self, plan: Plan) -> HostKernels:
        return HostKernels(plan, build(plan, self._folder))


def build(plan: Plan, folder: Path, sources: Path = SOURCES) -> ctypes.CDLL:
    """The kernels of a plan, from their own source or an altered copy of it."""
    path = folder / f"{'-'.join(plan.definitions().values())}.so"
    compile_for_a_host(plan, "host.cpp", path, sources)
    library = ctypes.CDLL(str(path))
    library.urnn_launch.restype = ctypes.c_char_p
    return library


def compile_for_a_host(plan: Plan, source: str, library: Path, sources: Path = SOURCES) -> None:
    """Compiles a file of this folder that includes the kernels."""
    defined = [f"-D{name}={value}" for name, value in plan.definitions().items()]
    flags = ["-std=c++20", "-O2", "-fPIC", "-shared", f"-I{HERE}", f"-I{sources}"]
    command = [*cpu_build.compiler(), *flags, *defined, str(HERE / source), "-ldl", "-o", str(library)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:2000]
