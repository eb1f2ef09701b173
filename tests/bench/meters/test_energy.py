"""Joules of a call: by made-up counters of packages and of a device, and none where nothing counts."""

import pytest

from bench.meters import energy, gpu_state

CALL = 0.025  # seconds
CALLS = 4  # within a tenth of a second


@pytest.fixture
def powercap(tmp_path, monkeypatch):
    """A folder like /sys/class/powercap; returns what adds a package with its counter in microjoules."""
    monkeypatch.setattr(energy, "POWERCAP", tmp_path)

    def add(name, microjoules, most=2**32):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "energy_uj").write_text(f"{microjoules}\n")
        (folder / "max_energy_range_uj").write_text(f"{most}\n")
        return folder / "energy_uj"

    return add


def taking(*counters):
    """A call that takes three millijoules by each counter, which begin again from 0."""

    def call():
        for counter, most in counters:
            counter.write_text(str((int(counter.read_text()) + 3000) % most))

    return call


def test_joules_are_those_of_all_packages_and_not_of_their_parts(powercap):
    one, other = powercap("intel-rapl:0", 10), powercap("intel-rapl:1", 2**32 - 5000)
    part = powercap("intel-rapl:0:0", 0)
    call = taking((one, 2**32), (other, 2**32), (part, 2**32))  # the second begins again meanwhile
    assert energy.joules_a_call(call, CALL, "cpu") == pytest.approx(2 * 3e-3)
    assert int(part.read_text()) == 3000 * CALLS


def test_without_a_counter_nothing_is_called(powercap):
    called = []
    assert energy.joules_a_call(lambda: called.append(1), CALL, "cpu") is None
    powercap("intel-rapl:0", "no number")
    assert energy.joules_a_call(lambda: called.append(1), CALL, "cpu") is None
    assert called == []


def test_a_counter_that_root_alone_may_read_is_none(powercap, monkeypatch):
    powercap("intel-rapl:0", 10)

    def refused(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(energy.Package, "read", refused)
    assert not energy.counts("cpu")


def test_of_a_device_it_is_its_own_counter(monkeypatch):
    taken = []
    monkeypatch.setattr(gpu_state, "energy_joules", lambda: 100 + 2.0 * len(taken))
    monkeypatch.setattr(energy.torch.cuda, "synchronize", lambda: None)
    assert energy.joules_a_call(lambda: taken.append(1), 0.125, "cuda") == 2.0
    assert len(taken) == 4
    monkeypatch.setattr(gpu_state, "energy_joules", lambda: None)
    assert energy.joules_a_call(lambda: taken.append(1), 0.125, "cuda") is None
