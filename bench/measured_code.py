"""Which code a measurement depends on: the one rule by which results are taken up again and a history is chosen.

Known weakness: files, not lines. A new row of the registry concerns every cell, although no other cell runs it.
"""

from collections.abc import Collection

from urnn.models import LADDERS

FOLDERS = ("urnn", "bench")
SUFFIXES = (".py", ".cpp", ".cu", ".h")

# Beginnings of paths, from the top of the checkout. What is listed here no measuring process imports.
NEVER = (
    *("urnn/coverage", "urnn/pruning", "urnn/training"),
    *(
        "bench/asv_",
        "bench/commands",
        "bench/fleet",
        "bench/history",
        "bench/experiments",
        "bench/reproduce",
        "bench/step_costs",
    ),
    "bench/studies",
)
OF_LADDERS = ("urnn/ladder",)
OF_DEVICES = {
    "cpu": ("urnn/backends/cpu",),
    "cuda": (
        "urnn/backends/cuda",
        *("bench/checked", "bench/cuda_plans", "bench/device_clock", "bench/graphs", "bench/kernel_check"),
        *("bench/meters/device_time", "bench/meters/gpu_state"),
    ),
}


def unused(devices: Collection[str], models: Collection[str]) -> tuple[str, ...]:
    """The beginnings of the paths of code that plays no part when these models are measured on these devices."""
    of_others = [paths for device, paths in OF_DEVICES.items() if device not in devices]
    of_ladders = () if any(model in LADDERS for model in models) else OF_LADDERS
    return (*NEVER, *of_ladders, *(path for paths in of_others for path in paths))
