"""`python -m analysis compare`: two sides of files, of this suite or of other benchmark tools -> a comparison.

The unit is the process. Where both sides have several files, a file is one process; where a side has one file,
each process in it is, and a tool that keeps one value a file (all but hyperfine) then leaves one process a side.
"""

import math
import shlex
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from statistics import median

from analysis.errors import AnalysisError
from analysis.harnesses import OURS, File, read
from analysis.regressions.comparison import Comparison, NamedCommit, compare_cells
from analysis.regressions.judge import RULES, Row, Rules, Verdict, answer, called_from
from analysis.regressions.measurements import Measurements, Process
from analysis.statistics.log_ratio import ASSUMED_SPREAD, ENOUGH, of_groups
from analysis.units import per_cent
from analysis.vocabulary import counted, joined

NOUN = "benchmark"


def compare(old: Sequence[Path], new: Sequence[Path], rules: Rules = RULES) -> Comparison:
    """Files or folders, one commit a side -> the comparison of new with old.

    Raises AnalysisError for what cannot be read or does not belong together.
    """
    again = _command(old, new)
    (before, problems), (after, others) = read(old), read(new)
    ours = {file.tool == OURS for file in (*before, *after)}
    if ours == {True}:
        return compare_cells(old, new, again, rules)
    if True in ours:
        theirs, mine = (
            next(file for file in (*before, *after) if (file.tool == OURS) is is_ours) for is_ours in (False, True)
        )
        raise AnalysisError(
            f"Expected both sides of one project, got {mine.path} of {OURS} and {theirs.path} of {theirs.tool}: "
            "they have no benchmark in common."
        )
    require_fresh(before)
    require_fresh(after)
    same = _shared(before, after)
    by_file = len(before) > 1 and len(after) > 1
    base, head = (side_of(files, by_file=by_file) for files in (before, after))
    base, head = _alike(base, head, before, after)
    seen = dict.fromkeys([*base.times, *base.messages, *head.times, *head.messages])
    wanted = [one for one in seen if one not in base.skipped & head.skipped]
    rows, outcome = answer(base, head, wanted, rules, NOUN)
    notes = [*problems, *others, *_notes(before, after), *([] if same else _worth(rows, rules, by_file=by_file))]
    sides = (_name(files, paths) for files, paths in ((before, old), (after, new)))
    return Comparison(*sides, rows, outcome, tuple(dict.fromkeys(notes)), again, rules=rules, noun=NOUN)


def _command(old: Sequence[Path], new: Sequence[Path]) -> str:
    texts = [list(map(str, paths)) for paths in (old, new)]
    if len(old) == len(new) == 1:
        return shlex.join(["python", "-m", "analysis", "compare", *texts[0], *texts[1]])
    return shlex.join(["python", "-m", "analysis", "compare", "--old", *texts[0], "--new", *texts[1]])


def require_fresh(files: Sequence[File]) -> None:
    """Raises AnalysisError where two files of a side hold the same measurements: their spread would seem tiny."""
    for one, other in combinations(files, 2):
        if one.times.seconds and one.times.seconds == other.times.seconds:
            raise AnalysisError(
                f"Expected each file to be measured anew, got the same times in {one.path} and {other.path}."
            )


def _shared(before: Sequence[File], after: Sequence[File]) -> bool:
    """Whether both sides are the same measurements. Raises AnalysisError where only some of them are."""
    shared = [
        (one.path, other.path)
        for one in before
        for other in after
        if one.times.seconds and one.times.seconds == other.times.seconds
    ]
    if not shared:
        return False
    if len(shared) == len(before) == len(after):
        return True
    pair = " and ".join(map(str, dict.fromkeys(shared[0])))
    raise AnalysisError(f"Expected two sides measured apart, got the same times on both of them ({pair}).")


def side_of(files: Sequence[File], *, by_file: bool, mixed: bool = False) -> Measurements:
    """The times of files of one commit; `by_file`: each file is one process, else each value in it.

    Raises AnalysisError where the files are of several commits, unless they may be `mixed`.
    """
    commits = sorted({file.times.commit for file in files if file.times.commit})
    if len(commits) > 1 and not mixed:
        raise AnalysisError(
            f"Expected one commit a side, got {len(commits)} ({', '.join(one[:8] for one in commits)}) from "
            f"{files[0].path} on; name the files of one."
        )
    times: dict[str, dict[Process, float]] = {}
    messages: dict[str, str] = {}
    for number, file in enumerate(files):
        for benchmark, values in file.times.seconds.items():
            own = times.setdefault(benchmark, {})
            own.update({(number, 0): median(values)} if by_file else _numbered(number, values))
        messages |= file.times.messages
    messages = {name: text for name, text in messages.items() if name not in times}
    skipped = frozenset.intersection(*(file.times.skipped for file in files)) - set(times)
    return Measurements(times, messages=messages, skipped=skipped)


def _numbered(number: int, values: Sequence[float]) -> dict[Process, float]:
    return {(number, at): value for at, value in enumerate(values)}


def _alike(
    base: Measurements, head: Measurements, before: Sequence[File], after: Sequence[File]
) -> tuple[Measurements, Measurements]:
    """Both sides without the benchmarks of which they timed different things, and why those are missing."""
    ways = [_ways(files) for files in (before, after)]
    differ = {
        name: f"timed in another way than in base ({joined(sorted(ways[0][name] | ways[1][name]))})"
        for name in ways[0].keys() & ways[1].keys()
        if len(ways[0][name] | ways[1][name]) > 1
    }
    left = [{name: times for name, times in side.times.items() if name not in differ} for side in (base, head)]
    return (
        Measurements(left[0], messages=base.messages, skipped=base.skipped),
        Measurements(left[1], messages={**head.messages, **differ}, skipped=head.skipped),
    )


def _ways(files: Sequence[File]) -> Mapping[str, set[str]]:
    found: dict[str, set[str]] = {}
    for file in files:
        for name, way in file.times.how.items():
            found.setdefault(name, set()).add(way)
    return found


def _name(files: Sequence[File], paths: Sequence[Path]) -> NamedCommit:
    """The commit where the files say it, else what they are called."""
    commit = next((file.times.commit[:8] for file in files if file.times.commit), "")
    where = str(paths[0]) if len(paths) == 1 else f"{paths[0]} and {counted(len(files) - 1, 'more file')}"
    return NamedCommit(commit or where)


def _notes(before: Sequence[File], after: Sequence[File]) -> list[str]:
    notes = [note for file in (*before, *after) for note in file.times.notes]
    tools, machines = (
        [sorted({value for file in files if (value := get(file))}) for files in (before, after)]
        for get in (lambda file: file.tool, lambda file: file.times.machine)
    )
    if tools[0] != tools[1]:
        notes.append(f"measured by different tools: {joined(tools[0])}, and {joined(tools[1])}")
    if all(machines) and machines[0] != machines[1]:
        names = f"{joined(machines[0])}, and {joined(machines[1])}"
        notes.append(f"measured on different machines ({names}): a difference may be the machine's")
    return notes


def _worth(rows: Sequence[Row], rules: Rules, *, by_file: bool) -> list[str]:
    """What the comparison is worth where the spread between sessions or processes could not be measured."""
    judged = [row for row in rows if row.verdict is not Verdict.NOT_MEASURED]
    few = [row for row in judged if row.passes < ENOUGH]
    if not few:
        within = "the processes of one file ran in one go, so a change may be the machine's between two files; "
        return [] if by_file or not judged else [within + "several files a side, recorded in turn, would show it"]
    fewest = min(row.passes for row in few)
    assumed = of_groups([0.0] * fewest, [0.0] * fewest)
    limit = per_cent(math.expm1(called_from(assumed, len(judged), rules)))
    return [
        f"{counted(fewest, 'process')} a side: how far two processes of one commit differ was not measured, so "
        f"{per_cent(ASSUMED_SPREAD)} is assumed, and a slowdown is called from {limit} on; on a noisier machine "
        f"such a call can be wrong. With {ENOUGH} files a side or more the spread is measured."
    ]
