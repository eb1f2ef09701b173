"""Records what the gate is judged by; the recording itself is `bench.calibration`'s."""

import argparse

from bench import slices
from bench.calibration import recording
from bench.options import MOST_MINUTES, MOST_TIMES, add_wait, path, positive, whole_number, word
from bench.profiles import get_profile
from bench.progress import show

PURPOSE = "record a commit against itself and against slowed copies of itself, to measure the gate"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is slowed down, and how many passes."""
    slices.add_options(parser, profile="ci")
    add = parser.add_argument
    slowed = "the model that is slowed down; default: %(default)s"
    add("--slowed", type=word, default="urnn:cpu", metavar="NAME", help=slowed)
    add("--passes", type=whole_number(MOST_TIMES), default=16, help="of all cells, in all; default: %(default)s")
    minutes = "begin no pass after so many; default: %(default)s"
    add("--minutes", type=positive(MOST_MINUTES), default=40.0, help=minutes)
    add_wait(parser)
    add("--results", type=path, default=recording.FOLDER, help="folder of recordings; default: .gate/calibration")


def run(options: argparse.Namespace) -> int:
    """Says where the recording is."""
    profile = get_profile(options.profile)
    request = recording.Request(
        cells=slices.chosen_cells(options, profile),
        profile=profile,
        slowed=options.slowed,
        passes=options.passes,
        minutes=options.minutes,
        wait=options.wait,
        results=options.results.resolve(),
    )
    print(f"recording: {recording.record(request, recording.Dependencies(log=show))}")
    return 0
