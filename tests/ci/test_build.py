"""`.ci/build` builds a release of the version that the tag names, alone in its folder."""

import pytest

from tests.ci.conftest import calls, executable

pytestmark = pytest.mark.slow


@pytest.fixture
def version(checkout) -> str:
    (checkout / "urnn").mkdir()
    (checkout / "urnn" / "__init__.py").write_text('"""The layer."""\n\n__version__ = "1.2.3"\n')
    return "1.2.3"


def test_a_release_is_built_and_checked(run, checkout, version):
    (checkout / "dist").mkdir()
    assert run("build", f"v{version}").returncode == 0
    assert calls(checkout) == [
        "make --silent .venv/ready",
        "-m build --outdir dist",
        "-m twine check --strict dist/*",
    ]


@pytest.mark.parametrize("tag", ["v1.2.4", "1.2.3", "v1.2.3.dev0"])
def test_a_release_of_another_version_is_not_built(run, checkout, version, tag):
    done = run("build", tag)
    wanted = (
        f"expected the tag v{version}, which is the version in urnn/__init__.py, got '{tag}'; set one of the two"
    )
    assert (done.returncode, done.stderr) == (2, f"build: {wanted}\n")
    assert calls(checkout) == []


def test_a_release_does_not_take_earlier_files_along(run, checkout, version):
    executable(checkout / "dist" / "urnn-1.0.0.tar.gz", "")
    done = run("build")
    assert done.returncode == 2
    assert done.stderr == (
        "build: 'dist' holds earlier files, which would be published too; remove it, or name another folder\n"
    )
    assert calls(checkout) == []


def test_a_release_is_not_built_where_its_tools_are_missing(run, checkout, version):
    done = run("build", MAKE_CODE="2")
    assert done.stderr == "build: the environment could not be set up, so nothing was built\n"
    assert done.returncode == 2
