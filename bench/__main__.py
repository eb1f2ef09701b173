"""`python -m bench`: run any slice of the grid, list what would run, or hold one commit against another.

Exit codes: 0 done, 2 after one line on standard error; `gate` has 1 besides, for a regression.
"""

import sys

if __name__ == "__main__":  # before anything else is imported: a missing package must not end in Python's own 1
    from bench.ending import run_module

    sys.exit(run_module("bench.__main__"))

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from analysis.vocabulary import DEVICES, GRAPH, MODELS_FILE, PHASES, STEP_COSTS, duration
from bench import asv_harness, cuts, identity, step_costs, subjects
from bench.calibration import recording
from bench.checked import run_checks, without_wrong
from bench.commits.environments import KINDS as ENVIRONMENTS
from bench.environment import ALLOCATORS
from bench.errors import ResultsError, SweepError
from bench.estimate import cell_seconds, require_memory
from bench.experiments import MOST_SEEDS
from bench.experiments import plan as planned_experiments
from bench.gate.command import RESULTS, Request, gate
from bench.grid import DTYPES, HIDDEN_SIZES, PROFILES, Cell, Profile, get_profile, select
from bench.history import fill as history
from bench.history.site import publish
from bench.lane.lane import Side
from bench.lane.settings import Settings
from bench.lane.sweep import plan, run
from bench.options import (
    MOST_MINUTES,
    MOST_SECONDS,
    MOST_SIZE,
    MOST_THREADS,
    MOST_TIMES,
    names,
    path,
    positive,
    whole_number,
    whole_numbers,
    word,
)
from bench.paths import ROOT
from bench.progress import SweepProgress
from bench.reproduce import MOST_JOBS, Conditions, conduct, show, summary
from bench.store import RunFile, sole_writer, write_atomically
from bench.workloads import require_device
from urnn.tasks import TASKS

USAGE_ERROR = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0, or 2 after one line on standard error."""
    options = _parser().parse_args(arguments)
    try:
        code = options.command(options)
        if sys.stdout is not None:  # started with it closed
            sys.stdout.flush()
        return code
    except BrokenPipeError:
        raise  # whoever read the output has gone; `analysis.command_line` ends that
    except (ValueError, RuntimeError, OSError, ResultsError, SweepError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return USAGE_ERROR
    except KeyboardInterrupt:
        print("bench: interrupted; what was measured is kept, and the same command goes on", file=sys.stderr)
        return USAGE_ERROR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, function, purpose in (
        ("run", _run, "measure cells and store each as it ends; the same command goes on after Ctrl-C"),
        ("list", _list, "show what would run and roughly how long"),
    ):
        command = commands.add_parser(name, help=purpose, description=purpose)
        command.set_defaults(command=function)
        _add_slice_options(command)
        _add_run_options(command)
    purpose = "did head get slower than base? 0: no, 1: yes, 2: that was not measured"
    gate_command = commands.add_parser("gate", help=purpose, description=purpose)
    gate_command.set_defaults(command=_gate)
    _add_slice_options(gate_command, profile="ci")
    _add_gate_options(gate_command)
    _add_cuts(commands)
    _add_calibrate(commands)
    _add_history(commands)
    _add_reproduce(commands)
    return parser


def _add_cuts(commands: argparse._SubParsersAction) -> None:
    purpose = "time the CUDA kernel with each number of units that a thread can hold; stores nothing"
    command = commands.add_parser("cuts", help=purpose, description=purpose)
    command.set_defaults(command=_cuts)
    sizes = {"type": whole_numbers(MOST_SIZE), "metavar": "N,..."}
    command.add_argument("--hidden", **sizes, default=HIDDEN_SIZES, help="hidden sizes; default: %(default)s")
    command.add_argument("--batch", **sizes, default=(128, 1056), help="sequences; default: %(default)s")
    command.add_argument(
        "--length", type=whole_number(MOST_SIZE), default=512, help="time steps; default: %(default)s"
    )


def _add_calibrate(commands: argparse._SubParsersAction) -> None:
    purpose = "record what the gate is to be measured on: a commit against itself and slowed copies of itself"
    command = commands.add_parser("calibrate", help=purpose, description=purpose)
    command.set_defaults(command=_calibrate)
    _add_slice_options(command, profile="ci")
    add = command.add_argument
    add(
        "--slowed",
        type=word,
        default="urnn:cpu",
        metavar="NAME",
        help="the model that is slowed down; default: %(default)s",
    )
    add("--rounds", type=whole_number(MOST_TIMES), default=16, help="of all cells, in all; default: %(default)s")
    add("--minutes", type=positive(MOST_MINUTES), default=40.0, help="begin no round after so many; default: 40")
    _add_wait(command)
    add("--results", type=path, default=recording.FOLDER, help="folder of recordings; default: .gate/calibration")


def _add_history(commands: argparse._SubParsersAction) -> None:
    purpose = "measure the commits of a range that changed what is timed, and publish them as asv's site"
    command = commands.add_parser("history", help=purpose, description=purpose)
    command.set_defaults(command=_history)
    add = command.add_argument
    add(
        "--range",
        type=word,
        default="main",
        metavar="RANGE",
        help="commits, as git names them; default: %(default)s",
    )
    add("--results", type=path, default=history.FOLDER, help="folder of a history; default: .history")
    add("--site", type=path, default=ROOT / ".asv" / "html", help="folder of asv's site; default: .asv/html")


def _add_reproduce(commands: argparse._SubParsersAction) -> None:
    purpose = "train the paper's experiments until the time is up; the same command goes on"
    command = commands.add_parser("reproduce", help=purpose, description=purpose)
    command.set_defaults(command=_reproduce)
    add = command.add_argument
    add("--full", action="store_true", help="the paper's whole set, on a GPU where there is one")
    add(
        "--minutes",
        type=positive(MOST_MINUTES),
        default=30.0,
        help="start nothing after so many; default: %(default)s",
    )
    add("--seeds", type=whole_number(MOST_SEEDS), default=3, help="seeds of each setting; default: %(default)s")
    add(
        "--jobs",
        type=whole_number(MOST_JOBS),
        default=2,
        help="runs at a time, one thread each; default: %(default)s",
    )
    add("--runs", type=path, default=Path("runs"), metavar="FOLDER", help="where runs are kept; default: runs")
    add(
        "--mnist", type=path, default=Path("mnist"), metavar="FOLDER", help="--full: MNIST's files; default: mnist"
    )


def _add_slice_options(command: argparse.ArgumentParser, profile: str = "quick") -> None:
    add = command.add_argument
    named = {"type": names, "metavar": "NAME,..."}
    sizes = {"type": whole_numbers(MOST_SIZE), "metavar": "N,..."}
    add("--profile", default=profile, help=f"one of {', '.join(PROFILES)}; default: %(default)s")
    add("--models", **named, help=f"of {', '.join(subjects.SUBJECTS)}, or with a backend: urnn:reference")
    add("--phase", **named, help=f"of {', '.join(PHASES)}")
    add("--device", **named, help=f"of {', '.join(DEVICES)}; default: those that are here")
    add("--dtype", **named, help=f"of {', '.join(DTYPES)}")
    add("--task", **named, help=f"of {', '.join(TASKS)}")
    add("--hidden", **sizes, dest="hidden_size", help="hidden sizes; any, not only the profile's")
    add("--length", **sizes, help="time steps; any")
    add("--batch", **sizes, help="sequences; any")
    add("--layers", **sizes, dest="num_layers", help="layers stacked; those of the profile")


def _add_wait(command: argparse.ArgumentParser) -> None:
    purpose = "seconds to wait for a quiet machine; default: 60"
    command.add_argument("--wait", type=positive(MOST_SECONDS), default=60.0, help=purpose)


def _add_process_options(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--threads", type=whole_number(MOST_THREADS), default=1, help="threads torch may use; default: 1")
    add("--allocator", choices=list(ALLOCATORS), default="kept", help="heap setting; default: %(default)s")


def _add_run_options(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--harness", choices=("pytest-benchmark", "asv"), default="pytest-benchmark", help="default: %(default)s")
    add("--existing", action="store_true", help="asv: measure with this interpreter's packages, build nothing")
    _add_process_options(command)
    add(
        "--passes",
        type=whole_number(MOST_TIMES),
        metavar="N",
        help="measure each cell in N processes; default: the profile's",
    )
    add("--results", type=path, default=ROOT / ".benchmarks", help="folder of results; default: .benchmarks")
    add("--fresh", action="store_true", help="start a new results file instead of going on with the last")


def _add_gate_options(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--base", type=word, default="main", metavar="COMMIT", help="default: %(default)s")
    add("--head", type=word, default="HEAD", metavar="COMMIT", help="default: %(default)s")
    add(
        "--minutes",
        type=positive(MOST_MINUTES),
        default=10.0,
        help="time to measure in, builds apart; default: 10",
    )
    _add_wait(command)
    _add_process_options(command)
    environments = "whose packages measure: this interpreter's or asv environments'; auto: asv's where they differ"
    add("--environments", choices=ENVIRONMENTS, default="auto", help=environments)
    add("--results", type=path, default=RESULTS, help="folder of gates; default: .gate")
    add("--fresh", action="store_true", help="measure anew instead of going on with the last")
    add("--markdown", type=path, metavar="FILE", help="write the table for a pull request")
    add("--json", type=path, metavar="FILE", help="write the verdicts for machines")


def chosen_cells(options: argparse.Namespace, profile: Profile) -> list[Cell]:
    """The slice of the profile that the options name.

    Raises:
        ValueError: a name that the grid does not have, a slice without a cell, or a cell that no profile has and
            that cannot fit into memory.
        RuntimeError: a device that was asked for and is absent.
    """
    for device in options.device or ():
        require_device(device)
    here = options.device or [device for device in DEVICES if _is_here(device)]
    if not options.device and not any(cell.device in here for cell in profile.cells()):
        raise RuntimeError(
            f"profile {profile.name!r} needs a CUDA device and torch sees none here; measure another profile, "
            "or run this on a machine with a GPU and a CUDA build of torch"
        )
    for axis, known in (("phase", PHASES), ("device", DEVICES), ("dtype", DTYPES), ("task", TASKS)):
        for value in getattr(options, axis) or ():
            if value not in known:
                raise ValueError(f"{axis} must be one of {', '.join(known)}; got {value!r}")
    cells = select(
        _of_models(profile.cells(), options.models),
        phase=options.phase,
        device=here,
        dtype=options.dtype,
        task=options.task,
        hidden_size=options.hidden_size,
        length=options.length,
        batch=options.batch,
        num_layers=options.num_layers,
    )
    if not cells:
        raise ValueError(f"no cell of profile {profile.name!r} fits these options; see `python -m bench list`")
    known = set(profile.cells())
    for cell in cells:
        if cell not in known:  # one of the profile that does not fit is recorded as that
            require_memory(cell)
    return cells


def _of_models(cells: list[Cell], names: Sequence[str] | None) -> list[Cell]:
    for name in names or ():
        model, _, backend = name.partition(":")
        known = subjects.get(model).backends
        if backend and backend.removesuffix(GRAPH) not in known:
            raise ValueError(f"backend of {model} must be one of {', '.join(known)}; got {backend!r}")
    return [cell for cell in cells if names is None or cell.model in names or cell.variant in names]


def _is_here(device: str) -> bool:
    try:
        require_device(device)
    except RuntimeError:
        return False
    return True


def _list(options: argparse.Namespace) -> int:
    profile = get_profile(options.profile)
    passes = options.passes or profile.passes
    cells = chosen_cells(options, profile)
    for cell in cells:
        print(f"{duration(passes * cell_seconds(cell, profile)):>8}  {cell.id}")
    total = passes * sum(cell_seconds(cell, profile) for cell in cells)
    print(f"{len(cells)} cells x {passes} passes, roughly {duration(total)}")
    return 0


def _run(options: argparse.Namespace) -> int:
    profile = get_profile(options.profile)
    if options.harness == "asv":
        _require_whole_profile(options)
        with sole_writer(results := ROOT / ".asv" / "results"):
            failed = asv_harness.run(profile, threads=options.threads, existing=options.existing, told=print)
            _write_registry(results)
        return USAGE_ERROR if failed else 0
    cells = chosen_cells(options, profile)
    with sole_writer(options.results):
        _write_registry(options.results)
        right = _measure(cells, options, profile, options.allocator, options.passes or profile.passes)
        controls = [cell for cell in profile.allocator_controls if cell in cells]
        if options.allocator == "kept" and controls:
            _measure(controls, options, profile, "default", passes=1)
    return 0 if right else USAGE_ERROR


def _cuts(options: argparse.Namespace) -> int:
    for hidden_size in options.hidden:
        for batch in options.batch:
            for line in cuts.lines(cuts.compare(hidden_size, batch, options.length)):
                print(line, flush=True)
    return 0


def _gate(options: argparse.Namespace) -> int:
    profile = get_profile(options.profile)
    return gate(
        Request(
            base=options.base,
            head=options.head,
            cells=chosen_cells(options, profile),
            profile=profile,
            threads=options.threads,
            allocator=options.allocator,
            environments=options.environments,
            minutes=options.minutes,
            wait=options.wait,
            results=options.results.resolve(),
            fresh=options.fresh,
            slice=_slice(options),
            markdown=options.markdown,
            json=options.json,
        )
    )


def _calibrate(options: argparse.Namespace) -> int:
    profile = get_profile(options.profile)
    folder = recording.record(
        recording.Request(
            cells=chosen_cells(options, profile),
            profile=profile,
            slowed=options.slowed,
            rounds=options.rounds,
            minutes=options.minutes,
            wait=options.wait,
            results=options.results.resolve(),
        ),
        show,
    )
    print(f"recording: {folder}")
    return 0


def _history(options: argparse.Namespace) -> int:
    results = options.results.resolve()
    filled = history.fill(options.range, results, show)
    show(f"{filled.measured} commits measured now, {filled.before} before; {filled.failed} cannot be measured")
    shown = publish(results, options.site.resolve())
    show(f"{shown} commits in {options.site}; to look at it: python -m http.server --directory {options.site}")
    return 0


def _slice(options: argparse.Namespace) -> tuple[str, ...]:
    """The options that chose the cells, as they are written on the command line."""
    names = ("models", "phase", "device", "dtype", "task", "hidden_size", "length", "batch", "num_layers")
    given = {name.removesuffix("_size").removeprefix("num_"): getattr(options, name) for name in names}
    return tuple(f"--{name}={','.join(map(str, values))}" for name, values in given.items() if values)


def _require_whole_profile(options: argparse.Namespace) -> None:
    """asv's classes are whole sweeps; a slice that it would ignore is refused."""
    axes = ("models", "phase", "device", "dtype", "task", "hidden_size", "length", "batch", "num_layers")
    named = [axis for axis in axes if getattr(options, axis)]
    if named:
        raise ValueError(
            f"--harness asv measures whole profiles, got a slice ({', '.join(named)}); "
            "use --harness pytest-benchmark, or asv run --bench with a regular expression"
        )


def _measure(
    cells: list[Cell], options: argparse.Namespace, profile: Profile, allocator: str, passes: int
) -> bool:
    """Measures the cells under one allocator setting, into that setting's own file.

    A profile that asks for it has its kernels checked first; false if one of them is wrong and was not timed.
    """
    settings = Settings(profile, options.threads, allocator)
    digest = identity.source_digest(ROOT)
    name = f"{identity.commit(ROOT)}-{digest}_{profile.name}_{options.threads}t_{allocator}"
    run_file = RunFile.open(options.results, name, settings.conditions, fresh=options.fresh)
    side = Side(settings, run_file)
    jobs, checks = plan(cells, passes), []
    if profile.checks_kernels:
        checks = run_checks(cells, settings, print)
        jobs = without_wrong(jobs, checks, side)
    measured = run_file.measured()
    pending = [job for job in jobs if (job.cell.id, job.pass_number) not in measured]
    if len(pending) < len(jobs):
        print(f"{len(jobs) - len(pending)} of {len(jobs)} are measured already, in {run_file.path}")
    try:
        with SweepProgress(pending, lambda job: cell_seconds(job.cell, profile)) as progress:
            run(pending, side, progress.started, progress.finished)
    except KeyboardInterrupt:
        raise SweepError(
            f"interrupted; {run_file.stored()} measurements are kept in {run_file.path}, "
            "and the same command goes on from there"
        ) from None
    print(f"results: {run_file.path}")
    return all(check.right for check in checks)


def _reproduce(options: argparse.Namespace) -> int:
    """Trains, then measures what a step of each run costs; 2 where no run ended or Ctrl-C stopped them."""
    with_mnist = options.full and options.mnist.is_dir()
    experiments = planned_experiments(options.full, options.seeds, with_mnist)
    device = "cuda" if options.full and _is_here("cuda") else "cpu"
    extra = (f"--device={device}", *((f"--mnist={options.mnist.resolve()}",) if with_mnist else ()))
    conditions = Conditions(options.runs, options.jobs, 60 * options.minutes, extra)
    result = conduct(experiments, conditions, show)
    if options.full and not with_mnist:
        show(f"MNIST was not run: there is no folder {options.mnist} with its files.")
    for line in summary(result, len(experiments)):
        show(line)
    if result.stopped:
        raise KeyboardInterrupt
    if not (result.before or result.ended):
        return USAGE_ERROR
    try:
        with sole_writer(options.runs / STEP_COSTS):
            step_costs.measure(experiments, options.runs)
    except (ValueError, RuntimeError, OSError, ResultsError, SweepError) as error:  # the report does without
        show(f"step times and memory were not measured: {error}")
    return 0


def _write_registry(folder: Path) -> None:
    """The registry as data, so that whoever reads the results needs no model to name one."""
    registry = {
        row.name: {"label": row.label, "family": row.family, "state_per_unit": row.state_per_unit}
        for row in subjects.SUBJECTS.values()
    }
    write_atomically(folder / MODELS_FILE, json.dumps(registry, indent=1))
