"""Whether a run was still improving when it was stopped: then its end is no verdict on its model."""

from collections.abc import Mapping, Sequence
from typing import Any

IMPROVED = 0.02  # of the best validation loss before; less than that is a plateau
LATER_SHARE = 1 / 3  # of the iterations, at the end


def still_improving(evaluations: Sequence[Mapping[str, Any]], iterations: int) -> bool:
    """Whether the last third of so many iterations lowered the best validation loss by more than 2 %.

    Where nothing was evaluated before that third, nobody can tell, and it counts as improving.

    Example:
        >>> from urnn.training.improvement import still_improving
        >>> flat = [{"iteration": i, "loss": loss} for i, loss in ((50, 0.5), (100, 0.171), (150, 0.170))]
        >>> still_improving(flat, 150)
        False
        >>> still_improving([*flat, {"iteration": 200, "loss": 0.16}], 200)
        True
    """
    turn = (1 - LATER_SHARE) * iterations
    before = [line["loss"] for line in evaluations if line["iteration"] <= turn]
    after = [line["loss"] for line in evaluations if line["iteration"] > turn]
    return not before or (bool(after) and min(after) < (1 - IMPROVED) * min(before))
