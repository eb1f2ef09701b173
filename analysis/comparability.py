"""Which measurements may stand in one comparison, and which of them the report shows.

Nothing is pooled across settings. The harness is part of one, because asv and pytest-benchmark repeat, warm up and
isolate differently; the version of Python is not, but where a machine's kind is known. A report draws kinds of
machines: several of one kind may stand in one setting, but what is compared with each other is of one of them.

Known weakness: where a kind is not recorded (asv, older files), two machines with the same name count as one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import pandas as pd

from analysis.vocabulary import CONTROL_TIME, MEASURED, PHASE_SETS, counted


@dataclass(frozen=True)
class Setting:
    """What has to be equal for two measurements to be comparable; None is 'not recorded'."""

    machine: str
    device: str
    dtype: str
    threads: int | None
    allocator: str | None
    source: str
    torch: str | None
    commit: str
    dirty: bool | None

    @property
    def place(self) -> tuple[str, str, str, int | None, str | None]:
        """The part that a report shows side by side; of the rest it shows the newest."""
        return (self.machine, self.device, self.dtype, self.threads, self.allocator)

    def describe(self) -> str:
        """One line for people, commit and harness left out."""
        threads = "threads not recorded" if self.threads is None else counted(self.threads, "thread")
        allocator = f"allocator {self.allocator or 'not recorded'}"
        return ", ".join((self.machine, self.device, self.dtype, threads, allocator))

    def version(self) -> str:
        """The commit for people: eight digits, and a word on uncommitted changes."""
        short = self.commit if self.commit == "unversioned" else self.commit[:8]
        return f"{short} with uncommitted changes" if self.dirty else short


SIZES = ("hidden_size", "length", "batch")
KEYS = [field.name for field in fields(Setting)]


def split(frame: pd.DataFrame) -> dict[Setting, pd.DataFrame]:
    """The tidy frame -> one part a setting."""
    groups = frame.groupby(KEYS, dropna=False, sort=True)
    return {Setting(*(None if pd.isna(value) else value for value in key)): part for key, part in groups}


def by_kind(frame: pd.DataFrame) -> pd.DataFrame:
    """The tidy frame with kinds of machines in the place of their names, where they are known.

    asv and older files name the machine alone; they are taken for the one kind that it has in other files, with
    the same torch if theirs is known.
    """
    known = frame.dropna(subset=["kind"])
    names = {kind: _kind_name(kind, part) for kind, part in known.groupby("kind")}
    of_host = _only_kinds(known, ["machine", "torch"])
    of_name = _only_kinds(known, ["machine"])  # asv does not note the torch of an environment that it did not make
    filled = [
        kind if not pd.isna(kind) else of_name.get(machine) if pd.isna(torch) else of_host.get((machine, torch))
        for machine, torch, kind in zip(frame["machine"], frame["torch"], frame["kind"], strict=True)
    ]
    machines = [
        machine if pd.isna(kind) else names[kind] for machine, kind in zip(frame["machine"], filled, strict=True)
    ]
    return frame.assign(machine=pd.array(machines, dtype="string"))


def _only_kinds(known: pd.DataFrame, by: list[str]) -> dict[object, str]:
    """What the rows are grouped by -> their kind, where it is one."""
    found = {}
    for key, kinds in known.groupby(by if len(by) > 1 else by[0])["kind"]:
        if kinds.nunique() == 1:
            found[key] = kinds.iloc[0]
    return found


def _kind_name(kind: str, rows: pd.DataFrame) -> str:
    """A kind for people: its GPU or its processor, and its hash."""
    gpus, processors, cores = (rows[name].dropna() for name in ("gpu", "cpu", "cores"))
    what = next(iter(gpus), None) or next(iter(processors), None)
    known = [what, counted(int(cores.iloc[0]), "core") if len(cores) and gpus.empty else None]
    return " ".join([*filter(None, [", ".join(filter(None, known))]), f"(kind {kind})"])


def of_one_instance(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of one setting, in which each block (a size, and the phases that are compared) is of one machine.

    Of several instances that measured a block, that with the most values stands for it, and of equals the newest.
    Control cells are of all.
    """
    if rows["instance"].nunique() < 2:
        return rows
    block = [rows["phase"].map(PHASE_SETS).fillna(rows["phase"]), *(rows[name] for name in SIZES)]
    instance, controls = rows["instance"].fillna(""), rows["metric"] == CONTROL_TIME
    values = (rows["outcome"] == MEASURED).astype(int)
    keyed = rows.assign(_instance=instance, _values=values, _at=rows["measured_at"].fillna(""))[~controls]
    keys = [part[~controls].rename(f"_{place}") for place, part in enumerate(block)]
    sums = keyed.groupby([*keys, "_instance"]).agg(values=("_values", "sum"), at=("_at", "max")).reset_index()
    best = sums.sort_values(["values", "at", "_instance"]).groupby([key.name for key in keys]).tail(1)
    taken = pd.MultiIndex.from_frame(best[[*(key.name for key in keys), "_instance"]])
    here = pd.MultiIndex.from_arrays([*block, instance])
    return rows[here.isin(taken) | controls]


@dataclass(frozen=True)
class Choice:
    """A setting that the report shows, its rows, and what else was measured in its place and is left out."""

    setting: Setting
    rows: pd.DataFrame
    left_out: tuple[Setting, ...]


def choose(frame: pd.DataFrame) -> list[Choice]:
    """For each machine, device, dtype, threads and allocator its newest commit, under the harness with most cells.

    Newest is by time of the commit, and by time of the measurement where that is not recorded. The default
    allocator is left to a comparison of its own where the kept one was measured as well. A place without a
    single value is left out. Ordered by the number of measured values, most first.
    """
    parts = split(frame)
    places: dict[tuple[object, ...], list[Setting]] = {}
    for setting, rows in parts.items():
        if _measured(rows):
            places.setdefault(setting.place, []).append(setting)
    choices = [_choose_in_place(candidates, parts) for candidates in places.values()]
    choices = [replace(choice, rows=of_one_instance(choice.rows)) for choice in choices]
    kept = {choice.setting.place[:-1] for choice in choices if choice.setting.allocator == "kept"}
    shown = [c for c in choices if not (c.setting.allocator == "default" and c.setting.place[:-1] in kept)]
    return sorted(shown, key=lambda choice: (-_measured(choice.rows), choice.setting.describe()))


def _choose_in_place(candidates: Sequence[Setting], parts: dict[Setting, pd.DataFrame]) -> Choice:
    newest = max(candidates, key=lambda setting: age(parts[setting]))
    equals = [setting for setting in candidates if setting == newest or same_commit(setting, newest)]
    best = max(equals, key=lambda setting: (_measured(parts[setting]), setting.source))
    return Choice(best, parts[best], tuple(setting for setting in candidates if setting != best))


def same_commit(one: Setting, other: Setting) -> bool:
    """Whether two harnesses measured the same code; asv always measures a commit without changes."""
    return one.source != other.source and one.commit == other.commit and bool(one.dirty) == bool(other.dirty)


def age(rows: pd.DataFrame) -> tuple[str, str]:
    """When the newest commit among the rows was made, and when it was measured: later is greater."""
    committed, measured = (max(rows[name].dropna(), default="") for name in ("commit_time", "measured_at"))
    return committed or measured, measured


def _measured(rows: pd.DataFrame) -> int:
    axes = ["model", "backend", "phase", "hidden_size", "length", "batch", "num_layers"]
    measured = (rows["outcome"] == MEASURED) & (rows["metric"] != CONTROL_TIME)
    return len(rows.loc[measured, axes].drop_duplicates())
