"""A block is complete or it is not: what is measured between which controls, and what an early end leaves."""

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.vocabulary import SENTINEL
from bench.commands import main
from bench.fleet import session
from bench.fleet.session import controls_for, groups_of
from bench.grid import Cell
from bench.profiles import PROFILES
from tests.bench.fleet.conftest import BLOCKS, SLICE
from tests.bench.fleet.played import KIND
from tests.bench.fleet.test_packing import block

CONTROLS = [one.id for one in controls_for("cpu")]


def complete(results: Path) -> dict[str, list[dict]]:
    """Block -> its complete attempts."""
    found: dict[str, list[dict]] = {}
    for path in sorted(results.glob("shards/*/blocks/*/*.json")):
        found.setdefault(path.parent.name, []).append(json.loads(path.read_text()))
    return found


def sessions(results: Path) -> list[dict]:
    return [json.loads(path.read_text()) for path in sorted(results.glob("shards/*/sessions/*.json"))]


def test_each_block_of_the_shard_is_one_complete_file(measure, capsys):
    results = measure("1/2")
    found = complete(results)
    assert sorted(found) == sorted(BLOCKS[::2])
    for name, (attempt,) in found.items():
        assert attempt["machine"] == {"kind": KIND.kind, "instance": KIND.instance, "node": "box"}
        main_run = attempt["runs"]["main"]
        sizes = {entry["extra_info"]["hidden_size"] for entry in main_run["benchmarks"]}
        assert sizes == {int(name.split("-n")[1][0])}
        assert Counter(entry["extra_info"]["pass"] for entry in main_run["benchmarks"]) == {1: 3, 2: 3}
        assert main_run["machine_info"]["instance"] == KIND.instance
        assert re.fullmatch("[0-9a-f]{12}", attempt["attempt"])
        assert attempt["shard"] == "1/2"
    assert not list(results.glob("shards/*/attempts/*/*")), "what it was collected in"
    assert re.search(r"^results: \S+/shards/quick-aaaaaaaa-[0-9a-f]{8}; once all", capsys.readouterr().out, re.M)


def test_a_figure_is_named_as_in_a_plain_run_though_its_cell_is_a_control_too(measure):
    for attempts in complete(measure("1/1")).values():
        for entry in attempts[0]["runs"]["main"]["benchmarks"]:
            assert entry["name"] == f"test_step_time[{entry['params']['cell_id']}]"
            assert entry["param"] == entry["params"]["cell_id"]
            assert entry["fullname"] == f"bench/test_step_time.py::{entry['name']}"


def test_a_pass_is_a_process_and_every_second_one_goes_backwards(measure, player):
    measure("1/1")
    (first, one), (second, two) = player.started
    assert (one, two) == (1, 2)
    assert first[:2] == CONTROLS
    assert second[-2:] == CONTROLS
    assert first[2:] == second[:-2][::-1]


def test_controls_are_measured_at_the_start_and_at_the_end_and_kept_with_their_samples(measure):
    (found,) = sessions(measure("2/2"))
    assert [(one["at"], one["cell"]) for one in found["controls"]] == [
        *(("start", name) for name in CONTROLS),
        *(("end", name) for name in CONTROLS),
    ]
    assert all(len(one["seconds"]) == 3 for one in found["controls"])
    assert found["begin"] <= found["end"]


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_one_control_is_a_urnn_and_one_is_nn_lstm_at_one_size(device):
    urnn, lstm = controls_for(device)
    assert (urnn.model, lstm.variant) == ("urnn", SENTINEL)
    assert urnn.implementation == device, "the fastest there"
    assert urnn.group == lstm.group


def test_the_same_command_measures_nothing_again(measure, player, capsys):
    results = measure("1/2")
    before, files = len(player.started), sorted(results.rglob("*.json"))
    capsys.readouterr()
    measure("1/2")
    assert capsys.readouterr().out.startswith("2 of 2 blocks complete already, in ")
    assert len(player.started) == before
    assert sorted(results.rglob("*.json")) == files


def test_a_shard_of_more_than_there_are_blocks_has_nothing_to_do(measure, player, capsys):
    measure("5/5")
    assert "shard 5/5 has nothing to measure: the sweep has 4 blocks\n" in capsys.readouterr().out
    assert player.started == []


class Death(BaseException):
    """What kills a machine leaves no time for anything."""


@pytest.fixture
def small_groups(monkeypatch):
    monkeypatch.setattr(session, "groups_of", lambda blocks: groups_of(blocks, seconds=0.0))


@pytest.mark.usefixtures("small_groups")
class TestEarlyEnd:
    def die_at(self, player, hidden_size: int, error: BaseException) -> None:
        def die(cell: Cell) -> None:
            if cell.hidden_size == hidden_size and cell.model == "gru":
                raise error

        player.die = die

    def test_a_killed_shard_keeps_whole_blocks_and_the_rest_starts_afresh_elsewhere(self, measure, player):
        self.die_at(player, 6, Death())
        with pytest.raises(Death):
            measure("1/1")
        results = measure.__closure__
        player.die = lambda cell: None
        other = replace(KIND, node="other", boot="other")
        results = measure("1/1", "results", other)
        found = complete(results)
        assert sorted(found) == BLOCKS
        assert all(len(attempts) == 1 for attempts in found.values())
        where = [found[name][0]["machine"]["node"] for name in BLOCKS]
        assert where == ["box", "box", "other", "other"]
        partial = list(results.glob(f"shards/*/attempts/{BLOCKS[2]}/*/main.json"))
        assert len(partial) == 1, "the killed attempt is kept"
        measured = json.loads(partial[0].read_text())["benchmarks"]
        assert 0 < len(measured) < 6
        assert {entry["extra_info"]["pass"] for entry in measured} == {1}

    def test_the_killed_session_has_controls_at_its_start_alone(self, measure, player, tmp_path):
        self.die_at(player, 6, Death())
        with pytest.raises(Death):
            measure("1/1")
        (found,) = sessions(tmp_path / "results")
        assert {one["at"] for one in found["controls"]} == {"start"}
        assert found["end"] is None

    def test_ctrl_c_says_how_much_is_complete(self, measure, player, capsys):
        self.die_at(player, 6, KeyboardInterrupt())
        measure("1/1", code=75)  # where a requeue helps
        assert re.fullmatch(
            r"error: interrupted; 2 of 4 blocks complete in \S+, and the same command measures the others\n",
            capsys.readouterr().err,
        )

    def test_every_group_has_processes_of_its_own_and_the_controls_are_in_the_outer_ones(self, measure, player):
        measure("1/1")
        assert [number for _, number in player.started] == [1, 2] * 4
        with_controls = [place for place, (cells, _) in enumerate(player.started) if CONTROLS[0] in cells]
        assert with_controls == [0, 7]


def test_groups_are_of_some_minutes_and_of_one_device():
    blocks = [block(f"{number}", 100.0) for number in range(7)]
    assert [len(group) for group in groups_of(blocks, 300.0)] == [3, 3, 1]
    other = replace(blocks[0], cells=(replace(blocks[0].cells[0], device="cuda"),), name="gpu")
    assert [[one.name for one in group] for group in groups_of([blocks[0], other, blocks[1]], 1000.0)] == [
        ["0", "1"],
        ["gpu"],
    ]


def test_named_blocks_are_measured_alone(measure, player, tmp_path):
    names = [BLOCKS[3], BLOCKS[0]]
    assert main(["run", *SLICE, f"--results={tmp_path}", f"--block={','.join(names)}"]) == 0
    assert sorted(complete(tmp_path)) == sorted(names)


@pytest.mark.usefixtures("without_gpu", "player")
def test_a_gpus_shard_is_refused_where_there_is_none(tmp_path, capsys):
    command = ["run", "--profile=gpu", "--device=cuda", "--shard=1/8", f"--results={tmp_path}"]
    assert main(command) == 2
    expected = "error: device 'cuda' was asked for and torch sees no CUDA device here"
    assert capsys.readouterr().err.startswith(expected)


def test_what_the_default_allocator_costs_is_in_the_block(player, tmp_path):
    profile = PROFILES["quick"]
    cell = profile.allocator_controls[1]
    options = ["run", "--device=cpu", "--models=lstm:torch", "--phase=train", "--task=copying", "--passes=1"]
    sizes = [f"--hidden={cell.hidden_size}", f"--length={cell.length}", f"--batch={cell.batch}"]
    assert main([*options, *sizes, "--shard=1/1", f"--results={tmp_path}"]) == 0
    ((attempt,),) = complete(tmp_path).values()
    assert [entry["params"]["cell_id"] for entry in attempt["runs"]["default"]["benchmarks"]] == [cell.id]
    assert attempt["runs"]["default"]["run"]["allocator"] == "default"
