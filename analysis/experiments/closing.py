"""When to take which kind of model: where each is best within its interval, where it is not, and what is open.

All of it follows from the data, the rows of `standing`: by seconds, iterations, parameters and score. A place
where a single model was run decides nothing, and a kind that leads nowhere is said to lead nowhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from analysis import units
from analysis.experiments.headlines import against, places, value_of
from analysis.experiments.lengths import over_lengths
from analysis.experiments.schema import DIVERGED
from analysis.experiments.standing import ALONE, BEHIND, BEST, LEADING, marks
from analysis.experiments.study import Study
from analysis.experiments.verdicts import NOT_FINISHED, NOT_SOLVED, PARTLY, PLACE
from analysis.vocabulary import joined

# Kinds by their models' family. Old logs do not name one; `FAMILIES` has that of the models of that time.
KINDS = {
    "unitary": "a uRNN",
    "orthogonal": "an orthogonal RNN",
    "gated": "an LSTM or GRU",
    "linear": "a scan",
}
NAMED = {"urnn", "lstm", "gru"}  # by the words above
OTHERS = "any other"
FAMILIES = {"urnn": "unitary", "lstm": "gated", "gru": "gated"} | dict.fromkeys(
    ("ortho_matrix_exp", "ortho_cayley", "ortho_householder"), "orthogonal"
)
FEW_SEEDS = 3
NOWHERE = "Best by no measure on what was run here."
BEHIND_WORDS = {
    BEHIND: "Behind",
    PARTLY: "Solved with some seeds only",
    NOT_FINISHED: "Not finished",
    NOT_SOLVED: "Not solved",
    DIVERGED: "Diverged",
}


def closing(study: Study, standing: pd.DataFrame) -> list[tuple[str, str]]:
    """Pairs of a term and what is to be known of it: one a kind that was run, and the last what is open."""
    standing = standing.assign(kind=[_kind(one) for one in standing.itertuples()])
    leads = _leads(standing, _beyond(study, standing))
    found = []
    for kind in [*KINDS.values(), OTHERS]:
        mine = standing[standing["kind"] == kind]
        if len(mine):
            found.append((_term(kind, mine), " ".join(_sentences(kind, mine, standing, leads))))
    return [*found, ("Not known", " ".join(_open(standing)))]


def _kind(group: Any) -> str:
    family = FAMILIES.get(group.model, "") if pd.isna(group.family) else group.family
    return KINDS.get(family, OTHERS)


def _term(kind: str, mine: pd.DataFrame) -> str:
    labels = joined(list(dict.fromkeys(mine["label"])))
    return f"When to take {kind}" + f" ({labels})" * (not set(mine["model"]) <= NAMED)


def _leads(standing: pd.DataFrame, beyond: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """What is best -> the rows that are best or level by it, with columns lead, the mark, and told, the value."""
    solved = standing[standing["by_seconds"] & standing["mark"].isin([*LEADING, BEHIND])]
    scored = standing[~standing["by_seconds"]]
    least = solved["parameters"] == solved.groupby(PLACE)["parameters"].transform("min")
    smallest = solved[least & (solved.groupby(PLACE)["model"].transform("size") > 1)]
    return {
        "Fewest seconds": _told(solved.assign(lead=solved["mark"]), value_of),
        "Fewest iterations": _told(_by_iterations(solved), lambda one: f"{one.solving.value:,.0f}"),
        "Fewest parameters of those that solved it": _told(
            smallest.assign(lead=BEST), lambda one: f"{one.parameters:,}"
        ),
        "Best score": _told(scored.assign(lead=scored["mark"]), lambda one: units.share(one.score.value)),
        "Best score beyond the trained lengths": _told(
            beyond, lambda one: f"{units.share(one.score.value)} at {one.tested}"
        ),
    }


def _told(rows: pd.DataFrame, text: Callable[[Any], str]) -> pd.DataFrame:
    """The rows that lead, with their values in words, and in `first` those of the best one of their place."""
    rows = rows[rows["lead"].isin(LEADING)]
    best = {_place(one): f"{one.label} {text(one)}" for one in rows.itertuples() if one.lead == BEST}
    told = [(text(one), best.get(_place(one), "")) for one in rows.itertuples()]
    return rows.assign(**pd.DataFrame(told, rows.index, columns=["told", "first"], dtype=object))


def _place(group: Any) -> tuple[Any, ...]:
    return tuple(getattr(group, name) for name in PLACE)


def _by_iterations(solved: pd.DataFrame) -> pd.DataFrame:
    """The same rows with their marks by iterations; whoever alone solved a task, among several, is best."""
    parts = [rows.assign(lead=marks(list(rows["solving"]), True)) for _, rows in solved.groupby(PLACE, sort=False)]
    return pd.concat(parts).replace({"lead": {ALONE: BEST}}) if parts else solved.assign(lead="")


def _beyond(study: Study, standing: pd.DataFrame) -> pd.DataFrame:
    """The groups that stand for their models and solved the task, at the longest length that was tested."""
    rows = over_lengths(study)
    rows = rows[rows["group"].isin(standing["group"])].dropna(subset=["score"])
    rows = rows[rows["tested"] == rows.groupby(PLACE)["tested"].transform("max")].astype({"tested": int})
    rows = rows[rows["tested"] > rows["steps"]].merge(standing[["group", "kind"]], on="group")
    parts = [part.assign(lead=marks(list(part["score"]), False)) for _, part in rows.groupby(PLACE, sort=False)]
    found = pd.concat(parts) if parts else rows.assign(lead="")
    return found[found["met"] == found["seeds"]]


def _sentences(kind: str, mine: pd.DataFrame, standing: pd.DataFrame, leads: dict[str, pd.DataFrame]) -> list[str]:
    several = mine["model"].nunique() > 1
    found = []
    for name, rows in leads.items():
        if len(best := rows[rows["kind"] == kind]):
            here = [_at_a_place(of_place, several) for _, of_place in best.groupby(PLACE, sort=False)]
            found.append(f"{name}: {places(pd.concat(here), lambda one: one.told)}.")
    led = mine.loc[mine["mark"].isin([*LEADING, ALONE]), "place"]
    rest = mine[~mine["place"].isin(led) & mine["mark"].isin(BEHIND_WORDS)]
    nearest = rest.assign(rank=rest["mark"].map(list(BEHIND_WORDS).index)).sort_values(
        ["rank", "times"], kind="stable"
    )
    nearest = nearest.drop_duplicates("place").sort_index()  # of several of a kind the one that came furthest
    for mark, words in BEHIND_WORDS.items():
        if len(rows := nearest[nearest["mark"] == mark]):
            found.append(f"{words}: {against(standing, rows)}.")
    return found if any(rows["kind"].eq(kind).any() for rows in leads.values()) else [NOWHERE, *found]


def _at_a_place(rows: pd.DataFrame, several: bool) -> pd.DataFrame:
    """The models of a kind that lead at a place as one row: '2.70 s', or with whom they are level."""
    told = joined(list(rows["label"] + " " + rows["told"] if several else rows["told"]))
    level = BEST not in set(rows["lead"]) and rows["first"].iloc[0]
    return rows.iloc[:1].assign(told=f"{told}, level with {level}" if level else told)


def _open(standing: pd.DataFrame) -> list[str]:
    """What the runs do not decide."""
    found = []
    solvable = standing[standing["by_seconds"]]
    unsolved = [rows for _, rows in solvable.groupby(PLACE, sort=False) if not rows["met"].any()]
    if unsolved:
        rows = pd.concat(rows.iloc[:1] for rows in unsolved)
        found.append(f"No model solved {places(rows, lambda one: '')} in the time that it was given.")
    alone = standing[standing["mark"] == ALONE]
    for name, rows in alone.groupby("label", sort=False):
        found.append(f"{name} alone was run on {places(rows, lambda one: '')}.")
    few = standing["ended"] & (standing["seeds"] < FEW_SEEDS)
    if few.any():
        found.append(f"Fewer than three seeds are behind {sum(few)} of {len(standing)} cells of the matrix.")
    cut = standing["mark"] == NOT_FINISHED
    if cut.any():
        found.append(f"{sum(cut)} of {len(standing)} cells are not finished, and may turn with more time.")
    missing = [kind for kind in KINDS.values() if kind not in set(standing["kind"])]
    if missing:
        found.append(f"Not run here: {joined(missing)}.")
    return found or ["Nothing of the matrix is open: every cell is decided, by three seeds or more."]
