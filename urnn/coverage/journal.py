"""What a campaign leaves in its folder: a log of JSON lines, and a checkpoint to go on from to the same bits.

The log's lines are of kind "campaign" (the first: settings), "progress", "defect" and "end". As in the trainer,
the log is written first and the checkpoint second, and lines that the checkpoint does not cover are dropped when
a campaign goes on.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from urnn.coverage.campaign import Campaign, Defect
from urnn.files import write_atomically
from urnn.training import checkpoint, files
from urnn.training.errors import TrainingError

FORMAT = 1
NAME = "coverage.jsonl"


class Journal:
    """The log and the checkpoint of one campaign.

    Args:
        folder: where they are.
        identity: what two commands share that go on with the same campaign: plain numbers, strings or None.
    """

    def __init__(self, folder: Path, identity: Mapping[str, object]) -> None:
        self.path, self.folder, self.identity = folder / NAME, folder, dict(identity)
        self._written = 0  # defects

    def forget(self) -> None:
        """Removes both files."""
        for path in (self.path, self.folder / checkpoint.NAME):
            files.remove(path)

    def begin(self, campaign: Campaign) -> bool:
        """Starts a log, or takes a campaign up where its checkpoint left it; whether there was one.

        Raises:
            TrainingError: the checkpoint is damaged or of another campaign.
        """
        path = self.folder / checkpoint.NAME
        state = checkpoint.load(self.folder, self.identity)
        first = {"kind": "campaign", "format": FORMAT, **self.identity, "requirements": campaign.metric.count}
        if state is None:
            self._rewrite([first])
            return False
        try:
            campaign.load_state_dict(state)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise TrainingError(
                f"{path} does not fit this campaign ({type(error).__name__}); {checkpoint.ADVICE}"
            ) from error
        kept = [line for line in self.lines() if self._covered(line, campaign.evaluations)]
        kept += [_defect(defect) for defect in campaign.defects]  # the checkpoint has them all, a damaged log not
        self._rewrite([first, *sorted(kept, key=lambda line: (line["evaluations"], line["kind"]))])
        self._written = len(campaign.defects)
        return True

    def record(self, campaign: Campaign, seconds: float) -> None:
        """Writes how far the campaign is, and its new defects; after it nothing of them is lost."""
        for defect in campaign.defects[self._written :]:
            self._append(_defect(defect))
        self._written = len(campaign.defects)
        self._append({"kind": "progress", **campaign.summary(), "seconds": round(seconds, 3)})
        checkpoint.save(self.folder, self.identity, campaign.state_dict())

    def end(self, campaign: Campaign, outcome: str) -> None:
        """The last line: "covered", "spent" (the budget) or "interrupted"."""
        left = campaign.metric.uncovered()
        self._append({"kind": "end", "outcome": outcome, **campaign.summary(), "left": left})

    def lines(self) -> list[dict[str, Any]]:
        """Every whole line; a damaged one is left out."""
        found = []
        for line in (files.read(self.path) or b"").splitlines():
            try:
                content = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(content, dict) and "kind" in content:
                found.append(content)
        return found

    @staticmethod
    def _covered(line: Mapping[str, Any], evaluations: int) -> bool:
        done = line.get("evaluations")
        return line["kind"] == "progress" and isinstance(done, int) and done <= evaluations

    def _append(self, line: Mapping[str, object]) -> None:
        try:
            files.append(self.path, _line(line))
        except OSError as error:
            raise self._cannot_write(error) from error

    def _rewrite(self, lines: list[dict[str, Any]]) -> None:
        try:
            write_atomically(self.path, b"".join(map(_line, lines)))
        except OSError as error:
            raise self._cannot_write(error) from error

    def _cannot_write(self, error: OSError) -> TrainingError:
        return TrainingError(f"cannot write {self.path} ({files.reason(error)}); the last checkpoint is kept")


def _defect(defect: Defect) -> dict[str, Any]:
    values = vars(defect) | {"input": defect.input.tolist(), "original": defect.original.tolist()}
    return {"kind": "defect", **values}


def _line(content: Mapping[str, object]) -> bytes:
    return json.dumps(content).encode() + b"\n"
