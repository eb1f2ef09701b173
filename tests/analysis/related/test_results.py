"""Results become frames; what is damaged, foreign or of other settings is left out and named."""

from __future__ import annotations

import json

import pytest

from analysis.errors import AnalysisError
from analysis.related.engine.results import COMPACT, compact, read
from tests.analysis.related.conftest import CHAPTER, numbers, planned, write_plan, write_result


def test_rows_are_read_with_their_job_and_what_was_not_run_is_known(folder):
    found = read(folder, [CHAPTER])
    frame = found.frames["counting"]["numbers"]
    assert frame.columns.tolist() == ["job", "method", "seed", "value", "extra"]
    assert frame["value"].tolist() == [2.5, 2.6, 2.7]
    assert frame["job"].unique().tolist() == ["first"]
    assert frame["extra"].isna().all()
    assert len(found.frames["counting"]["others"]) == 0
    assert [(one.title, one.why) for one in found.missing] == [
        ("count second", "no such luck"),
        ("count third", ""),
    ]
    assert (found.small, found.problems) == (False, [])


def test_a_report_is_read_as_the_folder_it_was_made_from(folder, tmp_path):
    found = read(folder, [CHAPTER])
    (tmp_path / COMPACT).write_text(compact(found))
    again = read(tmp_path, [CHAPTER])
    assert again.frames["counting"]["numbers"].equals(found.frames["counting"]["numbers"])
    assert again.missing == found.missing


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"settings": {"size": 2}}, "left out, because it is of other settings than the plan's."),
        ({"job": "fourth"}, "left out, because the plan has no job counting/fourth."),
        (
            {"tables": {"numbers": [{"method": "fast", "seed": 0, "value": "2"}]}},
            'expected tables.numbers[0].value to be a number from -1e+100 to 1e+100, got "2".',
        ),
        ({"tables": {"letters": []}}, "expected tables numbers, others, got letters."),
        ({"provenance": {}}, "expected provenance.torch to be a text, got nothing."),
        ({"format": 2}, "expected a study's result of format 1, got 2."),
    ],
)
def test_what_does_not_fit_is_left_out_and_named(folder, change, problem):
    path = write_result(folder, "first", numbers(1.0), **change)
    found = read(folder, [CHAPTER])
    assert len(found.frames["counting"]["numbers"]) == 0
    assert [sentence.removeprefix(f"{path}: ") for sentence in found.problems] == [problem]
    assert found.missing[0].title == "count first"


def test_a_torn_file_hides_no_other(folder):
    (folder / "counting" / "second.json").write_text('{"format": 1, ')
    found = read(folder, [CHAPTER])
    assert len(found.frames["counting"]["numbers"]) == 3
    assert "cut off or damaged at line 1" in found.problems[0]


def test_a_study_without_a_chapter_is_named(folder):
    write_plan(folder, planned("first"), planned("only", study="sorting"))
    write_result(folder, "only", {}, place="sorting")
    assert read(folder, [CHAPTER]).problems == [
        f"{folder / 'sorting' / 'only.json'}: left out, because no chapter is about sorting."
    ]


def test_a_folder_without_studies_says_how_to_make_them(tmp_path):
    with pytest.raises(AnalysisError) as caught:
        read(tmp_path, [CHAPTER])
    assert str(caught.value) == f"No studies in {tmp_path}; run `python -m bench related` first."


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"format": 3}, "expected a plan of format 1, got 3."),
        ({"format": 1, "small": False}, "expected jobs to be a list, got nothing."),
        ({"format": 1, "small": 1, "jobs": []}, "expected small to be true or false, got 1."),
    ],
)
def test_a_damaged_plan_is_a_sentence(tmp_path, plan, message):
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    with pytest.raises(AnalysisError) as caught:
        read(tmp_path, [CHAPTER])
    assert str(caught.value) == f"{tmp_path / 'plan.json'}: {message}"
