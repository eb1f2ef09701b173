"""The project's own history, measured commit by commit; the measuring itself is `bench.history`'s."""

import argparse

from bench.history import fill
from bench.history.site import publish
from bench.options import path, word
from bench.paths import ROOT
from bench.progress import show

PURPOSE = "measure the commits of a range that changed what is timed, and publish them as asv's site"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which commits, and two folders."""
    add = parser.add_argument
    commits = "commits, as git names them; default: %(default)s"
    add("--range", type=word, default="main", metavar="RANGE", help=commits)
    add("--results", type=path, default=fill.FOLDER, help="folder of a history; default: .history")
    add("--site", type=path, default=ROOT / ".asv" / "html", help="folder of asv's site; default: .asv/html")


def run(options: argparse.Namespace) -> int:
    """Says how many commits were measured, and where they are shown."""
    results = options.results.resolve()
    filled = fill.fill(options.range, results, show)
    show(f"{filled.measured} commits measured now, {filled.before} before; {filled.failed} cannot be measured")
    shown = publish(results, options.site.resolve())
    show(f"{shown} commits in {options.site}; to look at it: python -m http.server --directory {options.site}")
    return 0
