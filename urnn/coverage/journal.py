"""What a campaign leaves in its folder: a log of JSON lines, and a checkpoint to go on from to the same bits.

The log's lines are of kind "campaign" (the first: settings), "progress", "defect" and "end". As in the trainer,
the log is written first and the checkpoint second, and lines that the checkpoint does not cover are dropped when
a campaign goes on.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from urnn.coverage.campaign import Campaign, Defect
from urnn.training import checkpoint, files
from urnn.training.errors import TrainingError
from urnn.training.lines import LineFile, is_counted

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
        self._file = LineFile(self.path, _has_its_fields)
        self._written = 0  # defects
        self._seconds_before = 0.0  # of earlier calls

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
            self._file.rewrite([first])
            return False
        try:
            self._seconds_before = float(state.get("seconds", 0.0))  # a campaign from before it was kept has none
            campaign.load_state_dict(state)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise TrainingError(
                f"{path} does not fit this campaign ({type(error).__name__}); {checkpoint.ADVICE}"
            ) from error
        progress = [line for line in self._file.whole() if line["kind"] == "progress"]
        kept = [line for line in progress if line["evaluations"] <= campaign.evaluations]
        kept += [_defect(defect) for defect in campaign.defects]  # the checkpoint has them all, a damaged log not
        self._file.rewrite([first, *sorted(kept, key=lambda line: (line["evaluations"], line["kind"]))])
        self._written = len(campaign.defects)
        return True

    def record(self, campaign: Campaign, seconds: float) -> None:
        """Writes how far the campaign is, and its new defects; after it nothing of them is lost.

        Args:
            seconds: since this call began; those of earlier ones are added.
        """
        for defect in campaign.defects[self._written :]:
            self._file.append(_defect(defect))
        self._written, seconds = len(campaign.defects), self._seconds_before + seconds
        self._file.append({"kind": "progress", **campaign.summary(), "seconds": round(seconds, 3)})
        checkpoint.save(self.folder, self.identity, {**campaign.state_dict(), "seconds": seconds})

    def end(self, campaign: Campaign, outcome: str) -> None:
        """The last line: "covered", "spent" (the budget) or "interrupted"."""
        left = campaign.metric.uncovered()
        self._file.append({"kind": "end", "outcome": outcome, **campaign.summary(), "left": left})


def _defect(defect: Defect) -> dict[str, Any]:
    values = vars(defect) | {"input": defect.input.tolist(), "original": defect.original.tolist()}
    return {"kind": "defect", **values}


def _has_its_fields(content: Mapping[str, object]) -> bool:
    kind = content.get("kind")
    return kind == "campaign" or (kind in ("progress", "defect", "end") and is_counted(content.get("evaluations")))
