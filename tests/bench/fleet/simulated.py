"""A sweep on simulated machines: blocks take the time of the estimate, machines die, and the files are real."""

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from bench import conditions
from bench.fleet.attempts import OpenAttempt, new_id, of_machine
from bench.fleet.blocks import Block
from bench.fleet.packing import largest_first
from bench.fleet.plan import Plan
from bench.grid import Profile, Sweep
from bench.lane.settings import Settings
from bench.prepare import describe
from tests.bench.fleet.played import KIND

RESTART_SECONDS = 120.0  # until a machine that died is replaced
TRIES = 5  # of one block, before it is given up

AXES = {
    "hidden_sizes": (64, 96, 128, 192, 256, 320, 384, 448, 512, 640),
    "lengths": (50, 64, 80, 100, 128, 160, 200, 256, 320, 400),
    "batches": (1, 2, 4, 8, 16, 24, 32, 48, 64, 96),
}
THOUSAND = Profile(
    "thousand",
    "1,000 blocks",
    (Sweep("thousand", ("train",), devices=("cpu",), variants=("urnn:cpu", "lstm:torch"), **AXES),),
    passes=1,
    rounds=5,
    seconds=0.5,
)
SETTINGS = Settings(THOUSAND, 1, "kept")


@dataclass
class Course:
    """What came of a simulated sweep.

    Attributes:
        seconds: until the last block was complete.
        deaths: of machines.
        attempts: block -> how often it was begun.
        given_up: blocks that were begun TRIES times in vain.
    """

    seconds: float
    deaths: int
    attempts: Counter
    given_up: list[str]


def simulate(
    plan: Plan,
    machines: int,
    deaths: float,
    seed: int,
    folder: Path | None = None,
    deadly: Sequence[str] = (),
    scale: float = 1.0,
) -> Course:
    """Each free machine takes the largest block that is left; `deaths` a block end the machine, and the attempt.

    Args:
        folder: where complete attempts are written; None for nowhere.
        deadly: blocks that always kill their machine.
        scale: of every block's time.
    """
    random, attempts = Random(seed), Counter()
    waiting = [(-block.seconds, block.name, block) for block in largest_first(plan.blocks)]
    heapq.heapify(waiting)
    free = [(0.0, number, 0) for number in range(machines)]  # at which time, which machine, its boots
    under_way: list[tuple[float, int, int, Block, bool]] = []
    end, died, given_up = 0.0, 0, []
    while waiting or under_way:
        while waiting and free and (not under_way or free[0][0] <= under_way[0][0]):
            at, number, boots = heapq.heappop(free)
            *_, block = heapq.heappop(waiting)
            attempts[block.name] += 1
            dies = block.name in deadly or random.random() < deaths
            share = random.random() if dies else 1.0
            heapq.heappush(under_way, (at + scale * block.seconds * share, number, boots, block, dies))
        at, number, boots, block, dies = heapq.heappop(under_way)
        if dies:
            died += 1
            heapq.heappush(free, (at + RESTART_SECONDS, number, boots + 1))
            if attempts[block.name] < TRIES:
                heapq.heappush(waiting, (-block.seconds, block.name, block))
            else:
                given_up.append(block.name)
            continue
        end = max(end, at)
        heapq.heappush(free, (at, number, boots))
        if folder is not None:
            _write(plan, block, folder, number, boots, at)
    return Course(end, died, attempts, given_up)


def _write(plan: Plan, block: Block, folder: Path, number: int, boots: int, at: float) -> None:
    machine = replace(KIND, node=f"node{number}", boot=f"{boots}")
    how = conditions.of_run(plan.profile, plan.threads, plan.allocator)
    attempt = OpenAttempt(folder, block, {"main": how, "default": how})
    attempt.main.content["machine_info"] = {"node": machine.node, **machine.facts()}
    attempt.main.content["commit_info"] = {"id": plan.code.commit, "dirty": False}
    attempt.main.content["models"] = {}
    for cell in block.cells:
        entry = {
            "params": {"cell_id": cell.id},
            "extra_info": describe(cell) | conditions.of_pass(1, plan.threads, plan.allocator),
            "stats": {"data": [1e-3]},
        }
        attempt.main.content["benchmarks"].append(entry)
    session = {"session": new_id(), "shard": None, "machine": of_machine(machine)}
    attempt.complete(plan, session, max(0.0, at - block.seconds), at)
