"""The report on the gate itself."""

import argparse
from pathlib import Path

from analysis import calibration
from analysis.commands.sharing import add_report_options, announce

PURPOSE = "write the report on the gate from a recording of its passes"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    recording = "folder of `python -m bench calibrate`, or a report's recording.json; default: the newest folder"
    parser.add_argument("recording", type=Path, nargs="?", metavar="RECORDING", help=recording)
    add_report_options(parser, "reports/calibration", calibration.DEFAULT_TITLE)


def run(options: argparse.Namespace) -> int:
    recording = calibration.read(options.recording or calibration.newest())
    return announce(calibration.write_report(recording, options.output, title=options.title))
