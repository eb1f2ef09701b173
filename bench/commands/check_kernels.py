"""Are the fused kernels right on this machine?"""

import argparse

from analysis.command_line import FAILED
from bench import slices
from bench.checked import run_checks
from bench.kernel_check import all_sizes
from bench.lane.settings import Settings
from bench.options import add_process_options
from bench.profiles import get_profile

PURPOSE = "hold the fused kernels of a profile's cells against the reference in float64; times nothing"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A slice, whose kernels are checked."""
    slices.add_options(parser, profile="gpu")
    add_process_options(parser)


def run(options: argparse.Namespace) -> int:
    """A line for each check; 2 where a kernel is wrong."""
    profile = get_profile(options.profile)
    cells = slices.chosen_cells(options, profile)
    checks = run_checks(all_sizes(cells), Settings(profile, options.threads, options.allocator), print)
    right = sum(check.right for check in checks)
    print(f"{right} of {len(checks)} checks are right")
    return 0 if right == len(checks) else FAILED
