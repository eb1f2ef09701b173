"""Throttling and a shared GPU, on a made-up /sys and a made-up nvidia-smi."""

import pytest

from bench.machine.throttling import Troubles, nvidia_smi
from bench.machine.watch import Load, Watch


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


@pytest.mark.parametrize(
    ("processes", "reasons", "expected"),
    [
        ([], ["Not Active, Not Active"], []),
        ([], ["Not Active, Active"], ["the GPU throttled while this was measured"]),
        (["7, python"], [], ["other processes were on the GPU while this was measured: 7, python"]),
    ],
)
def test_the_gpu_is_asked_for_others_and_for_reasons(tmp_path, processes, reasons, expected):
    answers = {"--query-compute-apps": processes, "--query-gpu": reasons}
    troubles = Troubles(gpu=True, system=tmp_path, ask=lambda query: answers[query.partition("=")[0]])
    assert troubles() == expected
    assert Troubles(gpu=False, system=tmp_path, ask=lambda query: ["Active"])() == []


def test_without_nvidia_smi_or_with_one_that_fails_nothing_is_known(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert nvidia_smi("--query-gpu=x") == []
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho broken; exit 9\n")
    program.chmod(0o755)
    assert nvidia_smi("--query-gpu=x") == []
    program.write_text('#!/bin/sh\necho "$1 $2"; echo\n')
    assert nvidia_smi("--query-gpu=x") == ["--query-gpu=x --format=csv,noheader"]
    program.write_text("#!/bin/sh\nexec /bin/sleep 600\n")
    assert nvidia_smi("--query-gpu=x", patience=0.1) == []
    program.write_text("no program")
    assert nvidia_smi("--query-gpu=x") == []


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
