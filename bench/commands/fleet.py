"""A sweep over many machines by one command: Dask gives blocks to whoever is free."""

import argparse
import re
from collections.abc import Mapping

from analysis.vocabulary import RESULTS
from bench import slices
from bench.fleet import command
from bench.fleet.engine.requirements import AT_LEAST, NAMES
from bench.fleet.spread import Spread
from bench.options import MOST_TIMES, add_process_options, path, whole_number, word
from bench.paths import ROOT
from bench.progress import show
from bench.run_file import sole_writer

PURPOSE = "measure a sweep on many machines; the same command goes on with what is not complete"
LOOPBACK = "127.0.0.1"
MOST_MACHINES = 1000
HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@:%-]*")  # none that ssh would take for an option
WHERE = "expected machines such as local:3, ssh:alice@node1,node2 or slurm:PARTITION"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which machines, and what they measure."""
    add = parser.add_argument
    add("--on", type=_machines, required=True, metavar="WHERE", help="local:N, ssh:HOST,... or slurm:PARTITION")
    add("--require", type=_requirements, default={}, metavar="NAME=TEXT,...", help=f"of {', '.join(NAMES)}")
    slices.add_options(parser, profile="quick")
    add_process_options(parser)
    add("--passes", type=whole_number(MOST_TIMES), metavar="N", help="measure each cell in N processes")
    add("--results", type=path, default=ROOT / RESULTS, help="folder of results; default: .benchmarks")
    add("--jobs", type=whole_number(MOST_MACHINES), default=4, help="Slurm: how many nodes; default: %(default)s")
    add("--sbatch", action="append", default=[], metavar="OPTION", help="Slurm: as in --sbatch=--gres=gpu:1")
    add("--host", type=word, help=f"this machine's address for the others; default: {LOOPBACK} with local")
    add("--no-tls", dest="tls", action="store_false", help="neither encrypt nor ask who calls")
    parser.set_defaults(shard=None, block=None, harness="pytest-benchmark", fresh=False)


def run(options: argparse.Namespace) -> int:
    """0 once every block is complete, 2 where some are not."""
    where, named = options.on
    if where != "local" and not options.host:
        raise ValueError(
            f"--on {where} needs --host, an address of this machine that the others reach: they call it back"
        )
    if not options.tls:
        show(
            "warning: without TLS whoever reaches the ports of these processes can run code as you; every user of "
            f"this machine reaches {LOOPBACK}"
        )
    whole = command.plan_of(options)
    folder = whole.folder(options.results)
    on: dict[str, object] = {"where": where, "host": options.host or LOOPBACK}
    if where == "slurm":
        logs = folder / "jobs"
        on |= {"partition": named, "count": options.jobs, "sbatch": options.sbatch, "logs": str(logs.absolute())}
    else:
        on |= {"hosts": named}
    with sole_writer(options.results):
        if where == "slurm":
            logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        machines = options.jobs if where == "slurm" else len(named)
        return Spread(whole, folder, show).measure(on, machines, tls=options.tls, require=options.require)


def _machines(text: str) -> tuple[str, Mapping[str, str | None] | str]:
    """("local" or "ssh", name of a worker -> host) or ("slurm", partition)."""
    where, _, rest = text.partition(":")
    if where == "local":
        return where, {f"local-{number}": None for number in range(1, whole_number(MOST_MACHINES)(rest) + 1)}
    parts = rest.split(",")
    if where in ("ssh", "slurm") and all(map(HOST.fullmatch, parts)) and len(set(parts)) == len(parts):
        return (where, {host: host for host in parts}) if where == "ssh" else (where, rest)
    raise argparse.ArgumentTypeError(f"{WHERE}, got {text[:60]!r}")


def _requirements(text: str) -> dict[str, str]:
    found = dict(part.partition("=")[::2] for part in text.split(","))
    for name, wanted in found.items():
        if name not in NAMES or not wanted or (name in AT_LEAST and not wanted.isdecimal()):
            known = f"such as gpu=H100,cores=8, of {', '.join(NAMES)}"
            raise argparse.ArgumentTypeError(f"expected requirements {known}, got {text[:60]!r}")
    return found
