"""Stands in for `python -m bench` on a machine: no torch, and blocks take the time that a test says.

usage: dummy.py FOLDER list|run OPTION...

FOLDER has `plan.json`, what `list --json` says; `measured`, a whole sweep that is copied from; and, where a test
wants a fault, files that say so: `seconds` a block takes, and `BLOCK.once` or `BLOCK.always` with what happens in
it; `BLOCK.again` appears when the block is begun after that. The machine's lock and the files are those of a real
session.
"""

import contextlib
import json
import os
import signal
import sys
import time
import uuid
from pathlib import Path

from bench.machine.lock import sole_run


def main() -> int:
    folder, name, *options = sys.argv[1:]
    template = Path(folder)
    if name == "list":
        print((template / "plan.json").read_text())
        return 0
    given = dict(option.partition("=")[::2] for option in options)
    blocks = given["--block"].split(",")
    (measured,) = template.glob("measured/shards/*")
    results = Path(given["--results"]) / "shards" / measured.name
    session = uuid.uuid4().hex[:12]
    with sole_run(waiting=print):
        begin = time.time()
        for block in blocks:
            write(results / "attempts" / block / session / "main.json", "{}")
            code = fault(template, block, results)
            if code is not None:
                return code
            time.sleep(float(text(template / "seconds") or 0.05))
            (path,) = (measured / "blocks" / block).glob("*.json")
            content = json.loads(path.read_text())
            content |= {"attempt": uuid.uuid4().hex[:12], "session": session, "begin": begin, "end": time.time()}
            write(results / "blocks" / block / f"{content['attempt']}.json", json.dumps(content))
        held = json.loads(next(iter(sorted((measured / "sessions").glob("*.json")))).read_text())
        held |= {"session": session, "begin": begin, "end": time.time()}
        write(results / "sessions" / f"{session}.json", json.dumps(held))
    return 0


def fault(template: Path, block: str, results: Path) -> int | None:
    """Does what the test has written down for the block; an exit code ends the command."""
    what = text(template / f"{block}.always")
    if (template / f"{block}.happened").exists():
        (template / f"{block}.again").write_text("begun")
    with contextlib.suppress(FileNotFoundError):
        once = template / f"{block}.once"
        once.rename(template / f"{block}.happened")  # by one process alone
        what = text(template / f"{block}.happened")
    if what == "kill":
        os.kill(worker(), signal.SIGKILL)
        time.sleep(60)
    if what == "stop":
        (template / "stopped").write_text(str(worker()))
        os.kill(worker(), signal.SIGSTOP)
    if what == "truncate":
        write(results / "blocks" / block / "aaaaaaaaaaaa.json", '{"format": 1, "pl')
        return 0
    if what == "foreign":
        path = next((template / "measured").glob(f"shards/*/blocks/{block}/*.json"))
        content = json.loads(path.read_text()) | {"plan": "0" * 8}
        write(results / "blocks" / block / path.name, json.dumps(content))
        return 0
    if what == "fail":
        print("error: no room is left", file=sys.stderr)
        return 2
    if what == "wait":
        (template / "waiting").write_text(str(os.getpid()))
        time.sleep(60)
    return None


def worker() -> int:
    """The engine's worker: it has started the guard, which has started this."""
    guard = Path(f"/proc/{os.getppid()}/stat").read_text()
    return int(guard.rpartition(")")[2].split()[1])


def text(path: Path) -> str:
    with contextlib.suppress(FileNotFoundError):
        return path.read_text()
    return ""


def write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


if __name__ == "__main__":
    sys.exit(main())
