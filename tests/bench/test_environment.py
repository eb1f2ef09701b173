"""Measured processes get a stated environment, and say which one they got."""

import json
import os

import pytest
import torch

from bench.environment import ALLOCATORS, KEPT_HEAP, allocator_in_use, machine_facts, measured_environment


def test_the_kept_heap_and_the_threads_are_set_and_the_rest_is_passed_on():
    base = {"PATH": "/bin", "OMP_NUM_THREADS": "64", "MALLOC_TOP_PAD_": "1"}
    environment = measured_environment("kept", 3, base)
    assert {name: value for name, value in environment.items() if not name.startswith("GIT_")} == {
        "PATH": "/bin",
        "OMP_NUM_THREADS": "3",
        "MKL_NUM_THREADS": "3",
        "MALLOC_MMAP_THRESHOLD_": "8589934592",
        "MALLOC_TRIM_THRESHOLD_": "17179869184",
        "MALLOC_TOP_PAD_": "268435456",
        "KINETO_LOG_LEVEL": "5",
    }
    assert base["OMP_NUM_THREADS"] == "64"


def test_a_heap_in_huge_pages_is_kept_as_well():
    small, huge = (measured_environment(name, 1, {"HOME": "/"}) for name in ("kept", "huge"))
    assert huge == small | {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}


@pytest.mark.parametrize("allocator", ["default", "kept"])
def test_what_stands_outside_does_not_change_the_heap(allocator):
    outside = {**KEPT_HEAP, "MALLOC_TOP_PAD_": "1", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=2"}
    assert measured_environment(allocator, 1, outside) == measured_environment(allocator, 1, {})


def test_the_default_heap_is_the_librarys_whatever_stands_outside():
    environment = measured_environment("default", 1, {"HOME": "/", **ALLOCATORS["huge"]})
    assert environment.keys().isdisjoint(ALLOCATORS["huge"])
    assert environment["HOME"] == "/"


def test_a_backend_forced_from_outside_does_not_reach_a_measurement():
    outside = {"URNN_BACKEND": "reference", "PYTEST_ADDOPTS": "-n2 --cov", "COVERAGE_PROCESS_START": "x"}
    assert not outside.keys() & measured_environment("kept", 1, outside).keys()


def test_the_environment_of_now_is_the_default_base(monkeypatch):
    before = dict(os.environ)
    assert measured_environment("kept", 1).items() >= {"PATH": os.environ["PATH"], **KEPT_HEAP}.items()
    assert dict(os.environ) == before


@pytest.mark.parametrize("allocator", ALLOCATORS)
def test_a_process_knows_the_allocator_it_was_given(allocator):
    assert allocator_in_use(measured_environment(allocator, 1, {})) == allocator


@pytest.mark.parametrize(
    "environment",
    [
        {"MALLOC_TOP_PAD_": KEPT_HEAP["MALLOC_TOP_PAD_"]},
        {**KEPT_HEAP, "MALLOC_TRIM_THRESHOLD_": "1"},
        {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"},
        {**KEPT_HEAP, "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"},
    ],
)
def test_any_other_setting_is_custom(environment):
    assert allocator_in_use(environment) == "custom"


def test_the_machines_facts_are_those_that_readers_are_promised():
    facts = machine_facts()
    assert list(facts) == [
        "memory_bytes",
        "gpu",
        "torch",
        "numpy",
        "cuda",
        "cudnn",
        "instruction_set",
        "kernel_build_seconds",
    ]
    assert facts["torch"] == torch.__version__
    assert facts["memory_bytes"] > 1 << 28
    assert json.loads(json.dumps(facts)) == facts


@pytest.mark.usefixtures("without_gpu")
def test_without_a_gpu_none_is_named():
    facts = machine_facts()
    assert facts["gpu"] is None
    assert facts["cudnn"] is None
