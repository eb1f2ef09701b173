"""What the CUDA kernel's plan should choose on this GPU."""

import argparse

from bench import cuda_plans
from bench.cuda_builds import COMPARED
from bench.options import MOST_SIZE, whole_number, whole_numbers
from bench.profiles import HIDDEN_SIZES

PURPOSE = "time the CUDA kernel with each number of units that a thread can hold; stores nothing"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sizes to try."""
    add = parser.add_argument
    sizes = {"type": whole_numbers(MOST_SIZE), "metavar": "N,..."}
    add("--hidden", **sizes, default=HIDDEN_SIZES, help="hidden sizes; default: %(default)s")
    add("--batch", **sizes, default=COMPARED, help="sequences; default: %(default)s")
    add("--length", type=whole_number(MOST_SIZE), default=512, help="time steps; default: %(default)s")


def run(options: argparse.Namespace) -> int:
    """A table for each size."""
    for hidden_size in options.hidden:
        for batch in options.batch:
            for line in cuda_plans.lines(cuda_plans.compare(hidden_size, batch, options.length)):
                print(line, flush=True)
    return 0
