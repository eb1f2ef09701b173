"""What the analysis says of a gate's folder, asked as a process: files go in, JSON comes out.

Known weakness: a second a question, most of it for importing pandas; it is asked once a round.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from bench.worker import ROOT, SweepError

VERDICTS = "verdicts.json"
CODES = (0, 1, 2)


@dataclass(frozen=True)
class Pace:
    """How far a gate is: rounds of screening, seconds in all and left, and what a cell of the last round cost."""

    rounds: int
    seconds: float
    left: float
    per_cell: float


@dataclass(frozen=True)
class Step:
    """What to measure next: one more round of screening of these cells, or so many confirming these suspects."""

    is_confirmation: bool
    cells: tuple[str, ...]
    rounds: int = 1
    told: str = ""
    notes: tuple[str, ...] = ()


def ask(folder: Path, pace: Pace) -> Step:
    """What comes next after the rounds that the folder holds.

    Raises:
        SweepError: the folder cannot be judged; the message is the analysis's own.
    """
    verdicts = folder / VERDICTS
    verdicts.unlink(missing_ok=True)
    numbers = [str(number) for number in astuple(pace)]
    done = _analysis(["gate", str(folder), "--quiet", "--json", str(verdicts), "--pace", *numbers], capture=True)
    if done.returncode not in CODES or not verdicts.exists():
        said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise SweepError(f"the measurements cannot be judged: {said.removeprefix('error: ')}")
    found = json.loads(verdicts.read_text())["next"]
    is_confirmation = found["stage"] == "confirmation"
    return Step(is_confirmation, tuple(found["cells"]), found["rounds"], found["told"], tuple(found["notes"]))


def final(folder: Path, outputs: Sequence[str] = ()) -> int:
    """Prints the table and writes `outputs` (options of the analysis's command); the gate's exit code."""
    done = _analysis(["gate", str(folder), *outputs], capture=False)
    return done.returncode if done.returncode in CODES else 2


def _analysis(arguments: Sequence[str], *, capture: bool) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "analysis", *arguments]
    sys.stdout.flush()
    return subprocess.run(command, cwd=ROOT, capture_output=capture, text=True, check=False)
