"""Stands in for pytest in a measuring process, in whose checkout it is found first: the same reports and waits for
an answer, without the seconds that importing torch takes, and figures that nobody has measured.
"""

import json
import socket
import sys
from pathlib import Path

options = dict(argument.removeprefix("--").split("=", 1) for argument in sys.argv if "=" in argument)
channel = socket.socket(fileno=int(options["events"]))
answers = channel.makefile("r")


def report(kind: str, **event: object) -> str:
    channel.sendall(json.dumps({"kind": kind, **event}).encode() + b"\n")
    return answers.readline()


report("header", machine_info={"node": "box"}, commit_info={"id": "what the process found"})
for cell in Path(options["cells"]).read_text().split():
    parts = int(report("start", cell=cell))
    for _ in range(parts - 1):
        report("pause", cell=cell)
    entry = {
        "params": {"cell_id": cell},
        "extra_info": {"pass": int(options["pass"]), "hidden_size": int(cell.split("-n")[1].split("-")[0])},
        "stats": {"data": [0.1] * parts},
    }
    report("benchmark", cell=cell, benchmark=entry)
