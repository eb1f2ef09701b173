"""The kernel's threads: torch's own, whatever the compiler, or one and a sentence."""

import ctypes
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from urnn import URNN
from urnn.backends import kernel_cache
from urnn.backends.cpu import build as cpu_build
from urnn.backends.cpu import openmp

needs_compiler = pytest.mark.skipif(cpu_build.compiler() is None, reason="no C++ compiler on this machine")

MAPPED = b"""\
55d0c0000000-55d0c0001000 r--p 00000000 08:01 11   /usr/bin/python3.11
7f0000000000-7f0000001000 r-xp 00000000 08:01 12   FOLDER/\xff no text/libm.so.6
7f0000002000-7f0000003000 r-xp 00000000 08:01 13   FOLDER/gone/libgomp.so.1 (deleted)
7f0000004000-7f0000005000 rw-p 00000000 00:00 0
7f0000006000-7f0000007000 rw-p 00000000 00:00 0    [heap]
7f0000008000-7f0000009000 r-xp 00000000 08:01 14   FOLDER/\xff here/libgomp-98b21ff3.so.1
7f000000a000-7f000000b000 rw-p 00000000 08:01 14   FOLDER/\xff here/libgomp-98b21ff3.so.1
"""


@pytest.fixture
def mapped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """What stands for /proc/self/maps; not there yet."""
    monkeypatch.setattr(openmp, "MAPS", tmp_path / "maps")
    return tmp_path / "maps"


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.fixture
def shared() -> Iterator[Callable[..., None]]:
    """The kernel's `share_threads`, undone at the end."""
    share = cpu_build.library("float32").functions["share_threads"]
    yield share
    share(openmp.start_team()[0])


def test_the_library_is_found_among_odd_paths(mapped, tmp_path):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff here"))
    folder.mkdir()
    (folder / "libgomp-98b21ff3.so.1").touch()
    assert openmp.loaded_libraries() == []  # no such file
    mapped.write_bytes(MAPPED.replace(b"FOLDER", os.fsencode(tmp_path)))
    assert openmp.loaded_libraries() == [str(folder / "libgomp-98b21ff3.so.1")]


def test_torchs_own_library_comes_before_that_of_another_package(mapped, monkeypatch, tmp_path):
    monkeypatch.setattr(torch, "__file__", str(tmp_path / "torch" / "__init__.py"))
    paths = [tmp_path / "sklearn" / "libgomp.so.1", tmp_path / "torch" / "lib" / "libiomp5.so"]
    for path in paths:
        path.parent.mkdir(parents=True)
        path.touch()
    mapped.write_text("".join(f"7f00-7f01 r-xp 00000000 08:01 1 {path}\n" for path in paths))
    assert openmp.loaded_libraries() == [str(path) for path in reversed(paths)]


DYLD = """
static const char* names[] = {"/usr/lib/libSystem.B.dylib", 0, "/venv/torch/lib/libomp.dylib"};
extern "C" unsigned _dyld_image_count() { return 3; }
extern "C" const char* _dyld_get_image_name(unsigned i) { return names[i]; }
"""


@needs_compiler
def test_macos_is_asked_through_its_loader(tmp_path):
    (tmp_path / "dyld.cpp").write_text(DYLD)
    command = [*cpu_build.compiler(), "-shared", "-fPIC", tmp_path / "dyld.cpp", "-o", tmp_path / "dyld.so"]
    subprocess.run(command, check=True)
    found = openmp.images(ctypes.CDLL(str(tmp_path / "dyld.so")))
    assert found == ["/usr/lib/libSystem.B.dylib", "", "/venv/torch/lib/libomp.dylib"]
    assert [path for path in found if openmp.LIBRARY.fullmatch(path.rsplit("/", 1)[-1])] == found[2:]


def test_without_a_library_there_is_one_thread_and_a_warning(mapped, threads):
    threads(3)
    address, complaint = openmp.start_team()
    assert address is None
    assert complaint == (
        "torch has loaded no OpenMP library whose threads the CPU kernel could share, so it runs on one thread "
        "instead of 3; torch.set_num_threads(1) before its first use says that one is meant"
    )
    threads(1)
    assert openmp.start_team() == (None, None)


@needs_compiler
@pytest.mark.parametrize("loads", [True, False])
def test_a_library_of_another_kind_is_named(mapped, threads, tmp_path, loads):
    library = tmp_path / "libomp.so"
    library.touch()
    if loads:
        command = [*cpu_build.compiler(), "-shared", "-x", "c++", os.devnull, "-o", library]
        subprocess.run(command, check=True)
    mapped.write_text(f"7f00-7f01 r-xp 00000000 08:01 1 {library}\n")
    threads(2)
    address, complaint = openmp.start_team()
    assert address is None
    assert complaint.startswith(
        f"{library} has no GOMP_parallel, by which the CPU kernel could share its threads, "
    )


@needs_compiler
def test_the_kernel_runs_on_the_team_that_it_is_given(threads, shared, generator):
    """Called with torch's number of threads; and with none of them, the results are the same."""
    rnn, x = URNN(2, 8, backend="cpu"), torch.randn(3, 64, 2, generator=generator)
    threads(2)
    expected, _ = rnn(x)
    asked = []

    @ctypes.CFUNCTYPE(None, ctypes.CFUNCTYPE(None, ctypes.c_void_p), ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint)
    def start(function: Callable, argument: int, count: int, flags: int) -> None:
        asked.append((count, flags))
        for _ in range(count):
            function(argument)

    shared(ctypes.cast(start, ctypes.c_void_p))
    assert torch.equal(rnn(x)[0], expected)
    assert asked == [(2, 0)]
    shared(None)
    assert torch.equal(rnn(x)[0], expected)
    assert len(asked) == 1


@needs_compiler
def test_threads_that_cannot_be_shared_are_said_once_when_the_kernel_is_loaded(mapped, threads, shared):
    threads(2)
    cpu_build.library.cache_clear()
    kernel_cache.warn_once.cache_clear()
    with pytest.warns(RuntimeWarning, match="^torch has loaded no OpenMP library .* one thread instead of 2"):
        cpu_build.library("float32")
    cpu_build.library.cache_clear()
    cpu_build.library("float32")  # a second warning would be an error here
