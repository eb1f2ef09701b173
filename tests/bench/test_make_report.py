"""`make report`: a first answer from few cells that count in the whole, then everything."""

import argparse
import re
import shlex

import pytest

from bench.commands import run
from bench.estimate import cell_seconds
from bench.paths import ROOT
from bench.profiles import get_profile
from bench.slices import chosen_cells

MAKEFILE = (ROOT / "Makefile").read_text().replace("\\\n", " ")
QUICK = get_profile("quick")


@pytest.fixture
def first() -> argparse.Namespace:
    """The options of what is measured first."""
    parser = argparse.ArgumentParser()
    run.add_arguments(parser)
    (text,) = re.findall(r"^FIRST := (.*)$", MAKEFILE, re.MULTILINE)
    return parser.parse_args(shlex.split(text))


@pytest.mark.usefixtures("without_gpu")
def test_the_first_cells_carry_the_headline_count_in_the_whole_and_take_half_a_minute(first):
    cells = chosen_cells(first, QUICK)
    assert set(cells) < set(QUICK.cells())
    assert first.passes == 1 < QUICK.passes
    assert first.profile == QUICK.name
    assert sum(cell_seconds(cell, QUICK) for cell in cells) < 30
    for variant in ("urnn:cpu", "urnn:reference", "lstm:torch"):
        for phase in ("train", "forward"):
            sizes = [cell.hidden_size for cell in cells if (cell.variant, cell.phase) == (variant, phase)]
            assert sizes == [64, 128, 256, 1024], "the smallest and the largest of the profile, and two between"
    assert not set(cells) & set(QUICK.allocator_controls), "they would cost another process"


def test_a_page_is_written_before_and_after_the_rest_is_measured():
    recipe = MAKEFILE.split("\nreport:")[1].split("\n\n")[0].splitlines()
    commands = [line.strip("\t@").removeprefix("$(RUN) -m ") for line in recipe if "$(RUN)" in line]
    assert [command.split("||")[0].strip() for command in commands] == [
        "bench run --profile quick $(FIRST) $(if $(FRESH),--fresh)",
        "analysis report --output reports/latest",  # git ignores it: a committed one would be a changed checkout's
        "bench run --profile quick",
        "bench run --profile check --harness asv --existing >.asv/check.log 2>&1",
        "analysis report --output $(REPORT)",
    ]
