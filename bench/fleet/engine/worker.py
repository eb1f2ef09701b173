"""A machine's part of the engine: a Dask worker with one thread, which starts commands and waits for them.

usage: python -m bench.fleet.engine.worker SCHEDULER --name NAME [--tls-ca-file F --tls-cert F --tls-key F]

Without files for TLS the first line on standard input is a JSON object of the three texts, or null; so no key is
ever on a command line. Then the end of standard input ends the worker, which ssh closes when its other side is
gone. It ends as well when the scheduler is lost. Commands that it has started end with it, by their guards.
"""

import argparse
import asyncio
import json
import os
import sys
import threading
from urllib.parse import urlsplit

from bench.fleet.engine import quiet

KEYS = ("ca_file", "cert", "key")
LOST = 75  # exit code where a requeue helps


def main() -> int:
    """Its exit code: 0 when the scheduler has sent it home, LOST when it could not be reached."""
    parser = argparse.ArgumentParser()
    parser.add_argument("scheduler")
    parser.add_argument("--name", required=True)
    parser.add_argument("--death-timeout", type=float, default=60.0)
    for key in KEYS:
        parser.add_argument(f"--tls-{key.replace('_', '-')}")
    options, _ = parser.parse_known_args()  # those of dask-jobqueue for memory and threads have no meaning here
    tls = {key: getattr(options, f"tls_{key}") for key in KEYS}
    if not any(tls.values()):
        tls = json.loads(sys.stdin.readline() or "null")
        threading.Thread(target=_end_with_input, daemon=True).start()
    quiet.apply()
    code = asyncio.run(_work(options.scheduler, options.name, options.death_timeout, tls))
    sys.stdout.flush()
    os._exit(code)  # the thread that waits for a command would keep the process; its guard ends it now


async def _work(scheduler: str, name: str, patience: float, tls: dict[str, str] | None) -> int:
    from distributed import Security, Worker
    from distributed.utils import get_ip

    from bench.fleet.engine.slow import slow_down

    security = Security()
    if tls:
        security = Security(
            require_encryption=True,
            tls_ca_file=tls["ca_file"],
            tls_worker_cert=tls["cert"],
            tls_worker_key=tls["key"],
        )
    where = urlsplit(scheduler)
    worker = Worker(
        scheduler,
        name=name,
        nthreads=1,
        memory_limit=None,
        host=get_ip(where.hostname, where.port),  # the address that the scheduler is reached from, and no other
        security=security,
        dashboard_address="127.0.0.1:0",
        death_timeout=patience,
    )
    try:
        await worker
    except Exception as error:
        print(f"cannot reach the scheduler at {scheduler}: {error}", file=sys.stderr)
        return LOST
    slow_down(worker)
    await worker.finished()
    return 0


def _end_with_input() -> None:
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
