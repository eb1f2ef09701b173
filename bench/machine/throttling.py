"""What makes a machine slower without keeping it busy: a processor or a GPU that throttles, and others on the GPU.

What counts as a disturbed GPU is `bench.meters.gpu_state`'s rule, the one that each figure is measured by.

Known weakness: Linux and NVIDIA alone, and virtual machines show no throttling of their processor; the sentinel's
drift shows it all the same. Without NVML's package the time of reduced clocks is not known, and between passes
the GPU is idle, so that it shows no other trace.
"""

import time
from collections.abc import Callable
from pathlib import Path

from bench.meters.gpu_state import GpuState, disturbance, read_state


class Troubles:
    """Remarks on what happened since the last call, or since it was made; empty if nothing was throttled.

    It is to be called while none of our own processes is on the GPU.

    Args:
        gpu: whether to look at the GPU as well.
    """

    def __init__(
        self,
        *,
        gpu: bool,
        system: Path = Path("/sys"),
        look: Callable[[], GpuState] = read_state,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._gpu, self._system, self._look, self._clock = gpu, system, look, clock
        self._throttles = self._count()
        self._seen, self._at = (look() if gpu else GpuState()), clock()

    def __call__(self) -> list[str]:
        before, self._throttles = self._throttles, self._count()
        found = ["the processor throttled while this was measured"] if self._throttles > before else []
        return found + (self._of_gpu() if self._gpu else [])

    def _count(self) -> int:
        """How often any core has throttled since the machine was started."""
        files = self._system.glob("devices/system/cpu/cpu*/thermal_throttle/*_throttle_count")
        return sum(map(_number, files))

    def _of_gpu(self) -> list[str]:
        before, begin = self._seen, self._at
        self._seen, self._at = self._look(), self._clock()
        remark = disturbance(before, self._seen, self._at - begin, own=0)
        return [f"{part} while this was measured" for part in remark.split("; ") if part]


def _number(path: Path) -> int:
    """What a counter of the kernel says; 0 for a core that was taken away meanwhile."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0
