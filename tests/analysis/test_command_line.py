"""Exit codes, and what is printed where."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis import commands
from analysis.__main__ import main


@pytest.fixture
def results(benchmark_file, entry):
    """A results file with the uRNN ahead of an LSTM at one size."""
    lstm = entry(model="lstm", label="nn.LSTM", family="gated", backend="torch")
    lstm["stats"]["data"] = [0.04, 0.04, 0.04]
    return benchmark_file([entry(), lstm])


def test_report_ends_with_the_headlines_and_the_page(results, tmp_path, capsys):
    assert main(["report", str(results), "--output", str(tmp_path / "out"), "--title", "Mine"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(
        "uRNN (eager reference) trains faster than nn.LSTM at the only size measured, n = 64"
    )
    assert lines[-1] == str(tmp_path / "out" / "index.html")
    assert "<title>Mine</title>" in (tmp_path / "out" / "index.html").read_text()


def test_table_goes_to_standard_output_or_a_file(results, tmp_path, capsys):
    assert main(["table", str(results)]) == 0
    printed = capsys.readouterr().out
    assert main(["table", str(results), "--output", str(tmp_path / "table.csv")]) == 0
    assert (tmp_path / "table.csv").read_text() == printed
    assert len(pd.read_csv(tmp_path / "table.csv")) == 10


def test_a_bad_file_in_a_folder_is_a_warning(results, tmp_path, capsys):
    (results.parent / "bad.json").write_text("{")
    assert main(["report", str(results.parent), "--output", str(tmp_path / "out")]) == 0
    warnings = capsys.readouterr().err.splitlines()
    assert len(warnings) == 1
    assert warnings[0].startswith("warning: ")
    assert "bad.json" in warnings[0]
    assert "bad.json" in (tmp_path / "out" / "index.html").read_text()


@pytest.mark.parametrize("arguments", [["report", "nowhere"], ["table", "nowhere"]])
def test_bad_input_is_one_sentence_and_exit_code_2(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error == "error: nowhere: no such file or folder; expected results of asv or pytest-benchmark.\n"


def test_an_output_that_holds_something_else_is_exit_code_2(results, capsys):
    assert main(["report", str(results), "--output", str(results.parent)]) == 2
    assert "is not empty and holds no report; give an empty or a new folder." in capsys.readouterr().err
    assert results.exists()


def test_ctrl_c_is_one_sentence_and_exit_code_2(results, tmp_path, monkeypatch, capsys):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "write_report", interrupted)
    assert main(["report", str(results), "--output", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == "error: stopped before the end; nothing was written.\n"


def test_help_names_the_defaults(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["report", "--help"])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    assert ".benchmarks" in text
    assert "reports/latest" in text
