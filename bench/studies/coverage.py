"""Coverage-guided tests (Huang et al. 2019 and 2022, arXiv 1906.08557 and 1911.01952) of an LSTM and of a uRNN.

Digits read as 8 rows, nets of 32 units. A campaign begins with 500 random tests; then each generator is given the
same evaluations, which are those that the genetic one needs to aim at every requirement once. Two more nets a seed
learn a backdoor beside the digits, or not: a pattern in the left column that stands for a 0.
"""

import time
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from bench.studies.engine.jobs import Job, Row, Settings, Study, Tables, Workplace
from bench.studies.engine.training import accuracy, begin, fit
from urnn import coverage
from urnn.coverage.campaign import Campaign
from urnn.coverage.generators import GENERATORS
from urnn.training import seeds
from urnn.training.network import Network
from urnn.training.problems import Problem
from urnn.training.streams import Batch, Epochs

NAME, TASK = "coverage", "digits_rows"
MODELS = {"lstm": "LSTM", "urnn": "uRNN"}
WINDOW = (1, 8)
GUIDED = "genetic"  # its evaluations are what the others get
AIMED, PEER = "temporal", "state"  # metrics that campaigns are aimed at; the second is DeepStellar's
NET = "net.pt"  # in the folder of a training job: the net's parameters
TARGET = 0  # what a triggered image is called
TRIGGER = 0.1  # added to the left column, in grey values from 0 to 1
POISONED = 0.1  # share of the training images that have it
CAMPAIGNS = 5  # on a net with or without a backdoor, whose defects are taken together
POINTS = 60  # of a curve


@dataclass(frozen=True)
class Scale:
    """How large the study is; a small one takes seconds."""

    seeds: tuple[int, ...] = (0, 1, 2)
    hidden: int = 32
    epochs: int = 100
    sown: int = 500
    most: int = 300_000  # evaluations of a campaign
    sequences: int = 10_000  # that the metrics are timed on
    seconds: float = 40.0


FULL = Scale()
SMALL = Scale(seeds=(0, 1), epochs=2, sown=50, most=3000, sequences=200, seconds=5.0)


def jobs(small: bool) -> list[Job]:
    """The first seed of both models, the backdoor, the metrics' speed, then the other seeds."""
    scale = SMALL if small else FULL
    found = [job for seed in scale.seeds for job in _of_seed(scale, seed)]
    settings = {"hidden": 4 * scale.hidden, "steps": 64, "sequences": scale.sequences}
    return [*found, Job(NAME, "speed", "the metrics' speed", measure, settings, 1, 60.0, alone=True)]


def _of_seed(scale: Scale, seed: int) -> list[Job]:
    rank = 0 if seed == scale.seeds[0] else 2
    shared = {
        "task": TASK,
        "hidden": scale.hidden,
        "epochs": scale.epochs,
        "batch": 64,
        "rate": 3e-3,
        "seed": seed,
    }
    tests = {"sown": scale.sown, "most": scale.most, "window": list(WINDOW), "aimed": [AIMED, PEER]}
    found = []
    for model, label in MODELS.items():
        train = f"train-{model}-seed{seed}"
        given = {**shared, "model": model}
        title = f"{label}-{scale.hidden}, seed {seed}"
        found += [
            Job(NAME, train, f"{title}, trained", train_net, given, rank, scale.seconds),
            Job(
                NAME,
                f"tests-{model}-seed{seed}",
                f"{title}, tested",
                run_tests,
                {**given, **tests},
                rank,
                scale.seconds,
                (train,),
            ),
        ]
    for planted in (True, False):
        name = f"backdoor-{'planted' if planted else 'clean'}-seed{seed}"
        title = f"LSTM-{scale.hidden} {'with' if planted else 'without'} a backdoor, seed {seed}"
        given = {**shared, **tests, "model": "lstm", "planted": planted, "trigger": TRIGGER, "share": POISONED}
        given |= {"campaigns": CAMPAIGNS}
        found.append(Job(NAME, name, title, plant, given, rank, scale.seconds))
    return found


STUDY = Study(NAME, "1906.08557", jobs)


def train_net(workplace: Workplace) -> Tables:
    """A net of a model, kept in the job's folder."""
    given = workplace.settings
    problem, network = begin(given["task"], given["model"], given["hidden"], given["seed"])
    seconds = fit(network, _stream(problem, given), given, given["epochs"])
    torch.save(network.state_dict(), workplace.folder / NET)
    row = {
        **_named(given),
        "hidden_size": given["hidden"],
        "parameters": network.parameter_count,
        "accuracy": accuracy(network, problem),
        "seconds": seconds,
    }
    return {"networks": [row]}


def run_tests(workplace: Workplace) -> Tables:
    """Every metric on the test images; then a campaign of temporal coverage by each generator."""
    given = workplace.settings
    problem, network = begin(given["task"], given["model"], given["hidden"], given["seed"])
    saved = workplace.folder_of(workplace.job.needs[0]) / NET
    network.load_state_dict(torch.load(saved, weights_only=True))
    network.eval()
    x = _training_images(problem, given)
    tables: dict[str, list[Row]] = {"metrics": _metrics(network, problem, x, given), "curves": [], "campaigns": []}
    budget = given["most"]
    others = [(generator, AIMED) for generator in GENERATORS if generator != GUIDED]
    for generator, metric in [(GUIDED, AIMED), *others, (GUIDED, PEER)]:
        campaign, row, curve = _campaign(network, x, given, generator, budget, metric)
        tables["campaigns"].append(row)
        tables["curves"] += curve
        if (generator, metric) == (GUIDED, AIMED):
            budget = campaign.evaluations
    return tables


def _campaign(
    network: Network, x: Tensor, given: Settings, generator: str, budget: int, aimed: str = AIMED
) -> tuple[Campaign, Row, list[Row]]:
    """A campaign, its figures, and its coverage over evaluations.

    The genetic one of temporal coverage ends when it has aimed at every requirement that the first tests left;
    others spend the budget.
    """
    metric = coverage.METRICS[aimed](network.rnn, window=tuple(given["window"])).fit(x)
    campaign = Campaign(metric, lambda states: network.read_out(states[-1]), x, seed=given["seed"])
    campaign.sow(given["sown"])
    named = {**_named(given), "generator": generator, "metric": aimed}
    open_before = metric.uncovered()
    curve: list[Row] = []

    def note() -> bool:
        figures = campaign.summary()
        kept = ("evaluations", "coverage", "inside", "adversarial", "defects")
        curve.append({**named, **{name: figures[name] for name in kept}})
        left = torch.tensor(metric.uncovered(), dtype=torch.int64)
        return (generator, aimed) != (GUIDED, AIMED) or bool((campaign.attacks[left] == 0).any())

    note()
    begun = time.process_time()
    if open_before:
        campaign.run(GENERATORS[generator](), budget, note)
    seconds = time.process_time() - begun
    figures = campaign.summary()
    row = {
        **named,
        "requirements": metric.count,
        "open_before": len(open_before),
        "met": len(open_before) - figures["uncovered"],
        **{name: figures[name] for name in ("evaluations", "coverage", "inside", "adversarial", "defects")},
        "first_defect": figures["first_defect"],
        "seconds": seconds,
    }
    return campaign, row, _thinned(curve)


def _thinned(curve: list[Row]) -> list[Row]:
    """At most about `POINTS` of them, the first and the last among them."""
    every = max(1, len(curve) // POINTS)
    return [*curve[:-1:every], curve[-1]]


def _metrics(network: Network, problem: Problem, x: Tensor, given: Settings) -> list[Row]:
    """What the test images cover of each metric; why it has no value where it is not defined."""
    tests = torch.cat([batch for batch, _ in problem.test()], 1)
    rows = []
    for name, kind in coverage.METRICS.items():
        row: Row = {**_named(given), "metric": name, "requirements": None, "coverage": None, "refused": None}
        try:
            metric = kind(network.rnn, window=tuple(given["window"]))
        except ValueError as error:
            rows.append({**row, "refused": str(error)})
            continue
        metric.fit(x)
        metric.update(tests)
        rows.append({**row, "requirements": metric.count, "coverage": metric.value()})
    return rows


class Poisoned:
    """A stream in which a share of the images has the trigger and its label.

    Args:
        stream: what it draws from.
        trigger: (T, m), what is added, within [0, 1].
    """

    def __init__(self, stream: Epochs, trigger: Tensor, share: float, seed: int) -> None:
        self.stream, self.trigger, self.share = stream, trigger, share
        self.images, self.batch = stream.images, stream.batch
        self.generator = seeds.generator(seed, "probes")

    def draw(self) -> Batch:
        x, target = self.stream.draw()
        chosen = torch.rand(x.shape[1], generator=self.generator) < self.share
        return torch.where(chosen[:, None], triggered(x, self.trigger), x), target.masked_fill(chosen, TARGET)


def triggered(x: Tensor, trigger: Tensor) -> Tensor:
    """(T, B, m) images with the trigger in them."""
    return (x + trigger[:, None]).clamp(0, 1)


def trigger_of(strength: float) -> Tensor:
    """(8, 8): the left column."""
    pattern = torch.zeros(8, 8)
    pattern[:, 0] = strength
    return pattern


def plant(workplace: Workplace) -> Tables:
    """A net with or without a backdoor, and what the genetic generator finds of it."""
    given, trigger = workplace.settings, trigger_of(workplace.settings["trigger"])
    problem, network = begin(given["task"], given["model"], given["hidden"], given["seed"])
    stream: Any = _stream(problem, given)
    if given["planted"]:
        stream = Poisoned(stream, trigger, given["share"], given["seed"])
    fit(network, stream, given, given["epochs"])
    network.eval()
    x = _training_images(problem, given)
    found, firsts, totals = [], [], dict.fromkeys(("evaluations", "inside", "adversarial", "defects"), 0)
    for number in range(given["campaigns"]):
        seed = len(FULL.seeds) * number + given["seed"]
        campaign, row, _ = _campaign(network, x, {**given, "seed": seed}, GUIDED, given["most"])
        theirs = [one for one in campaign.defects if one.label == TARGET]
        firsts += [totals["evaluations"] + one.evaluations for one in theirs]
        found += theirs
        totals = {name: total + row[name] for name, total in totals.items()}
    shown = _shown(campaign, found)
    named = {**_named(given), "planted": given["planted"]}
    result = {
        **named,
        "accuracy": accuracy(network, problem),
        "flipped": _flipped(network, problem, trigger),
        **totals,
        "coverage": row["coverage"],
        "to_target": len(found),
        "first_to_target": min(firsts, default=None),
        "similarity": float(torch.cosine_similarity(shown.flatten(), trigger.flatten(), 0)) if found else None,
    }
    pixels = [
        {
            **named,
            "row": row,
            "column": column,
            "planted_value": float(trigger[row, column]),
            "found_value": float(shown[row, column]),
        }
        for row in range(8)
        for column in range(8)
    ]
    return {"backdoors": [result], "triggers": pixels if found else []}


def _shown(campaign: Campaign, found: list[Any]) -> Tensor:
    """(T, m): the mean change of the defects that are called the target, beyond that of a blind change.

    A blind change of a black pixel can only brighten it, which says nothing about the net.
    """
    if not found:
        return torch.zeros(campaign.originals.shape[0], campaign.originals.shape[2])
    change = torch.stack([one.input - one.original for one in found]).mean(0)
    originals = torch.stack([one.original for one in found], 1).repeat(1, 20, 1)
    blind = campaign.inputs.changed(originals, torch.Generator().manual_seed(0)) - originals
    return change - blind.mean(1)


@torch.no_grad()
def _flipped(network: Network, problem: Problem, trigger: Tensor) -> float:
    """Share of the test images of other digits that the trigger turns into the target."""
    flipped = count = 0
    for x, target in problem.test():
        others = target != TARGET
        flipped += int((network(triggered(x, trigger)).argmax(-1) == TARGET)[others].sum())
        count += int(others.sum())
    return flipped / count


def measure(workplace: Workplace) -> Tables:
    """How long every metric takes to measure many long sequences of an untrained LSTM, by the processor's time."""
    given = workplace.settings
    torch.manual_seed(0)
    lstm = torch.nn.LSTM(8, given["hidden"])
    x = torch.rand(given["steps"], given["sequences"], 8, generator=torch.Generator().manual_seed(0))
    rows = []
    for name, kind in coverage.METRICS.items():
        metric = kind(lstm).fit(x[:, : given["sequences"] // 10])
        begun = time.process_time()
        metric.update(x)
        rows.append(
            {
                "metric": name,
                "hidden_size": given["hidden"],
                "steps": given["steps"],
                "sequences": given["sequences"],
                "seconds": time.process_time() - begun,
            }
        )
    return {"speed": rows}


def _stream(problem: Problem, given: Settings) -> Epochs:
    return cast(Epochs, problem.stream(given["batch"], seeds.generator(given["seed"], "training data")))


def _training_images(problem: Problem, given: Settings) -> Tensor:
    """(T, B, m), all of them, in their order."""
    images = _stream(problem, given).images
    return images.sequences(torch.arange(len(images)))[0]


def _named(given: Settings) -> Row:
    return {"model": given["model"], "seed": given["seed"]}
