"""Run by the gate in a process of its own: asv's environment for a commit, built or found as it was left.

usage: python -m bench.commits.asv_builder REPOSITORY CHECKOUT FOLDER DIGITS

A process of its own, because asv starts pip and git, which are to end with the gate, and because git is to hear of
no other repository. torch is not imported here: it would take seconds.
"""

import sys


def main() -> int:
    """Builds, and prints the Python's path as the last line of output, or what went wrong as that of errors."""
    from asv import environment, util
    from asv.config import Config
    from asv.repo import get_repo

    repository, checkout, folder, digits = sys.argv[1:]
    try:
        conf = Config.load(f"{checkout}/asv.conf.json")
        conf.repo, conf.env_dir = repository, folder
        found = list(environment.get_environments(conf, None))
        if not found:
            raise RuntimeError("its asv.conf.json names none that asv can make here")
        first = found[0]
        first.create()
        first.install_project(conf, get_repo(conf), digits)
        print(first.find_executable("python"), flush=True)
    except (util.UserError, util.ProcessError, environment.EnvironmentUnavailable, OSError, RuntimeError) as error:
        print((str(error).strip().splitlines() or [type(error).__name__])[-1], file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
