"""A disk that is full, without one, or that is written to at once; and held-out data that is scored in no time."""

import os
import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.urnn.training.tiny import hold_out_few


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test ends the system; one that looks at when `os.fsync` is called puts its own in this one's place."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def limited_files() -> Callable[[int], AbstractContextManager]:
    """While it lasts, a file that grows beyond so many bytes is an OSError of the system's own."""

    @contextmanager
    def limited(size: int) -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited


@pytest.fixture
def few_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """One batch of validation and of test data, for tests whose runs need no exact scores: half of their time."""
    hold_out_few(monkeypatch)
