"""Controls of equal machines agree, a slow one and one that drifts are named, and what is not known is said."""

from __future__ import annotations

import pytest

from analysis.controls import Control, verdicts

GROUP = "kind 1a, cpu"


def session(machine: str, *, start: float = 1.0, end: float | None = 1.0, group: str = GROUP) -> list[Control]:
    """The controls of a machine's only session; both cells take as long."""
    times = {"start": start} | ({} if end is None else {"end": end})
    return [
        Control(group, machine, f"s-{machine}", at, cell, seconds)
        for at, seconds in times.items()
        for cell in ("urnn", "lstm")
    ]


def sentences(*controls: list[Control], tolerance: float = 0.05) -> list[str]:
    found = verdicts([one for part in controls for one in part], tolerance)
    return [sentence for verdict in found for sentence in verdict.sentences]


def test_one_machine_has_nothing_to_agree_with():
    (verdict,) = verdicts(session("a"))
    assert verdict.agree is True
    assert verdict.sentences == (f"{GROUP}: all of it was measured on one machine.",)


@pytest.mark.parametrize(("slow", "agree"), [(1.04, True), (1.06, False)])
def test_machines_agree_within_the_tolerance(slow, agree):
    (verdict,) = verdicts([*session("a"), *session("b", start=slow, end=slow)])
    assert verdict.agree is agree


def test_the_spread_is_that_of_the_slowest_over_the_fastest():
    said = sentences(session("a"), session("b", start=1.1, end=1.1), session("c", start=1.2, end=1.2))
    assert said == [
        f"{GROUP}: c needs 20.0% more than a for urnn (tolerance 5%). Ratios within a block hold; curves that "
        "cross these machines compare the machines too."
    ]


def test_several_sessions_of_a_machine_are_its_median():
    again = [Control(GROUP, "a", "other", at, "urnn", 1.0) for at in ("start", "start", "end", "end")]
    controls = [*session("a", start=3.0, end=3.0), *again, *session("b")]
    only_urnn = [one for one in controls if one.cell == "urnn"]
    assert verdicts(only_urnn)[0].agree is True


@pytest.mark.parametrize(("end", "word"), [(1.1, "more"), (0.9, "less")])
def test_a_drift_is_named_with_its_direction(end, word):
    said = sentences(session("a", end=end))
    assert said[1:] == [f"Session s-a on a drifted: urnn took 10.0% {word} at the end (tolerance 5%)."]


def test_a_small_drift_is_not():
    assert len(sentences(session("a", end=1.04))) == 1


def test_without_controls_at_the_end_the_drift_is_not_known():
    assert sentences(session("a", end=None))[1:] == [
        "Session s-a on a has no controls at both ends, so its drift is not known."
    ]


def test_a_machine_without_one_of_the_cells_does_not_say_whether_it_agrees():
    half = [one for one in session("b") if one.cell == "lstm"]
    (verdict,) = verdicts([*session("a"), *half])
    assert verdict.agree is None
    assert verdict.sentences[0] == f"{GROUP}: it is not known whether its machines agree; no controls of b."


def test_groups_are_judged_apart():
    found = verdicts([*session("a"), *session("b", start=2.0, end=2.0, group="kind 2b, cpu")])
    assert [verdict.agree for verdict in found] == [True, True]
    assert verdicts([]) == []
