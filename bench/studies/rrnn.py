"""RRNN (Qian, Kennedy, Klabjan 2019, arXiv 1905.10540): a cell of its own for every sample and step, and rivals.

Letters of Python's manual, with as many parameters as the RRNN has, over iterations and over seconds. All seconds
are the processor's, on one thread, of training alone.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import nn

from bench.studies.engine.jobs import Job, Row, Settings, Study, Tables, Workplace
from bench.studies.engine.times import in_turns, peaks
from bench.workloads import training_step
from urnn import models
from urnn.rrnn import GRU_TREE, RRNN, Losses, ResetBeforeGRU, Stages, Tree, growth
from urnn.training import problems, seeds
from urnn.training.network import Network
from urnn.training.problems import Problem
from urnn.training.streams import Batch, Stream

NAME, TASK = "rrnn", "text"
RIVALS = ("lstm", "gru", "urnn")
OTHER_BATCHES = 10**6  # added to a seed
SEARCHING, FIXED, PLAIN = "searching", "fixed", "plain"


@dataclass(frozen=True)
class Scale:
    """How large the study is; a small one takes seconds.

    Attributes:
        searching, fixing: iterations of the two stages.
        target: iterations of the GRU that trees are to come near.
        rival_seconds: of training, for each rival.
        rounds: of every call that is timed.
    """

    seeds: tuple[int, ...] = (0, 1, 2)
    hidden: int = 100
    nodes: int = 9
    batch: int = 16
    searching: int = 100
    fixing: int = 500
    target: int = 200
    rival_seconds: float = 20.0
    every: int = 10
    held_out: int = 50
    timed_batch: int = 32
    rounds: int = 7
    seconds: float = 90.0

    @property
    def shared(self) -> dict[str, object]:
        """What decides how any net is trained."""
        return {
            "task": TASK,
            "hidden": self.hidden,
            "nodes": self.nodes,
            "triples": 4,
            "scorer": 64,
            "length": 20,
            "batch": self.batch,
            "held_out": self.held_out,
        }


RATES = {"rrnn": 3e-3, "lstm": 3e-3, "gru": 3e-3, "urnn": 3e-3}
LOSSES = {"loss_task": 1.0, "loss_margin": 1e-3, "loss_norm": 1e-3, "loss_tree": 1e-5, "wanted_margin": 1.0}
FULL = Scale()
SMALL = Scale(
    seeds=(0, 1),
    hidden=8,
    nodes=4,
    batch=4,
    searching=4,
    fixing=6,
    target=2,
    rival_seconds=0.1,
    every=2,
    held_out=4,
    timed_batch=4,
    rounds=2,
    seconds=4.0,
)


def jobs(small: bool) -> list[Job]:
    """Of each seed the RRNN first, then its rivals; then the times."""
    scale = SMALL if small else FULL
    found = []
    for seed in scale.seeds:
        rank = 0 if seed == scale.seeds[0] else 2
        shared = {**scale.shared, "seed": seed, "every": scale.every}
        stages = {
            **LOSSES,
            "rate": RATES["rrnn"],
            "searching": scale.searching,
            "fixing": scale.fixing,
            "target": scale.target,
        }
        title = f"RRNN-{scale.hidden}, searching and fixed, seed {seed}"
        found.append(Job(NAME, f"rrnn-seed{seed}", title, train_rrnn, {**shared, **stages}, rank, scale.seconds))
        for model in RIVALS:
            settings = {**shared, "model": model, "rate": RATES[model], "seconds": scale.rival_seconds}
            title = f"{models.get(model).label} of as many parameters, seed {seed}"
            name = f"{model}-seed{seed}"
            found.append(Job(NAME, name, title, train_rival, settings, rank, 1.2 * scale.rival_seconds))
    settings = {**scale.shared, "seed": 0, "batch": scale.timed_batch, "rounds": scale.rounds, "turn_ms": 5.0}
    found.append(Job(NAME, "times-seed0", "times and memory of a step", measure, settings, 1, 40.0, alone=True))
    return found


STUDY = Study(NAME, "1905.10540", jobs)


def train_rrnn(workplace: Workplace) -> Tables:
    """Both stages, and all that they choose."""
    given = workplace.settings
    problem, stream = _begun(given)
    held_out = _held_out(problem, given)
    stages = Stages(
        _rrnn(given),
        _read_out(given["hidden"], problem),
        problem.task.loss,
        Losses(*(given[name] for name in (*LOSSES,))),
        _target(given, problem),
        given["rate"],
    )
    clock, tables = _Clock(), _Tables(given, "rrnn")
    tables.trees("first", _most_frequent(stages, held_out))
    for iteration in range(given["searching"] + 1):
        if iteration % given["every"] == 0:
            tables.curve(SEARCHING, iteration, clock.seconds, stages.task_loss(held_out))
        if iteration < given["searching"]:
            with clock:
                logged = stages.search(*stream.draw())
            tables.structures(iteration + 1, logged.trees, logged.margin)
    with clock:
        best = stages.fix([stream.draw() for _ in range(4)])
    tables.trees("fixed", (best, dict(_counted(stages)).get(best, 0), 1))
    for iteration in range(given["fixing"] + 1):
        if iteration % (5 * given["every"]) == 0:
            whole = given["searching"] + iteration
            tables.curve(FIXED, whole, clock.seconds, stages.task_loss(held_out))
        if iteration < given["fixing"]:
            with clock:
                stages.train_fixed(*stream.draw())
    tables.network(stages.parameters, stages.task_loss(problem.test()), clock.seconds, problem)
    return tables.found


def train_rival(workplace: Workplace) -> Tables:
    """A registered model of as many parameters as the RRNN, for so many seconds."""
    given = workplace.settings
    problem, stream = _begun(given)
    held_out, model = _held_out(problem, given), given["model"]
    network = Network(models.get(model), _equal_size(model, problem, given), problem.task)
    optimiser = torch.optim.Adam(network.parameters(), lr=given["rate"])
    clock, tables, iteration = _Clock(), _Tables(given, model), 0
    while True:
        if iteration % (2 * given["every"]) == 0 or iteration == given["every"]:
            tables.curve(PLAIN, iteration, clock.seconds, _loss(network, problem, held_out))
            if clock.seconds >= given["seconds"]:
                break
        with clock:
            x, target = stream.draw()
            loss = problem.task.loss(network(x), target)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        iteration += 1
    test = _loss(network, problem, problem.test())
    tables.network(list(network.parameters()), test, clock.seconds, problem, network.rnn.hidden_size)
    return tables.found


def measure(workplace: Workplace) -> Tables:
    """A training step of the RRNN in both stages beside its rivals, in turns, and the share of the scorer."""
    given = workplace.settings
    problem, stream = _begun(given)
    x, target = stream.draw()
    calls: dict[tuple[str, str], Callable[[], object]] = {}
    for stage in (SEARCHING, FIXED):
        rnn, read_out = _rrnn(given), _read_out(given["hidden"], problem)
        if stage == FIXED:
            rnn.fix(GRU_TREE if given["nodes"] == len(GRU_TREE.nodes) else rnn.search(x).structures.tree(0, 0))
        calls["rrnn", stage] = _step(
            nn.ModuleList([rnn, read_out]), lambda r=rnn, o=read_out: o(r(x)[0]), problem, target
        )
    for model in RIVALS:
        network = Network(models.get(model), _equal_size(model, problem, given), problem.task)
        calls[model, PLAIN] = _step(network, lambda net=network: net(x), problem, target)
    times, held = in_turns(calls, given["rounds"], given["turn_ms"] / 1000), peaks(calls)
    cells = {key: {"method": key[0], "stage": key[1], "seed": given["seed"]} for key in calls}
    return {
        "times": [
            {**cells[key], "round": number, "seconds": one}
            for key, found in times.items()
            for number, one in enumerate(found, 1)
        ],
        "memory": [{**cells[key], "peak_bytes": one} for key, one in held.items()],
        "shares": [{"seed": given["seed"], "scorer": _scorer_share(calls["rrnn", SEARCHING])}],
    }


def _scorer_share(call: Callable[[], object]) -> float:
    """The share of a step's time that is spent in the scorer, where the package names it to torch's profiler.

    The profiler itself would count its own work on every operation.
    """
    scorer, whole = _Clock(), _Clock()
    with mock.patch.object(growth, "record_function", return_value=scorer), whole:
        call()
    return scorer.seconds / whole.seconds


def _step(net: nn.Module, logits: Callable[[], torch.Tensor], problem: Problem, target: torch.Tensor) -> Any:
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
    return training_step(lambda: problem.task.loss(logits(), target), optimiser)


def _begun(given: Settings) -> tuple[Problem, Stream]:
    """The task and its batches, the same for all nets of a seed; first values are the seed's too."""
    problem = problems.build(given["task"], given["length"], Path())
    torch.manual_seed(seeds.derived(given["seed"], "model"))
    return problem, problem.stream(given["batch"], seeds.generator(given["seed"], "training data"))


def _rrnn(given: Settings) -> RRNN:
    inputs = problems.build(given["task"], given["length"], Path()).task.input_size
    return RRNN(inputs, given["hidden"], given["nodes"], given["triples"], given["scorer"])


def _read_out(width: int, problem: Problem) -> nn.Linear:
    """As `Network` begins its own."""
    read_out = nn.Linear(width, problem.task.output_size)
    nn.init.xavier_uniform_(read_out.weight)
    nn.init.zeros_(read_out.bias)
    return read_out


def _target(given: Settings, problem: Problem) -> ResetBeforeGRU | None:
    """A GRU that has been trained on the same letters, in batches of its own; None where trees are too small."""
    if given["nodes"] < len(GRU_TREE.nodes):
        return None
    state = torch.get_rng_state()
    gru = ResetBeforeGRU(problem.task.input_size, given["hidden"])
    read_out = _read_out(given["hidden"], problem)
    optimiser = torch.optim.Adam([*gru.parameters(), *read_out.parameters()], lr=given["rate"])
    stream = problem.stream(given["batch"], seeds.generator(OTHER_BATCHES + given["seed"], "training data"))
    for _ in range(given["target"]):
        x, target = stream.draw()
        loss = problem.task.loss(read_out(gru(x)[0]), target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    torch.set_rng_state(state)
    return gru


def _equal_size(model: str, problem: Problem, given: Settings) -> int:
    """The hidden size at which the model and its read-out come nearest to the RRNN's number of parameters."""
    row, task = models.get(model), problem.task
    wanted = RRNN.parameters_of(task.input_size, given["hidden"], given["triples"], given["scorer"])
    wanted += task.output_size * (given["hidden"] + 1)

    def apart(n: int) -> int:
        read_out = task.output_size * (row.output_per_unit * n + 1)
        return abs(row.parameters(task.input_size, n) + read_out - wanted)

    return min(range(1, 20 * given["hidden"]), key=apart)


def _held_out(problem: Problem, given: Settings) -> list[Batch]:
    """The first sequences of the validation part, the same for all."""
    x, target = next(problem.validation())
    return [(x[:, : given["held_out"]], target[:, : given["held_out"]])]


@torch.no_grad()
def _loss(network: Network, problem: Problem, batches: Any) -> float:
    total = count = 0.0
    for x, target in batches:
        total += x.shape[1] * float(problem.task.loss(network(x), target))
        count += x.shape[1]
    return total / count


@torch.no_grad()
def _most_frequent(stages: Stages, batches: list[Batch]) -> tuple[Tree, int, int]:
    """The tree that is chosen most often, how often, and of how many."""
    counted = stages.rnn.search(batches[0][0]).structures.counted()
    return (*counted[0], sum(count for _, count in counted))


def _counted(stages: Stages) -> list[tuple[Tree, int]]:
    return stages.log[-1].trees


class _Clock:
    """The processor's seconds between entering and leaving, added up."""

    def __init__(self) -> None:
        self.seconds = self._begun = 0.0

    def __enter__(self) -> None:
        self._begun = time.process_time()

    def __exit__(self, *_: object) -> None:
        self.seconds += time.process_time() - self._begun


class _Tables:
    """The rows of a job as they come."""

    def __init__(self, given: Settings, method: str) -> None:
        self.given, self.named = given, {"method": method, "seed": given["seed"]}
        self.found: dict[str, list[Row]] = {}

    def _add(self, table: str, **row: object) -> None:
        self.found.setdefault(table, []).append({**self.named, **row})

    def curve(self, stage: str, iteration: int, seconds: float, loss: float) -> None:
        self._add("curves", stage=stage, iteration=iteration, seconds=seconds, bits=loss)

    def structures(self, iteration: int, trees: list[tuple[Tree, int]], margin: float) -> None:
        whole = sum(count for _, count in trees)
        share = trees[0][1] / whole
        self._add("structures", iteration=iteration, distinct=len(trees), trees=whole, most=share, margin=margin)

    def trees(self, which: str, tree: tuple[Tree, int, int]) -> None:
        for number, place in enumerate(tree[0].drawing()):
            parent = -1 if place.parent is None else place.parent
            self._add(
                "trees",
                which=which,
                number=number,
                label=place.label,
                across=place.across,
                down=place.down,
                parent=parent,
                written=str(tree[0]),
            )

    def network(
        self,
        parameters: list[nn.Parameter],
        bits: float,
        seconds: float,
        problem: Problem,
        size: int | None = None,
    ) -> None:
        self._add(
            "networks",
            hidden=size or self.given["hidden"],
            parameters=sum(one.numel() for one in parameters),
            test_bits=bits,
            seconds=seconds,
            unigram_bits=problem.task.unigram_bits,
        )
