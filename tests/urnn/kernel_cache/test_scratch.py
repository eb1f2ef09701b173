"""Temporary folders: nothing is left behind, and what living processes use is left alone."""

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from urnn.backends.kernel_cache import scratch

ROOT = Path(__file__).parents[3]

LIVES = """
import sys, types
from pathlib import Path
# The room alone, without the packages above it, which import torch.
for name, place in (("urnn", "urnn"), ("urnn.backends", "urnn/backends")):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [place]
from urnn.backends.kernel_cache.scratch import scratch
with scratch(Path(sys.argv[1])) as folder:
    (folder / "half.o").write_bytes(b"half an object file")
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_build_leaves_is_removed_by_the_next_and_a_living_one_keeps_its_own(tmp_path):
    place = tmp_path / "shared"
    place.mkdir()
    others = [place / "urnn-build-a-file", place / "someone's"]
    others[0].touch()
    others[1].mkdir()
    command = [sys.executable, "-c", LIVES, str(place)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": ROOT}
    with subprocess.Popen(command, **pipes) as killed, subprocess.Popen(command, **pipes) as alive:
        left, kept = (Path(process.stdout.readline().strip()) for process in (killed, alive))
        killed.kill()
        killed.wait()
        assert (left / "half.o").exists()
        with scratch.scratch(place) as own:
            assert set(place.iterdir()) == {own, kept, *others}
        assert (kept / "half.o").exists()
        alive.communicate("")
    assert alive.returncode == 0
    assert set(place.iterdir()) == set(others)


def test_a_folder_swept_before_it_was_locked_is_made_anew(tmp_path, monkeypatch):
    lock, refused = scratch._lock, [FileNotFoundError(), BlockingIOError()]

    def unlucky(folder: Path) -> int:
        if refused:
            shutil.rmtree(folder)
            raise refused.pop()
        return lock(folder)

    monkeypatch.setattr(scratch, "_lock", unlucky)
    with scratch.scratch(tmp_path) as folder:
        assert folder.is_dir()
    assert not refused


def test_without_locks_a_build_goes_on_and_sweeps_nothing(tmp_path, monkeypatch):
    left = Path(tempfile.mkdtemp(prefix=scratch.SCRATCH, dir=tmp_path))

    def without(folder: Path) -> int:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(scratch, "_lock", without)
    with scratch.scratch(tmp_path) as folder:
        assert set(tmp_path.iterdir()) >= {left, folder}
    assert not folder.exists()
