"""pytest's side of the grid: which cells become tests, under which conditions, and where each result goes.

Run by a person, results go where pytest-benchmark puts them. Run by `python -m bench run`, each result is also
handed to that process as soon as it is there, which then says to go on; so nothing is written while a clock runs.
"""

import socket
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from analysis.vocabulary import MODELS_KEY
from bench import conditions, subjects
from bench.device_clock import CLOCK
from bench.environment import allocator_in_use, machine_facts
from bench.grid import Cell, Profile
from bench.lane.events import Event, GaveNothing, Header, Measured, Paused, Started, encode
from bench.machine.kind import this_machine
from bench.meters.turns import Turns
from bench.options import MOST_THREADS, MOST_TIMES, whole_number
from bench.prepare import breaks_the_device, describe_failure, is_of_surroundings
from bench.profiles import PROFILES, get_profile

REPORTER = "reporter of the grid"  # the plugin's name


@dataclass(frozen=True)
class Measuring:
    """How the cells of this session are measured, and the conditions that are stored with each figure.

    Deterministic figures are measured in the first pass only: memory is the same every time, down to the byte.
    """

    profile: Profile
    figures: bool
    conditions: dict[str, object]


def pytest_addoption(parser: pytest.Parser) -> None:
    add = parser.getgroup("grid").addoption
    add("--profile", default="quick", choices=list(PROFILES), help="which grid; default: quick")
    add("--threads", type=whole_number(MOST_THREADS), default=1, help="threads torch may use; default: 1")
    add("--cells", metavar="FILE", help="measure the cells of this file instead, one id per line")
    add("--pass", type=whole_number(MOST_TIMES), default=1, dest="pass_number", help="stored with each figure")
    add("--events", type=int, help="descriptor of a socket to report to, for `python -m bench run`")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("tx", None) or config.getoption("numprocesses", None):
        raise pytest.UsageError(
            "pytest-xdist (-n, --tx) would time several cells at once, each disturbing the others, so nothing is "
            "measured; leave it out, or use -n0"
        )
    torch.set_num_threads(config.getoption("threads"))
    descriptor = config.getoption("events")
    if descriptor is not None:
        config.pluginmanager.register(Reporter(socket.socket(fileno=descriptor)), REPORTER)


def _cells(config: pytest.Config) -> tuple[list[str], int]:
    """The ids of the cells to measure, and how many are left out because their device is absent."""
    if config.getoption("cells"):
        return _cells_in(Path(config.getoption("cells"))), 0
    cells = get_profile(config.getoption("profile")).cells()
    present = [cell for cell in cells if cell.device == "cpu" or torch.cuda.is_available()]
    return [cell.id for cell in present], len(cells) - len(present)


def _cells_in(path: Path) -> list[str]:
    """The ids in the file.

    Raises:
        pytest.UsageError: it cannot be read, or one is no cell's.
    """
    try:
        found = path.read_text().split()
        for text in found:
            Cell.from_id(text)
    except (OSError, ValueError) as error:
        raise pytest.UsageError(f"--cells: {error}") from error
    return found


def pytest_report_header(config: pytest.Config) -> list[str]:
    cells, absent = _cells(config)
    lines = [f"grid: {len(cells)} cells, {torch.get_num_threads()} thread(s), {allocator_in_use()} heap"]
    if absent:
        lines.append(f"grid: {absent} cells on cuda are not measured: torch sees no CUDA device here")
    return lines


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "cell_id" in metafunc.fixturenames:
        metafunc.parametrize("cell_id", [_with_its_clock(cell_id) for cell_id in _cells(metafunc.config)[0]])


def _with_its_clock(cell_id: str) -> object:
    """The cell as a parameter; one on CUDA is timed by events, which reach pytest-benchmark through a clock."""
    on_cuda = Cell.from_id(cell_id).device == "cuda"
    return pytest.param(cell_id, id=cell_id, marks=[pytest.mark.benchmark(timer=CLOCK)] if on_cuda else [])


@pytest.fixture(scope="session")
def measuring(request: pytest.FixtureRequest) -> Measuring:
    option = request.config.getoption
    number = option("pass_number")
    stored = conditions.of_pass(number, torch.get_num_threads(), allocator_in_use())
    return Measuring(get_profile(option("profile")), number == 1, stored)


@pytest.fixture
def turns(request: pytest.FixtureRequest) -> Turns:
    """Of this process with others, where its owner asked for them."""
    reporter = request.config.pluginmanager.get_plugin(REPORTER)
    return Turns(*((reporter.parts, reporter.pause) if reporter else ()))


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict) -> None:
    machine_info.update(machine_facts() | this_machine().facts())


def pytest_benchmark_update_json(config: pytest.Config, benchmarks: list, output_json: dict) -> None:
    output_json[MODELS_KEY] = subjects.as_data()


class Reporter:
    """Hands each result to the process at the other end of a socket, and waits until it has been stored.

    Attributes:
        parts: of the rounds of the cell that is measured, between which `pause` is to be called.
    """

    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel
        self.replies = channel.makefile("r")
        self.parts, self._cell = 1, ""

    def report(self, event: Event) -> str:
        """The answer, a line; "" where there is none."""
        self.channel.sendall(encode(event))
        return self.replies.readline().strip()

    def pause(self) -> None:
        """Returns when it is this process's turn again."""
        self.report(Paused(self._cell))

    @pytest.hookimpl
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        hook, config = session.config.hook, session.config
        machine_info = hook.pytest_benchmark_generate_machine_info(config=config)
        hook.pytest_benchmark_update_machine_info(config=config, machine_info=machine_info)
        commit_info = hook.pytest_benchmark_generate_commit_info(config=config)
        self.report(Header(machine_info, commit_info))

    @pytest.hookimpl
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        self._cell = item.callspec.params["cell_id"]
        self.parts = int(self.report(Started(self._cell)) or 1)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo) -> pytest.TestReport:
        report = yield
        cell = Cell.from_id(item.callspec.params["cell_id"])
        if call.excinfo is not None:
            error = call.excinfo.value
            outcome, message = describe_failure(error)
            again = is_of_surroundings(error)
            self.report(GaveNothing(cell.id, outcome, message, again))
            if breaks_the_device(error):  # the next cell would fail for the fault of this one
                item.session.shouldstop = "CUDA fails in this process from here on"
        elif call.when == "call":
            benchmark = item.funcargs["benchmark"].stats.as_dict(include_data=True)
            self.report(Measured(cell.id, benchmark))
        return report
