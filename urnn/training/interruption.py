"""Signals that ask for an end: a question between two iterations, since no optimiser's step may be cut in two.

Outside of training they are what Ctrl-C is in any Python program. A signal that is ignored when the program starts
(SIGHUP under nohup, SIGINT of a background job) stays ignored.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)  # Windows has no SIGHUP


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
    """Every signal asks for a stop while this lasts; of the main thread only."""
    stop = Stop()
    with _handled_by(stop.ask):
        yield stop


@contextmanager
def as_ctrl_c() -> Iterator[None]:
    """Every signal raises KeyboardInterrupt while this lasts; of the main thread only."""

    def stop(*_signal_and_frame: object) -> None:
        raise KeyboardInterrupt

    with _handled_by(stop):
        yield


@contextmanager
def _handled_by(handler: Callable[..., None]) -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    taken = [number for number, old in before.items() if old is not signal.SIG_IGN]
    for number in taken:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, before[number])
