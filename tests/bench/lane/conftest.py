"""Measuring processes that are played."""

import pytest

from bench.lane import lane
from tests.bench.lane.played import Machine


@pytest.fixture
def machine(monkeypatch) -> Machine:
    """Plays every measuring process that a lane starts."""
    made = Machine()
    monkeypatch.setattr(lane, "measuring_process", made.process)
    return made
