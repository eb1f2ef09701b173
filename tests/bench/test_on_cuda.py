"""What happens to a cell on CUDA, on a device that is played: graphs, memory, TF32, samples, failures."""

import contextlib
from types import SimpleNamespace

import pytest
import torch

from analysis.vocabulary import FAILED, OUT_OF_MEMORY
from bench import environment, graphs, test_step_time
from bench.asv_memory import _Memory
from bench.conftest import Measuring, _with_its_clock
from bench.device_clock import CLOCK, DeviceClock
from bench.environment import machine_facts
from bench.meters import memory
from bench.meters.device_time import DeviceTime
from bench.meters.gpu_state import GpuState
from bench.meters.turns import Turns
from bench.meters.warm_up import WarmUp
from bench.precision import TENSORS, epsilon_of_rmsprop, set_tf32
from bench.prepare import Prepared, describe_failure
from bench.profiles import get_profile
from bench.workloads import Workload, build
from tests.bench.cells import cell
from tests.urnn.cuda.host import H100
from urnn.backends.cuda.plan import choose
from urnn.backends.kernel_cache import BuildError

ON_CUDA = {"device": "cuda"}
GRAPH = cell("lstm:torch+graph", **ON_CUDA)


class Graph:
    """A graph that remembers what was launched while it was captured."""

    def __init__(self) -> None:
        self.replays = 0

    def replay(self) -> None:
        self.replays += 1


@pytest.fixture
def capturing(monkeypatch) -> SimpleNamespace:
    """torch.cuda's streams and graphs replaced; `where` says where each call of the work ran."""
    state = SimpleNamespace(where="main", graph=None, waited=[])

    @contextlib.contextmanager
    def at(place: str):
        state.where = place
        yield
        state.where = "main"

    def stream(name: str) -> SimpleNamespace:
        return SimpleNamespace(wait_stream=lambda other: state.waited.append(name))

    def graph(made: Graph):
        state.graph = made
        return at("graph")

    fake = SimpleNamespace(
        Stream=lambda: stream("side"),
        current_stream=lambda: stream("main"),
        stream=lambda side: at("side"),
        CUDAGraph=Graph,
        graph=graph,
    )
    monkeypatch.setattr(graphs.torch, "cuda", fake)
    return state


def test_work_is_warmed_on_a_side_stream_then_captured_once_and_replayed(capturing):
    ran = []

    def work():
        ran.append(capturing.where)
        return torch.tensor(len(ran))

    replay = graphs.captured(work)
    assert ran == ["side"] * graphs.WARM_UPS + ["graph"]
    assert capturing.waited == ["side", "main"]
    results = [replay(), replay()]
    assert len(ran) == graphs.WARM_UPS + 1
    assert capturing.graph.replays == 2
    assert results[0] is results[1]


def test_work_that_cannot_be_captured_says_why(capturing):
    def work():
        if capturing.where == "graph":
            raise RuntimeError("operation not permitted when stream is capturing")

    with pytest.raises(RuntimeError) as ended:
        graphs.captured(work)
    assert describe_failure(ended.value) == (
        FAILED,
        "RuntimeError: cannot be captured in a CUDA graph: operation not permitted when stream is capturing",
    )


@pytest.mark.parametrize("where", ["side", "graph"])
def test_memory_that_runs_out_is_that_and_no_failed_capture(capturing, where):
    def work():
        if capturing.where == where:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    with pytest.raises(torch.OutOfMemoryError) as ended:
        graphs.captured(work)
    assert describe_failure(ended.value)[0] == OUT_OF_MEMORY


@pytest.mark.parametrize("captured", [False, True])
def test_the_optimiser_of_a_captured_step_can_be_captured(monkeypatch, captured):
    made = {}
    rmsprop = torch.optim.RMSprop
    monkeypatch.setattr(torch.optim, "RMSprop", lambda given, **options: made.update(options) or rmsprop(given))
    monkeypatch.setattr("bench.workloads.require_device", lambda device: None)
    monkeypatch.setattr("bench.workloads.captured", lambda work: work)
    monkeypatch.setattr(torch.Tensor, "to", _on_the_cpu(torch.Tensor.to))
    tested = SimpleNamespace(**{**cell().as_dict(), "implementation": "torch", "captured": captured})
    build(tested)
    assert made["capturable"] is captured


def _on_the_cpu(to):
    return lambda self, device, *rest: to(self, "cpu", *rest)


def test_a_cell_is_queued_and_its_run_waits(monkeypatch):
    waits = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: waits.append(1))
    from bench.workloads import _synchronised

    run = _synchronised(lambda: torch.ones(()))
    assert run() == 1
    assert waits == [1]


def test_on_a_cpu_queueing_a_call_is_making_it():
    workload = build(cell())
    assert workload.enqueue is workload.run


@pytest.mark.parametrize(("dtype", "setting"), [("tf32", "tf32"), ("float32", "ieee")])
def test_tf32_is_off_unless_named(monkeypatch, dtype, setting):
    matmul, cudnn = (
        SimpleNamespace(),
        SimpleNamespace(rnn=SimpleNamespace(fp32_precision=""), conv=SimpleNamespace()),
    )
    monkeypatch.setattr(torch.backends, "cuda", SimpleNamespace(matmul=matmul))
    monkeypatch.setattr(torch.backends, "cudnn", cudnn)
    set_tf32(dtype == "tf32")
    assert matmul.fp32_precision == cudnn.rnn.fp32_precision == cudnn.conv.fp32_precision == setting


@pytest.mark.parametrize("allowed", [True, False])
def test_older_versions_of_torch_are_told_in_their_words(monkeypatch, allowed):
    matmul, cudnn = SimpleNamespace(), SimpleNamespace()
    monkeypatch.setattr(torch.backends, "cuda", SimpleNamespace(matmul=matmul))
    monkeypatch.setattr(torch.backends, "cudnn", cudnn)
    set_tf32(allowed)
    assert matmul.allow_tf32 is cudnn.allow_tf32 is allowed


def test_every_build_sets_tf32(monkeypatch):
    said = []
    monkeypatch.setattr("bench.workloads.set_tf32", said.append)
    build(cell())
    assert said == [False]


def test_a_step_of_rmsprop_stays_finite_in_every_dtype():
    for name, dtype in TENSORS.items():
        weight = torch.ones(3, dtype=dtype, requires_grad=True)
        weight.grad = torch.full_like(weight, 1e-5)
        torch.optim.RMSprop([weight], lr=1e-3, alpha=0.9, eps=epsilon_of_rmsprop(name)).step()
        assert weight.isfinite().all(), name


class TestMemory:
    @pytest.fixture
    def cuda(self, monkeypatch) -> SimpleNamespace:
        """torch.cuda's counters: 100 bytes in 1000 before; `holds` more while the call runs, 500 more reserved."""
        state = SimpleNamespace(peak=0, log=[])
        counters = SimpleNamespace(
            synchronize=lambda: state.log.append("wait"),
            empty_cache=lambda: state.log.append("give back"),
            reset_peak_memory_stats=lambda: state.log.append("reset"),
            memory_allocated=lambda: 100,
            memory_reserved=lambda: 1000,
            max_memory_allocated=lambda: 100 + state.peak,
            max_memory_reserved=lambda: 1500,
        )
        monkeypatch.setattr(memory.torch, "cuda", counters)
        return state

    def run(self, cuda):
        return lambda: (cuda.log.append("run"), setattr(cuda, "peak", 7))

    def test_peaks_are_beyond_what_was_there_before(self, cuda):
        assert memory.peaks_on_cuda(self.run(cuda)) == memory.CudaPeaks(allocated=7, reserved=500)
        assert cuda.log == ["wait", "give back", "reset", "run", "wait"]

    def test_both_peaks_are_stored(self, cuda):
        prepared = Prepared(Workload(cell(**ON_CUDA), self.run(cuda), None, None), WarmUp(1, 1, 1))
        assert prepared.peak_allocated_bytes() == 7
        assert prepared.deterministic_figures() == {
            "peak_allocated_bytes": 7,
            "peak_reserved_bytes": 500,
            "saved_for_backward_bytes": 0,
            "operators": 0,
        }

    def test_a_replay_has_no_memory_of_its_own(self, cuda):
        prepared = Prepared(Workload(GRAPH, self.run(cuda), None, None), WarmUp(1, 1, 1))
        assert set(prepared.deterministic_figures().values()) == {None}
        benchmark = _Memory()
        benchmark.prepared = prepared
        assert benchmark.track_peak_allocated_bytes() != benchmark.track_peak_allocated_bytes()  # NaN: n/a to asv
        assert cuda.log == []


class TestUnderPytest:
    """The samples of the events are those that pytest-benchmark stores."""

    def test_a_replayed_clock_moves_by_the_samples_alone(self):
        clock = DeviceClock()
        clock.load([2.0, 0.5])
        times = []
        for _ in range(2):
            start = clock()
            clock.next()
            times.append(clock() - start)
        assert times == [2.0, 0.5]
        with pytest.raises(StopIteration):
            clock.next()

    def test_cells_on_cuda_have_that_clock_and_others_the_usual_one(self, request):
        request.config.addinivalue_line("markers", "benchmark: pytest-benchmark's own, which is off here")
        on_cuda, on_cpu = (_with_its_clock(cell(device=device).id) for device in ("cuda", "cpu"))
        assert [mark.kwargs for mark in on_cuda.marks] == [{"timer": CLOCK}]
        assert not on_cpu.marks
        assert on_cuda.id == cell(**ON_CUDA).id

    @pytest.mark.parametrize("remark", ["", "the GPU throttled (power cap)"])
    def test_a_cell_on_cuda_is_measured_by_events_and_told_call_by_call(self, monkeypatch, remark):
        state = GpuState(sm_mhz=1980.0)
        found = DeviceTime((3.0, 4.0), 1.0, 5, 1, remark, state, state)
        asked = {}
        monkeypatch.setattr(
            test_step_time.device_time, "measure", lambda run, **options: asked.update(run=run, **options) or found
        )
        prepared = SimpleNamespace(workload=SimpleNamespace(enqueue="queue"), warm_up=WarmUp(9.0, 2.0, 3))
        monkeypatch.setattr(test_step_time, "prepare", lambda tested, seconds: prepared)
        told = []

        class Benchmark:
            def __init__(self):
                self.extra_info = {}

            def pedantic(self, run, rounds):
                for _ in range(rounds):
                    start = CLOCK()
                    run()
                    told.append(CLOCK() - start)

        measuring = Measuring(get_profile("gpu"), False, {})
        test_step_time.test_step_time(benchmark := Benchmark(), GRAPH.id, measuring, Turns())
        assert told == [3.0, 4.0]
        assert asked == {"run": "queue", "warm_call": 2.0, "seconds": 0.2, "at_least": 5}
        info = benchmark.extra_info
        assert info["first_call_seconds"] == 9.0
        assert (info["enqueue_seconds"], info["bound_by"], info["calls_a_round"], info["tries"]) == (
            1.0,
            "work",
            5,
            1,
        )
        assert info["remark"] == (remark or None)
        assert info["gpu_state"]["before"]["sm_mhz"] == 1980.0


def test_the_facts_of_a_gpu_are_stored(monkeypatch):
    properties = SimpleNamespace(total_memory=2**37, multi_processor_count=132, major=9, minor=0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a GPU")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: 91002)
    built = []
    monkeypatch.setattr(environment.cuda_build, "build", lambda *asked: built.append(asked))
    monkeypatch.setattr(environment.cuda_launch, "device", lambda: H100)
    facts = machine_facts()
    assert (facts["gpu"], facts["cudnn"], facts["multiprocessors"]) == ("a GPU", 91002, 132)
    assert facts["compute_capability"] == "9.0"
    assert facts["tf32"] == "off unless the dtype is tf32"
    assert facts["cuda_kernel_build_seconds"] > 0
    assert built == [(choose(512, 128, torch.float32, False, H100), 90)]
    assert built[0][0].shared_tables  # as in the measured cells


def test_where_the_cuda_kernel_cannot_be_built_no_time_is_stated(monkeypatch):
    def fail(plan, architecture):
        raise BuildError("no NVRTC")

    monkeypatch.setattr(environment.cuda_build, "build", fail)
    assert environment._cuda_kernel_build_seconds(90, H100) is None
