"""One cell ready at a time, the same for both harnesses; failures told apart by what torch says."""

import errno
import gc
import inspect
import socket
import sys
import weakref
from types import SimpleNamespace

import pytest
import torch

from bench import asv_step_time
from bench import prepare as prepare_module
from bench.asv_suite import PROFILE
from bench.conftest import Measuring, Reporter
from bench.lane.reports import decode
from bench.meters.turns import Turns
from bench.meters.warm_up import rounds_within
from bench.prepare import breaks_the_device, describe, describe_failure, is_of_surroundings, prepare
from bench.profiles import PROFILES, get_profile
from bench.test_step_time import test_step_time as time_under_pytest
from bench.workloads import build
from tests.bench.cells import cell
from urnn.backends.kernel_cache import BuildError
from urnn.tasks import digits


class Benchmark:
    """What the test under pytest-benchmark does to its fixture."""

    def __init__(self) -> None:
        self.extra_info: dict[str, object] = {}
        self.group = self.timed = self.rounds = None

    def pedantic(self, run, *, rounds: int, iterations: int, teardown) -> None:
        self.timed, self.rounds, self.iterations = run, rounds, iterations


def timed_under_pytest(tested, profile, *, memory: bool = False) -> Benchmark:
    conditions = {"pass": 1, "threads": 1, "allocator": "default"}
    time_under_pytest(benchmark := Benchmark(), tested.id, Measuring(profile, memory, conditions), Turns())
    return benchmark


def timed_under_asv(tested) -> SimpleNamespace:
    benchmark = asv_step_time.OverHiddenSize()
    benchmark.setup(tested.variant, tested.phase, "cpu", tested.hidden_size, tested.length, tested.batch)
    return benchmark


def test_both_harnesses_time_the_same_call():
    tested = cell(phase="forward", hidden_size=5)
    under_pytest = timed_under_pytest(tested, PROFILE)
    under_asv = timed_under_asv(tested)
    assert under_asv.prepared.workload.run is under_pytest.timed
    assert under_asv.prepared.workload.cell == tested


def test_asvs_timed_call_is_one_call_and_nothing_else():
    calls = []
    benchmark = asv_step_time.OverHiddenSize()
    benchmark.prepared = SimpleNamespace(workload=SimpleNamespace(run=lambda: calls.append(1)))
    benchmark.time_call("lstm:torch", "train", "cpu", 4, 3, 2)
    assert calls == [1]
    assert (benchmark.number, benchmark.warmup_time) == (1, 0)


def test_both_harnesses_stop_after_the_same_number_of_calls():
    at_most = inspect.signature(rounds_within).parameters["at_most"].default
    assert asv_step_time.OverHiddenSize.repeat == (PROFILE.rounds, at_most, PROFILE.seconds)
    assert asv_step_time.OverHiddenSize.rounds == PROFILE.passes


def test_asv_sets_up_again_before_every_call_and_the_cell_is_still_built_once(monkeypatch):
    builds = []
    build = prepare_module.build
    monkeypatch.setattr(prepare_module, "build", lambda tested: builds.append(tested) or build(tested))
    tested = cell(phase="forward", hidden_size=6)
    for _ in range(3):
        timed_under_asv(tested)
    assert builds == [tested]


def test_a_device_that_is_absent_is_not_applicable_to_asv(without_gpu):
    with pytest.raises(NotImplementedError, match=r"^device 'cuda' was asked for and torch sees no CUDA device"):
        asv_step_time.OverHiddenSize().setup("lstm:torch", "train", "cuda", 4, 3, 2)


def test_the_last_cell_is_gone_before_the_next_is_built(monkeypatch):
    """Two that fit one by one must not run out of memory together."""
    last = weakref.ref(prepare(cell(hidden_size=7), 0.0).workload.model)
    alive = []
    build = prepare_module.build
    monkeypatch.setattr(prepare_module, "build", lambda tested: alive.append(last()) or build(tested))
    gc.collect()
    assert last() is not None
    prepare(cell(hidden_size=8), 0.0)
    assert alive == [None]


def test_a_cell_that_cannot_be_built_leaves_no_other_behind():
    prepare(cell(), 0.0)
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        prepare(cell(batch=10**15), 0.0)
    assert prepare(cell(), 0.0).workload.cell == cell()


def test_a_prepared_cell_is_warm():
    prepared = prepare(cell(), 0.0)
    assert prepared.warm_up.calls >= 2
    assert prepared.warm_up.warm_call > 0
    assert prepared.warm_up.first_call > 0
    assert prepared.peak_allocated_bytes() > 0


@pytest.mark.parametrize("profile", ["quick", "full"])
def test_the_profile_says_how_long_a_cell_is_timed(profile):
    few = timed_under_pytest(cell(), get_profile(profile))
    assert few.rounds >= PROFILES[profile].rounds


def test_memory_is_measured_where_it_is_asked_for_and_not_invented_elsewhere():
    tested, quick = cell(), get_profile("quick")
    assert timed_under_pytest(tested, quick, memory=False).extra_info["peak_allocated_bytes"] is None
    measured = timed_under_pytest(tested, quick, memory=True).extra_info["peak_allocated_bytes"]
    assert measured == prepare(tested, quick.seconds).peak_allocated_bytes()


def test_the_description_is_the_cell_and_its_models_row():
    assert describe(cell("urnn:reference", hidden_size=512, length=100, batch=64)) == {
        "model": "urnn",
        "backend": "reference",
        "phase": "train",
        "device": "cpu",
        "dtype": "float32",
        "hidden_size": 512,
        "length": 100,
        "batch": 64,
        "task": "copying",
        "num_layers": 1,
        "label": "uRNN",
        "family": "unitary",
        "state_size": 1024,
        "parameters": 512 * 30,
    }


def test_the_description_of_several_layers_counts_them_all():
    described = describe(cell("lstm_ladder:naive", hidden_size=8, num_layers=3))
    assert described["state_size"] == 3 * 2 * 8
    assert described["parameters"] == 4 * 8 * (10 + 8 + 2) + 2 * 4 * 8 * (8 + 8 + 2)
    rnn = build(cell("urnn_ladder:op_by_op", hidden_size=8, num_layers=3)).model
    count = sum(parameter.numel() for parameter in rnn.parameters())
    assert describe(cell("urnn_ladder:op_by_op", hidden_size=8, num_layers=3))["parameters"] == count


def test_the_description_counts_parameters_for_the_tasks_input():
    assert describe(cell(hidden_size=8, task="pixels"))["parameters"] == 4 * 8 * (1 + 8 + 2)


def raised_by_torch() -> BaseException:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(10**15, dtype=torch.float64)
    return caught.value


@pytest.mark.parametrize(
    "error",
    [raised_by_torch(), MemoryError(), torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")],
    ids=["cpu", "python", "cuda"],
)
def test_memory_that_runs_out_is_known_on_every_device(error):
    outcome, message = describe_failure(error)
    assert outcome == "out of memory"
    assert message.startswith(f"{type(error).__name__}: ")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RuntimeError("shapes\n   do not\tmatch"), "RuntimeError: shapes do not match"),
        (ValueError("can't allocate memory"), "ValueError: can't allocate memory"),
        (ZeroDivisionError(), "ZeroDivisionError: ZeroDivisionError"),
        (RuntimeError("x" * 1000), f"RuntimeError: {'x' * 486}"),
    ],
)
def test_any_other_error_is_a_failure_in_one_line(error, message):
    assert describe_failure(error) == ("failed", message)


def caused(cause: Exception) -> RuntimeError:
    error = RuntimeError("no backend")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (BuildError("no C++ compiler (g++) was found"), True),
        (caused(BuildError("no C++ compiler")), True),
        (ModuleNotFoundError("No module named 'sklearn'"), True),
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (MemoryError(), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("CUDA error: unspecified launch failure"), True),
        (ValueError("no such size"), False),
        (RuntimeError("shapes do not match"), False),
        (caused(ValueError("no such size")), False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_what_the_surroundings_made_fail_is_told_from_the_cells_own_fault(error, expected):
    assert is_of_surroundings(error) is expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RuntimeError("CUDA error: an illegal memory access was encountered"), True),
        (RuntimeError("launching the CUDA kernel 'forward' with 2 blocks failed: CUDA_ERROR_LAUNCH_FAILED"), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), False),
        (ValueError("backend 'cuda' cannot run hidden_size=100 on cuda"), False),
    ],
)
def test_an_error_that_stays_with_the_process_ends_it_once_it_is_reported(error, expected):
    assert breaks_the_device(error) is expected
    here, there = socket.socketpair()
    with here, there:
        there.sendall(b"\n")  # the answer
        reporter = Reporter(here)
        session = SimpleNamespace(shouldstop=False)
        item = SimpleNamespace(callspec=SimpleNamespace(params={"cell_id": cell().id}), session=session)
        reporting = reporter.pytest_runtest_makereport(item, SimpleNamespace(excinfo=SimpleNamespace(value=error)))
        next(reporting)
        with pytest.raises(StopIteration):
            reporting.send("pytest's own")
        assert decode(there.recv(4096).decode()).cell == cell().id
    assert bool(session.shouldstop) is expected


def test_a_package_that_a_task_needs_and_that_is_missing_is_the_surroundings_fault(monkeypatch):
    for name in ("sklearn", "sklearn.datasets"):
        monkeypatch.setitem(sys.modules, name, None)
    digits.load.cache_clear()
    with pytest.raises(ImportError) as caught:
        prepare(cell(phase="forward", task="pixels", length=4), 0.0)
    outcome, message = describe_failure(caught.value)
    assert outcome == "failed"
    assert message.startswith("ModuleNotFoundError: the digits need scikit-learn, which is not installed; ")
    assert is_of_surroundings(caught.value)


def test_a_cell_whose_kernel_cannot_be_built_says_why(monkeypatch):
    def no_compiler(dtype):
        raise BuildError("no C++ compiler (g++) was found")

    def refused(cell):
        raise ValueError("backend 'cpu' cannot run hidden_size=8 on cpu")

    monkeypatch.setattr(prepare_module, "build", refused)
    with pytest.raises(ValueError, match=r"^backend 'cpu' cannot run"):
        prepare(cell("urnn:cpu", hidden_size=8), 0.0)
    monkeypatch.setattr("urnn.backends.cpu.build.library", no_compiler)
    with pytest.raises(BuildError, match=r"^no C\+\+ compiler") as caught:
        prepare(cell("urnn:cpu", hidden_size=8), 0.0)
    assert describe_failure(caught.value) == ("failed", "BuildError: no C++ compiler (g++) was found")
    assert is_of_surroundings(caught.value)
