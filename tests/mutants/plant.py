"""Plants each fault of mutants.toml in a copy of the tree and says which ones the tests notice.

A suite that is made faster must still catch what it caught before. Each mutant runs the tests that are named for
it; it is killed if at least one of them fails. Run it with `make mutants`, or name some by their numbers:
`python tests/mutants/plant.py 3 17`. Exit code 0: all killed; 1: at least one survived; 2: the list is out of
date.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIST = Path(__file__).with_name("mutants.toml")
SOURCES = (".py", ".cpp", ".cu", ".h")
COPIED = ("analysis", "bench", "tests", "urnn", ".ci", ".github", "docs")
NOTHING_FAILED, SOMETHING_FAILED = 0, 1  # pytest's exit codes


@dataclass(frozen=True)
class Mutant:
    """One fault: `find` becomes `put` in the one file of `package` that holds it; `tests` must notice."""

    why: str
    package: str
    find: str
    put: str
    tests: tuple[str, ...]

    def file(self, root: Path) -> Path:
        """The file that holds the line.

        Raises:
            ValueError: the text stands nowhere, or more than once.
        """
        paths = sorted(path for path in (root / self.package).rglob("*") if path.suffix in SOURCES)
        counts = {path: path.read_text().count(self.find) for path in paths}
        if sum(counts.values()) != 1:
            raise ValueError(
                f"{self.why!r}: expected {self.find!r} once in {self.package}/, found it {sum(counts.values())} "
                f"times. Bring {LIST.name} up to date."
            )
        return max(counts, key=counts.__getitem__)

    @contextmanager
    def planted(self, root: Path) -> Iterator[None]:
        """The tree at `root` with the fault in it."""
        file = self.file(root)
        text = file.read_text()
        file.write_text(text.replace(self.find, self.put))
        try:
            yield
        finally:
            file.write_text(text)


def listed() -> list[Mutant]:
    """All mutants in the list's order."""
    rows = tomllib.loads(LIST.read_text())["mutant"]
    return [Mutant(**{**row, "tests": tuple(row["tests"])}) for row in rows]


def run_tests(root: Path, tests: tuple[str, ...]) -> int:
    """pytest's exit code for these tests of the tree at `root`."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:benchmark", *tests]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=root, env=environment, stdout=subprocess.DEVNULL, check=False).returncode


def main(numbers: list[str]) -> int:
    """Plants the mutants with these numbers (all if empty), prints a line for each, returns the exit code."""
    mutants = listed()
    chosen = [int(number) for number in numbers] or range(1, len(mutants) + 1)
    survived = 0
    with tempfile.TemporaryDirectory(prefix="mutants-") as scratch:
        root = Path(scratch)
        copy_tree(root)
        for number in chosen:
            mutant = mutants[number - 1]
            try:
                with mutant.planted(root):
                    code = run_tests(root, mutant.tests)
            except ValueError as error:
                print(f"error: {error}", file=sys.stderr)
                return 2
            if code not in (NOTHING_FAILED, SOMETHING_FAILED):
                print(f"error: pytest ended with {code} on {', '.join(mutant.tests)}", file=sys.stderr)
                return 2
            survived += code == NOTHING_FAILED
            print(f"{number:3} {'SURVIVED' if code == NOTHING_FAILED else 'killed'}  {mutant.why}", flush=True)
    print(f"{len(chosen) - survived} of {len(chosen)} killed")
    return int(survived > 0)


def copy_tree(root: Path) -> None:
    """What the tests read, without results and caches."""
    for name in COPIED:
        if (ROOT / name).exists():
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy2(path, root / path.name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
