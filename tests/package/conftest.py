"""The project's files, as a release has them."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def tracked_files(root: Path = ROOT) -> list[Path]:
    """Relative to `root`: those that are committed or about to be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=root, capture_output=True, check=True, text=True).stdout
    return [path for name in listed.split("\0") if name and (root / (path := Path(name))).is_file()]
