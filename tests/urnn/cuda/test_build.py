"""NVRTC without a GPU: what it makes for three generations, the cache, and what is said where it cannot."""

import builtins
import os
import re
import shutil
import sys
from functools import cache
from pathlib import Path

import pytest
import torch

from tests.urnn.cuda.host import H100
from urnn import URNN
from urnn.backends import cuda, kernel_cache
from urnn.backends.cuda import build as cuda_build
from urnn.backends.cuda.plan import Plan, with_tables
from urnn.backends.kernel_cache import BuildError, keys

SMALL = Plan(4, 2, torch.float32, released=False)  # the quickest to compile


def nvrtc_is_missing() -> bool:
    try:
        cuda_build.require(90)
    except BuildError:
        return True
    return False


pytestmark = [pytest.mark.skipif(nvrtc_is_missing(), reason="no NVRTC on this machine"), pytest.mark.slow]

# Most registers a thread and most bytes of the stack, by kernel, for sizes with 2 to 10 units a thread, and with a
# block that keeps its tables, as many as possible in registers, or not. At 4096 a block's 512 threads have 128
# registers each.
LIMITS = {
    (64, 2, True): {"forward": (112, 0), "backward": (200, 0)},
    (64, 8, False): {"forward": (168, 0), "backward": (255, 0)},
    (512, 4, True): {"forward": (168, 0), "backward": (240, 0)},
    (512, 8, True): {"forward": (232, 0), "backward": (248, 0)},
    (1024, 4, True): {"forward": (184, 0), "backward": (240, 0)},
    (2048, 8, True): {"forward": (255, 0), "backward": (255, 0)},
    (2048, 8, False): {"forward": (192, 0), "backward": (255, 0)},
    (4096, 8, False): {"forward": (128, 32), "backward": (128, 1408)},
    (20, 10, False): {"forward": (200, 0), "backward": (240, 0)},
    (100, 5, False): {"forward": (144, 0), "backward": (240, 0)},
    (243, 9, False): {"forward": (160, 0), "backward": (255, 0)},
    (500, 10, False): {"forward": (192, 0), "backward": (255, 0)},
    (750, 10, False): {"forward": (184, 0), "backward": (255, 0)},
    (768, 4, True): {"forward": (192, 0), "backward": (224, 0)},
    (768, 8, True): {"forward": (176, 0), "backward": (255, 0)},
    (768, 8, False): {"forward": (200, 0), "backward": (255, 0)},
    (1000, 10, False): {"forward": (200, 0), "backward": (255, 0)},
    (405, 5, True): {"forward": (168, 0), "backward": (200, 0)},  # a pass of radix 1
    (1875, 5, True): {"forward": (128, 0), "backward": (168, 0)},
    (1000, 5, True): {"forward": (208, 0), "backward": (240, 0)},
    (1920, 8, True): {"forward": (208, 0), "backward": (255, 0)},
    (2000, 10, True): {"forward": (216, 0), "backward": (255, 0)},
    (2025, 9, True): {"forward": (208, 0), "backward": (255, 0)},
}
LIMITS_OF_FEW = {
    (64, 2, True): {"forward_few": (112, 0), "backward_few": (208, 0)},
    (64, 8, False): {"forward_few": (176, 0)},
    (512, 4, True): {"forward_few": (168, 0), "backward_few": (255, 0)},
    (512, 8, True): {"forward_few": (255, 0)},
    (1024, 4, True): {"forward_few": (192, 0), "backward_few": (255, 0)},
    (2048, 8, True): {"forward_few": (255, 0)},
    (2048, 8, False): {"forward_few": (208, 0)},
    (4096, 8, False): {"forward_few": (128, 32)},
    (20, 10, False): {"forward_few": (216, 0)},
    (100, 5, False): {"forward_few": (168, 0), "backward_few": (255, 0)},
    (243, 9, False): {"forward_few": (200, 0)},
    (500, 10, False): {"forward_few": (216, 0)},
    (750, 10, False): {"forward_few": (220, 0)},
    (768, 4, True): {"forward_few": (208, 0), "backward_few": (255, 0)},
    (768, 8, True): {"forward_few": (216, 0)},
    (768, 8, False): {"forward_few": (232, 0)},
    (1000, 10, False): {"forward_few": (232, 0)},
    (405, 5, True): {"forward_few": (208, 0), "backward_few": (224, 0)},
    (1875, 5, True): {"forward_few": (168, 0)},
    (1000, 5, True): {"forward_few": (232, 0), "backward_few": (255, 0)},
    (1920, 8, True): {"forward_few": (248, 0)},
    (2000, 10, True): {"forward_few": (255, 0)},
    (2025, 9, True): {"forward_few": (255, 0)},
}
# Of inputs and states of 16 bits: no more than those of float32.
CUTS_OF_HALVES = [
    (64, 2, True),
    (512, 4, True),
    (512, 8, True),
    (1024, 4, True),
    (2048, 8, True),
    (2048, 8, False),
]


@cache
def built(plan: Plan, architecture: int) -> cuda_build.Build:
    """A build that several tests look at takes its seconds once."""
    return cuda_build.build(plan, architecture)


def resources(log: str) -> dict[str, tuple[int, int]]:
    """Kernel -> (registers, bytes of the stack, where an array goes that found no registers) by the assembler."""
    found = re.findall(
        r"Compiling entry function 'urnn_(\w+)'.*?(\d+) bytes stack frame.*?Used (\d+) registers", log, re.DOTALL
    )
    return {kernel: (int(registers), int(stack)) for kernel, stack, registers in found}


def planned(n: int, elements: int, tables: bool, half: torch.dtype | None = None) -> Plan:
    """With tables that a block keeps, as for one sample on an H100."""
    plan = Plan(n, elements, torch.float32, released=False, half=half)
    return with_tables(plan, 1, H100) if tables else plan


@pytest.mark.parametrize(
    ("architecture", "n", "elements", "tables"),
    [(90, *cut) for cut in LIMITS] + [(80, 2048, 8, True), (100, 2048, 8, True), (100, 64, 8, False)],
)
def test_registers_and_spills_are_within_their_limits(architecture, n, elements, tables):
    plan = planned(n, elements, tables)
    assert plan.shared_tables == tables
    kernels = built(plan, architecture)
    assert kernels.cubin[:4] == b"\x7fELF"
    assert "warning" not in kernels.log
    used = resources(kernels.log)
    assert set(used) == set(plan.kernels)
    cut = n, elements, tables
    for kernel, (registers, stack) in (LIMITS[cut] | LIMITS_OF_FEW[cut]).items():
        assert used[kernel][0] <= registers, kernel
        assert used[kernel][1] <= stack, kernel


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize(("n", "elements", "tables"), CUTS_OF_HALVES)
def test_numbers_of_16_bits_take_no_more_registers(n, elements, tables, half):
    kernels = built(planned(n, elements, tables, half), 90)
    assert "warning" not in kernels.log
    used, cut = resources(kernels.log), (n, elements, tables)
    for kernel, (registers, stack) in (LIMITS[cut] | LIMITS_OF_FEW[cut]).items():
        assert used[kernel][0] <= registers, kernel
        assert used[kernel][1] <= stack, kernel


@pytest.mark.parametrize(
    ("n", "dtype"), [(64, torch.float32), (512, torch.float32), (512, torch.float64)], ids=str
)
def test_what_a_kernel_writes_it_does_not_read_as_constant(n, dtype):
    """Such a load may pass a barrier, which a host cannot show: the tables' own transforms read written roots."""
    ptx = built(Plan(n, 4, dtype, released=False), 90).ptx
    bodies = dict(re.findall(r"\.entry urnn_(\w+)\((.*?)\n}\n", ptx, re.DOTALL))
    assert set(bodies) == {"tables", "forward", "forward_few", "step", "backward", "backward_few", "finish"}
    for kernel in ("forward", "forward_few", "backward", "backward_few"):
        assert "ld.global.nc" in bodies[kernel]
    assert "ld.global.nc" not in bodies["tables"]


@pytest.mark.parametrize(
    "plan",
    [Plan(4, 2, torch.float32, True), Plan(512, 4, torch.float64, False), Plan(16, 8, torch.float64, True)],
    ids=str,
)
def test_every_variant_compiles_without_a_warning(plan):
    log = built(plan, 90).log
    assert set(resources(log)) == set(plan.kernels)
    assert "warning" not in log


@pytest.fixture
def forgetful(monkeypatch, tmp_path):
    """An empty cache, on disk and in memory, before and after."""
    monkeypatch.setenv("URNN_CACHE", str(tmp_path / "cache"))
    remembered = (cuda_build.cubin, cuda_build._nvrtc, cuda._is_built, kernel_cache.warn_once)
    for function in remembered:
        function.cache_clear()
    yield tmp_path / "cache"
    for function in remembered:
        function.cache_clear()


def test_a_kernel_is_compiled_once_and_kept(forgetful, monkeypatch):
    code = cuda_build.cubin(SMALL, 90)
    (kept,) = forgetful.glob("*.cubin")
    assert re.fullmatch(r"urnn-cuda-n4-sm90-[0-9a-f]{16}\.cubin", kept.name)
    assert kept.read_bytes() == code
    cuda_build.cubin.cache_clear()  # as in another process
    monkeypatch.setattr(cuda_build, "build", None)
    assert cuda_build.cubin(SMALL, 90) == code


@pytest.fixture
def copied(monkeypatch, tmp_path) -> Path:
    """The folder of a copy of the source, which is what is compiled."""
    folder = tmp_path / "a folder"
    folder.mkdir()
    for source in keys.sources(cuda_build.SOURCE):
        shutil.copy(source, folder)
    monkeypatch.setattr(cuda_build, "SOURCE", folder / cuda_build.SOURCE.name)
    return folder


@pytest.fixture
def builds(monkeypatch) -> list[tuple[Plan, int]]:
    """What was built, in no time and never to the same bytes, as NVRTC does not make them twice either."""
    noted: list[tuple[Plan, int]] = []

    def build(*what) -> cuda_build.Build:
        noted.append(what)
        return cuda_build.Build(f"build {len(noted)}".encode() * 100, "", "")

    monkeypatch.setattr(cuda_build, "build", build)
    return noted


def test_a_changed_header_or_option_is_compiled_anew(forgetful, copied, builds, monkeypatch):
    cuda_build.cubin(SMALL, 90)
    with (copied / "modrelu.h").open("a") as header:
        header.write("// changed\n")
    cuda_build.cubin.cache_clear()
    cuda_build.cubin(SMALL, 90)
    monkeypatch.setattr(cuda_build, "FLAGS", (*cuda_build.FLAGS, "-DURNN_OTHER"))
    cuda_build.cubin.cache_clear()
    cuda_build.cubin(SMALL, 90)
    assert len(builds) == len(list(forgetful.glob("*.cubin"))) == 3


def test_nvrtc_warns_of_what_is_never_used_and_takes_a_folder_with_a_space(copied):
    with cuda_build.SOURCE.open("a") as source:
        source.write("__global__ void another() { int unused = 0; }\n")
    kernels = cuda_build.build(SMALL, 90)
    assert re.search(r'kernel\.cu\(\d+\): warning .*"unused" was declared', kernels.log)
    assert kernels.cubin[:4] == b"\x7fELF"


def test_a_truncated_kernel_is_compiled_again(forgetful, builds):
    assert cuda_build.cubin(SMALL, 90) == b"build 1" * 100
    (kept,) = forgetful.glob("*.cubin")
    os.truncate(kept, 100)
    cuda_build.cubin.cache_clear()
    assert cuda_build.cubin(SMALL, 90) == kept.read_bytes() == b"build 2" * 100


def test_a_cache_that_others_can_write_is_not_read(forgetful, builds):
    cuda_build.cubin(SMALL, 90)
    forgetful.chmod(0o777)
    cuda_build.cubin.cache_clear()
    with pytest.warns(RuntimeWarning, match=f"since other users can write to {forgetful}.* in URNN_CACHE"):
        assert cuda_build.cubin(SMALL, 90) == b"build 2" * 100


def test_a_cache_that_cannot_be_written_costs_a_warning_and_no_more(forgetful, builds, monkeypatch):
    monkeypatch.setenv("URNN_CACHE", "/dev/null/cache")
    with pytest.warns(RuntimeWarning, match=r"kernels cannot be kept in /dev/null/cache .*URNN_CACHE"):
        assert cuda_build.cubin(SMALL, 90) == b"build 1" * 100


def test_a_kernel_that_does_not_compile_is_named_with_its_first_error(monkeypatch):
    monkeypatch.setattr(cuda_build, "FLAGS", ("--std=c++17", "-Dconstexpr=nothing"))
    message = r"NVRTC [\d.]+ could not compile the CUDA kernel for Plan\(n=4, .*error"
    with pytest.raises(BuildError, match=message):
        cuda_build.build(SMALL, 90)


def test_a_gpu_that_nvrtc_does_not_know_runs_the_reference_and_one_warning_says_why(forgetful):
    with pytest.warns(
        RuntimeWarning, match=r"compiles for sm_\d+ to sm_\d+ and this GPU is sm_999, .* another release of NVRTC"
    ):
        assert not cuda._is_built(999)
    assert not cuda._is_built(999)  # said once: a second warning would be an error here


@pytest.mark.parametrize(
    ("version", "packages"),
    [
        ("13.0", "cuda-bindings==13.* nvidia-cuda-nvrtc"),
        ("12.8", "cuda-bindings==12.* nvidia-cuda-nvrtc-cu12"),
    ],
)
def test_without_nvrtc_the_reference_runs_and_one_warning_says_what_to_install(
    forgetful, monkeypatch, version, packages
):
    really = builtins.__import__

    def refusing(name, *rest, **options):
        if name == "cuda.bindings":
            raise ImportError("No module named 'cuda'")
        return really(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", refusing)
    for name in [name for name in sys.modules if name.startswith("cuda.bindings")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(torch.version, "cuda", version)
    with pytest.warns(RuntimeWarning, match=f"pip install {re.escape(packages)}$"):
        assert not cuda._is_built(90)
    assert not cuda._is_built(90)


def test_on_a_cpu_it_never_applies_and_asking_for_it_says_what_to_do():
    assert not cuda.applies(64, "cpu")
    with pytest.raises(ValueError, match="backend 'cuda' cannot run hidden_size=64 on cpu; use backend='auto'"):
        URNN(2, 64, backend="cuda")(torch.randn(3, 1, 2))
