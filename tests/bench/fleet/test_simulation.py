"""A thousand blocks on a hundred machines that die: all are complete, in little more than the shortest time."""

import os

import pytest

from bench.fleet import attempts, merge, packing, plan
from bench.fleet.plan import Code
from tests.bench.fleet.simulated import SETTINGS, THOUSAND, simulate

MACHINES, DEATHS = 100, 0.01
CODE = Code("a" * 40, False, "12345678")


@pytest.fixture(scope="module")
def whole() -> plan.Plan:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "code_of", lambda root, cells: CODE)
        return plan.make(THOUSAND.cells(), {}, THOUSAND, SETTINGS, 1)


def test_a_hundred_shards_of_a_thousand_blocks_are_nearly_equal(whole):
    shards = packing.pack(whole.blocks, MACHINES)
    assert sum(map(len, shards)) == len(whole.blocks) == 1000
    assert max(map(packing.seconds, shards)) <= 1.05 * packing.ideal_seconds(whole.blocks, MACHINES)


@pytest.mark.parametrize("seed", range(5))
def test_machines_that_die_cost_little_time_and_no_block(whole, seed):
    course = simulate(whole, MACHINES, DEATHS, seed)
    assert course.given_up == []
    assert sum(course.attempts.values()) == 1000 + course.deaths
    assert course.deaths > 0
    assert course.seconds <= 1.15 * packing.ideal_seconds(whole.blocks, MACHINES)


def test_a_block_that_always_kills_its_machine_is_given_up_and_the_rest_finishes(whole):
    deadly = whole.blocks[500].name
    course = simulate(whole, MACHINES, 0.0, 0, deadly=[deadly])
    assert course.given_up == [deadly]
    assert course.deaths == course.attempts[deadly] == 5
    assert sum(course.attempts.values()) == 999 + 5


@pytest.mark.slow
def test_every_block_is_merged_once(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # a thousand of them take minutes on a slow disk
    folder = whole.folder(tmp_path)
    whole.write(folder, "test")
    simulate(whole, MACHINES, DEATHS, 1, folder)
    problems: list[str] = []
    found = attempts.complete_ones(folder, whole, problems)
    assert problems == []
    assert len(found) == len(merge.choose(found, whole)) == 1000
    merged = merge.merge([tmp_path], tmp_path / "merged")
    assert merged.missing == []
    assert len(merged.files) == 1
