"""The list of mutants fits the tree: each text stands in one place and each test file exists."""

import importlib.util
import re
from pathlib import Path

import pytest

PLANT = Path(__file__).with_name("plant.py")


@pytest.fixture(scope="module")
def plant():
    found = importlib.util.spec_from_file_location("plant", PLANT)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_there_are_thirty_in_all_three_packages(plant):
    mutants = plant.listed()
    assert len(mutants) >= 30
    assert {mutant.package for mutant in mutants} == {"urnn", "bench", "analysis"}


def test_each_changes_something_in_one_place_and_names_tests_that_exist(plant):
    for mutant in plant.listed():
        assert mutant.find != mutant.put
        assert mutant.file(plant.ROOT).is_file()
        assert mutant.tests
        assert all((plant.ROOT / path).exists() for path in mutant.tests), mutant.tests


def test_planting_changes_the_file_and_puts_it_back(plant, tmp_path):
    file = tmp_path / "urnn" / "a.py"
    file.parent.mkdir()
    file.write_text("x = 1 + 2\n")
    mutant = plant.Mutant("another sum", "urnn", "1 + 2", "1 - 2", ("tests",))
    with mutant.planted(tmp_path):
        assert file.read_text() == "x = 1 - 2\n"
    assert file.read_text() == "x = 1 + 2\n"


def test_a_text_that_stands_twice_or_nowhere_is_refused(plant, tmp_path):
    (tmp_path / "urnn").mkdir()
    (tmp_path / "urnn" / "a.py").write_text("y = 1 + 2\nz = 1 + 2\n")
    for text, times in (("1 + 2", 2), ("3 + 4", 0)):
        mutant = plant.Mutant("another sum", "urnn", text, "5", ("tests",))
        with pytest.raises(
            ValueError, match=re.escape(f"expected {text!r} once in urnn/, found it {times} times")
        ):
            mutant.file(tmp_path)
