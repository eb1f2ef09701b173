"""What the analysis says of a gate's folder, asked as a process: files go in, JSON comes out.

Known weakness: a second a question, most of it for importing pandas; it is asked once a round.
"""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from analysis.documents import COUNT, TEXT, ListOf, Record, Text, Whole, load
from analysis.errors import AnalysisError
from bench.errors import SweepError
from bench.paths import ROOT
from bench.processes.children import last_words
from bench.run_file import write_atomically

VERDICTS = "verdicts.json"
NOT_MEASURED = 2
CODES = (0, 1, NOT_MEASURED)
SCREENING, CONFIRMATION = STAGES = ("screening", "confirmation")
TEXTS = ListOf(TEXT)
STEP = Record({"stage": Text(STAGES), "cells": TEXTS, "rounds": COUNT, "told": TEXT, "notes": TEXTS})
ANSWER, CODE = Record({"next": STEP}), Record({"exit_code": Whole(0, NOT_MEASURED)})


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
    verdicts = _without_verdicts(folder)
    numbers = [str(number) for number in astuple(pace)]
    done = _analysis(["gate", str(folder), "--quiet", "--json", str(verdicts), "--pace", *numbers], capture=True)
    if done.returncode not in CODES or not verdicts.exists():
        raise SweepError(f"the measurements cannot be judged: {last_words(done).removeprefix('error: ')}")
    try:
        found = load(verdicts, ANSWER)["next"]
    except AnalysisError as error:
        raise SweepError(f"the measurements cannot be judged: {error}") from error
    if found["stage"] == SCREENING and not found["cells"]:
        raise SweepError(f"the measurements cannot be judged: {verdicts} names no cell for the next round")
    told, notes = found["told"], tuple(found["notes"])
    return Step(found["stage"] == CONFIRMATION, tuple(found["cells"]), found["rounds"], told, notes)


def final(folder: Path, outputs: Sequence[str] = ()) -> int:
    """Prints the table and writes `outputs` (options of the analysis's command); the gate's exit code.

    Python ends with 1 after any crash, so the code alone says nothing: it counts if the verdicts that the analysis
    has just written say the same.

    Raises:
        SweepError: the analysis crashed; its own message stands above.
        ResultsError: the verdicts cannot be written where they were asked for.
    """
    verdicts = _without_verdicts(folder)
    wanted = dict(zip(outputs[::2], outputs[1::2], strict=True))
    copy = wanted.pop("--json", None)
    options = [text for option in wanted.items() for text in option]
    done = _analysis(["gate", str(folder), *options, "--json", str(verdicts)], capture=False)
    try:
        code = load(verdicts, CODE)["exit_code"]
    except AnalysisError:
        code = None
    if code != done.returncode:
        if done.returncode == NOT_MEASURED:
            return NOT_MEASURED  # it has said why
        raise SweepError(f"the measurements cannot be judged: the analysis ended with exit code {done.returncode}")
    if copy:
        write_atomically(Path(copy), verdicts.read_text())
    return code


def _without_verdicts(folder: Path) -> Path:
    """Where the analysis is to write; what an earlier call has written there is removed."""
    verdicts = folder / VERDICTS
    try:
        verdicts.unlink(missing_ok=True)
    except OSError as error:
        raise SweepError(f"cannot remove the earlier {verdicts}: {error.strerror}") from error
    return verdicts


def _analysis(arguments: Sequence[str], *, capture: bool) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "analysis", *arguments]
    sys.stdout.flush()
    options = {"stdin": subprocess.DEVNULL, "capture_output": capture, "text": True, "errors": "replace"}
    return subprocess.run(command, cwd=ROOT, check=False, **options)
