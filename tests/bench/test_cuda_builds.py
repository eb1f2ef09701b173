"""Kernels compiled ahead of their use: which, by how many processes, and what is said where it cannot be done."""

import pytest
import torch

from bench import cuda_builds, cuda_plans
from bench.commands import main
from bench.cuda_builds import compile_all, plans, usual_plans
from bench.kernel_check import ODD_BATCH, SIZES
from bench.profiles import HIDDEN_SIZES, get_profile
from tests.urnn.cuda.test_build import nvrtc_is_missing
from urnn.backends.cuda import build
from urnn.backends.cuda.plan import Device, Plan, choose

needs_nvrtc = pytest.mark.skipif(nvrtc_is_missing(), reason="no NVRTC on this machine")


@pytest.mark.parametrize(("architecture", "shared_bytes"), [(80, 163 * 1024), (89, 99 * 1024), (90, 227 * 1024)])
def test_every_plan_that_a_layer_can_ask_for_is_among_them(architecture, shared_bytes):
    sizes = (4, 8, 64, 512, 1024, 2048, 4096, 6, 100, 768, 3000)
    found = plans(architecture, sizes)
    asked = {
        choose(n, batch, dtype, released, Device(132, shared_bytes), half)
        for n in sizes
        for batch in (1, 128, 1056)
        for dtype, half in (
            (torch.float32, None),
            (torch.float64, None),
            (torch.float32, torch.float16),
            (torch.float32, torch.bfloat16),
        )
        for released in (False, True)
    }
    assert asked <= set(found)
    assert len(set(found)) == len(found)


H100 = Device(132, 227 * 1024)


@pytest.mark.parametrize(
    ("dtype", "half", "preset"),
    [
        *((dtype, None, preset) for dtype in (torch.float32, torch.float64) for preset in ("paper", "released")),
        *((torch.float32, half, "paper") for half in (torch.bfloat16, torch.float16)),
    ],
    ids=str,
)
def test_what_the_kernel_check_needs_is_compiled_without_being_asked_for(dtype, half, preset):
    found = usual_plans(90)
    assert len(set(found)) == len(found)
    assert {choose(n, ODD_BATCH, dtype, preset == "released", H100, half) for n in SIZES} <= set(found)
    assert {plan.shared_sums for plan in found} == {0, 4, 8}


def test_what_the_profile_and_the_comparison_of_plans_need_is_compiled_too(monkeypatch):
    found = set(usual_plans(90))
    cells = [c for c in get_profile("gpu").cells() if c.model == "urnn" and c.backend.startswith("cuda")]
    halves = {"float16": torch.float16, "bfloat16": torch.bfloat16}
    timed = {choose(c.hidden_size, c.batch, torch.float32, False, H100, halves.get(c.dtype)) for c in cells}
    assert len(timed) > 15
    assert timed <= found
    for n in HIDDEN_SIZES:
        for batch in cuda_builds.COMPARED:
            for elements in cuda_plans.cuda_plan.possible(n):
                monkeypatch.setenv("URNN_CUDA_ELEMENTS", str(elements))
                assert choose(n, batch, torch.float32, False, H100) in found


def test_on_a_gpu_its_own_plans_are_compiled(monkeypatch):
    few = Device(20, 227 * 1024)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(cuda_builds.cuda_launch, "device", lambda: few)
    taken = {choose(n, ODD_BATCH, torch.float32, False, few) for n in SIZES}
    assert taken <= set(usual_plans(90))
    assert taken != {choose(n, ODD_BATCH, torch.float32, False, H100) for n in SIZES}


@needs_nvrtc
@pytest.mark.slow
def test_they_are_in_the_cache_afterwards(monkeypatch, tmp_path):
    monkeypatch.setenv("URNN_CACHE", str(tmp_path))
    wanted = [Plan(4, 2, torch.float32, released=False), Plan(8, 2, torch.float32, released=False)]
    assert set(compile_all(wanted, 90, processes=2)) == set(wanted)
    monkeypatch.setattr(build, "build", lambda plan, architecture: pytest.fail("it was compiled again"))
    build.cubin.cache_clear()
    assert all(build.cubin(plan, 90) for plan in wanted)


@needs_nvrtc
def test_an_architecture_that_nvrtc_does_not_know_is_refused_before_any_process_starts(monkeypatch, capsys):
    monkeypatch.setattr(cuda_builds, "ProcessPoolExecutor", lambda *a, **o: pytest.fail("a process was started"))
    assert main(["cuda-kernels", "--hidden", "8", "--architecture", "20"]) == 2
    assert "compiles for sm_" in capsys.readouterr().err


def test_without_a_gpu_the_architecture_has_to_be_said(without_gpu, capsys):
    assert main(["cuda-kernels"]) == 2
    assert capsys.readouterr().err == (
        "error: torch sees no CUDA device here; say for which GPU to compile, --architecture 90 say\n"
    )


def test_a_size_that_the_kernel_has_not_is_refused(capsys):
    assert main(["cuda-kernels", "--hidden", "768,770", "--architecture", "90"]) == 2
    assert capsys.readouterr().err == (
        "error: the CUDA kernel needs 4 to 4096 units, a product of 2, 3 and 5, got 770; the nearest with a "
        "kernel: 768 and 800\n"
    )


def test_the_command_says_how_many_there_are(monkeypatch, capsys):
    monkeypatch.setattr(cuda_builds, "compile_all", lambda wanted, architecture, processes: iter(wanted))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))
    monkeypatch.setattr(cuda_builds.cuda_launch, "device", lambda: H100)
    assert main(["cuda-kernels", "--hidden", "8"]) == 0
    assert capsys.readouterr().out == f"{len(plans(90, [8]))} plans for sm_90 are in the kernel cache\n"
    assert main(["cuda-kernels"]) == 0
    assert capsys.readouterr().out == f"{len(usual_plans(90))} plans for sm_90 are in the kernel cache\n"
