"""Stands in for `python -m urnn.training`: reads the same arguments and writes such a log, without any training.

What a run does is decided by its model and seed: the IRNN fails with a word, the orthogonal one never ends by
itself and keeps an interrupted log at SIGTERM, seed 1 dies of a signal, the tanh network diverges, the GRU comes
to its limit; all others are solved at once.
"""

import argparse
import json
import os
import runpy
import signal
import sys
import time
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("task")
for name, kind in (
    ("length", int),
    ("model", str),
    ("seed", int),
    ("runs", Path),
    ("threads", int),
    ("device", str),
):
    parser.add_argument(f"--{name}", type=kind)
for flag in ("anatomy", "end-with-stdin", "untuned"):
    parser.add_argument(f"--{flag}", action="store_true")
for limit in ("max-seconds", "max-iterations"):
    parser.add_argument(f"--{limit}", type=float)
options = parser.parse_args()

if options.end_with_stdin:  # the real thing, without the seconds that it takes to import torch
    runpy.run_path(Path(__file__).parents[2] / "urnn" / "training" / "owner.py")["watch"]()
if options.model == "irnn":
    sys.exit("error: no such luck")
folder = options.runs / f"{options.task}-T{options.length or 64}" / f"{options.model}-n8-seed{options.seed}"
folder.mkdir(parents=True, exist_ok=True)


def log(**line: object) -> None:
    with (folder / "log.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")


def end(outcome: str) -> None:
    log(kind="end", iteration=100, seconds=2.0, outcome=outcome, message="")


log(
    kind="run",
    task=options.task,
    model=options.model,
    steps=(options.length or 44) + 20,
    hidden_size=8,
    batch=2,
    backend="cpu" if options.model == "urnn" else "torch",
    device="cpu",
    dtype="float32",
    arguments=sys.argv[1:],
    threads=os.environ["OMP_NUM_THREADS"],
)
if options.seed == 1:
    os.kill(os.getpid(), signal.SIGKILL)
if options.model == "ortho_cayley":

    def interrupted(*_: object) -> None:
        end("interrupted")
        sys.exit(2)

    signal.signal(signal.SIGTERM, interrupted)
    started = options.runs / f"started-{options.length}"
    started.write_text(str(os.getpid()))
    started.rename(options.runs / f"going-{options.length}")
    time.sleep(600)
end("finished" if options.model == "gru" else "diverged" if options.model == "rnn_tanh" else "solved")
