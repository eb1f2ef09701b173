"""Run inside a checkout before it is measured: which cells it knows, and where its packages really lie.

It reads cell ids, one per line, from standard input. If an installed copy of the package were measured instead
of the checkout's, the gate would compare a commit with itself and pass. The kernel is built here.
"""

import json
import sys
from pathlib import Path

import bench
import urnn
from bench.environment import machine_facts
from bench.grid import Cell


def main() -> None:
    """Prints one line of JSON: the folders of both packages, and the cells that the checkout knows."""
    machine_facts()
    places = {package.__name__: str(Path(package.__file__).parent) for package in (urnn, bench)}
    print(json.dumps({**places, "cells": [text for text in sys.stdin.read().split() if _is_known(text)]}))


def _is_known(text: str) -> bool:
    try:
        Cell.from_id(text)
    except ValueError:
        return False
    return True


if __name__ == "__main__":
    main()
