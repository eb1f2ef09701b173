"""Throttling and a shared GPU, with a made-up /sys and played counters of a GPU."""

from dataclasses import replace

import pytest

from bench.machine.throttling import Troubles
from bench.machine.watch import Load, Watch
from bench.meters.gpu_state import THROTTLING, GpuState


@pytest.fixture
def counter(tmp_path):
    """Sets how often a core has throttled."""

    def write(core: int, count: int) -> None:
        path = tmp_path / f"devices/system/cpu/cpu{core}/thermal_throttle/core_throttle_count"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{count}\n")

    return write


def test_a_processor_that_throttles_is_told_once_each_time(counter, tmp_path):
    counter(0, 5)
    counter(1, 0)
    troubles = Troubles(gpu=False, system=tmp_path)
    assert troubles() == []
    counter(1, 1)
    assert troubles() == ["the processor throttled while this was measured"]
    assert troubles() == []


def test_a_machine_without_such_counters_has_none(tmp_path):
    assert Troubles(gpu=False, system=tmp_path)() == []


CALM = GpuState(reasons=0, reduced_s=10.0, processes=0)


@pytest.mark.parametrize(
    ("seen", "remarks"),
    [
        (CALM, []),
        (GpuState(), []),
        (replace(CALM, reasons=0x1), []),  # idle, as it is between passes
        (replace(CALM, reduced_s=12.0), ["the GPU throttled for 2000 ms while this was measured"]),
        (replace(CALM, reduced_s=10.05), []),  # 50 ms of the ten seconds measured
        (replace(CALM, processes=2), ["the GPU was busy with 2 other processes while this was measured"]),
        *(
            (replace(CALM, reasons=bit), [f"the GPU throttled ({name}) while this was measured"])
            for bit, name in THROTTLING.items()
        ),
        (
            replace(CALM, reasons=0x84, processes=1),
            [
                "the GPU throttled (power cap, power brake) while this was measured",
                "the GPU was busy with 1 other process while this was measured",
            ],
        ),
    ],
)
def test_a_gpu_is_disturbed_by_the_rule_of_the_figures(tmp_path, seen, remarks):
    times, states = iter([0.0, 10.0, 20.0]), iter([CALM, seen, seen])
    troubles = Troubles(gpu=True, system=tmp_path, look=lambda: next(states), clock=lambda: next(times))
    assert troubles() == remarks
    if seen.reduced_s != CALM.reduced_s:
        assert troubles() == [], "told once"


def test_a_gpu_that_measures_nothing_is_not_looked_at(tmp_path):
    def look() -> GpuState:
        raise AssertionError("looked at")

    assert Troubles(gpu=False, system=tmp_path, look=look)() == []


def test_a_core_that_is_taken_away_has_no_count(counter, tmp_path):
    counter(0, 5)
    troubles = Troubles(gpu=False, system=tmp_path)
    for core, text in ((1, ""), (2, "no number")):
        counter(core, 0)
        (tmp_path / f"devices/system/cpu/cpu{core}/thermal_throttle/core_throttle_count").write_text(text)
    (tmp_path / "devices/system/cpu/cpu3/thermal_throttle/core_throttle_count").mkdir(parents=True)
    assert troubles() == []


def test_the_watch_notes_troubles_and_does_not_wait_for_them():
    notes: list[str] = []
    watch = Watch(60, notes.append, notes.append, lambda: Load(0.0), troubles=lambda: ["it throttled"])
    watch()
    assert notes == ["it throttled"]
