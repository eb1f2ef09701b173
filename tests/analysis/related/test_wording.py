"""Prose is filled in with the settings of results, with those of the plan, or is left out."""

from __future__ import annotations

import pytest

from analysis.__main__ import main
from analysis.errors import AnalysisError
from analysis.related.engine.report import page_of
from analysis.related.engine.results import read
from analysis.related.engine.wording import by_kind, filled
from tests.analysis.parsed import section
from tests.analysis.related.conftest import CHAPTER, numbers, planned, write_plan, write_result


def about(folder) -> str:
    (paragraph,) = section(page_of(read(folder, [CHAPTER]), [CHAPTER]), CHAPTER.title).blocks
    return paragraph.text.partition(". ")[2]


@pytest.mark.parametrize("with_result", [True, False])
def test_a_sentence_has_the_settings_of_the_result_or_of_the_plan(tmp_path, with_result):
    write_plan(tmp_path, planned("first", settings={"size": 12_000}))
    if with_result:
        write_result(tmp_path, "first", numbers(1.0), settings={"size": 12_000})
    assert about(tmp_path) == "Things are counted. They lie in boxes of 12,000."


def test_a_sentence_about_jobs_that_were_never_planned_is_left_out(tmp_path):
    write_plan(tmp_path, planned("other"))
    assert about(tmp_path) == "Things are counted."
    facts = section(page_of(read(tmp_path, [CHAPTER]), [CHAPTER]), "How it was measured").blocks[0]
    assert facts.pairs == [("Counting", "By hand.")]


def test_the_command_names_the_sentence_whose_setting_the_results_lack(tmp_path, capsys):
    write_plan(tmp_path, planned("first", settings={}), planned("tests-lstm-seed0", study="coverage", settings={}))
    write_result(tmp_path, "first", numbers(1.0), settings={})
    assert main(["related", str(tmp_path), f"--output={tmp_path / 'report'}"]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith('error: The report says "')
    with pytest.raises(AnalysisError) as caught:
        page_of(read(tmp_path, [CHAPTER]), [CHAPTER])
    assert str(caught.value) == (
        'The report says "They lie in boxes of {first.size:,}.", but a job of the kind first has no setting size '
        "that can be named there; measure it again with `python -m bench related`."
    )


def test_a_kind_has_the_settings_of_its_results_alone_where_it_has_one():
    jobs = [{"job": f"a-{number}", "settings": {"n": number}} for number in (1, 2)]
    assert by_kind(jobs[:1], [*jobs, {"job": "b", "settings": {}}]) == {"a": [{"n": 1}], "b": [{}]}


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("Seeds {a.seed}.", "Seeds 0, 1 and 2."),
        ("{a.batches:,} at a time.", "32 and 4,500 at a time."),
        ("From {a.batches.0} on.", "From 32 on."),
        ("{a.share:%} of them.", "10 % of them."),
        ("{a.made.deep:g} and {a.made.deep:.2f}.", "0.5 and 0.50."),
        ("{b.anything} is of no job.", ""),
    ],
)
def test_fields_name_settings(sentence, said):
    shared = {"batches": [32, 4500], "share": 0.1, "made": {"deep": 0.5}}
    jobs = {"a": [{**shared, "seed": seed} for seed in (0, 1, 1, 2)]}
    assert filled({"one": sentence}, jobs) == {"one": said}


@pytest.mark.parametrize(
    "field", ["{a.n.1}", "{a.made}", "{a.word:,}", "{a.word:%}", "{a.list.9}", "{a.list.x}", "{a}"]
)
def test_what_is_no_setting_is_an_error(field):
    with pytest.raises(AnalysisError, match="no setting"):
        filled({"one": [f"It is {field}."]}, {"a": [{"n": 1, "made": {}, "word": "so", "list": [1]}]})


def test_one_job_of_several_that_lacks_it_is_an_error():
    with pytest.raises(AnalysisError, match="kind a has no setting n "):
        filled({"one": "{a.n}"}, {"a": [{"n": 1}, {}]})
