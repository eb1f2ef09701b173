"""The report on the gate itself."""

import argparse
from pathlib import Path

from analysis.calibration.recording import newest, read
from analysis.calibration.report import DEFAULT_TITLE, write_report
from analysis.commands.sharing import add_report_options, announce

PURPOSE = "write the report on the gate from a recording of its passes"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    recording = "folder of `python -m bench calibrate`, or a report's recording.json; default: the newest folder"
    parser.add_argument("recording", type=Path, nargs="?", metavar="RECORDING", help=recording)
    add_report_options(parser, "reports/calibration", DEFAULT_TITLE)


def run(options: argparse.Namespace) -> int:
    recording = read(options.recording or newest())
    return announce(write_report(recording, options.output, title=options.title))
