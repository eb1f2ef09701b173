"""Building the kernel: once, with any compiler, and with one sentence if it cannot be built."""

import os
import platform
import re
import select
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from urnn import URNN
from urnn.backends import cpu, kernel_cache
from urnn.backends.cpu import build as cpu_build
from urnn.backends.cpu.build import BuildError

pytestmark = pytest.mark.slow

needs_compiler = pytest.mark.skipif(cpu_build.compiler() is None, reason="no C++ compiler on this machine")
# As much of a kernel as is needed to load it. What an object with a virtual function needs is in the C++ library.
SMALL = "struct Base { virtual long one() { return 1; } };\nBase base;\n" + "".join(
    f'extern "C" long urnn_{name}() {{ return base.one(); }}\n' for name in cpu_build.SIGNATURES
)


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """An empty cache, on disk and in memory, before and after."""
    monkeypatch.setenv("URNN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CXX", raising=False)
    remembered = (cpu_build.library, cpu._is_built, kernel_cache.warn_once)
    for function in remembered:
        function.cache_clear()
    yield tmp_path / "cache"
    for function in remembered:
        function.cache_clear()


@pytest.fixture
def small(forgetful: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A kernel that compiles in no time stands for ours."""
    source = tmp_path / "sources" / "kernel.cpp"
    source.parent.mkdir()
    source.write_text(SMALL)
    monkeypatch.setattr(cpu_build, "SOURCE", source)
    return forgetful


@pytest.fixture
def compile_with(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], Path]:
    """A shell script becomes CXX; {really} in it is a compiler that works."""

    def install(body: str) -> Path:
        script = tmp_path / "a compiler"
        really = shlex.join(cpu_build.compiler() or ["false"])
        script.write_text("#!/bin/sh\n" + body.replace("{really}", really))
        script.chmod(0o755)
        monkeypatch.setenv("CXX", str(script))
        return script

    return install


def kept(folder: Path) -> list[str]:
    return sorted(path.suffix for path in folder.glob("*"))


def test_without_a_compiler_the_reference_runs_and_one_warning_says_what_to_install(forgetful, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.warns(RuntimeWarning, match=r"^no C\+\+ compiler \(g\+\+, c\+\+, .*apt-get install g\+\+"):
        assert URNN(2, 8).prepare() == "reference"
    assert URNN(2, 8).backend_in_use == "reference"
    # Said once: a second warning would be an error here.
    assert URNN(2, 8)(torch.randn(3, 1, 2))[0].shape == (3, 1, 16)


def test_a_compiler_that_fails_is_named_with_its_first_error(forgetful, monkeypatch):
    monkeypatch.setenv("CXX", "false")
    message = (
        "^false could not compile the kernel, so the uRNN runs on its eager reference: it said nothing; exit code "
        r"1; name another C\+\+ compiler in CXX"
    )
    with pytest.raises(BuildError, match=message):
        cpu_build.library("float32")
    with pytest.warns(RuntimeWarning, match=message):
        assert URNN(2, 8).prepare() == "reference"


@pytest.mark.parametrize("asked", ["no-such-compiler", "no-such-compiler -O1", "g++ 'open"])
def test_where_cxx_names_what_is_not_there_one_warning_says_so(small, monkeypatch, asked):
    monkeypatch.setenv("CXX", asked)
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(BuildError) as raised:
        cpu_build.library("float32")
    assert str(raised.value).startswith(f"CXX names {asked!r}, which is not there, and no C++ compiler (g++, ")


@needs_compiler
@pytest.mark.parametrize("asked", ["no-such-compiler", "g++ 'open"])
def test_another_compiler_stands_in_for_one_that_is_not_there(small, monkeypatch, asked):
    monkeypatch.setenv("CXX", asked)
    with pytest.warns(RuntimeWarning, match=r"^CXX names .*, which is not there, so /.* compiles .*; correct CXX"):
        assert URNN(2, 8).prepare() == "cpu"


def test_compilers_by_other_names_are_found(monkeypatch, tmp_path):
    monkeypatch.setenv("CXX", " ")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert cpu_build.compiler() is None
    for name in ("clang++", "c++", "g++"):
        (tmp_path / name).touch(mode=0o755)
        assert cpu_build.compiler() == [str(tmp_path / name)]


@needs_compiler
def test_spaces_in_every_path_do_no_harm(forgetful, monkeypatch, tmp_path):
    spaced = tmp_path / "a folder"
    spaced.mkdir()
    (spaced / "a header.h").write_text(SMALL)
    (spaced / "kernel.cpp").write_text('#include "a header.h"\n')
    monkeypatch.setattr(cpu_build, "SOURCE", spaced / "kernel.cpp")
    monkeypatch.setenv("URNN_CACHE", str(tmp_path / "a cache"))
    assert set(cpu_build.library("float32").functions) == set(cpu_build.SIGNATURES)
    assert kept(tmp_path / "a cache") == [".note", ".so"]


@needs_compiler
def test_cxx_is_split_as_a_shell_does(small, compile_with, monkeypatch, tmp_path):
    """As in CXX="ccache g++", with a wrapper whose path has a space and an option that has one."""
    wrapper = compile_with('echo "$@" >> "$0.log"\nexec "$@"\n')
    command = [shlex.quote(str(wrapper)), *cpu_build.COMPILERS[:1], "'-DNAME=a b'"]
    monkeypatch.setenv("CXX", " ".join(command))
    assert URNN(2, 8).prepare() == "cpu"
    calls = Path(f"{wrapper}.log").read_text().splitlines()
    assert len(calls) == 3  # the version, compiling, linking
    assert all(call.startswith("g++ -DNAME=a b ") for call in calls)


@needs_compiler
def test_a_home_that_machines_of_two_kinds_share_has_a_kernel_for_each(small, monkeypatch):
    """Their compilers may have one version and one path."""
    monkeypatch.setenv("URNN_INSTRUCTION_SET", "baseline")
    for machine in ("x86_64", "aarch64"):
        cpu_build.library.cache_clear()
        monkeypatch.setattr(platform, "machine", lambda machine=machine: machine)
        cpu_build.library("float32")
    assert kept(small) == [".note", ".note", ".so", ".so"]


@needs_compiler
@pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc on this machine")
def test_a_c_compilers_driver_links_the_cpp_library_too(small, monkeypatch):
    monkeypatch.setenv("CXX", "gcc")
    assert URNN(2, 8).prepare() == "cpu"


@needs_compiler
@pytest.mark.parametrize(
    "said",
    [
        "error: bad value ('x86-64-v4') for '-march=' switch",  # g++
        "error: unknown target CPU 'x86-64-v4'",  # clang++
        "Error: no such instruction: 'vrsqrt14ps %zmm0,%zmm1'",  # their assembler
    ],
)
def test_a_compiler_too_old_for_this_processor_compiles_for_a_narrower_one(small, compile_with, monkeypatch, said):
    monkeypatch.setattr(cpu_build, "_widest", lambda: "avx512")
    compile_with(
        f"""
case "$*" in *-march=x86-64-v4*) echo "{said}"; exit 1;; esac
"""
        """
for word; do shift; case "$word" in -march=*) ;; *) set -- "$@" "$word";; esac; done
exec {really} "$@"
"""
    )
    message = (
        rf"cannot compile .* for avx512 \({re.escape(said)}.*compiled for avx2, .*URNN_INSTRUCTION_SET=avx2 if"
    )
    with pytest.warns(RuntimeWarning, match=message):
        assert cpu_build.library("float32").target == "avx2"
    assert cpu_build.library("float64").target == "avx2"  # said once
    cpu_build.library.cache_clear()
    kernel_cache.warn_once.cache_clear()
    monkeypatch.setenv("URNN_INSTRUCTION_SET", "avx2")
    assert cpu_build.library("float32").target == "avx2"


@pytest.mark.parametrize(
    ("ending", "raised", "message"),
    [
        (None, BuildError, r"did not end within 0.1 seconds and was killed, .*name another C\+\+ compiler in CXX"),
        (KeyboardInterrupt, KeyboardInterrupt, None),  # it has a session of its own, which Ctrl-C does not reach
    ],
)
def test_a_compiler_that_hangs_is_ended_with_all_that_it_started(
    small, compile_with, monkeypatch, tmp_path, ending, raised, message
):
    alive = tmp_path / "alive"
    os.mkfifo(alive)
    compile_with(f"exec 3> {shlex.quote(str(alive))}\nsleep 600 &\nprintf x >&3\nwait\n")
    reader = os.open(alive, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    communicate = subprocess.Popen.communicate

    def once_it_runs(process: subprocess.Popen, timeout: float) -> tuple:
        select.select([reader], [], [])
        assert os.read(reader, 1) == b"x"
        if ending:
            raise ending
        return communicate(process, timeout=timeout)

    monkeypatch.setattr(cpu_build, "TIME_LIMIT", 0.1)
    monkeypatch.setattr(subprocess.Popen, "communicate", once_it_runs)
    with pytest.raises(raised, match=message):
        cpu_build.library("float32")
    ready, _, _ = select.select([reader], [], [], 60)  # the end comes when nobody is left who could write
    assert ready
    assert os.read(reader, 1) == b""
    os.close(reader)
    assert not kept(small)


@needs_compiler
def test_what_a_compiler_says_may_be_no_utf8(small, compile_with):
    compile_with("printf 'warning: \\351\\377\\n' >&2\nexec {really} \"$@\"\n")
    assert URNN(2, 8).prepare() == "cpu"


def test_an_error_that_is_no_utf8_is_given_all_the_same(small, compile_with):
    compile_with("printf '\\377 error: \\351\\n' >&2\nexit 1\n")
    with pytest.raises(BuildError, match="reference: \ufffd error: \ufffd; exit code 1; name another"):
        cpu_build.library("float32")


@needs_compiler
def test_the_linkers_own_line_is_given_not_the_drivers(small, monkeypatch):
    monkeypatch.setenv("CXX", f"{shlex.join(cpu_build.compiler())} -lno-such-library")
    with pytest.raises(BuildError, match="cannot find -lno-such-library"):
        cpu_build.library("float32")


def test_the_assemblers_own_line_is_given_too(small, compile_with):
    compile_with("echo '/tmp/a.s: Assembler messages:'; echo '/tmp/a.s:9: Error: no such instruction'; exit 1\n")
    with pytest.raises(BuildError, match=r"reference: /tmp/a\.s:9: Error: no such instruction; exit code 1"):
        cpu_build.library("float32")


def test_a_compiler_that_makes_nothing_has_failed(small, monkeypatch):
    monkeypatch.setenv("CXX", "true")
    with pytest.raises(BuildError, match=r"true could not compile the kernel, .*it said nothing; exit code 0"):
        cpu_build.library("float32")


def test_a_compiler_that_cannot_be_run_is_named(small, compile_with):
    script = compile_with("")
    script.write_bytes(b"\x7fELF and no more")
    with pytest.raises(BuildError, match=rf"^{script} cannot be run \(Exec format error\), .* in CXX"):
        cpu_build.library("float32")


TO_THE_LAST_WORD = 'for word; do last=$word; done\n[ "$1" = --version ] && exit\n'


def test_a_library_that_does_not_load_is_not_kept(small, compile_with):
    compile_with(TO_THE_LAST_WORD + 'printf "%99s" > "$last"\n')
    with pytest.raises(BuildError, match=r"the compiled kernel cannot be loaded \(.*invalid ELF header.*in CXX"):
        cpu_build.library("float32")
    assert not kept(small)


@needs_compiler
def test_a_library_without_the_kernels_functions_is_not_kept(small):
    cpu_build.SOURCE.write_text('extern "C" void other() {}\n')
    with pytest.raises(BuildError, match=r"cannot be loaded \(.*undefined symbol: urnn_"):
        cpu_build.library("float32")
    assert not kept(small)


@needs_compiler
def test_temporary_files_of_the_compiler_go_with_its_folder(small, compile_with, tmp_path):
    """A compiler that is killed leaves them."""
    noted = tmp_path / "noted"
    compile_with(
        f'[ "$1" = --version ] || touch "$TMPDIR/left.s"\necho "$TMPDIR $LC_ALL" >> {shlex.quote(str(noted))}\n'
        'exec {really} "$@"\n'
    )
    cpu_build.library("float32")
    _, *folders = [line.rsplit(" ", 1)[0] for line in noted.read_text().splitlines()]
    assert len(folders) == 2
    assert not any(Path(folder).exists() for folder in folders)
    assert {line.rsplit(" ", 1)[1] for line in noted.read_text().splitlines()} == {"C"}  # errors in English


@needs_compiler
@pytest.mark.parametrize("size", [0, 1000])
def test_a_truncated_library_is_compiled_again_before_it_can_end_the_process(small, size):
    cpu_build.library("float32")
    (library,) = small.glob("*.so")
    whole = library.read_bytes()
    library.unlink()
    library.write_bytes(whole[:size])  # a new file: the one that is loaded keeps its bytes
    cpu_build.library.cache_clear()
    assert cpu_build.library("float32").build_seconds > 0
    assert library.read_bytes() == whole


@needs_compiler
def test_a_cache_that_cannot_be_written_does_not_cost_the_kernel(small, monkeypatch):
    monkeypatch.setenv("URNN_CACHE", "/dev/null/cache")
    with pytest.warns(RuntimeWarning, match=r"cannot be kept in /dev/null/cache .*URNN_CACHE"):
        assert URNN(2, 8).prepare() == "cpu"
    cpu_build.library("float64")  # said once


LOAD = """
import sys
from pathlib import Path
from urnn.backends.cpu import build
build.SOURCE = Path(sys.argv[1])
print("ready", flush=True)
input()
print(build.library("float32").build_seconds)
"""


def loading(count: int) -> list[float]:
    """The build seconds that processes say which load the library at the same moment."""
    together = [
        subprocess.Popen(
            [sys.executable, "-c", LOAD, str(cpu_build.SOURCE)],
            cwd=Path(__file__).parents[3], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(count)
    ]  # fmt: skip
    assert [process.stdout.readline() for process in together] == ["ready\n"] * count
    for process in together:
        process.stdin.write("\n")
        process.stdin.flush()
    said = [process.communicate()[0] for process in together]
    assert [process.returncode for process in together] == [0] * count
    return [float(text) for text in said]


@needs_compiler
def test_processes_that_start_together_share_one_library(small):
    """One of them, or both, compile."""
    assert all(seconds > 0 for seconds in loading(2))
    assert kept(small) == [".note", ".so"]
    noted = next(small.glob("*.note"))
    checksum = noted.read_text().split()[0]
    noted.write_text(f"{checksum} 12.5\n")  # what only a process that does not compile can say
    assert loading(1) == [12.5]


def test_a_dtype_that_alone_cannot_be_compiled_runs_on_the_reference(small, compile_with):
    compile_with('case "$*" in *URNN_REAL=double*) echo "error: no double" >&2; exit 1;; esac\nexec {really} "$@"')
    rnn, x = URNN(2, 8, dtype=torch.float64), torch.randn(3, 1, 2, dtype=torch.float64)
    assert rnn.prepare() == "cpu"
    with pytest.warns(RuntimeWarning, match=r"could not compile.*eager reference.*no double"):
        output, _ = rnn(x)
    rnn.backend = "reference"
    assert torch.equal(output, rnn(x)[0])
    rnn.backend = "auto"
    assert torch.equal(output, rnn(x)[0])  # said once: a second warning would be an error here


def test_a_missing_source_ends_in_the_reference(small):
    cpu_build.SOURCE.unlink()
    with pytest.warns(RuntimeWarning, match=r"kernel.cpp cannot be read .*reference; install urnn again"):
        assert URNN(2, 8).prepare() == "reference"
