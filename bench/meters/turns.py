"""Where a process that takes turns with others lets them go on, in the middle of a cell's rounds.

Between two parts the others have filled the caches with theirs, so a part may begin with calls that are not timed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Turns:
    """How a cell's rounds are parted.

    Attributes:
        parts: how many there are to be, if there are so many rounds; 1: nobody else takes a turn.
        pause: returns when it is this process's turn again.
    """

    parts: int = 1
    pause: Callable[[], None] = lambda: None

    def begin(self, rounds: int, settle: Callable[[], object] | None) -> Callable[[], None]:
        """Waits for the first turn; what is to be called after each round, untimed.

        `settle` is called at the beginning of each part. What is returned waits after the last round too, so that
        what follows does not come between others' parts.
        """
        if self.parts == 1:
            return lambda: None
        parts = min(self.parts, rounds)
        ends = {round(rounds * part / parts) for part in range(1, parts + 1)}
        done = 0

        def after_round() -> None:
            nonlocal done
            done += 1
            if done in ends:
                self.pause()
                if settle and done < rounds:
                    settle()

        self.pause()
        if settle:
            settle()
        return after_round
