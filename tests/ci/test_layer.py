"""`.ci/layer` runs the layer's tests with the compiler that CXX names, or says that there is none."""

import pytest

from tests.ci.conftest import calls, executable

pytestmark = pytest.mark.slow


def test_a_compiler_that_is_not_there_is_named(run, checkout):
    done = run("layer", CXX="no-such-compiler")
    assert (done.returncode, done.stderr) == (
        2,
        "layer: expected CXX to name a C++ compiler of this machine, got 'no-such-compiler'\n",
    )
    assert calls(checkout) == []


def test_an_argument_is_refused_and_nothing_is_started(run, checkout):
    done = run("layer", "--help", CXX="sh")
    said = "layer: expected no arguments, got '--help'; CXX in the environment names the compiler\n"
    assert (done.returncode, done.stderr) == (2, said)
    assert calls(checkout) == []


@pytest.mark.parametrize(("system", "file"), [("Linux", "tests/urnn "), ("Darwin", "tests/urnn/test_unitary.py ")])
def test_the_kernel_is_compiled_and_tested(run, checkout, tmp_path, system, file):
    executable(tmp_path / "bin" / "uname", f"#!/bin/sh\necho {system}\n")
    assert run("layer", CXX="sh").returncode == 0
    ready, compiled, *rest = calls(checkout)
    assert ready == "make --silent .venv/ready"
    assert compiled.startswith("-W error -c")
    assert rest[-1].startswith("-m pytest ")
    assert file in rest[-1] + " "


def test_a_kernel_that_cannot_be_compiled_ends_it(run, checkout):
    assert run("layer", CXX="sh", CODE="1").returncode == 1
    assert not any(call.startswith("-m pytest") for call in calls(checkout))
