"""A run's log: one JSON object a line, appended and flushed, whose readers need no model.

Lines are of kind "run" (the first: settings and surroundings), "evaluation", "anatomy" and "end". A run that is
resumed first drops what its checkpoint does not cover: half a line, evaluations after it, an end. A damaged line
is left out and reported; it costs a report one evaluation and the run nothing.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from urnn.training import files
from urnn.training.errors import TrainingError
from urnn.training.lines import Line, LineFile, is_counted

FORMAT = 1
NAME = "log.jsonl"
# Outcomes of a run that came to an end of its own. "not finished" is one that a limit stopped while it was still
# improving; logs from before there was that word say "finished" of it.
ENDED = ("solved", "finished", "not finished", "diverged")


class Log:
    """The log in a run's folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._file = LineFile(self.path, _has_its_fields)

    def start(self, facts: Mapping[str, object]) -> None:
        """A log of nothing but the run's first line; an older one is gone."""
        self._file.rewrite([{"kind": "run", "format": FORMAT, **facts}])

    def append(self, kind: str, **values: object) -> None:
        """Raises TrainingError where the disk is full or the folder is gone."""
        self._file.append({"kind": kind, **values})

    def lines(self) -> list[Line]:
        """Every whole line; none where there is no log.

        Raises:
            TrainingError: it is no file that can be read.
        """
        return self._file.whole()

    def is_readable(self) -> bool:
        """Whether there is a log, or nothing in its place."""
        try:
            files.read(self.path)
        except TrainingError:
            return False
        return True

    def written_at(self) -> float:
        """When the file was last written to, in seconds since the epoch; 0 where there is none."""
        try:
            return self.path.stat().st_mtime
        except OSError:  # removed since, or a link to itself
            return 0.0

    def first(self) -> Line | None:
        """The run's first line, or None where there is none."""
        lines = self.lines()
        return lines[0] if lines and lines[0]["kind"] == "run" else None

    def end(self) -> Line | None:
        """The last line if it is a run's end of whatever kind, else None."""
        lines = self.lines()
        return lines[-1] if lines and lines[-1]["kind"] == "end" else None

    def own_end(self) -> Line | None:
        """The last line if the run came to an end of its own and was not interrupted, else None."""
        end = self.end()
        return end if end and end["outcome"] in ENDED else None

    def evaluations(self) -> list[Line]:
        """Those that are there, in their order."""
        return [line for line in self.lines() if line["kind"] == "evaluation"]

    def first_solved(self) -> Line | None:
        """The first evaluation that met the run's goal, or None."""
        return next((line for line in self.evaluations() if line.get("solved")), None)

    def cut_after(
        self, iteration: int, facts: Mapping[str, object], solved: Callable[[int, Mapping[str, object]], bool]
    ) -> list[int]:
        """Drops the end and whatever was seen after this iteration.

        Args:
            facts: replace those of the first line.
            solved: iteration, evaluation -> whether it meets the goal that the first line has now.

        Returns:
            The numbers of the lines that were damaged and are left out, from 1.

        Raises:
            TrainingError: there is no run's first line, so this is no log that could go on.
        """
        found = self._file.numbered()
        first = found[0][1] if found else None
        if first is None or first["kind"] != "run":
            raise TrainingError(f"{self.path} is missing or damaged beside a checkpoint; start over with --fresh")
        seen = [line for _, line in found if line and line["kind"] in ("evaluation", "anatomy")]
        kept = [line for line in seen if line["iteration"] <= iteration]
        for line in kept:
            if line["kind"] == "evaluation":
                line["solved"] = solved(line["iteration"], line)
        self._file.rewrite([{**first, **facts}, *kept])
        return [number for number, line in found if line is None]


def _has_its_fields(content: Mapping[str, object]) -> bool:
    kind, iteration = content.get("kind"), content.get("iteration")
    if kind == "run":
        return True
    counted = is_counted(iteration)
    if kind == "end":
        named = all(isinstance(content.get(name), str) for name in ("outcome", "message"))
        return counted and named and isinstance(content.get("seconds"), int | float)
    return counted and kind in ("evaluation", "anatomy")
