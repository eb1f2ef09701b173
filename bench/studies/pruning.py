"""Neuron selection (Wen et al. 2019, arXiv 1906.06847): an LSTM made smaller, beside its rivals at equal epochs.

Digits read as 8 rows of 8 pixels, with 8 inputs of pure noise beside each row. Every net is trained for as many
epochs with the same optimiser. Times and memory are of nets of the sizes that came out, measured alone.
"""

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from bench.studies.engine.jobs import Job, Row, Settings, Study, Tables, Workplace
from bench.studies.engine.times import in_turns, peaks
from bench.studies.engine.training import accuracy, begin, fit
from bench.workloads import inference, training_step
from urnn import models
from urnn.pruning import (
    Compacted,
    ContractedRNN,
    GroupLasso,
    MagnitudePruning,
    NeuronSelection,
    NotUnitaryWarning,
    UnitarySelection,
)
from urnn.pruning.selection import Selection
from urnn.rnn import URNN as URNN_LAYER
from urnn.training import problems, seeds
from urnn.training.network import Network
from urnn.training.problems import NOISE, Problem
from urnn.training.streams import Epochs

NAME, TASK = "pruning", "noisy_digits_rows"
DENSE, SELECTED, MAGNITUDE, LASSO = "dense", "selected", "magnitude", "group_lasso"
URNN, URNN_SELECTED = "urnn", "urnn_selected"
BATCHES = (32, 450)
TIMED = ("train", "forward")


@dataclass(frozen=True)
class Scale:
    """How large the study is; a small one takes seconds.

    Attributes:
        epochs: of every net, those after cutting included.
        epochs_after: of those the ones after cutting, of magnitude pruning and group lasso.
        rounds: of every call that is timed.
        seconds: that a training job takes, roughly.
    """

    seeds: tuple[int, ...] = (0, 1, 2)
    hidden: int = 128
    urnn_sizes: tuple[int, ...] = (32, 64, 128)
    epochs: int = 100
    epochs_after: int = 30
    rounds: int = 40
    seconds: float = 25.0

    @property
    def training(self) -> dict[str, object]:
        """What decides how a net is trained."""
        return {"task": TASK, "noise_inputs": NOISE, "epochs": self.epochs, "batch": 64, "clip": 1.0}


RATES = {URNN: 1e-2, URNN_SELECTED: 1e-2}  # the best of 1e-3, 3e-3 and 1e-2 with seed 0; an LSTM has 3e-3
GATED = {"gate_rate": 2e-2, "ramp": 10}
PENALTY = {"input_multiplier": 0.3, "unit_multiplier": 5.0, "first_log_a": 2.0}  # of open gates
NORMS = {"input_multiplier": 0.01, "unit_multiplier": 0.1}  # the group lasso's
FULL = Scale()
SMALL = Scale(seeds=(0, 1), hidden=16, urnn_sizes=(8,), epochs=2, epochs_after=1, rounds=3, seconds=3.0)


def jobs(small: bool) -> list[Job]:
    """The first seed of everything, its times, then the other seeds."""
    scale = SMALL if small else FULL
    return [job for seed in scale.seeds for job in _of_seed(scale, seed)]


def _of_seed(scale: Scale, seed: int) -> list[Job]:
    rank = 0 if seed == scale.seeds[0] else 2

    def training(method: str, work: Callable[[Workplace], Tables], title: str, size: int, **more: object) -> Job:
        name = f"{method}-{size}-seed{seed}" if method == URNN else f"{method}-seed{seed}"
        rate = RATES.get(method, 3e-3)
        settings = {**scale.training, **more, "method": method, "hidden": size, "seed": seed, "rate": rate}
        needs = (f"{SELECTED}-seed{seed}",) if "epochs_after" in more else ()
        return Job(NAME, name, f"{title}, seed {seed}", work, settings, rank, scale.seconds, needs)

    lstm, after = f"LSTM-{scale.hidden}", {**GATED, "epochs_after": scale.epochs_after}
    found = [
        training(DENSE, train_plain, f"dense {lstm}", scale.hidden),
        training(SELECTED, train_selected, f"{lstm} by neuron selection", scale.hidden, **GATED, **PENALTY),
        *(training(URNN, train_plain, f"uRNN-{size}", size) for size in scale.urnn_sizes),
        training(
            URNN_SELECTED,
            train_unitary,
            f"uRNN-{scale.hidden}, units selected",
            scale.hidden,
            **GATED,
            **PENALTY,
        ),
        training(MAGNITUDE, train_baseline, f"{lstm} by magnitude", scale.hidden, **after),
        training(LASSO, train_baseline, f"{lstm} by group lasso", scale.hidden, **after, **NORMS),
    ]
    settings = {"seed": seed, "batches": list(BATCHES), "rounds": scale.rounds, "turn_ms": 5.0}
    needs = tuple(job.name for job in found)
    title = f"times and memory, seed {seed}"
    return [*found, Job(NAME, f"times-seed{seed}", title, measure, settings, rank + 1, 45.0, needs, alone=True)]


STUDY = Study(NAME, "1906.06847", jobs)


def train_plain(workplace: Workplace) -> Tables:
    """A net without gates: the dense LSTM, or a uRNN."""
    given = workplace.settings
    problem, network = _begun(given, URNN if given["method"] == URNN else "lstm")
    seconds = fit(network, _stream(problem, given), given, given["epochs"])
    return {"networks": [_row(given, network, problem, seconds, range(problem.task.input_size))]}


def train_selected(workplace: Workplace) -> Tables:
    """An LSTM under hard concrete gates, then compacted."""
    given = workplace.settings
    problem, network = _begun(given, "lstm")
    network.rnn = selection = NeuronSelection(cast(nn.LSTM, network.rnn), **_of(PENALTY, given))
    seconds = fit(network, _stream(problem, given), given, given["epochs"], selection)
    return _compacted_tables(given, network, selection, problem, seconds)


def train_unitary(workplace: Workplace) -> Tables:
    """A uRNN under the same gates; what is cut out of its matrix is a contraction."""
    given = workplace.settings
    problem, network = _begun(given, URNN)
    network.rnn = selection = UnitarySelection(cast(URNN_LAYER, network.rnn), **_of(PENALTY, given))
    seconds = fit(network, _stream(problem, given), given, given["epochs"], selection)
    values = [
        {"seed": given["seed"], "number": number, "value": float(value)}
        for number, value in enumerate(selection.eval().singular_values(), start=1)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotUnitaryWarning)  # the table of singular values says it
        tables = _compacted_tables(given, network, selection, problem, seconds)
    return {**tables, "singular_values": values}


def train_baseline(workplace: Workplace) -> Tables:
    """An LSTM cut by the norms of its weights to the size that neuron selection chose, then trained on."""
    given = workplace.settings
    problem, network = _begun(given, "lstm")
    lstm = cast(nn.LSTM, network.rnn)
    is_lasso = given["method"] == LASSO
    pruning = GroupLasso(lstm, **_of(NORMS, given)) if is_lasso else MagnitudePruning(lstm)
    network.rnn = pruning
    stream, before = _stream(problem, given), given["epochs"] - given["epochs_after"]
    seconds = fit(network, stream, given, before, pruning)
    (chosen,) = workplace.tables_of(workplace.job.needs[0])["networks"]
    pruning.cut(inputs=chosen["inputs_kept"], units=[chosen["units"]], read_out=network.read_out)
    seconds += fit(network, stream, given, given["epochs_after"])
    return _compacted_tables(given, network, pruning, problem, seconds)


def _of(names: Iterable[str], given: Settings) -> dict[str, float]:
    return {name: given[name] for name in names}


def _begun(given: Settings, model: str) -> tuple[Problem, Network]:
    return begin(given["task"], model, given["hidden"], given["seed"])


def _stream(problem: Problem, given: Settings) -> Epochs:
    return cast(Epochs, problem.stream(given["batch"], seeds.generator(given["seed"], "training data")))


def _compacted_tables(
    given: Settings, network: Network, selection: Selection, problem: Problem, seconds: float
) -> Tables:
    row = _row(given, _compacted(network, selection), problem, seconds, selection.kept_inputs())
    return {"networks": [row], "agreement": _agreement(network, selection, problem, given)}


def _compacted(network: Network, selection: Selection) -> Network:
    """The same net with what is closed cut out; it shares nothing with the gated one."""
    cut = selection.eval().compact(network.read_out)
    small = Network(network.row, 1, network.task)
    small.rnn, small.read_out = cut, cast(nn.Linear, cut.read_out)
    return small.eval()


def _row(given: Settings, network: Network, problem: Problem, seconds: float, inputs: Sequence[int]) -> Row:
    """What became of a net; inputs are those that it still reads, of which the last `noise_inputs` are noise."""
    pixels = problem.task.input_size - given["noise_inputs"]
    return {
        "method": given["method"],
        "size": given["hidden"],
        "seed": given["seed"],
        "units": _units(network),
        "inputs_kept": len(inputs),
        "noise_kept": sum(one >= pixels for one in inputs),
        "parameters": network.parameter_count,
        "accuracy": accuracy(network, problem),
        "epochs": given["epochs"],
        "seconds": seconds,
    }


def _units(network: Network) -> int:
    rnn = network.rnn.rnn if isinstance(network.rnn, Compacted) else network.rnn
    return cast(int, rnn.hidden_size)


@torch.no_grad()
def _agreement(network: Network, selection: Selection, problem: Problem, given: Settings) -> list[Row]:
    """By how much the compacted net differs from the gated one in evaluation mode, on test data."""
    rows = []
    x = next(problem.test())[0]
    for dtype in (torch.float32, torch.float64):
        small = _compacted(network.eval().to(dtype), selection)
        error = (network(x.to(dtype)) - small(x.to(dtype))).abs().max()
        named = {"method": given["method"], "seed": given["seed"]}
        rows.append({**named, "dtype": str(dtype).removeprefix("torch."), "error": float(error)})
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
            times = in_turns(calls, given["rounds"], given["turn_ms"] / 1000)
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
    unitary = row["method"] in (URNN, URNN_SELECTED)
    network = Network(models.get(URNN if unitary else "lstm"), row["units"], problem.task)
    if row["method"] not in (DENSE, URNN):
        network.rnn = _cut_net(problem.task.input_size, row["inputs_kept"], row["units"], unitary)
    if phase == "forward":
        return inference(network.rnn, x)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    return training_step(lambda: problem.task.loss(network(x), target), optimiser)


def _cut_net(whole: int, inputs: int, units: int, unitary: bool) -> Compacted:
    """What is left of so many inputs where fewer, and so many units, are kept, as `compact` returns it."""
    rnn: nn.Module = nn.LSTM(inputs, units)
    if unitary:
        W = torch.linalg.qr(torch.randn(units, units, dtype=torch.complex64)).Q  # noqa: N806 - the paper's letter
        rnn = ContractedRNN(W, torch.randn(2 * units, inputs), torch.zeros(units), torch.zeros(2 * units))
    return Compacted(rnn, None, torch.arange(inputs), [torch.arange(units)], [torch.ones(units)], whole, units)
