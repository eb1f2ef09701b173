"""The time left is corrected by what was seen; where there is no terminal, a line now and then."""

import io
import re

import pytest
from rich.console import Console

from bench.lane.lane import Job
from bench.progress import SweepProgress, TimeLeft
from tests.bench.cells import cell


class TestTimeLeft:
    @pytest.fixture
    def clock(self):
        class Clock:
            now = 50.0

            def __call__(self) -> float:
                return self.now

        return Clock()

    def test_before_anything_is_done_it_is_the_estimate(self, clock):
        left = TimeLeft([10, 20, 30], clock)
        clock.now += 5
        assert left.seconds() == 60

    def test_it_is_corrected_by_the_ratio_of_seen_to_expected(self, clock):
        left = TimeLeft([10, 20, 30], clock)
        clock.now += 25
        left.finish(10)
        assert left.seconds() == 2.5 * 50
        clock.now += 5
        left.finish(20)
        assert left.seconds() == 1.0 * 30

    def test_a_faster_machine_makes_it_shorter(self, clock):
        left = TimeLeft([10, 10], clock)
        clock.now += 1
        left.finish(10)
        assert left.seconds() == 1

    def test_at_the_end_nothing_is_left(self, clock):
        left = TimeLeft([0.1] * 3, clock)
        for _ in range(3):
            clock.now += 1
            left.finish(0.1)
        assert left.seconds() == pytest.approx(0, abs=1e-12)
        left.finish(0.1)
        assert left.seconds() == 0


def jobs(count: int) -> list[Job]:
    return [Job(cell(hidden_size=n), 1) for n in range(1, count + 1)]


def lines_of(count: int, capsys, outcome: str = "measured") -> list[str]:
    with SweepProgress(todo := jobs(count), lambda job: 1.0) as progress:
        for job in todo:
            progress.started(job)
            progress.finished(job, outcome)
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("count", [10, 37, 100, 220])
def test_without_a_terminal_a_sweep_prints_ten_lines_and_the_last_one_says_all(count, capsys):
    lines = lines_of(count, capsys)
    assert len(lines) == 10
    assert all(re.fullmatch(rf"\d+ of {count} measured, \d+ s left", line) for line in lines)
    assert lines[-1] == f"{count} of {count} measured, 0 s left"


@pytest.mark.parametrize("count", [1, 3, 9])
def test_a_short_sweep_prints_a_line_for_each_cell(count, capsys):
    numbers = [int(line.split()[0]) for line in lines_of(count, capsys)]
    assert numbers == list(range(1, count + 1))


def test_a_cell_without_a_figure_is_always_told_of(capsys):
    lines = lines_of(100, capsys, "out of memory")
    told = [line for line in lines if line.endswith("float32: out of memory; recorded as such")]
    assert len(told) == 100
    assert told[0].startswith(cell(hidden_size=1).id)


def test_a_terminal_shows_what_is_measured_and_how_much_is_left():
    screen = io.StringIO()
    todo = jobs(4)
    with SweepProgress(todo, lambda job: 60.0, Console(file=screen, force_terminal=True, width=120)) as progress:
        progress.started(todo[0])
        progress.finished(todo[0], "measured")
        progress.started(todo[1])
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue())
    assert todo[1].cell.id in shown
    assert "1/4" in shown
    assert re.search(r"\d+ s left", shown)
    assert "of 4 measured" not in shown


def test_nothing_to_measure_is_no_error(capsys):
    assert lines_of(0, capsys) == []
