"""The report on the gate itself; or, for any project's benchmarks, what comparing them is worth."""

import argparse
from pathlib import Path

from analysis.calibration import repeated_outputs
from analysis.calibration.recording import newest, read
from analysis.calibration.repeated import worth
from analysis.calibration.report import DEFAULT_TITLE, write_report
from analysis.commands.sharing import add_floor, add_report_options, add_verdict_options, announce
from analysis.errors import AnalysisError
from analysis.harnesses import TOOLS
from analysis.pages.atomic_folder import write_file
from analysis.regressions.judge import RULES

PURPOSE = "write the report on the gate from a recording; or say what comparing any project's benchmarks is worth"


def whole(text: str) -> int:
    """Reads processes a side."""
    if not (text.isascii() and text.isdigit() and int(text[:9]) > 0 and len(text) < 9):
        raise argparse.ArgumentTypeError(f"expected a whole number of processes, got {text[:60]!r}")
    return int(text)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    recording = "folder of `python -m bench calibrate`, or a report's recording.json; default: the newest folder"
    parser.add_argument("recording", type=Path, nargs="?", metavar="RECORDING", help=recording)
    add_report_options(parser, "reports/calibration", DEFAULT_TITLE)
    files = f"instead: repeated results of one code, files or folders of {TOOLS}; prints tables, writes no report"
    others = parser.add_argument_group("any project's benchmarks")
    others.add_argument("--from", dest="files", type=Path, nargs="+", metavar="FILE", help=files)
    others.add_argument("--processes", type=whole, metavar="K", help="a side; default: half of those measured")
    add_floor(others)
    add_verdict_options(others)


def run(options: argparse.Namespace) -> int:
    if options.files is None:
        if options.processes or options.markdown or options.json or options.floor != RULES.floor:
            raise AnalysisError("Expected --from FILE... with --processes, --floor, --markdown or --json.")
        return announce(write_report(read(options.recording or newest()), options.output, title=options.title))
    if options.recording is not None:
        raise AnalysisError("Expected a recording or --from FILE..., got both.")
    found = worth(options.files, options.processes, RULES.with_floor(options.floor))
    if options.markdown is not None:
        write_file(options.markdown, repeated_outputs.markdown(found))
    if options.json is not None:
        write_file(options.json, repeated_outputs.document(found))
    repeated_outputs.show(found)
    return 0
