"""Removes a scratch folder as soon as nobody holds it any more, see `bench.processes.scratch`.

usage: keeper.py FOLDER

Started by path, without the package: nothing heavy is imported.
"""

import fcntl
import os
import shutil
import sys


def main() -> None:
    """Waits for the lock on the folder, which its owner and the owner's guards have."""
    folder = sys.argv[1]
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:  # its owner has removed it already
        return
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
