"""GLOREE (Sedghi, Anandkumar 2016, arXiv 1603.00954): nets that are known, learned from moments of their outputs.

Errors are those of the weights themselves. Back-propagation trains the same module on the same sequences, from a
random start and from what the moments have found.
"""

import math
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from bench.studies.engine.jobs import Job, Row, Settings, Study, Tables, Workplace
from urnn.spectral import (
    AutoregressiveGaussian,
    Gaussian,
    IndependentGaussian,
    QuadraticRNN,
    Sequences,
    SpectralRNN,
    SpectralWarning,
    errors,
)

NAME = "spectral"
WAYS: dict[str, dict[str, object]] = {
    "three_passes": {"passes": 3, "recurrence": "mixed"},
    "two_passes": {"passes": 2, "recurrence": "mixed"},
    "fourth": {"passes": 2, "recurrence": "fourth"},
}
RIGHT, SHUFFLED, WRONG_SCORE = "right", "shuffled", "wrong_score"
SPECTRAL, GRADIENT, BOTH = "spectral", "gradient", "both"


@dataclass(frozen=True)
class Scale:
    """How large the study is; a small one takes seconds.

    Attributes:
        samples: numbers of sequences, over which errors are drawn.
        most: the largest number, drawn anew for every pass, of one seed.
        descended: sequences that back-propagation has, and GLOREE beside it.
        iterations: of back-propagation, from a random start and from GLOREE's net.
        larger: numbers of sequences for the larger net.
    """

    seeds: tuple[int, ...] = (0, 1, 2)
    samples: tuple[int, ...] = (10_000, 30_000, 100_000, 300_000, 1_000_000)
    most: int = 10_000_000
    controls: int = 300_000
    descended: int = 100_000
    descended_seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    iterations: int = 4000
    iterations_after: int = 1000
    larger: tuple[int, ...] = (100_000, 1_000_000)
    rounds: int = 3


FULL = Scale()
SMALL = Scale(
    seeds=(0, 1),
    samples=(1000, 3000),
    most=6000,
    controls=3000,
    descended=3000,
    descended_seeds=(0, 1),
    iterations=60,
    iterations_after=20,
    larger=(3000,),
    rounds=2,
)
NET = {"inputs": 6, "hidden": 3, "outputs": 6, "norm": 0.2, "noise": 0.1, "length": 4}
TWO_WAYS = {**NET, "hidden": 2, "length": 6}
LARGER = {**NET, "inputs": 20, "hidden": 10, "outputs": 20}
DESCENT = {"batch": 1024, "clip": 1.0, "every": 50, "rate": 3e-2, "rate_after": 3e-3, "last": 0.01}


def jobs(small: bool) -> list[Job]:
    """The first seed of everything, then the others; the largest number of sequences beside them."""
    scale = SMALL if small else FULL
    found = []
    for seed in scale.seeds:
        rank = 0 if seed == scale.seeds[0] else 2
        for rho in (0.0, 0.3):
            shared = {"rho": rho, "seed": seed}
            words = f"rho {rho:g}, seed {seed}"
            settings = {**NET, **shared, "samples": list(scale.samples)}
            found += [
                _job(f"samples-rho{rho:g}-seed{seed}", f"errors, {words}", over_samples, settings, rank, 30.0),
                _job(
                    f"directions-rho{rho:g}-seed{seed}",
                    f"both directions, {words}",
                    two_directions,
                    {**TWO_WAYS, **shared, "samples": scale.samples[-1]},
                    rank,
                    15.0,
                ),
            ]
        settings = {**NET, "rho": 0.6, "seed": seed, "samples": scale.controls}
        found.append(_job(f"controls-seed{seed}", f"controls, seed {seed}", controls, settings, rank, 10.0))
        settings = {**LARGER, "rho": 0.0, "seed": seed, "samples": list(scale.larger[: 2 if rank == 0 else 1])}
        found.append(_job(f"larger-seed{seed}", f"a larger net, seed {seed}", over_sizes, settings, rank, 12.0))
    settings = {**NET, "rho": 0.0, "seed": 0, "samples": scale.samples[-1], "rounds": scale.rounds}
    found.append(_job("times-alone", "seconds of a fit", timed, settings, 1, 20.0, alone=True))
    for seed in scale.descended_seeds:
        settings = {**NET, **DESCENT, "rho": 0.3, "seed": seed, "samples": scale.descended}
        settings |= {"iterations": scale.iterations, "iterations_after": scale.iterations_after}
        title = f"beside back-propagation, seed {seed}"
        found.append(
            _job(f"descent-seed{seed}", title, descents, settings, 1 if seed == 0 else 3, 15.0, alone=True)
        )
    settings = {**NET, "rho": 0.0, "seed": scale.seeds[0], "samples": [scale.most]}
    found.append(_job("most-seed0", f"errors with {scale.most:,} sequences", at_most, settings, 2, 80.0))
    return found


def _job(
    name: str,
    title: str,
    work: Callable[[Workplace], Tables],
    settings: dict[str, Any],
    rank: int,
    seconds: float,
    alone: bool = False,
) -> Job:
    return Job(NAME, name, title, work, settings, rank, seconds, alone=alone)


STUDY = Study(NAME, "1603.00954", jobs)


def net_of(given: Settings, bidirectional: bool = False) -> QuadraticRNN:
    """The net of a seed that is to be found."""
    net = QuadraticRNN(
        given["inputs"], given["hidden"], given["outputs"], bidirectional=bidirectional, dtype=torch.float64
    )
    return net.draw(given["norm"], torch.Generator().manual_seed(given["seed"])).requires_grad_(False)


def _data(net: QuadraticRNN, given: Settings, samples: int, **more: bool) -> Sequences:
    return Sequences(net, samples, given["length"], given["rho"], given["noise"], given["seed"], **more)


def _score(given: Settings) -> Gaussian:
    return AutoregressiveGaussian(given["rho"]) if given["rho"] else IndependentGaussian()


def _fitted(net: QuadraticRNN, x: Tensor, y: Tensor, score: Gaussian, **settings: Any) -> tuple[SpectralRNN, Row]:
    """What is found of a net, and a row with its errors, seconds, and whether it was doubted."""
    learner = SpectralRNN(net.hidden_size, bidirectional=net.bidirectional, score_function=score, **settings)
    begun = time.process_time()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", SpectralWarning)  # rows say that there was one
        learner.fit(x, y)
    return learner, _row(learner, net, time.process_time() - begun, bool(caught))


def _row(learner: SpectralRNN, net: QuadraticRNN, seconds: float, doubted: bool) -> Row:
    return {
        **_off(learner.to_module(torch.float64), net),
        "misfit": learner.misfit_,
        "residual": learner.residual_,
        "seconds": seconds,
        "doubted": doubted,
    }


def _off(found: QuadraticRNN, net: QuadraticRNN) -> dict[str, float]:
    """Relative errors, "A1": 0.01."""
    return {name: one for name, one in asdict(errors(found, net)).items() if one is not None}


def over_samples(workplace: Workplace) -> Tables:
    """Errors by every way over the number of sequences, and the weights at both ends."""
    given, rows, weights = workplace.settings, [], []
    net = net_of(given)
    whole_x, whole_y = _data(net, given, max(given["samples"])).whole()
    for samples in given["samples"]:
        for way, settings in WAYS.items():
            learner, row = _fitted(net, whole_x[:samples], whole_y[:samples], _score(given), **settings)
            rows.append(_named(given, samples) | {"way": way, **row})
            if way == "two_passes" and samples in (given["samples"][0], given["samples"][-1]):
                weights += _weights(learner, net, _named(given, samples))
    return {"errors": rows, "weights": weights}


def _named(given: Settings, samples: int) -> Row:
    return {"rho": given["rho"], "seed": given["seed"], "samples": samples}


@torch.no_grad()
def _weights(learner: SpectralRNN, net: QuadraticRNN, named: Row) -> list[Row]:
    """Every weight beside the true one, units in the truth's order and with its signs."""
    found = learner.to_module(torch.float64)
    alike = found.A1 @ net.A1.T
    order = alike.abs().argmax(0)
    signs = torch.where(alike.gather(0, order[None])[0] < 0, -1.0, 1.0)[:, None]
    turned = {"A1": signs * found.A1[order], "A2": found.A2[order], "U": signs * found.U[order][:, order]}
    return [
        named | {"matrix": name, "row": row, "column": column, "truth": float(truth), "found": float(one)}
        for name, matrix in turned.items()
        for row, (line, true_line) in enumerate(zip(matrix, getattr(net, name), strict=True))
        for column, (one, truth) in enumerate(zip(line, true_line, strict=True))
    ]


def at_most(workplace: Workplace) -> Tables:
    """Errors with more sequences than are kept: they are drawn anew for every pass, which the seconds hold too."""
    given = workplace.settings
    net, (samples,) = net_of(given), given["samples"]
    learner = SpectralRNN(net.hidden_size, score_function=_score(given), **WAYS["three_passes"])
    begun = time.process_time()
    learner.fit_chunks(_data(net, given, samples))
    row = _row(learner, net, time.process_time() - begun, False)
    return {"errors": [_named(given, samples) | {"way": "three_passes", **row}]}


def two_directions(workplace: Workplace) -> Tables:
    """A net that reads both ways."""
    given = workplace.settings
    net = net_of(given, bidirectional=True)
    learner, row = _fitted(net, *_data(net, given, given["samples"]).whole(), _score(given))
    return {"directions": [_named(given, given["samples"]) | row | {"wrong": learner.wrong_direction_}]}


def controls(workplace: Workplace) -> Tables:
    """What must fail: outputs of other sequences, and scores of independent inputs where they are correlated."""
    given, net = workplace.settings, net_of(workplace.settings)
    samples, rows = given["samples"], []
    for control in (RIGHT, SHUFFLED, WRONG_SCORE):
        score = IndependentGaussian() if control == WRONG_SCORE else _score(given)
        x, y = _data(net, given, samples, shuffled=control == SHUFFLED).whole()
        rows.append(_named(given, samples) | {"control": control} | _fitted(net, x, y, score)[1])
    return {"controls": rows}


def over_sizes(workplace: Workplace) -> Tables:
    """A net of more inputs, units and outputs."""
    given, net, rows = workplace.settings, net_of(workplace.settings), []
    sizes = {name: given[name] for name in ("inputs", "hidden", "outputs")}
    for samples in given["samples"]:
        row = _fitted(net, *_data(net, given, samples).whole(), _score(given))[1]
        rows.append(_named(given, samples) | sizes | row)
    return {"sizes": rows}


def timed(workplace: Workplace) -> Tables:
    """Seconds on the clock of fits on one thread."""
    given, net = workplace.settings, net_of(workplace.settings)
    x, y = _data(net, given, given["samples"]).whole()
    rows = []
    for number in range(1, given["rounds"] + 1):
        begun = time.perf_counter()
        SpectralRNN(net.hidden_size).fit(x, y)
        named = {"samples": given["samples"], "round": number, "threads": torch.get_num_threads()}
        rows.append({**named, "seconds": time.perf_counter() - begun})
    return {"times": rows}


def descents(workplace: Workplace) -> Tables:
    """GLOREE, back-propagation from a random start, and back-propagation from GLOREE's net, over seconds."""
    given, net = workplace.settings, net_of(workplace.settings)
    x, y = _data(net, given, given["samples"]).whole()
    learner, row = _fitted(net, x, y, _score(given))
    named = {"seed": given["seed"], "samples": given["samples"]}
    found = [named | {"method": SPECTRAL, "seconds": row["seconds"]} | _three(row)]
    x, y = (one.transpose(0, 1).float().contiguous() for one in (x, y))
    torch.manual_seed(given["seed"])
    start = QuadraticRNN(given["inputs"], given["hidden"], given["outputs"])
    for seconds, off in _descent(start, x, y, net, given, given["rate"], given["iterations"]):
        found.append(named | {"method": GRADIENT, "seconds": seconds} | off)
    after = _descent(learner.to_module(), x, y, net, given, given["rate_after"], given["iterations_after"])
    for seconds, off in after:
        found.append(named | {"method": BOTH, "seconds": row["seconds"] + seconds} | off)
    return {"descents": found}


def _three(row: Row) -> dict[str, float]:
    return {name: row[name] for name in ("A1", "A2", "U")}


def _descent(
    module: QuadraticRNN, x: Tensor, y: Tensor, truth: QuadraticRNN, given: Settings, rate: float, iterations: int
) -> Iterator[tuple[float, dict[str, float]]]:
    """Adam on the mean square, with a falling rate: processor seconds so far and errors, now and then."""
    optimiser = torch.optim.Adam(module.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimiser, given["last"] ** (1 / iterations))
    generator = torch.Generator().manual_seed(given["seed"])
    spent = 0.0
    for first in range(0, iterations, given["every"]):
        begun = time.process_time()
        for _ in range(min(given["every"], iterations - first)):
            at = int(torch.randint(x.shape[1] - given["batch"] + 1, (1,), generator=generator))
            part = slice(at, at + given["batch"])
            loss = nn.functional.mse_loss(module(x[:, part]), y[:, part])
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(module.parameters(), given["clip"])
            optimiser.step()
            schedule.step()
        spent += time.process_time() - begun
        off = _off(module, truth)
        if all(map(math.isfinite, off.values())):
            yield spent, _three(off)
