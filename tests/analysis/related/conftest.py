"""Hand-made studies: a chapter on counting, and folders as `python -m bench related` leaves them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analysis.documents import COUNT, TEXT, Maybe, real
from analysis.pages import Column, Table
from analysis.related.engine.chapter import Chapter, Claim, by_seed, over_seeds

PROVENANCE = {
    "torch": "2.13.0",
    "python": "3.11.9",
    "machine": "Linux x86_64",
    "cpu": "A processor",
    "commit": "aaaaaaaa",
    "started_at": "2026-01-31T14:02:00+00:00",
    "seconds": 30.0,
}


def _grew(frames):
    found = over_seeds(by_seed(frames["numbers"], "value", method="fast"))
    return found and (found.at_least(2.0), found.words("{:.1f}".format))


CHAPTER = Chapter(
    study="counting",
    arxiv="0000.00001",
    title="Counting",
    paper="One and Two 2019",
    about="Things are counted.",
    tables={"numbers": {"method": TEXT, "seed": COUNT, "value": real(), "extra": Maybe(real())}, "others": {}},
    claims=[Claim("Counts are two or more.", "abstract", "the mean count is at least 2", _grew)],
    headlines=lambda frames: ["Counting works."] if len(frames["numbers"]) else [],
    body=lambda frames: [Table("Counts", [Column("Method")], [[one] for one in frames["numbers"]["method"]])],
    method=[("Counting", "By hand.")],
)


def planned(job: str, study: str = "counting", **more) -> dict:
    return {
        "study": study,
        "job": job,
        "title": f"count {job}",
        "settings": {"size": 1},
        "command": f"python -m bench related --only {study}/{job}",
        "failed": None,
        **more,
    }


def write_plan(folder: Path, *jobs: dict, small: bool = False) -> None:
    (folder / "plan.json").write_text(json.dumps({"format": 1, "small": small, "jobs": jobs}))


def write_result(folder: Path, name: str, rows: dict, place: str = "counting", **more) -> Path:
    """`more` replaces parts of the document."""
    document = {
        "format": 1,
        "study": place,
        "job": name,
        "settings": {"size": 1},
        "provenance": PROVENANCE,
        "tables": rows,
        **more,
    }
    path = folder / place / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def numbers(*values: float, method: str = "fast") -> dict:
    return {"numbers": [{"method": method, "seed": seed, "value": one} for seed, one in enumerate(values)]}


@pytest.fixture
def folder(tmp_path):
    """One job done, one failed, one not run."""
    place = tmp_path / "runs"
    place.mkdir()
    write_plan(place, planned("first"), planned("second", failed="no such luck"), planned("third"))
    write_result(place, "first", numbers(2.5, 2.6, 2.7))
    return place
