"""The key of a kernel: a change of its source, of any file that this includes or of a setting changes it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from urnn.backends.cpu import build as cpu_build
from urnn.backends.cuda import build as cuda_build
from urnn.backends.kernel_cache import BuildError, keys

SOURCES = {"cpu": cpu_build.SOURCE, "cuda": cuda_build.SOURCE}


@pytest.mark.parametrize("kernel", SOURCES)
def test_every_source_is_part_of_the_key(kernel, tmp_path):
    """A header that the key forgets would leave an old kernel in the cache."""
    ours = SOURCES[kernel].parent
    included = {path.name for path in keys.sources(SOURCES[kernel])}
    assert included == {path.name for path in ours.iterdir() if path.suffix in (".h", ".cpp", ".cu")}
    for name in included:
        shutil.copy(ours / name, tmp_path)
    copy = tmp_path / SOURCES[kernel].name
    found = {keys.key(copy)}
    for name in included:
        with (tmp_path / name).open("a") as file:
            file.write("// changed\n")
        found.add(keys.key(copy))
    assert len(found) == 1 + len(included)


@pytest.mark.skipif(cpu_build.compiler() is None, reason="no C++ compiler on this machine")
@pytest.mark.parametrize("kernel", SOURCES)
def test_the_compiler_includes_what_the_key_does(kernel):
    command = [*cpu_build.compiler(), "-MM", "-x", "c++", SOURCES[kernel]]
    rule = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    read = {Path(name).name for name in rule.partition(":")[2].replace("\\\n", " ").split()}
    assert read == {path.name for path in keys.sources(SOURCES[kernel])}


def test_includes_are_followed_however_they_are_written(tmp_path):
    (tmp_path / "a folder").mkdir()
    first = tmp_path / "first.cpp"
    first.write_text(
        '#include <vector>\n  #  include "second.h"\n#include <third.h>\n#include "a folder/fourth.h"\n'
    )
    (tmp_path / "second.h").write_text('#include "first.cpp"\n#include "generated.h"\n')
    (tmp_path / "third.h").write_text("// caf\xe9\n", encoding="latin-1")
    (tmp_path / "a folder" / "fourth.h").write_text('#include "fifth.h"\n')
    (tmp_path / "a folder" / "fifth.h").touch()
    names = {path.name for path in keys.sources(first)}
    assert names == {"first.cpp", "second.h", "third.h", "fourth.h", "fifth.h"}


def test_the_key_has_the_settings_and_a_missing_source_is_named(tmp_path):
    source = tmp_path / "kernel.cpp"
    with pytest.raises(BuildError, match=rf"source {source} cannot be read \(No such file.*; install urnn again"):
        keys.key(source)
    source.touch()
    assert keys.key(source, "-O2") != keys.key(source, "-O3") == keys.key(source, "-O3")
    assert keys.key(source, os.fsdecode(b"/a folder/\xff"))  # a path that is no UTF-8
