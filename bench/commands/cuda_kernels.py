"""Compiles the CUDA kernels ahead of their first use."""

import argparse

from bench import cuda_builds
from bench.options import MOST_SIZE, MOST_THREADS, whole_number, whole_numbers
from urnn.backends.cuda.plan import require_size

PURPOSE = "compile the CUDA kernels into the kernel cache, all cores at once; needs no GPU"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which sizes, and for which GPU."""
    add = parser.add_argument
    default = "default: those of check-kernels, the profile for GPUs and cuda-plans"
    add("--hidden", type=whole_numbers(MOST_SIZE), metavar="N,...", help=f"every kernel of these sizes; {default}")
    what = "90 for an H100 or H200; default: the GPU that is here"
    add("--architecture", type=whole_number(MOST_SIZE), metavar="SM", help=what)
    add("--processes", type=whole_number(MOST_THREADS), metavar="N", help="default: one for each core")


def run(options: argparse.Namespace) -> int:
    """A line with the number of kernels at the end."""
    for n in options.hidden or ():
        require_size(n)
    architecture = options.architecture or cuda_builds.architecture_here()
    asked = options.hidden
    wanted = cuda_builds.plans(architecture, asked) if asked else cuda_builds.usual_plans(architecture)
    done = sum(1 for _ in cuda_builds.compile_all(wanted, architecture, options.processes))
    print(f"{done} plans for sm_{architecture} are in the kernel cache")
    return 0
