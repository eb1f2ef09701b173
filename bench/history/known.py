"""The list of a history's commits for its report: digits, times and subjects, in the order of the times."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from analysis.documents import TEXT, ListOf, MisfitError, Place, Record
from analysis.vocabulary import COMMITS_FILE
from bench import git
from bench.commits.checkouts import Commit
from bench.reading import read
from bench.run_file import write_atomically

ADVICE = "move it away, and `python -m bench history` writes it again; what was measured is kept"


class _Digits:
    """All digits of a commit: the name of its folder."""

    def check(self, value: object, place: Place) -> None:
        if not (isinstance(value, str) and git.DIGITS.fullmatch(value)):
            raise MisfitError(place, "all digits of a commit", value)


class _Moment:
    """A time in ISO 8601; times of several zones are sorted."""

    def check(self, value: object, place: Place) -> None:
        TEXT.check(value, place)
        try:
            has_zone = datetime.fromisoformat(value).tzinfo is not None
        except ValueError:
            has_zone = False
        if not has_zone:
            raise MisfitError(place, "a time in ISO 8601 with its zone", value)


LIST = ListOf(Record({"commit": _Digits(), "time": _Moment(), "subject": TEXT}))


def note(results: Path, commits: Sequence[Commit]) -> None:
    """Adds commits, so that the list has those of every range that was asked for.

    Raises:
        ResultsError: the list there is damaged, or cannot be written.
    """
    path = results / COMMITS_FILE
    known = {entry["commit"]: entry for entry in (read(path, LIST, ADVICE) if path.exists() else ())}
    known |= {one.digits: {"commit": one.digits, "time": one.time, "subject": one.subject} for one in commits}
    in_order = sorted(known.values(), key=lambda entry: datetime.fromisoformat(entry["time"]))
    write_atomically(path, json.dumps(in_order, indent=1))
