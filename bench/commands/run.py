"""Measures any slice of the grid, through pytest-benchmark or asv, and stores each cell as it ends."""

import argparse
import json
from collections.abc import Mapping

from analysis.command_line import FAILED
from analysis.vocabulary import MODELS_FILE
from bench import asv_harness, identity, slices, subjects
from bench.checked import run_checks, without_wrong
from bench.errors import SweepError
from bench.estimate import cell_seconds
from bench.fleet import command as fleet
from bench.grid import Cell, Profile
from bench.kernel_check import sizes
from bench.lane import sweep
from bench.lane.lane import Side
from bench.lane.settings import Settings
from bench.machine.kind import this_machine
from bench.machine.lock import sole_run
from bench.options import MOST_TIMES, add_process_options, path, whole_number
from bench.paths import ROOT
from bench.prepare import describe
from bench.profiles import get_profile
from bench.progress import SweepProgress, show
from bench.run_file import RunFile, sole_writer, write_atomically

PURPOSE = "measure cells and store each as it ends; the same command goes on after Ctrl-C"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A slice, and how it is measured."""
    slices.add_options(parser, profile="quick")
    add = parser.add_argument
    add("--harness", choices=("pytest-benchmark", "asv"), default="pytest-benchmark", help="default: %(default)s")
    add("--existing", action="store_true", help="asv: measure with this interpreter's packages, build nothing")
    add_process_options(parser)
    passes = "measure each cell in N processes; default: the profile's"
    add("--passes", type=whole_number(MOST_TIMES), metavar="N", help=passes)
    add("--results", type=path, default=ROOT / ".benchmarks", help="folder of results; default: .benchmarks")
    add("--fresh", action="store_true", help="start a new results file instead of going on with the last")
    fleet.add_options(parser)


def run(options: argparse.Namespace) -> int:
    """0, or 2 where a benchmark of asv's failed or a kernel is wrong; waits while others measure here."""
    if fleet.is_part(options):
        return fleet.measure(options)
    profile = get_profile(options.profile)
    if options.harness == "asv":
        return _run_asv(options, profile)
    cells = slices.chosen_cells(options, profile)
    passes = options.passes or profile.passes
    right = True
    with sole_writer(options.results), sole_run(waiting=show):
        for device in dict.fromkeys(cell.device for cell in cells):  # a file each: their code differs
            here = [cell for cell in cells if cell.device == device]
            right &= _measure(
                here, options, profile, options.allocator, passes, slices.left_out(options, profile, here)
            )
        controls = [cell for cell in profile.allocator_controls if cell in cells]
        if options.allocator == "kept" and controls:
            _measure(controls, options, profile, "default", passes=1)
    return 0 if right else FAILED


def _run_asv(options: argparse.Namespace, profile: Profile) -> int:
    """asv's classes are whole sweeps; a slice that it would ignore is refused."""
    if named := slices.given(options):
        raise ValueError(
            f"--harness asv measures whole profiles, got a slice ({', '.join(named)}); "
            "use --harness pytest-benchmark, or asv run --bench with a regular expression"
        )
    with sole_writer(results := ROOT / ".asv" / "results"), sole_run(waiting=show):
        failed = asv_harness.run(profile, threads=options.threads, existing=options.existing, log=print)
        write_atomically(results / MODELS_FILE, json.dumps(subjects.as_data(), indent=1))
    return FAILED if failed else 0


def _measure(
    cells: list[Cell],
    options: argparse.Namespace,
    profile: Profile,
    allocator: str,
    passes: int,
    left_out: Mapping[Cell, str] | None = None,
) -> bool:
    """Measures the cells under one allocator setting, into that setting's own file, which names those left out.

    A profile that asks for it has its kernels checked first; false if one of them is wrong and was not timed.
    """
    settings = Settings(profile, options.threads, allocator)
    digest = identity.results_digest(ROOT, cells, this_machine().instance)
    name = f"{digest}_{profile.name}_{options.threads}t_{allocator}"
    run_file = RunFile.open(options.results, name, settings.conditions, fresh=options.fresh)
    side = Side(settings, run_file)
    jobs, checks = sweep.plan(cells, passes), []
    if profile.checks_kernels:
        checks = run_checks(sizes(cells), settings, print)
        jobs = without_wrong(jobs, checks, side)
    first = settings.conditions_in(1)
    run_file.add_not_planned((cell.id, describe(cell) | first, why) for cell, why in (left_out or {}).items())
    measured = run_file.measured()
    pending = [job for job in jobs if (job.cell.id, job.pass_number) not in measured]
    if len(pending) < len(jobs):
        print(f"{len(jobs) - len(pending)} of {len(jobs)} are measured already, in {run_file.path}")
    try:
        with SweepProgress(pending, lambda job: cell_seconds(job.cell, profile)) as progress:
            sweep.run(pending, side, progress.started, progress.finished)
    except KeyboardInterrupt:
        raise SweepError(
            f"interrupted; {run_file.stored()} measurements are kept in {run_file.path}, "
            "and the same command goes on from there"
        ) from None
    print(f"results: {run_file.path}")
    return all(check.right for check in checks)
