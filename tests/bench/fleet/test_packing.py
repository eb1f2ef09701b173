"""Blocks hold what is compared, and shards hold blocks: the same on every machine, and of nearly equal length."""

import argparse
import re
from collections import Counter
from dataclasses import replace

import pytest

from bench.commands import main
from bench.fleet.blocks import Block, blocks_of
from bench.fleet.packing import ideal_seconds, pack, seconds, shard
from bench.grid import Cell, all_variants
from bench.profiles import PROFILES
from tests.bench.cells import TINY, cell


def block(name: str, length: float) -> Block:
    return Block(name, (TINY,), (), length)


class TestBlocks:
    def test_models_phases_tasks_and_layers_stay_together(self):
        together = [
            *(cell(variant) for variant in all_variants() if "cuda" not in variant),
            cell(phase="forward"),
            cell(task="adding"),
            cell("lstm_ladder:naive", num_layers=4),
        ]
        (found,) = blocks_of(together, PROFILES["quick"], 1)
        assert found.cells == tuple(together)
        assert found.name == "cpu-float32-sequence-n4-T3-B2" == together[0].block
        assert found.device == "cpu"

    @pytest.mark.parametrize(
        "change",
        [
            {"device": "cuda"},
            {"dtype": "float64"},
            {"phase": "stream", "length": 1, "batch": 1},
            {"hidden_size": 5},
            {"length": 4},
            {"batch": 3},
        ],
    )
    def test_each_size_is_a_block_of_its_own(self, change):
        assert len(blocks_of([TINY, replace(TINY, **change)], PROFILES["quick"], 1)) == 2

    def test_a_stream_is_not_compared_with_sequences_of_its_sizes(self):
        one = replace(TINY, length=1, batch=1)
        names = [found.name for found in blocks_of([one, replace(one, phase="stream")], PROFILES["quick"], 1)]
        assert names == ["cpu-float32-sequence-n4-T1-B1", "cpu-float32-stream-n4-T1-B1"]

    def test_what_the_default_allocator_costs_is_measured_beside_the_kept_heap(self):
        other = replace(TINY, hidden_size=5)
        first, second = blocks_of([TINY, other], PROFILES["quick"], 2, default=[TINY])
        assert (first.default, second.default) == ((TINY,), ())
        (alone,) = blocks_of([TINY], PROFILES["quick"], 2)
        assert first.seconds == pytest.approx(1.5 * alone.seconds, abs=1e-3)

    @pytest.mark.parametrize("name", list(PROFILES))
    def test_every_cell_of_a_profile_is_in_one_block(self, name):
        cells = PROFILES[name].cells()
        found = blocks_of(cells, PROFILES[name], 1)
        assert Counter(one for part in found for one in part.cells) == Counter(cells)
        assert len({part.name for part in found}) == len(found)


class TestPacking:
    def test_the_largest_come_first_each_to_the_shard_with_least(self):
        blocks = [block(name, length) for name, length in zip("abcdef", (2, 3, 7, 5, 3, 4), strict=True)]
        shards = [[one.name for one in part] for part in pack(blocks, 3)]
        assert shards == [["c"], ["d", "e"], ["f", "b", "a"]] or shards == [["c", "a"], ["d", "e"], ["f", "b"]]
        assert max(map(seconds, pack(blocks, 3))) == 9

    def test_the_order_of_the_blocks_makes_no_difference(self):
        blocks = [block(f"{number:02d}", number % 5 + 1.0) for number in range(20)]
        assert pack(blocks, 3) == pack(blocks[::-1], 3)

    def test_more_shards_than_blocks_leave_some_empty(self):
        assert pack([block("a", 1.0)], 3) == [[block("a", 1.0)], [], []]

    @pytest.mark.parametrize("count", [1, 2, 3, 4, 8, 40])
    def test_every_block_is_in_one_shard(self, count):
        blocks = blocks_of(PROFILES["full"].cells(), PROFILES["full"], 1)
        packed = [one for part in pack(blocks, count) for one in part]
        assert sorted(one.name for one in packed) == sorted(one.name for one in blocks)

    def test_four_shards_of_full_are_within_five_per_cent_of_the_ideal(self):
        profile = PROFILES["full"]
        on_cpu = [one for one in profile.cells() if one.device == "cpu"]
        blocks = blocks_of(on_cpu, profile, profile.passes, profile.allocator_controls)
        longest = max(map(seconds, pack(blocks, 4)))
        assert longest <= 1.05 * ideal_seconds(blocks, 4)

    def test_one_long_block_is_the_ideal_where_it_is_longer_than_a_share(self):
        assert ideal_seconds([block("a", 9.0), block("b", 1.0)], 4) == 9.0
        assert ideal_seconds([], 4) == 0.0


class TestOption:
    def test_a_shard_of_so_many(self):
        assert str(shard("2/8")) == "2/8"
        assert (shard("2/8").number, shard("2/8").of) == (2, 8)

    @pytest.mark.parametrize(
        "text", ["", "2", "2/", "/8", "2:8", "-1/8", "1.0/8", "2/8/9", "٢/٨", "9" * 70 + "/8"]
    )
    def test_what_is_none(self, text):
        with pytest.raises(argparse.ArgumentTypeError, match=r"^expected a shard of so many, such as 2/8, got '"):
            shard(text)

    @pytest.mark.parametrize(("text", "what"), [("0/8", "from 1/8 to 8/8"), ("9/8", "from 1/8 to 8/8")])
    def test_numbers_beyond_the_last(self, text, what):
        with pytest.raises(argparse.ArgumentTypeError, match=f"^expected a shard {what}, got '{text}'$"):
            shard(text)

    @pytest.mark.parametrize("text", ["1/0", "1/10001"])
    def test_too_many(self, text):
        with pytest.raises(argparse.ArgumentTypeError, match=f"^expected 1 to 10000 shards, got '{text}'$"):
            shard(text)


LIST = ["list", "--device=cpu", "--models=lstm,rnn_tanh", "--hidden=4,5", "--length=3", "--batch=2"]
LIST += ["--phase=forward", "--task=copying"]


class TestList:
    def test_a_shard_is_shown_with_its_time_and_how_it_compares(self, capsys):
        assert main([*LIST, "--shard=1/2"]) == 0
        shown = capsys.readouterr().out
        assert re.fullmatch(
            r" +\d+ s  cpu-float32-sequence-n4-T3-B2  2 cells\n"
            r"1 block of 2, roughly \d+ s; the longest shard \d+ s, at best \d+ s\n",
            shown,
        )

    def test_the_shards_of_a_sweep_are_the_sweep(self, capsys):
        for number in (1, 2):
            main([*LIST, f"--shard={number}/2"])
        parts = capsys.readouterr().out
        main([*LIST, "--shard=1/1"])
        whole = capsys.readouterr().out
        names = [sorted(re.findall(r"cpu-\S+", text)) for text in (parts, whole)]
        assert names[0] == names[1]

    @pytest.mark.usefixtures("without_gpu")
    def test_a_gpus_shard_can_be_looked_at_where_there_is_none(self, capsys):
        assert main(["list", "--profile=gpu", "--device=cuda", "--shard=2/8"]) == 0
        assert "cuda-float32-" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--shard=1/2", "--block=x"], "--shard and --block both choose blocks; give one of them"),
            (
                ["--block=x"],
                "expected a block of this plan such as cpu-float32-sequence-n4-T3-B2, got 'x'; the same command "
                "with `list` for `run` and --shard 1/1 shows them all",
            ),
            (
                ["--shard=1/2", "--harness=asv"],
                "--harness asv measures whole profiles; shards are for --harness pytest-benchmark",
            ),
            (
                ["--shard=1/2", "--fresh"],
                "--fresh starts a results file anew, and a shard has none: name another folder with --results",
            ),
        ],
    )
    def test_options_that_do_not_go_together(self, capsys, options, message):
        assert main([*LIST, *options]) == 2
        assert capsys.readouterr().err == f"error: {message}\n"


def test_a_cell_knows_its_block():
    text = "urnn:reference-train-copying-n128-T100-B32-cpu-float32"
    assert Cell.from_id(text).block == "cpu-float32-sequence-n128-T100-B32"
