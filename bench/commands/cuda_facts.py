"""Which CUDA device is here, with which versions, and what it can do at best."""

import argparse
import json
from dataclasses import asdict

import torch

from bench import device_limits
from bench.environment import machine_facts
from bench.meters.gpu_state import read_state
from bench.options import path
from bench.run_file import write_atomically
from bench.workloads import require_cuda

PURPOSE = "print the CUDA device's facts and its measured limits: a copy in memory, a product in float32"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the facts go."""
    parser.add_argument("--output", type=path, metavar="FILE", help="write them there too, as JSON")


def run(options: argparse.Namespace) -> int:
    """A line for each fact."""
    require_cuda()
    limits = device_limits.measure()
    facts = machine_facts() | asdict(limits) | {"state": read_state().as_dict()}
    facts["device"] = torch.cuda.get_device_name()
    for name, value in facts.items():
        print(f"{name}: {value}")
    print(
        f"copy in memory {limits.copy_bytes_per_second / 1e12:.2f} TB/s, read and written; "
        f"product in float32 {limits.product_flops / 1e12:.1f} TFLOP/s"
    )
    if options.output:
        write_atomically(options.output, json.dumps(facts, indent=1, default=str))
    return 0
