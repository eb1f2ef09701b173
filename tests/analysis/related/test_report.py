"""The page says what the studies say, and what was not run with the command that runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.__main__ import main
from analysis.related import every_chapter
from analysis.related.engine.report import page_of, write_report
from analysis.related.engine.results import read
from tests.analysis.parsed import assert_it_reads_well, assert_it_stands_alone, section, sentences, table, texts
from tests.analysis.related.conftest import CHAPTER, numbers, planned, write_plan, write_result


def test_the_folder_holds_page_markdown_tables_and_results(folder, tmp_path):
    report = write_report(read(folder, [CHAPTER]), [CHAPTER], tmp_path / "report")
    names = {"index.html", "report.md", "counting_numbers.csv", "counting_others.csv", "studies.json"}
    assert {path.name for path in report.page.parent.iterdir()} == names | {"manifest.json"}
    text = (tmp_path / "report" / "report.md").read_text()
    for sentence in report.headlines:
        assert f"- {sentence}\n" in text
    assert "`python -m bench related --only counting/third`" in text
    assert_it_stands_alone(report.page.read_text().replace("arXiv", ""))
    assert_it_reads_well(text)
    assert (tmp_path / "report" / "counting_numbers.csv").read_text().splitlines()[:2] == [
        "job,method,seed,value,extra",
        "first,fast,0,2.5,",
    ]


def test_the_top_says_what_was_found_and_how_the_claims_fared(folder):
    page = page_of(read(folder, [CHAPTER]), [CHAPTER])
    assert page.headlines == [
        "Counting works.",
        "Of 1 claim of the papers: 1 agree. 2 jobs of the studies had no time or failed.",
    ]
    assert texts(table(page, "What the paper claims: Counting")) == [
        ["Counts are two or more.", "2.6 (95 % interval 2.4 to 2.8, 3 seeds)", "agree"]
    ]


def test_what_was_not_run_stands_with_why_and_the_command(folder):
    page = page_of(read(folder, [CHAPTER]), [CHAPTER])
    assert sentences(section(page, "Not run")) == [
        ("count second, which failed: no such luck:", "python -m bench related --only counting/second"),
        ("count third:", "python -m bench related --only counting/third"),
    ]


def test_a_long_list_of_what_was_not_run_is_folded_under_one_command(tmp_path):
    write_plan(tmp_path, *(planned(f"job{number}") for number in range(6)))
    summed, folded = section(page_of(read(tmp_path, [CHAPTER]), [CHAPTER]), "Not run").blocks
    assert summed.items == [("6 jobs. They are run by", "python -m bench related --only counting")]
    assert [item[0] for item in folded.blocks[0].items] == [f"count job{number}:" for number in range(6)]


def test_a_study_that_was_never_planned_is_not_run(tmp_path):
    write_plan(tmp_path)
    page = page_of(read(tmp_path, [CHAPTER]), [CHAPTER])
    assert page.headlines == ["Of 1 claim of the papers: 1 were not run."]
    assert sentences(section(page, "Not run")) == [
        ("The whole study. It is run by", "python -m bench related --only counting")
    ]
    assert texts(table(page, "What the paper claims: Counting"))[0][1:] == ["not measured", "not run"]


def test_a_trial_says_that_its_figures_say_nothing(tmp_path):
    write_plan(tmp_path, planned("first"), small=True)
    write_result(tmp_path, "first", numbers(3.0))
    headlines = page_of(read(tmp_path, [CHAPTER]), [CHAPTER]).headlines
    assert headlines[0] == "This is a trial with small settings: its figures say nothing about the systems."


def test_problems_are_on_the_page(folder):
    path = write_result(folder, "first", numbers(1.0), settings={"size": 7})
    page = page_of(read(folder, [CHAPTER]), [CHAPTER])
    assert sentences(section(page, "Results that were left out")) == [
        f"{path}: left out, because it is of other settings than the plan's."
    ]


def test_the_command_says_where_there_are_no_studies(tmp_path, capsys):
    assert main(["related", str(tmp_path), f"--output={tmp_path / 'report'}"]) == 2
    assert capsys.readouterr().err == f"error: No studies in {tmp_path}; run `python -m bench related` first.\n"


@pytest.mark.parametrize("chapter", every_chapter(), ids=lambda chapter: chapter.study)
def test_a_chapter_stands_without_any_result(chapter, tmp_path):
    write_plan(tmp_path)
    report = write_report(read(tmp_path, [chapter]), [chapter], tmp_path / "report")
    assert report.headlines == [
        f"Of {len(chapter.claims)} claims of the papers: {len(chapter.claims)} were not run."
    ]
    assert_it_stands_alone(report.page.read_text())
    assert_it_reads_well((tmp_path / "report" / "report.md").read_text())


@pytest.mark.parametrize("chapter", every_chapter(), ids=lambda chapter: chapter.study)
def test_every_table_and_column_is_documented(chapter):
    text = (
        (Path(__file__).parents[3] / "docs" / "files.md").read_text().partition("## Studies of related systems")[2]
    )
    for name_of_table, columns in chapter.tables.items():
        assert f"`{chapter.study}_{name_of_table}.csv`" in text
        assert [name for name in columns if f"`{name}`" not in text] == []
