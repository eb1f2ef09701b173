"""What makes a machine slower without keeping it busy: a processor or a GPU that throttles, and others on the GPU.

Known weakness: Linux and NVIDIA alone, and virtual machines show no throttling of their processor; the sentinel's
drift shows it all the same.
"""

import subprocess
from collections.abc import Callable
from pathlib import Path

PATIENCE_SECONDS = 20.0  # with a lost GPU it can hang for ever
THROTTLED = ("clocks_event_reasons.hw_slowdown", "clocks_event_reasons.sw_thermal_slowdown")


class Troubles:
    """Remarks on what happened since the last call, or since it was made; none on a machine that is well."""

    def __init__(
        self, *, gpu: bool, system: Path = Path("/sys"), ask: Callable[[str], list[str]] | None = None
    ) -> None:
        self._gpu, self._system, self._ask = gpu, system, ask or nvidia_smi
        self._throttles = self._count()

    def __call__(self) -> list[str]:
        found = []
        count = self._count()
        if count > self._throttles:
            found.append("the processor throttled while this was measured")
        self._throttles = count
        return found + (self._of_gpu() if self._gpu else [])

    def _count(self) -> int:
        """How often any core has throttled since the machine was started."""
        files = self._system.glob("devices/system/cpu/cpu*/thermal_throttle/*_throttle_count")
        return sum(map(_number, files))

    def _of_gpu(self) -> list[str]:
        found = []
        if others := self._ask("--query-compute-apps=pid,process_name"):
            found.append(f"other processes were on the GPU while this was measured: {'; '.join(others)}")
        if any(
            "Active" in line.replace("Not Active", "") for line in self._ask(f"--query-gpu={','.join(THROTTLED)}")
        ):
            found.append("the GPU throttled while this was measured")
        return found


def _number(path: Path) -> int:
    """What a counter of the kernel says; 0 for a core that was taken away meanwhile."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0


def nvidia_smi(query: str, patience: float = PATIENCE_SECONDS) -> list[str]:
    """The lines that nvidia-smi answers; none where it is missing, fails or hangs."""
    command = ["nvidia-smi", query, "--format=csv,noheader"]
    options = {"capture_output": True, "text": True, "errors": "replace", "check": False, "timeout": patience}
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, **options)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.strip()] if done.returncode == 0 else []
