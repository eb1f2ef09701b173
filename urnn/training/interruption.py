"""Ctrl-C and SIGTERM as a question between two iterations, since an optimiser's step must not be cut in two."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


class Stop:
    """Whether the user wants an end; the second time of asking is an ordinary KeyboardInterrupt."""

    def __init__(self) -> None:
        self.asked = False

    def ask(self, *_signal_and_frame: object) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


@contextmanager
def listening() -> Iterator[Stop]:
    """Takes both signals while it lasts; of the main thread only."""
    stop = Stop()
    before = {number: signal.signal(number, stop.ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
