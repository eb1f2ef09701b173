"""A run's log: one JSON object a line, appended and flushed, whose readers need no model.

Lines are of kind "run" (the first: settings and surroundings), "evaluation", "anatomy" and "end". A run that is
taken up again first drops what its checkpoint does not know: half a line, evaluations after it, an end.
"""

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path

from urnn.training.errors import TrainingError

FORMAT = 1
NAME = "log.jsonl"


class Log:
    """The log in a run's folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME

    def start(self, facts: Mapping[str, object]) -> None:
        """A log of nothing but the run's first line; an older one is gone."""
        self._rewrite([{"kind": "run", "format": FORMAT, **facts}])

    def append(self, kind: str, **values: object) -> None:
        with self.path.open("a") as file:  # closed, so that a killed process has nothing in a buffer
            file.write(json.dumps({"kind": kind, **values}) + "\n")

    def lines(self) -> list[dict]:
        """Every whole line; none where there is no log."""
        found = []
        with contextlib.suppress(FileNotFoundError):
            for line in self.path.read_text().splitlines(keepends=True):
                with contextlib.suppress(ValueError):  # cut short by a killed process
                    found.append(json.loads(line))
        return found

    def end(self) -> dict | None:
        """The last line if it is a run's end, else None."""
        lines = self.lines()
        return lines[-1] if lines and lines[-1]["kind"] == "end" else None

    def cut_after(self, iteration: int) -> None:
        """Drops the end and whatever was seen after this iteration.

        Raises:
            TrainingError: there is no run's first line, so this is no log that could go on.
        """
        lines = self.lines()
        if not lines or lines[0]["kind"] != "run":
            raise TrainingError(f"{self.path} is missing or damaged beside a checkpoint; start over with --fresh")
        kept = [
            line
            for line in lines
            if line["kind"] == "run" or (line["kind"] != "end" and line["iteration"] <= iteration)
        ]
        self._rewrite(kept)

    def _rewrite(self, lines: list[dict]) -> None:
        temporary = self.path.with_name(f"{NAME}.tmp")
        temporary.write_text("".join(json.dumps(line) + "\n" for line in lines))
        temporary.replace(self.path)
