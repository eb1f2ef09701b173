"""The verdict on two sets of results, of this suite or of another project's benchmarks."""

import argparse
from pathlib import Path

from analysis.commands.sharing import add_floor, add_verdict_options, conclude
from analysis.errors import AnalysisError
from analysis.harnesses import TOOLS
from analysis.regressions.files import compare
from analysis.regressions.judge import RULES
from analysis.vocabulary import joined

PURPOSE = "judge two result sets, of any project: did the new commit get slower?"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    for name in ("old", "new"):
        parser.add_argument(name, type=Path, nargs="?", metavar=name.upper(), help=f"a file or folder of {TOOLS}")
        several = f"several files of the {name} commit, one a process"
        parser.add_argument(f"--{name}", dest=f"{name}_files", type=Path, nargs="+", metavar="FILE", help=several)
    add_floor(parser)
    add_verdict_options(parser)


def run(options: argparse.Namespace) -> int:
    named, listed = (options.old, options.new), (options.old_files, options.new_files)
    if all(named) and not any(listed):
        sides = [[path] for path in named]
    elif all(listed) and not any(named):
        sides = list(listed)
    else:
        given = {"OLD": options.old, "NEW": options.new, "--old": options.old_files, "--new": options.new_files}
        came = joined([name for name, value in given.items() if value] or ["no file"])
        raise AnalysisError(f"Expected OLD and NEW, or --old FILE... and --new FILE..., got {came}.")
    return conclude(compare(*sides, RULES.with_floor(options.floor)), options)
