"""What stands beside the comparison of models: the machine's ceilings, the ladders, and what a CUDA device adds.

Each has sentences made from the data, its figures and its tables, or names the command that measures it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from analysis import ladder, units
from analysis.figures import efficiency
from analysis.ladder import Rung
from analysis.pages import Block, Bullets, Cell, Code, Column, Prose, Section, Table, between, folded
from analysis.report.cell_tables import NO_VALUE, cell_table, time_cell, whole
from analysis.report.figures import EFFICIENCY, LADDERS, PROSE
from analysis.report.measured import URNN, Measured
from analysis.statistics import Estimate, ratio
from analysis.statistics.summary import CELL
from analysis.vocabulary import ENQUEUE_TIME, MEASURED, OUTPUT_ERROR, PHASES, STEP_TIME

LAUNCH_BOUND = 0.9  # the share of the device's time that the host takes to queue a call


def not_measured(command: str) -> Prose:
    """The sentence of a chapter without data."""
    return Prose(("Not measured. This command measures it:", Code(command)))


def nearness(measured: Measured, folder: str, level: int) -> Section:
    """How near the uRNN comes to the machine's ceilings."""
    explain = Prose(PROSE["explain"]["nearness"])
    shares = efficiency.shares(measured.cells, measured.ceilings)
    blocks: list[Block] = [not_measured("python -m bench run")]
    if len(shares):
        fixed = measured.points[efficiency.PHASE].fixed()
        blocks = [
            Bullets([_nearness_sentence(measured, shares, fixed)]),
            EFFICIENCY.of(pd.concat([measured.cells, measured.ceilings]), folder),
            folded(_shares_table(shares, fixed), "512"),
        ]
    return Section("How near to what the machine can do", [explain, *blocks], level)


def _nearness_sentence(measured: Measured, shares: pd.DataFrame, fixed: str) -> str:
    """The shares of the backend that speaks for the uRNN, at its largest size."""
    ours = shares[shares["backend"] == (measured.ours.backend if measured.ours else "")]
    ours = shares if ours.empty else ours
    here = ours[ours["hidden_size"] == ours["hidden_size"].max()]
    series, size = here["series"].iloc[0], here["hidden_size"].iloc[0]
    parts = [
        f"{row.label[:1].lower()}{row.label[1:]} would take "
        f"{units.per_cent(row.value)}{_bounds(row, units.per_cent)}"
        for row in here[here["series"] == series].itertuples()
    ]
    return f"Inference of {series} at n = {size}, {fixed}: of the time of a step, {' and '.join(parts)}."


def _bounds(found: Any, text: Callable[[float], str] = units.factor) -> str:
    bounds = between(found.low, found.high, text)
    return f" (95 % interval {bounds})" if bounds else ""


def _shares_table(shares: pd.DataFrame, fixed: str) -> Table:
    """One row a backend of the uRNN and hidden size, with its share of either ceiling."""
    keys = ["model", "backend", "series", "hidden_size"]
    found = shares.assign(share=[Estimate(row.value, row.low, row.high) for row in shares.itertuples()])
    found = found.pivot_table("share", keys, "label", aggfunc="first", sort=False).reset_index()
    ids = list(found["model"] + ":" + found["backend"])
    rows, ceilings = found.drop(columns=["model", "backend"]).to_numpy().tolist(), found.columns[len(keys) :]
    columns = [Column("Backend"), Column("n", whole)]
    columns += [Column(label, units.per_cent) for label in ceilings]
    return Table(f"Shares of a step's time in inference, at {fixed}", columns, rows, ids, "compact")


def ladders(measured: Measured, folder: str, level: int) -> Section:
    """What each step of optimisation gained."""
    explain = Prose(PROSE["explain"]["ladders"])
    cells = measured.ladders
    models = ladder.models(cells)
    blocks: list[Block] = [not_measured("python -m bench run --profile ladder")]
    if models:
        every = dict.fromkeys([*LADDERS, *models])
        blocks = [
            Bullets([_ladder_sentence(cells, model) for model in every]),
            *(LADDERS[model].of(cells, folder) for model in models if model in LADDERS),
            *(folded(_ladder_table(cells, model), "wavefront") for model in models),
        ]
    return Section("The ladders: what each step of optimisation gained", [explain, *blocks], level)


def _ladder_sentence(cells: pd.DataFrame, model: str) -> str:
    """How far the best rung is ahead at the cell that speaks, and where torch's own kernel stands."""
    climbs, label = ladder.climbs(cells, model), ladder.label(cells, model)
    spoken = ladder.spoken(climbs)
    if spoken is None:
        measured = any(rung.time for phases in climbs.values() for climb in phases.values() for rung in climb)
        alone = "no rung was measured together with the first one, so no gain is known"
        return f"{label}: {alone if measured else units.NOT_MEASURED}."
    place, phase = spoken
    climb = climbs[place][phase]
    top = ladder.best(climb)
    what = "training" if phase == "train" else "inference"
    said = (
        f"{label} at {place.size()}, {place.layers()}, {what}: '{top.label}' is "
        f"{units.factor(top.over_first.value)} times as fast as '{climb[0].label}'{_bounds(top.over_first)}"
    )
    ceiling = next((rung for rung in climb if rung.name in ladder.CEILING_RUNGS and rung.over_first), None)
    return f"{said}; nn.LSTM is {units.factor(ceiling.over_first.value)} times as fast." if ceiling else f"{said}."


def _ladder_table(cells: pd.DataFrame, model: str) -> Table:
    """One row a size, number of layers and rung: step time and gains, in training and in inference."""
    phases, rows = ("train", "forward"), []
    for place, found in ladder.climbs(cells, model).items():
        every = next(iter(found.values()))
        for number, named in enumerate(every):
            rungs = [found[phase][number] if phase in found else Rung(named.name, named.label) for phase in phases]
            answers = [cell for rung in rungs for cell in _rung_cells(rung)]
            rows.append([Cell(named.label, number), place.hidden_size, place.batch, place.num_layers, *answers])
    columns = [Column("Rung"), *(Column(name, whole) for name in ("n", "B", "Layers"))]
    for phase in phases:
        columns += [Column(f"{PHASES[phase]}, per time step", units.seconds)]
        columns += [Column(f"over the {which}", units.ahead_or_behind) for which in ("rung before", "first rung")]
    return Table(f"Every rung of the {ladder.label(cells, model)}", columns, rows, style="compact")


def _rung_cells(rung: Rung) -> list[Cell | Estimate | None]:
    """Step time, gain over the rung before, gain over the first."""
    if rung.time is None:
        return [Cell(rung.outcome, math.inf, rung.message, "none"), NO_VALUE, NO_VALUE]
    time = _noted(Column("", units.seconds).cell(rung.time), rung.unstable and f"unstable: {rung.unstable}")
    before = Column("", units.ahead_or_behind).cell(rung.over_previous) if rung.over_previous else NO_VALUE
    return [time, _noted(before, rung.skipping and f"over '{rung.skipping}'"), rung.over_first]


def _noted(cell: Cell, line: str) -> Cell:
    """The cell with one more line below it."""
    return replace(cell, note="\n".join(filter(None, [cell.note, line])))


def on_cuda(measured: Measured | None, beside: Sequence[Measured], level: int) -> Section:
    """What there is to say of a CUDA device alone; `beside` are the same machine's baselines in other dtypes.

    None where no CUDA device was measured.
    """
    blocks: list[Block] = [] if measured is None else [Prose(PROSE["explain"]["cuda"])]
    tables = [] if measured is None else [_other_dtypes(beside), _launches(measured.cells)]
    said = [] if measured is None else [*_gains_on_cuda(measured), *_error_on_cuda(measured)]
    found = [Bullets(said), *(folded(table, "512") for table in tables if table.rows)]
    if not said and len(found) == 1:
        found = [not_measured("python -m bench run --profile gpu")]
    return Section("On a CUDA device", [*blocks, *found], level)


def _gains_on_cuda(measured: Measured) -> list[str]:
    """How many times as fast the fastest backend trains as every other one of the uRNN, at its anchor point."""
    at, ours = measured.points["train"], measured.ours
    if at is None or ours is None:
        return []
    here = at.over("hidden_size", measured.cells, STEP_TIME).set_index("backend")
    here = here[(here["model"] == URNN) & (here["hidden_size"] == at.hidden_size) & (here["outcome"] == MEASURED)]
    others = here.drop(ours.backend, errors="ignore")
    if len(others) in (0, len(here)):
        return []
    gains = {theirs["series"]: ratio(theirs, here.loc[ours.backend]) for _, theirs in others.iterrows()}
    said = [f"{units.factor(one.value)} times as fast as {name}{_bounds(one)}" for name, one in gains.items()]
    return [f"Training at n = {at.hidden_size}, {at.fixed()}: {ours.label} is {' and '.join(said)}."]


def _error_on_cuda(measured: Measured) -> list[str]:
    cells = measured.cells
    here = cells[(cells["metric"] == OUTPUT_ERROR) & (cells["outcome"] == MEASURED)]
    if here.empty:
        return []
    worst = here.loc[here["value"].idxmax()]
    return [
        f"The largest relative error of an output against float64 is {worst['value']:.1e}, at n = "
        f"{worst['hidden_size']}, T = {worst['length']}."
    ]


def _other_dtypes(beside: Sequence[Measured]) -> Table:
    """Step times of the baselines in other dtypes, which have no section of their own."""
    parts = [other.cells.assign(dtype=other.setting.dtype) for other in beside]
    cells = pd.concat(parts) if parts else pd.DataFrame(columns=["metric"])
    columns = {
        Column("dtype"): lambda row: row.dtype,
        Column("Time per step", units.seconds): lambda row: time_cell(row, "none"),
    }
    return cell_table("In other dtypes", cells[cells["metric"] == STEP_TIME], columns)


def _launches(cells: pd.DataFrame) -> Table:
    """Time of the host to queue a call beside the device's time for it."""
    steps, queued = (
        cells[(cells["metric"] == metric) & (cells["outcome"] == MEASURED)] for metric in (STEP_TIME, ENQUEUE_TIME)
    )
    both = steps.merge(queued[[*CELL, "value"]], on=CELL, suffixes=("", "_host"))
    both = both.assign(device=both["value"] * both["length"])
    both = both.assign(share=both["value_host"] / both["device"])
    columns = {
        Column("Device", units.seconds): lambda row: row.device,
        Column("Host", units.seconds): lambda row: row.value_host,
        Column("Host over device", units.per_cent): lambda row: row.share,
        Column("Limited by"): lambda row: "its launches" if row.share >= LAUNCH_BOUND else "its work",
    }
    return cell_table("What the launches of a call cost", both, columns)
