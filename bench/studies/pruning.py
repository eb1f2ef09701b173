"""Neuron selection (Wen et al. 2019, arXiv 1906.06847): an LSTM made smaller, beside its rivals at equal epochs.

Digits read as 8 rows of 8 pixels, with 8 inputs of pure noise beside each row. Every net is trained for as many
epochs with the same optimiser. Times and memory are of nets of the sizes that came out, measured alone.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from bench.studies.engine.jobs import Job, Row, Study, Tables, Workplace
from bench.studies.engine.times import in_turns, peaks
from bench.workloads import inference, training_step
from urnn import models
from urnn.pruning import Compacted, NeuronSelection
from urnn.pruning.selection import Selection
from urnn.training import problems, seeds
from urnn.training.network import Network
from urnn.training.problems import NOISE, Problem

NAME, TASK = "pruning", "noisy_digits_rows"
DENSE, SELECTED, URNN = "dense", "selected", "urnn"
BATCHES = (32, 450)
TIMED = ("train", "forward")


@dataclass(frozen=True)
class Scale:
    """How large the study is; a small one takes seconds."""

    seeds: tuple[int, ...] = (0, 1, 2)
    hidden: int = 128
    urnn_sizes: tuple[int, ...] = (32, 64, 128)
    epochs: int = 100
    rounds: int = 40
    seconds: float = 30.0  # of a training job, roughly

    @property
    def training(self) -> dict[str, object]:
        """What decides how a net is trained."""
        return {"task": TASK, "epochs": self.epochs, "batch": 64, "rate": 3e-3, "gate_rate": 2e-2, "ramp": 10}


FULL = Scale()
SMALL = Scale(seeds=(0, 1), hidden=16, urnn_sizes=(8,), epochs=2, rounds=3, seconds=3.0)


def jobs(small: bool) -> list[Job]:
    """The first seed of everything, its times, then the other seeds."""
    scale = SMALL if small else FULL
    return [job for seed in scale.seeds for job in _of_seed(scale, seed)]


def _of_seed(scale: Scale, seed: int) -> list[Job]:
    rank = 0 if seed == scale.seeds[0] else 2

    def training(method: str, work: Callable[[Workplace], Tables], title: str, size: int, **more: object) -> Job:
        name = f"{method}-{size}-seed{seed}" if method == URNN else f"{method}-seed{seed}"
        settings = {**scale.training, "method": method, "hidden": size, "seed": seed}
        return Job(NAME, name, f"{title}, seed {seed}", work, settings, rank, scale.seconds, **more)

    found = [
        training(DENSE, train_plain, f"dense LSTM-{scale.hidden}", scale.hidden),
        training(SELECTED, train_selected, f"LSTM-{scale.hidden} by neuron selection", scale.hidden),
        *(training(URNN, train_plain, f"uRNN-{size}", size) for size in scale.urnn_sizes),
    ]
    settings = {"seed": seed, "batches": list(BATCHES), "rounds": scale.rounds}
    needs = tuple(job.name for job in found)
    title = f"times and memory, seed {seed}"
    return [*found, Job(NAME, f"times-seed{seed}", title, measure, settings, rank + 1, 45.0, needs, alone=True)]


STUDY = Study(NAME, "1906.06847", jobs)


def train_plain(workplace: Workplace) -> Tables:
    """A net without gates: the dense LSTM, or a uRNN."""
    problem, network = _begun(workplace, URNN if workplace.settings["method"] == URNN else "lstm")
    seconds = _fit(network, problem, workplace)
    return {"networks": [_row(workplace, network, problem, seconds, range(problem.task.input_size))]}


def train_selected(workplace: Workplace) -> Tables:
    """An LSTM under hard concrete gates, then compacted."""
    problem, network = _begun(workplace, "lstm")
    network.rnn = selection = NeuronSelection(network.rnn)
    seconds = _fit(network, problem, workplace, selection)
    small = _compacted(network, selection)
    row = _row(workplace, small, problem, seconds, selection.kept_inputs())
    return {"networks": [row], "agreement": _agreement(network, selection, problem, workplace.settings["seed"])}


def _begun(workplace: Workplace, model: str) -> tuple[Problem, Network]:
    problem = problems.build(TASK, None, Path())
    torch.manual_seed(seeds.derived(workplace.settings["seed"], "model"))
    return problem, Network(models.get(model), workplace.settings["hidden"], problem.task)


def _fit(network: Network, problem: Problem, workplace: Workplace, selection: Selection | None = None) -> float:
    """Trains for the epochs of the settings, and returns the processor's seconds.

    The penalty of a selection grows from 0 to its full size over the first epochs, and gates learn faster.
    """
    given = workplace.settings
    gates = selection.gate_parameters() if isinstance(selection, NeuronSelection) else []
    known = {id(parameter) for parameter in gates}
    rest = [parameter for parameter in network.parameters() if id(parameter) not in known]
    groups = [{"params": rest}, {"params": gates, "lr": given["gate_rate"]}]
    optimiser = torch.optim.Adam([group for group in groups if group["params"]], lr=given["rate"])
    stream = problem.stream(given["batch"], seeds.generator(given["seed"], "training data"))
    each = len(stream.images) // given["batch"]
    begun = time.process_time()
    network.train()
    for iteration in range(given["epochs"] * each):
        x, target = stream.draw()
        loss = problem.task.loss(network(x), target)
        if selection is not None:
            loss = loss + min(1.0, iteration / (given["ramp"] * each)) * selection.penalty(network.read_out)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_value_(network.parameters(), 1.0)
        optimiser.step()
    return time.process_time() - begun


@torch.no_grad()
def _accuracy(network: nn.Module, problem: Problem) -> float:
    """On test data, looked at once."""
    network.eval()
    right = count = 0.0
    for x, target in problem.test():
        right += len(target) * problem.task.score(network(x), target)
        count += len(target)
    return right / count


def _compacted(network: Network, selection: Selection) -> Network:
    """The same net with what is closed cut out; it shares nothing with the gated one."""
    cut = selection.eval().compact(network.read_out)
    small = Network(network.row, 1, network.task)
    small.rnn, small.read_out = cut, cast(nn.Linear, cut.read_out)
    return small.eval()


def _row(workplace: Workplace, network: Network, problem: Problem, seconds: float, inputs: Sequence[int]) -> Row:
    """What became of a net; inputs are those that it still reads, of which the last `NOISE` are noise."""
    given, pixels = workplace.settings, problem.task.input_size - NOISE
    return {
        "method": given["method"],
        "size": given["hidden"],
        "seed": given["seed"],
        "units": _units(network),
        "inputs_kept": len(inputs),
        "noise_kept": sum(one >= pixels for one in inputs),
        "parameters": network.parameter_count,
        "accuracy": _accuracy(network, problem),
        "epochs": given["epochs"],
        "seconds": seconds,
    }


def _units(network: Network) -> int:
    rnn = network.rnn.rnn if isinstance(network.rnn, Compacted) else network.rnn
    return cast(int, rnn.hidden_size)


@torch.no_grad()
def _agreement(network: Network, selection: Selection, problem: Problem, seed: int) -> list[Row]:
    """By how much the compacted net differs from the gated one in evaluation mode, on test data."""
    rows = []
    x = next(problem.test())[0]
    for dtype in (torch.float32, torch.float64):
        small = _compacted(network.eval().to(dtype), selection)
        error = (network(x.to(dtype)) - small(x.to(dtype))).abs().max()
        rows.append({"seed": seed, "dtype": str(dtype).removeprefix("torch."), "error": float(error)})
    return rows


def measure(workplace: Workplace) -> Tables:
    """Times and memory of every net of a seed, in turns."""
    problem, given = problems.build(TASK, None, Path()), workplace.settings
    found = [row for name in workplace.job.needs for row in workplace.tables_of(name)["networks"]]
    tables: dict[str, list[Row]] = {"times": [], "memory": []}
    for batch in given["batches"]:
        x, target = problem.stream(batch, seeds.generator(given["seed"], "training data")).draw()
        for phase in TIMED:
            calls = {(row["method"], row["size"]): _call(row, phase, problem, x, target) for row in found}
            times = in_turns(calls, given["rounds"])
            held = peaks(calls)
            for method, size in calls:
                cell = {"method": method, "size": size, "seed": given["seed"], "phase": phase, "batch": batch}
                tables["memory"].append({**cell, "peak_bytes": held[method, size]})
                tables["times"] += [
                    {**cell, "round": number, "seconds": one} for number, one in enumerate(times[method, size], 1)
                ]
    return tables


def _call(row: Row, phase: str, problem: Problem, x: Tensor, target: Tensor) -> Callable[[], Tensor]:
    """The call to time, of a net of the size that came out: its values do not decide how long it takes."""
    network = Network(models.get(URNN if row["method"] == URNN else "lstm"), row["units"], problem.task)
    if row["inputs_kept"] < problem.task.input_size:
        lstm, kept = nn.LSTM(row["inputs_kept"], row["units"]), torch.arange(row["units"])
        network.rnn = Compacted(lstm, None, torch.arange(row["inputs_kept"]), [kept], [torch.ones(len(kept))])
    if phase == "forward":
        return inference(network.rnn, x)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    return training_step(lambda: problem.task.loss(network(x), target), optimiser)
