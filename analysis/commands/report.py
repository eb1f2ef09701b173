"""The report of measurements."""

from __future__ import annotations

import argparse

from analysis.commands.sharing import add_paths, add_report_options, announce, read_results
from analysis.report import DEFAULT_TITLE, write_report

PURPOSE = "write the page, the figures and the tidy table into a folder"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Results, and where the report goes."""
    add_paths(parser)
    add_report_options(parser, "reports/latest", DEFAULT_TITLE)


def run(options: argparse.Namespace) -> int:
    """Writes the report and prints its headlines."""
    return announce(write_report(read_results(options.paths), options.output, options.title))
