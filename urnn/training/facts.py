"""The first line of a log: what ran, on what, with which settings."""

import datetime
import os
import platform
import subprocess
import time
from pathlib import Path

import torch

from urnn import models
from urnn.training.settings import MAY_CHANGE
from urnn.training.trainer import Trainer, clock_of


def of_run(trainer: Trainer) -> dict[str, object]:
    """Everything that a reader of the log may want to group, label or judge the run by."""
    settings, problem, network = trainer.settings, trainer.problem, trainer.network
    task, row = problem.task, models.get(settings.model)
    return {
        **{name: value for name, value in settings.as_dict().items() if name not in MAY_CHANGE},
        **changeable(trainer),
        "length": problem.length,
        "steps": task.length,
        "shortest_steps": problem.shortest_steps,
        "label": row.label if network.selection is None else f"{row.label}, units selected",
        "family": row.family,
        "backend": network.backend_in_use,
        "slow_rate": settings.slow_rate if trainer.has_slow_parameters else None,
        "decay": None if settings.optimiser == "sgd" else settings.decay,
        "momentum": None if settings.optimiser == "rmsprop" else settings.momentum,
        "parameters": network.parameter_count,
        "baseline": task.baseline,
        "baseline_score": task.baseline_score,
        "data": problem.data,
        "clock": "processor" if clock_of(settings) is time.process_time else "wall",
        "loss_name": task.loss_name,
        "score_name": task.score_name,
        "dtype": str(next(network.parameters()).dtype).removeprefix("torch."),
        **surroundings(),
    }


def surroundings() -> dict[str, object]:
    """What anything that is measured now runs on."""
    return {
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "cpu": _processor(),
        "commit": _commit(),
        "started_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def changeable(trainer: Trainer) -> dict[str, object]:
    """Those of the facts that another command may change when it goes on with the run."""
    settings = trainer.settings
    return {
        "max_iterations": settings.max_iterations,
        "max_seconds": settings.max_seconds,
        "protocol": settings.protocol,
        "goal": trainer.goal.as_dict(),
    }


def _processor() -> str:
    try:
        described = Path("/proc/cpuinfo").read_text(errors="replace")
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in described.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _commit() -> str:
    """The first eight digits of the commit that this code is of, or "unversioned"."""
    command = ["git", "rev-parse", "--short=8", "HEAD"]
    # GIT_DIR and its like, as a hook has them, would name another repository than this code's.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            command, cwd=Path(__file__).parent, env=environment, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unversioned"
    return done.stdout.strip()
