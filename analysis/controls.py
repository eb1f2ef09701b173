"""What control cells say about machines of one kind that measured parts of one sweep.

Every machine measures the same two cells, one uRNN and one nn.LSTM, at the start and at the end of its part. Where
their medians agree, curves may cross the machines; where they do not, ratios within a block still hold, because a
block never leaves a machine. The change from start to end says how much a machine drifted meanwhile.

Known weakness: two cells stand for all, and each is measured in one process at each time, so a tolerance below the
spread between processes (1 to 5 %) finds fault with equal machines. The standard library alone: `bench` merges by
this, and reports repeat it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from analysis.vocabulary import END, START, counted, joined

TOLERANCE = 0.05


@dataclass(frozen=True)
class Control:
    """A control cell, measured once.

    Attributes:
        group: what may share a curve if it agrees: kind and device, for people.
        machine: for people; one instance.
        session: the command that measured it.
        at: START or END.
        cell: its name; the same on every machine of a group.
        seconds: the median of its calls.
    """

    group: str
    machine: str
    session: str
    at: str
    cell: str
    seconds: float


@dataclass(frozen=True)
class Verdict:
    """Of one group.

    Attributes:
        agree: whether its machines may share a curve; None where that is not known.
        sentences: what to say of it.
    """

    group: str
    agree: bool | None
    sentences: tuple[str, ...]


def verdicts(controls: Sequence[Control], tolerance: float = TOLERANCE) -> list[Verdict]:
    """What the controls say, a verdict a group."""
    groups = dict.fromkeys(one.group for one in controls)
    return [_verdict(group, [one for one in controls if one.group == group], tolerance) for group in groups]


def _verdict(group: str, controls: Sequence[Control], tolerance: float) -> Verdict:
    agree, sentences = _agreement(group, controls, tolerance)
    return Verdict(group, agree, (*sentences, *_drifts(controls, tolerance)))


def _agreement(group: str, controls: Sequence[Control], tolerance: float) -> tuple[bool | None, list[str]]:
    machines = list(dict.fromkeys(one.machine for one in controls))
    if len(machines) == 1:
        return True, [f"{group}: all of it was measured on one machine."]
    cells = dict.fromkeys(one.cell for one in controls)
    values = {
        cell: {machine: _median(controls, cell=cell, machine=machine) for machine in machines} for cell in cells
    }
    known = {cell: {name: value for name, value in of.items() if value} for cell, of in values.items()}
    missing = [name for name in machines if any(name not in of for of in known.values())]
    if missing:
        return None, [f"{group}: it is not known whether its machines agree; no controls of {joined(missing)}."]
    spread, cell = max((max(of.values()) / min(of.values()) - 1, cell) for cell, of in known.items())
    if spread <= tolerance:
        count = counted(len(machines), "machine")
        return True, [
            f"{group}: the controls of {count} agree within {spread:.1%} (tolerance {tolerance:.0%}), so curves "
            "may cross them."
        ]
    slowest, fastest = (pick(known[cell], key=known[cell].__getitem__) for pick in (max, min))
    return False, [
        f"{group}: {slowest} needs {spread:.1%} more than {fastest} for {cell} (tolerance {tolerance:.0%}). "
        "Ratios within a block hold; curves that cross these machines compare the machines too."
    ]


def _drifts(controls: Sequence[Control], tolerance: float) -> Iterable[str]:
    """A sentence for each session that drifted by more than the tolerance, or does not say."""
    for session in dict.fromkeys(one.session for one in controls):
        mine = [one for one in controls if one.session == session]
        machine = mine[0].machine
        changes = {}
        for cell in dict.fromkeys(one.cell for one in mine):
            start, end = (_median(mine, cell=cell, at=at) for at in (START, END))
            if start and end:
                changes[cell] = end / start - 1
        if not changes:
            yield f"Session {session} on {machine} has no controls at both ends, so its drift is not known."
        elif abs(most := max(changes.values(), key=abs)) > tolerance:
            cell = next(name for name, change in changes.items() if change == most)
            yield (
                f"Session {session} on {machine} drifted: {cell} took {abs(most):.1%} "
                f"{'more' if most > 0 else 'less'} at the end (tolerance {tolerance:.0%})."
            )


def _median(controls: Sequence[Control], **which: str) -> float | None:
    found = [one.seconds for one in controls if all(getattr(one, name) == value for name, value in which.items())]
    return median(found) if found else None
