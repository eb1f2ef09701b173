"""Did head get slower than base? The measuring itself is `bench.gate`'s."""

import argparse

from bench import slices
from bench.commits.environments import KINDS
from bench.gate.command import RESULTS, Request, gate
from bench.options import MOST_MINUTES, add_process_options, add_wait, path, positive, word
from bench.profiles import get_profile

PURPOSE = "did head get slower than base? exit code 0: no, 1: yes, 2: not measured"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Two commits, a slice, and how long."""
    slices.add_options(parser, profile="ci")
    add = parser.add_argument
    add("--base", type=word, default="main", metavar="COMMIT", help="default: %(default)s")
    add("--head", type=word, default="HEAD", metavar="COMMIT", help="default: %(default)s")
    minutes = "time for all of it, builds and instruction counts included; default: %(default)s"
    add("--minutes", type=positive(MOST_MINUTES), default=12.0, help=minutes)
    add_wait(parser)
    add_process_options(parser)
    environments = "whose packages measure: this interpreter's or asv environments'; auto: asv's where they differ"
    add("--environments", choices=KINDS, default="auto", help=environments)
    add("--results", type=path, default=RESULTS, help="folder of gates; default: .gate")
    add("--fresh", action="store_true", help="measure anew instead of going on with the last")
    add("--markdown", type=path, metavar="FILE", help="write the table for a pull request")
    add("--json", type=path, metavar="FILE", help="write the verdicts for machines")


def run(options: argparse.Namespace) -> int:
    """The verdict's exit code."""
    profile = get_profile(options.profile)
    return gate(
        Request(
            base=options.base,
            head=options.head,
            cells=slices.chosen_cells(options, profile),
            profile=profile,
            threads=options.threads,
            allocator=options.allocator,
            environments=options.environments,
            minutes=options.minutes,
            wait=options.wait,
            results=options.results.resolve(),
            fresh=options.fresh,
            slice=slices.written(options),
            markdown=options.markdown,
            json=options.json,
        )
    )
