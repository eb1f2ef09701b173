"""Exit codes, and what is printed where."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from analysis.__main__ import main
from tests.analysis.test_damaged_files import write_benchmarks, write_histories, write_logs, write_recordings


@pytest.fixture
def results(benchmark_file, entry):
    """A results file with the uRNN ahead of an LSTM at one size."""
    lstm = entry(model="lstm", label="nn.LSTM", family="gated", backend="torch")
    lstm["stats"]["data"] = [0.04, 0.04, 0.04]
    return benchmark_file([entry(), lstm])


@pytest.mark.slow
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


@pytest.mark.slow
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

    monkeypatch.setattr("analysis.commands.report.write_report", interrupted)
    assert main(["report", str(results), "--output", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == "error: interrupted before the end; nothing was written\n"


def test_help_names_the_defaults(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["report", "--help"])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    assert ".benchmarks" in text
    assert "reports/latest" in text


@pytest.mark.parametrize("title", ["", "  ", "two\nlines", "\udcff", "t" * 201])
def test_a_title_that_cannot_stand_on_a_page_is_refused(results, tmp_path, title, capsys):
    assert main(["report", str(results), "--output", str(tmp_path / "out"), "--title", title]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: argument --title: expected one line of 1 to 200 printable characters, got '")
    assert error[:-1].isprintable()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["report", "experiments", "history", "calibration"])
@pytest.mark.parametrize("place", [".", "notes"])
def test_no_report_replaces_a_folder_of_something_else(command, place, tmp_path, monkeypatch, capsys):
    made = {
        "report": (write_benchmarks, "results"),
        "experiments": (write_logs, "results"),
        "history": (write_histories, "results"),
        "calibration": (write_recordings, "results/compact/recording.json"),
    }
    write, given = made[command]
    write(tmp_path / "results")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "index.html").write_text("<!DOCTYPE html>mine")
    (tmp_path / "notes" / "diary.txt").write_text("mine")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("analysis.calibration.report.EFFORT", None)
    monkeypatch.setattr("analysis.calibration.report.conditions", lambda *_: [])
    monkeypatch.setattr("analysis.calibration.report.page_of", lambda *_: None)
    assert main([command, given, "--output", place]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert (tmp_path / "notes" / "diary.txt").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes", "results"]


def test_json_and_markdown_go_to_files_alone(results, tmp_path, capsys):
    for option in ("--json", "--markdown"):
        assert main(["compare", str(results), str(results), option, str(tmp_path)]) == 2
        words = "expected the name of a file to write, got a folder."
        assert capsys.readouterr().err == f"error: {tmp_path}: {words}\n"
        assert main(["compare", str(results), str(results), option, str(tmp_path / "none" / "f")]) == 2
        assert capsys.readouterr().err.endswith("f: cannot be written (No such file or directory).\n")


@pytest.mark.slow
def test_a_terminal_of_ascii_and_a_name_of_rich_markup(benchmark_file, entry):
    path = benchmark_file([entry(backend="[/µ]", **{"pass": number}) for number in range(1, 5)])
    command = [sys.executable, "-m", "analysis", "compare", str(path), str(path)]
    environment = {"PYTHONIOENCODING": "ascii", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert r"urnn:[/\xb5]-train-copying-n64" in done.stdout
    assert "200 \\xb5s" in done.stdout
