"""The table of what states hold: means over seeds, guessing, models and answers in their order."""

import pytest

from analysis.experiments.logs import read
from analysis.experiments.probes import held
from analysis.experiments.report import page_of
from analysis.experiments.study import Study
from tests.analysis.experiments.conftest import end, evaluation, header, write_lines


@pytest.fixture
def study(runs):
    """Words of S3: two seeds of the uRNN, which knows the end and the order-free whole, one of the LSTM."""

    def write(model, seed, scores):
        last = evaluation(50, 0.9, 0.5)
        keys = ("quantity", "window", "score", "guessing")
        lines = [dict(zip(keys, (*answer, score, 0.25), strict=True)) for answer, score in scores.items()]
        first = header(task="words_s3", length=40, model=model, seed=seed)
        write_lines(runs, f"{model}{seed}", [first, last, end("finished", last, probes=lines)])

    for seed, whole in ((0, 0.4), (1, 0.5)):
        write("urnn", seed, {("product", 2): 1.0, ("product", None): whole, ("abelian part", None): 0.98})
    write("lstm", 0, {("product", 2): 0.5, ("product", None): 1.0, ("abelian part", None): 1.0})
    last = evaluation(50, 0.9, 0.5)
    write_lines(runs, "copying", [header(), last, end("finished", last)])
    return Study(read(runs))


def test_a_row_a_model_with_the_last_elements_first_and_what_guessing_gets(study):
    table = held(study)
    assert [column.heading for column in table.columns] == [
        "Task",
        "Model",
        "Last 2",
        "All",
        "All, without their order",
    ]
    ours, theirs = table.rows
    assert [ours[0].text, ours[1]] == ["Words of S3", "uRNN-128"]
    assert [cell.text for cell in ours[2:]] == ["100.0 %", "45.0 %", "98.0 %"]
    assert ours[2].note == "guessing 25.0 %"
    assert ours[3].note == "0.0 % to 100.0 %; guessing 25.0 %"
    assert [cell.text for cell in theirs[2:]] == ["50.0 %", "100.0 %", "100.0 %"]
    assert theirs[3].note == "guessing 25.0 %"


def test_the_page_has_the_table_where_something_was_probed_alone(study, small_study):
    assert "What the states hold of a word" in [section.title for section in page_of(study).sections]
    assert "What the states hold of a word" not in [section.title for section in page_of(small_study).sections]
