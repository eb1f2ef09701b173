"""The report of training runs."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from analysis.commands.sharing import add_report_options, announce, read_results, warn
from analysis.errors import AnalysisError
from analysis.experiments.logs import read
from analysis.experiments.report import DEFAULT_TITLE, write_report
from analysis.results import DEFAULT_PATHS
from analysis.vocabulary import STEP_COSTS

PURPOSE = "write the report of training runs into a folder"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", type=Path, metavar="RUNS", help="folder of training runs, or of an earlier report")
    add_report_options(parser, "reports/experiments", DEFAULT_TITLE)
    usual = "those beside the runs and those of `report`"
    measurements = f"benchmark results for the memory of a step; default: {usual}"
    parser.add_argument("--measurements", nargs="*", type=Path, default=[], metavar="PATH", help=measurements)


def run(options: argparse.Namespace) -> int:
    logs = read(options.runs)
    warn(logs.problems)
    measurements = _measurements(options.measurements, options.runs)
    return announce(write_report(logs, options.output, measurements, options.title))


def _measurements(paths: Sequence[Path], runs: Path) -> pd.DataFrame | None:
    """The benchmark's tidy frame; None where no path was named and the usual places hold nothing of use."""
    usual = [path for path in (*DEFAULT_PATHS, runs / STEP_COSTS) if os.path.isdir(path)]
    if not paths and not usual:
        return None
    try:
        return read_results(paths or usual).frame
    except AnalysisError as error:
        if paths:
            raise
        warn([f"the memory of steps is left out: {error}"])
        return None
