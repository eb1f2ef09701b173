"""Machines of one kind are alike in all that a figure depends on; an instance is one of them."""

import os
import platform
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bench.machine import kind
from bench.machine.kind import Machine, processor, this_machine

MACHINE = Machine("AMD EPYC", 2, 8, "2.13.0", "3.11.9", "box", boot="c7e9", container="pid:[4026531836]")
ON_GPU = replace(MACHINE, gpu="NVIDIA H100", driver="580.1", gpu_uuid="GPU-1")


@pytest.mark.parametrize(
    "change",
    [
        {"processor": "Neoverse-V2"},
        {"cores": 4},
        {"memory_gib": 16},
        {"gpu": "NVIDIA A100"},
        {"driver": "581.0"},
        {"torch": "2.14.0"},
        {"python": "3.13.0"},
    ],
)
def test_what_figures_depend_on_makes_another_kind(change):
    assert replace(ON_GPU, **change).kind != ON_GPU.kind
    assert replace(ON_GPU, **change).instance == ON_GPU.instance
    assert replace(ON_GPU, **change).host != ON_GPU.host


@pytest.mark.parametrize(
    "change",
    [{"node": "other"}, {"boot": "after a restart"}, {"container": "pid:[7]"}, {"gpu_uuid": "GPU-2"}],
    ids=["name", "two machines with one name, or one after a restart", "two containers with one name", "GPU"],
)
def test_the_same_kind_can_be_another_machine(change):
    assert replace(ON_GPU, **change).kind == ON_GPU.kind
    assert replace(ON_GPU, **change).instance != ON_GPU.instance


def test_a_restart_leaves_the_host_what_it_was_and_another_name_does_not():
    assert replace(MACHINE, boot="after a restart").host == MACHINE.host
    assert replace(MACHINE, node="other").host != MACHINE.host


def test_hashes_are_eight_hex_digits_and_nothing_more_of_the_machine_is_published():
    facts = ON_GPU.facts()
    assert facts == {"kind": ON_GPU.kind, "instance": ON_GPU.instance, "gpu_driver": "580.1"}
    assert all(re.fullmatch("[0-9a-f]{8}", one) for one in (ON_GPU.kind, ON_GPU.instance, ON_GPU.host))


@pytest.mark.usefixtures("without_gpu")
def test_this_machine_is_described_and_is_the_same_at_every_look():
    kind.this_machine.cache_clear()
    found = this_machine()
    assert (found.torch, found.python, found.node) == (
        torch.__version__,
        platform.python_version(),
        platform.node(),
    )
    assert found.processor
    assert 1 <= found.cores <= os.cpu_count()
    assert (found.gpu, found.driver, found.gpu_uuid) == (None, None, None)
    kind.this_machine.cache_clear()
    assert this_machine() == found


def test_fewer_cores_for_this_process_are_another_kind(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    assert kind._cores() == 1
    monkeypatch.delattr(os, "sched_getaffinity")
    assert kind._cores() == os.cpu_count()


@pytest.mark.parametrize(
    ("listed", "named"),
    [
        ("processor\t: 0\nmodel name\t: AMD EPYC\nprocessor\t: 1\nmodel name\t: other\n", "AMD EPYC"),
        ("processor : 0\nCPU implementer : 0x41\nCPU part : 0xd4f\n", "aarch64 0x41 0xd4f"),
        ("", "arm"),
        (None, "arm"),
    ],
)
def test_a_processor_has_a_name_everywhere(tmp_path, monkeypatch, listed, named):
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    monkeypatch.setattr(platform, "processor", lambda: "arm")
    path = tmp_path / "cpuinfo"
    if listed is not None:
        path.write_text(listed)
    assert processor(path) == named


@pytest.mark.parametrize("look", [kind._boot, kind._container])
def test_what_a_system_does_not_say_is_not_known(tmp_path, look):
    assert look(tmp_path / "missing") is None


@pytest.mark.skipif(not Path("/proc/sys/kernel/random/boot_id").exists(), reason="Linux alone draws one")
def test_linux_says_both():
    assert kind._boot()
    assert kind._container()
