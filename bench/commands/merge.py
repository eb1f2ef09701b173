"""Shards that several machines have measured become results."""

import argparse
import shlex
from pathlib import Path

from analysis.controls import TOLERANCE
from analysis.vocabulary import RESULTS, counted
from bench.errors import ResultsError
from bench.fleet.merge import Merged, merge
from bench.options import path, positive
from bench.paths import ROOT
from bench.progress import show

PURPOSE = "make one table of the shards that several machines have measured"
MOST_TOLERANCE = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the shards are, and where they go."""
    add = parser.add_argument
    add("folders", nargs="+", type=path, metavar="DIR", help="results of `run --shard`, of any machines")
    add("--into", type=path, default=ROOT / RESULTS, help="folder of results; default: .benchmarks")
    tolerance = "by how much controls may differ for machines to share a curve; default: %(default)s"
    add("--tolerance", type=positive(MOST_TOLERANCE), default=TOLERANCE, help=tolerance)


def run(options: argparse.Namespace) -> int:
    """Says what was merged and what the controls say; 2 and the command that measures them where blocks lack."""
    merged = merge(options.folders, options.into, options.tolerance)
    for remark in merged.remarks:
        show(remark)
    for verdict in merged.verdicts:
        for sentence in verdict.sentences:
            show(sentence)
    for file in merged.files:
        show(f"results: {file}")
    if merged.missing:
        raise ResultsError(_what_is_missing(merged, options.folders[0]))
    show(f"nothing is missing: {counted(len(merged.plan.blocks), 'block')}")
    return 0


def _what_is_missing(merged: Merged, folder: Path) -> str:
    names, blocks = merged.missing, counted(len(merged.plan.blocks), "block")
    return (
        f"{len(names)} of {blocks} missing ({', '.join(names)}), the others are merged; what is missing is "
        f"measured by: {merged.plan.command_for(names)} --results {shlex.quote(str(folder))}"
    )
