"""A command line of several commands: how one is found, and what it says when it fails."""

from __future__ import annotations

import argparse
from functools import partial
from types import SimpleNamespace

import pytest

from analysis import command_line
from analysis.command_line import Program
from analysis.commands import PROGRAM


class LostError(Exception):
    """One whose message is for the user."""


@pytest.fixture
def program(monkeypatch) -> SimpleNamespace:
    """A program of two commands that are no files; `imported` lists those loaded, `ends` is their end."""
    state = SimpleNamespace(imported=[], ends=lambda options: 0)

    def load(name: str) -> SimpleNamespace:
        state.imported.append(name)

        def add_arguments(parser: argparse.ArgumentParser) -> None:
            parser.add_argument("--size", type=int, default=1)

        return SimpleNamespace(
            PURPOSE="does it", add_arguments=add_arguments, run=lambda options: state.ends(options)
        )

    monkeypatch.setattr(command_line.importlib, "import_module", load)
    state.main = Program(
        "a program", "For a test.", "some", ("do-it", "undo"), (LostError,), "stopped half-way"
    ).main
    return state


def raising(error: BaseException):
    def end(options: argparse.Namespace) -> int:
        raise error

    return end


def test_a_command_that_is_named_is_imported_alone(program):
    assert program.main(["do-it"]) == 0
    assert program.imported == ["some.do_it"]


@pytest.mark.parametrize("arguments", [["--help"], [], ["redo"]])
def test_otherwise_the_help_knows_all_of_them(program, arguments, capsys):
    if arguments == ["--help"]:
        with pytest.raises(SystemExit) as ended:
            program.main(arguments)
        assert ended.value.code == 0
        assert "do-it     does it\n" in capsys.readouterr().out
    else:
        assert program.main(arguments) == 2
        assert capsys.readouterr().err.endswith("; see a program --help\n")
    assert program.imported == ["some.do_it", "some.undo"]


@pytest.mark.parametrize("code", [0, 1, 2])
def test_its_exit_code_is_the_commands(program, code):
    program.ends = lambda options: options.size
    assert program.main(["undo", f"--size={code}"]) == code


@pytest.mark.parametrize(
    ("end", "line"),
    [
        (raising(LostError("no results; measure first")), "error: no results; measure first\n"),
        (raising(KeyboardInterrupt()), "error: stopped half-way\n"),
        (raising(SystemExit("a library gave up")), "error: a library gave up\n"),
        (
            raising(OSError(28, "No space left on device")),
            "error: the output cannot be written (No space left on device)\n",
        ),
        (raising(BrokenPipeError()), ""),
    ],
    ids=["sentence", "ctrl-c", "exit", "full disk", "reader gone"],
)
def test_what_a_user_can_do_something_about_is_one_line(program, end, line, capsys):
    program.ends = end
    assert program.main(["undo"]) == 2
    assert capsys.readouterr().err == line


def test_a_wrong_argument_is_one_line_that_names_the_commands_help(program, capsys):
    assert program.main(["undo", "--size=big"]) == 2
    assert capsys.readouterr().err == (
        "error: argument --size: invalid int value: 'big'; see a program undo --help\n"
    )


def test_a_fault_keeps_its_traceback(program, capsys):
    program.ends = raising(KeyError("lost"))
    assert program.main(["undo"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert (lines[0], lines[-1]) == ("Traceback (most recent call last):", "KeyError: 'lost'")


@pytest.mark.parametrize("name", PROGRAM.commands)
def test_every_command_of_the_analysis_can_be_asked_for_help(name, capsys):
    with pytest.raises(SystemExit) as ended:
        PROGRAM.main([name, "--help"])
    assert ended.value.code == 0
    assert f"usage: python -m analysis {name} " in capsys.readouterr().out


def fail(error: Exception) -> int:
    raise error


def test_a_missing_package_is_named_with_the_command_that_installs_it(capsys):
    error = ModuleNotFoundError("No module named 'pandas'", name="pandas.core")
    assert command_line.run(partial(fail, error)) == 2
    assert capsys.readouterr().err == (
        "error: the package pandas is missing; in the checkout, pip install --editable '.[suite]' has it\n"
    )


@pytest.mark.parametrize("name", ["analysis.lost", "bench.lost", "urnn.lost", None])
def test_a_missing_module_of_this_project_is_a_mistake_with_its_traceback(name, capsys):
    assert command_line.run(partial(fail, ModuleNotFoundError("lost", name=name))) == 2
    assert capsys.readouterr().err.endswith("ModuleNotFoundError: lost\n")
