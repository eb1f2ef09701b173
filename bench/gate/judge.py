"""What the analysis says of a gate's folder, asked as a process: files go in, JSON comes out.

Known weakness: a second a question, most of it for importing pandas; it is asked once a round.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.worker import ROOT, SweepError

VERDICTS = "verdicts.json"
CODES = (0, 1, 2)


@dataclass(frozen=True)
class SoFar:
    """Cells whose verdict is open, and suspects, the surest first."""

    open: tuple[str, ...]
    suspects: tuple[str, ...]


def so_far(folder: Path) -> SoFar:
    """What is known after the rounds that the folder holds.

    Raises:
        SweepError: the folder cannot be judged; the message is the analysis's own.
    """
    verdicts = folder / VERDICTS
    verdicts.unlink(missing_ok=True)
    done = _analysis(["gate", str(folder), "--quiet", "--json", str(verdicts)], capture=True)
    if done.returncode not in CODES or not verdicts.exists():
        said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise SweepError(f"the measurements cannot be judged: {said.removeprefix('error: ')}")
    found = json.loads(verdicts.read_text())
    return SoFar(tuple(found["open"]), tuple(found["suspects"]))


def final(folder: Path, outputs: Sequence[str] = ()) -> int:
    """Prints the table and writes `outputs` (options of the analysis's command); the gate's exit code."""
    done = _analysis(["gate", str(folder), *outputs], capture=False)
    return done.returncode if done.returncode in CODES else 2


def _analysis(arguments: Sequence[str], *, capture: bool) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "analysis", *arguments]
    sys.stdout.flush()
    return subprocess.run(command, cwd=ROOT, capture_output=capture, text=True, check=False)
