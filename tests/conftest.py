"""What every test runs under: shapes checked at every call of `urnn`, one thread, seeded random numbers."""

import contextlib
import gc
import importlib.util
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import torch

if TYPE_CHECKING:  # urnn is imported under the shape checker below, not before
    from tests.urnn.cuda.host import Host

if importlib.util.find_spec(
    "beartype"
):  # before anything imports urnn; a machine may lack it, the tests hold anyway
    from jaxtyping import install_import_hook

    install_import_hook("urnn", "beartype.beartype")

gc.disable()  # until everything is collected: what is imported in between is no garbage

# The processes that tests start are no workers of this session; pytest-benchmark measures nothing in a worker.
os.environ.pop("PYTEST_XDIST_WORKER", None)

torch.set_num_threads(1)  # the tensors are small: more threads cost time, and results could depend on their number


def pytest_sessionstart(session: pytest.Session) -> None:
    """The first two workers compile the CPU kernel, a dtype each, before all of them do so at the same time."""
    worker = getattr(session.config, "workerinput", {}).get("workerid")
    dtype = {"gw0": "float32", "gw1": "float64"}.get(worker)
    if dtype:
        from urnn.backends.cpu import build

        with contextlib.suppress(
            build.BuildError, ValueError
        ):  # the tests that need the kernel say why it is not there
            build.library(dtype)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def generator() -> torch.Generator:
    """Random numbers of the test's own, the same at every run."""
    return torch.Generator().manual_seed(0)


@pytest.fixture(scope="session")
def host(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> "Host":
    """Builds CUDA kernels for a host, each once for all workers and until a source changes."""
    from tests.urnn.cuda.host import Host

    kept = getattr(request.config, "cache", None)
    return Host(kept.mkdir("cuda-on-a-host") if kept else tmp_path_factory.mktemp("host"))


@pytest.fixture
def cuda_on_a_host(host: "Host", monkeypatch: pytest.MonkeyPatch) -> "Host":
    """Tensors of the CPU go to the CUDA kernel, which runs on a host."""
    from tests.urnn.cuda.host import H100
    from urnn.backends import fused
    from urnn.backends.cuda import launch as cuda_launch
    from urnn.backends.cuda import sequence as cuda_sequence

    monkeypatch.setitem(fused.KERNELS, "cpu", cuda_sequence)
    monkeypatch.setattr(cuda_launch, "load", host.load)
    monkeypatch.setattr(cuda_launch, "on", lambda device: contextlib.nullcontext())
    monkeypatch.setattr(cuda_launch, "device", lambda: H100)
    monkeypatch.setattr(cuda_launch, "current_device", lambda: -1)
    monkeypatch.setattr(cuda_launch, "current_stream", lambda device: 0)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: False)
    monkeypatch.setattr(cuda_sequence, "SMALL", 0)  # several chunks in the backward pass, however small the test
    return host


# Fixtures that take seconds: a CUDA kernel compiled for a host, a report with all its figures.
SLOW_FIXTURES = {"host", "report", "full_report", "small_report"}
NO_BROWSER = "no chromium, chromium-browser or google-chrome is installed"
LEFT_OUT = pytest.StashKey[int]()  # how many


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Whatever asks for a slow fixture is slow, in every file; what needs an absent device is left out."""
    for item in items:
        if SLOW_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)
    if not torch.cuda.is_available():
        absent = [item for item in items if item.get_closest_marker("cuda")]
        items[:] = [item for item in items if not item.get_closest_marker("cuda")]
        config.hook.pytest_deselected(items=absent)
        config.stash[LEFT_OUT] = len(absent)


def pytest_collection_finish() -> None:
    """What was imported stays to the end; looking through it takes a collection of garbage tenths of a second."""
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker tells its count to the process that started it, which collects nothing itself."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = session.config.stash.get(LEFT_OUT, 0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Every worker collects every test, so that one count is all of them."""
    node.config.stash[LEFT_OUT] = getattr(node, "workeroutput", {}).get("left_out", 0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """No test is left out in silence."""
    if count := config.stash.get(LEFT_OUT, 0):
        terminalreporter.write_line(f"Tests left out because this machine has no CUDA device: {count:,}.")
    skipped = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", ())]
    if count := sum(NO_BROWSER in reason for reason in skipped):
        terminalreporter.write_line(f"Tests of pages skipped because {NO_BROWSER}: {count:,}.")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-snapshots", action="store_true", help="write what `snapshot` was given, then pass")


@pytest.fixture
def snapshot(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compares a text with the file of that name in the folder `snapshots` beside the test."""

    def compare(text: str, name: str) -> None:
        path = request.path.parent / "snapshots" / name
        if request.config.getoption("--update-snapshots"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        known = path.read_text(encoding="utf-8") if path.exists() else ""
        assert text == known, f"{path} differs; after a look, write it anew with --update-snapshots"

    return compare
