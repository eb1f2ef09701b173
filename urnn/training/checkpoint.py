"""A run's state on disk: whole at every moment, and refused where one bit of it is not as it was written.

The file is one line of text, `urnn checkpoint FORMAT SHA-256`, and then what `torch.save` makes of the state. The
sum is needed because torch's reader does not check the ones in its own format: a flipped bit would be a parameter.
"""

import hashlib
import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from urnn.files import write_atomically
from urnn.training import files
from urnn.training.errors import TrainingError

FORMAT = 2  # 1 was torch's file alone, without a sum
NAME = "checkpoint.pt"
ADVICE = "start over with --fresh, or name another folder with --runs"
_HEAD = re.compile(rb"urnn checkpoint ([0-9]{1,9}) ([0-9a-f]{64})")
_HEAD_BYTES = 100  # more than a head has
_FORMAT_1 = b"PK\x03\x04"  # torch's file is a zip archive


def save(folder: Path, identity: Mapping[str, object], state: Mapping[str, object]) -> None:
    """Writes the folder's checkpoint as a whole or not at all.

    Args:
        identity: what a run has to share with this one to go on from here: plain numbers, strings or None.
        state: what it goes on from: tensors, numbers, strings, lists and dicts of them.

    Raises:
        TrainingError: the disk is full or the folder cannot be written to.
    """
    body = io.BytesIO()
    torch.save({"identity": dict(identity), "state": dict(state)}, body)
    try:
        write_atomically(folder / NAME, sealed(body.getvalue()))
    except OSError as error:
        raise TrainingError(
            f"cannot write {folder / NAME} ({files.reason(error)}); the checkpoint before it is kept"
        ) from error


def sealed(body: bytes, version: int = FORMAT) -> bytes:
    """The file that holds this body."""
    return b"urnn checkpoint %d %s\n%s" % (version, hashlib.sha256(body).hexdigest().encode(), body)


def load(folder: Path, identity: Mapping[str, object]) -> dict[str, Any] | None:
    """The state in the folder's checkpoint, or None where there is no checkpoint.

    Raises:
        TrainingError: it is damaged, of another format, or of a run with another identity.
    """
    path = folder / NAME
    content = read(path)
    if content is None:
        return None
    _require_same(path, content["identity"], identity)
    return content["state"]


def read(path: Path) -> dict[str, dict[str, Any]] | None:
    """Identity and state in a checkpoint, or None where there is no such file.

    Raises:
        TrainingError: it is damaged or of another format.
    """
    content = files.read(path)
    if content is None:
        return None
    body = _checked_body(path, content)
    try:
        stored = torch.load(io.BytesIO(body), map_location="cpu", weights_only=True)  # runs no code of the file's
    except Exception as error:  # torch raises five kinds for what it cannot read
        raise _damaged(path, files.reason(error)) from error
    if not isinstance(stored, dict) or not all(isinstance(stored.get(k), dict) for k in ("identity", "state")):
        raise _damaged(path, "no identity and state in it")
    return stored


def _checked_body(path: Path, content: bytes) -> bytes:
    """What follows the head, once its sum is right."""
    if content.startswith(_FORMAT_1):
        raise TrainingError(
            f"{path} is of format 1, which has no checksum, and this version reads format {FORMAT}; {ADVICE}"
        )
    end = content.find(b"\n", 0, _HEAD_BYTES)
    head = _HEAD.fullmatch(content[: max(end, 0)])
    if head is None:
        raise _damaged(path, "its first line is not that of a checkpoint" if content else "it is empty")
    if int(head[1]) != FORMAT:
        raise TrainingError(f"expected {path} to be a checkpoint of format {FORMAT}, got {int(head[1])}; {ADVICE}")
    body = content[end + 1 :]
    if hashlib.sha256(body).hexdigest().encode() != head[2]:
        raise _damaged(path, "its checksum is wrong")
    return body


def _damaged(path: Path, why: str) -> TrainingError:
    return TrainingError(f"{path} is damaged or no checkpoint ({why}); {ADVICE}")


def _require_same(path: Path, stored: Mapping[str, object], asked: Mapping[str, object]) -> None:
    different = [
        f"{name} {stored.get(name)} instead of {asked.get(name)}"
        for name in {**stored, **asked}
        if stored.get(name) != asked.get(name)
    ]
    if different:
        raise TrainingError(f"{path} is of another run: {', '.join(different)}; {ADVICE}")
