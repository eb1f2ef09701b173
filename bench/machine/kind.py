"""Which machine measures: its kind, and which one of that kind it is.

Machines of one kind (processor, cores, memory, GPU, driver, torch, Python) are expected to measure alike, and
control cells say whether they do, see `bench.fleet`. An instance is one machine from one start to the next: its
name, its boot, its GPU. Two machines with one name have different boots, and so has one machine before and after a
restart; containers on one machine that share a name differ in their namespace of process numbers.

Both are hashes, so that no serial number gets into a published file. Known weakness: outside Linux a boot is not
known, and a process that sees several GPUs is the current one's.
"""

import hashlib
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

from bench.meters import gpu_state

DIGITS = 8  # hex digits of a kind and an instance


@dataclass(frozen=True)
class Machine:
    """What is looked at; None is 'there is none' or 'not known'.

    Attributes:
        cores: those that this process may use.
        memory_gib: rounded, because systems keep some of it for themselves.
        boot: a number that the system draws at each start.
        container: the namespace of process numbers, another one in each container.
    """

    processor: str
    cores: int
    memory_gib: int
    torch: str
    python: str
    node: str
    gpu: str | None = None
    driver: str | None = None
    boot: str | None = None
    container: str | None = None
    gpu_uuid: str | None = None

    @property
    def kind(self) -> str:
        """What may stand in for each other: eight hex digits."""
        alike = (self.processor, self.cores, self.memory_gib, self.gpu, self.driver, self.torch, self.python)
        return _hash(alike)

    @property
    def instance(self) -> str:
        """One machine from one start to the next: eight hex digits."""
        return _hash((self.node, self.boot, self.container, self.gpu_uuid))

    @property
    def host(self) -> str:
        """The machine as far as its kind and its name tell, whatever its boot: eight hex digits."""
        return _hash((self.kind, self.node))

    def facts(self) -> dict[str, str | None]:
        """What is stored beside a figure, under `machine_info`."""
        return {"kind": self.kind, "instance": self.instance, "gpu_driver": self.driver}


def _hash(parts: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:DIGITS]


@cache
def this_machine() -> Machine:
    """The one that this process runs on."""
    cuda = torch.cuda.is_available()
    return Machine(
        processor=processor(),
        cores=_cores(),
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)),
        torch=torch.__version__,
        python=platform.python_version(),
        node=platform.node(),
        gpu=torch.cuda.get_device_name() if cuda else None,
        driver=gpu_state.driver_version() if cuda else None,
        boot=_boot(),
        container=_container(),
        gpu_uuid=gpu_state.uuid() if cuda else None,
    )


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor(listed: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's name; on ARM, where Linux has none, the numbers of its maker and of the part."""
    try:
        lines = [line.partition(":") for line in listed.read_text(errors="replace").splitlines()]
    except OSError:
        lines = []
    known: dict[str, str] = {}
    for name, _, value in lines:
        known.setdefault(name.strip(), value.strip())
    if known.get("model name"):
        return known["model name"]
    parts = [known[name] for name in ("CPU implementer", "CPU part") if known.get(name)]
    return " ".join([platform.machine(), *parts]) if parts else platform.processor() or platform.machine()


def _boot(drawn: Path = Path("/proc/sys/kernel/random/boot_id")) -> str | None:
    try:
        return drawn.read_text().strip()
    except OSError:
        return None


def _container(namespace: Path = Path("/proc/self/ns/pid")) -> str | None:
    try:
        return os.readlink(namespace)
    except OSError:
        return None
