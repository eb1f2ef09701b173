"""The project's files as a release has them, and the distributions that are built from them."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def tracked_files(root: Path = ROOT) -> list[Path]:
    """Relative to `root`: those that are committed or about to be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=root, capture_output=True, check=True, text=True).stdout
    return [path for name in listed.split("\0") if name and (root / (path := Path(name))).is_file()]


@dataclass(frozen=True)
class Built:
    """A copy of the checkout's files, and what was built in it."""

    source: Path
    sdist: Path
    wheel: Path


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The sdist from a copy of the checkout, and the wheel from that sdist alone."""
    folder = tmp_path_factory.mktemp("package")
    source, target = folder / "source", folder / "dist"
    for path in tracked_files():
        if path.parts[0] not in ("reports", "tests"):
            (source / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, source / path)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    (sdist,), (wheel,) = target.glob("*.tar.gz"), target.glob("*.whl")
    return Built(source, sdist, wheel)
