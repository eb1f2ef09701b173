"""Machine, versions and conditions of one setting, as terms and words."""

from __future__ import annotations

import pandas as pd

from analysis import units
from analysis.report.measured import Measured


def facts(measured: Measured) -> list[tuple[str, str]]:
    """Machine and versions; what is not recorded is left out."""
    rows, setting = measured.rows, measured.setting
    memory, cores = _only(rows["memory_bytes"]), _only(rows["cores"])
    on_cuda = setting.device == "cuda"
    known = [
        ("Machine", setting.machine),
        ("Instances", ", ".join(measured.instances) if len(measured.instances) > 1 else None),
        ("Processor", _only(rows["cpu"])),
        ("Cores", cores and str(cores)),
        ("Memory", memory and units.binary_bytes(float(memory))),
        ("GPU", _only(rows["gpu"])),
        ("About the GPU", _only(rows["gpu_facts"])),
        ("TF32", _only(rows["tf32"]) if on_cuda else None),
        ("System", _only(rows["os"])),
        ("Device", f"{setting.device}, {setting.dtype}"),
        ("Threads", "not recorded" if setting.threads is None else str(setting.threads)),
        ("Allocator", setting.allocator or "not recorded"),
        ("torch", setting.torch),
        ("Python", _only(rows["python"])),
        ("Commit", setting.version()),
        ("Kernel build at first use", None if on_cuda else _kernel_build(rows["kernel_build_seconds"])),
        ("Measured", _period(rows["measured_at"])),
        ("Harness", setting.source),
        ("Not shown", "; ".join(f"{other.version()} under {other.source}" for other in measured.left_out)),
    ]
    return [(name, str(value)) for name, value in known if value]


def _only(column: pd.Series) -> object:
    known = column.dropna().unique()
    return known[-1] if len(known) else None


def _kernel_build(seconds: pd.Series) -> str:
    known = seconds.dropna()
    if known.empty:
        return f"{units.NOT_MEASURED} (the kernel was cached, or its build was not recorded)"
    return f"{units.seconds(known.iloc[-1])}, outside every measurement"


def _period(times: pd.Series) -> str:
    known = sorted(times.dropna())
    if not known:
        return ""
    first, last = (time[:16].replace("T", " ") for time in (known[0], known[-1]))
    return f"{first} UTC" if first == last else f"{first} to {last} UTC"
