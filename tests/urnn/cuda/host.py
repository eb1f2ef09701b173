"""The CUDA kernels on a CPU: their own source built by g++ with fibers for threads, as NVRTC does for a GPU."""

import ctypes
import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from urnn.backends import cuda, kernel_cache
from urnn.backends.cpu import build as cpu_build
from urnn.backends.cuda import launch as cuda_launch
from urnn.backends.cuda.plan import Device, Plan

H100 = Device(132, 227 * 1024)  # what the host plays
HERE = Path(__file__).parent
SOURCES = Path(cuda.__file__).parent
STANDARD = ("-std=c++17", "-fPIC")  # what NVRTC is told
# The kernels run for milliseconds and are compiled a dozen times; what watches their memory is compiled once.
KERNELS, WATCH = "-O0", "-O2"


class KernelError(AssertionError):
    """A race, an access out of bounds or a barrier that not all threads reach."""


class HostKernels(cuda_launch.Kernels):
    """Stands for `cuda_launch.Kernels`; notes the launches."""

    device = -1  # a CPU's, as its tensors say

    def __init__(self, plan: Plan, library: Path) -> None:
        self.plan = plan
        self._library = ctypes.CDLL(str(library))
        self._library.urnn_launch.restype = ctypes.c_char_p
        self.launches: list[tuple[str, int]] = []

    def launch(self, kernel: str, blocks: int, *values: int | float) -> None:
        self.launches.append((kernel, blocks))
        arguments, group = cuda_launch.packed(kernel, values), self.plan.group(kernel)
        failure = self._library.urnn_launch(
            self.plan.kernels.index(kernel),
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
        sizes = (ctypes.c_long * 12)()
        self._library.urnn_sizes(sizes)
        return list(sizes)


class Host:
    """Builds what is asked for, once for each content of the sources; several processes may share the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.load = cache(self._load)

    def _load(self, plan: Plan) -> HostKernels:
        return HostKernels(plan, self.library(plan))

    def library(self, plan: Plan, source: str = "host.cpp", sources: Path = SOURCES) -> Path:
        """A file of this folder that includes the kernels, with their own source or an altered copy of it."""
        defined = [f"-D{name}={value}" for name, value in plan.definitions().items()]
        included = [f"-I{HERE}", f"-I{sources}"]
        linked = ["-shared", str(self._built(HERE / "host_device.cpp", ".o", WATCH, "-c")), "-ldl"]
        return self._built(
            HERE / source,
            ".so",
            KERNELS,
            *defined,
            *included,
            *linked,
            made_of=kernel_cache.key(sources / "kernel.cu"),
        )

    def _built(self, source: Path, suffix: str, *options: str, made_of: str = "") -> Path:
        command = [*cpu_build.compiler(), *STANDARD, str(source), *options]
        key = kernel_cache.key(source, command, made_of, _version())
        path = self._folder / f"{source.stem}-{key}{suffix}"
        if not path.exists():
            with tempfile.TemporaryDirectory(dir=self._folder) as scratch:
                made = Path(scratch) / path.name
                done = subprocess.run([*command, "-o", str(made)], capture_output=True, text=True, check=False)
                assert done.returncode == 0, done.stderr[:2000]
                os.replace(made, path)
        return path


@cache
def _version() -> str:
    """The compiler's."""
    return subprocess.run([*cpu_build.compiler(), "--version"], capture_output=True, text=True, check=True).stdout
