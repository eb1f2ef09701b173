"""A run's state on disk: whole at every moment, and refused where it is damaged or of another run.

It is written under another name and renamed, so that a killed process leaves the last one and never half of one.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import torch

from urnn.training.errors import TrainingError

FORMAT = 1
NAME = "checkpoint.pt"
ADVICE = "start over with --fresh, or name another folder with --runs"


def save(folder: Path, identity: Mapping[str, object], state: Mapping[str, object]) -> None:
    """Writes the folder's checkpoint as a whole or not at all.

    Args:
        identity: what a run has to share with this one to go on from here: plain numbers, strings or None.
        state: what it goes on from: tensors, numbers, strings, lists and dicts of them.

    Raises:
        TrainingError: the disk is full or the folder cannot be written to.
    """
    temporary = folder / f"{NAME}.tmp"
    try:
        with temporary.open("wb") as file:
            torch.save({"format": FORMAT, "identity": dict(identity), "state": dict(state)}, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(folder / NAME)
    except (OSError, RuntimeError) as error:  # torch's writer tells a full disk as a RuntimeError
        raise TrainingError(
            f"cannot write {folder / NAME} ({_one_line(error)}); the checkpoint before it is kept"
        ) from error


def remove(folder: Path) -> None:
    """Forgets what the folder's run has reached; without a checkpoint, a run starts over."""
    (folder / NAME).unlink(missing_ok=True)


def load(folder: Path, identity: Mapping[str, object]) -> dict[str, object] | None:
    """The state in the folder's checkpoint, or None where there is no checkpoint.

    Raises:
        TrainingError: it is damaged, of another format, or of a run with another identity.
    """
    path = folder / NAME
    if not path.exists():
        return None
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises five kinds for a damaged file
        raise TrainingError(f"{path} is damaged or no checkpoint ({_one_line(error)}); {ADVICE}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        found = content.get("format") if isinstance(content, dict) else None
        raise TrainingError(f"expected {path} to be a checkpoint of format {FORMAT}, got {found!r}; {ADVICE}")
    _require_same(path, content["identity"], identity)
    return content["state"]


def _require_same(path: Path, stored: Mapping[str, object], asked: Mapping[str, object]) -> None:
    different = [
        f"{name} {stored.get(name)} instead of {asked.get(name)}"
        for name in {**stored, **asked}
        if stored.get(name) != asked.get(name)
    ]
    if different:
        raise TrainingError(f"{path} is of another run: {', '.join(different)}; {ADVICE}")


def _one_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
