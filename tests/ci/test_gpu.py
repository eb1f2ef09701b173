"""`.ci/gpu` does its parts in their order, and one that fails costs no other; `.ci/gpu-sanitizer` likewise."""

import pytest

from tests.ci.conftest import calls, executable

pytestmark = pytest.mark.slow

PARTS = {
    "facts": "-m bench cuda-facts",
    "kernels": "-m bench cuda-kernels",
    "check": "-m bench check-kernels",
    "tests": "-m pytest tests/urnn -m cuda",
    "parts": "-m bench step-parts",
    "plans": "-m bench cuda-plans",
    "profile": "-m bench run --profile gpu",
    "report": "-m analysis report",
}


@pytest.fixture
def python(checkout):
    """Stands in for an interpreter: notes its arguments, and fails where they contain `FAILS`."""
    path = checkout / "python"
    text = '#!/usr/bin/env bash\necho "$*" >>calls.txt\necho said\n[[ -z "${FAILS:-}" || "$*" != *"$FAILS"* ]]\n'
    executable(path, text)
    return str(path)


def asked(checkout) -> list[str]:
    """The parts that were started, without the question whether there is a GPU."""
    lines = [line for line in calls(checkout) if line.startswith("-m")]
    return [next(name for name, begin in PARTS.items() if line.startswith(begin)) for line in lines]


def test_all_parts_are_done_in_order_and_what_each_says_is_kept(run, checkout, python):
    done = run("gpu", "found", PYTHON=python)
    assert done.returncode == 0
    assert asked(checkout) == list(PARTS)
    for name in PARTS:
        assert (checkout / "found" / f"{name}.txt").read_text() == "said\n"
        assert f"\n{name}: done after " in done.stdout


def test_a_part_that_fails_is_named_and_the_others_are_done(run, checkout, python):
    done = run("gpu", "found", PYTHON=python, FAILS="check-kernels")
    assert done.returncode == 1
    assert asked(checkout) == list(PARTS)
    assert "\ncheck: failed with exit code 1 after " in done.stdout
    assert "\ntests: done after " in done.stdout


def test_parts_can_be_chosen(run, checkout, python):
    assert run("gpu", "found", "report", "facts", PYTHON=python).returncode == 0
    assert asked(checkout) == ["facts", "report"]


def test_without_a_gpu_it_says_so_and_starts_nothing(run, checkout, python):
    done = run("gpu", "found", PYTHON=python, FAILS="is_available")
    said = f"gpu: {python} has no torch that sees a CUDA device here; run this on a machine with a GPU\n"
    assert (done.returncode, done.stderr) == (2, said)
    assert asked(checkout) == []


def test_an_unknown_part_or_an_option_is_refused(run, checkout, python):
    done = run("gpu", "found", "everything", PYTHON=python)
    known = " ".join(PARTS)
    assert (done.returncode, done.stderr) == (2, f"gpu: expected one of {known} as a part, got 'everything'\n")
    done = run("gpu", "--fast", PYTHON=python)
    assert (done.returncode, done.stderr) == (
        2,
        "gpu: expected a folder for the results, got the option '--fast'\n",
    )


class TestSanitizer:
    @pytest.fixture(autouse=True)
    def _tool(self, tmp_path):
        text = '#!/usr/bin/env bash\necho "$2" >>tools.txt\n[[ "$2" != "${FINDS:-}" ]]\n'
        executable(tmp_path / "bin" / "compute-sanitizer", text)

    def tools(self, checkout) -> list[str]:
        path = checkout / "tools.txt"
        return path.read_text().split() if path.exists() else []

    def test_every_tool_looks_at_the_kernels(self, run, checkout, python):
        assert run("gpu-sanitizer", PYTHON=python).returncode == 0
        assert self.tools(checkout) == ["memcheck", "racecheck", "synccheck"]

    def test_what_one_finds_is_an_error_and_the_others_are_run(self, run, checkout, python):
        assert run("gpu-sanitizer", PYTHON=python, FINDS="racecheck").returncode == 1
        assert self.tools(checkout) == ["memcheck", "racecheck", "synccheck"]

    def test_one_can_be_chosen(self, run, checkout, python):
        assert run("gpu-sanitizer", "synccheck", PYTHON=python).returncode == 0
        assert self.tools(checkout) == ["synccheck"]

    def test_without_the_tool_or_a_gpu_it_says_so(self, run, checkout, python, tmp_path):
        done = run("gpu-sanitizer", PYTHON=python, FAILS="is_available")
        said = f"{python} has no torch that sees a CUDA device here; run this on a machine with a GPU"
        assert (done.returncode, done.stderr) == (2, f"gpu-sanitizer: {said}\n")
        (tmp_path / "bin" / "compute-sanitizer").unlink()
        done = run("gpu-sanitizer", PYTHON=python)
        said = "compute-sanitizer was not found; it comes with the CUDA toolkit"
        assert (done.returncode, done.stderr) == (2, f"gpu-sanitizer: {said}\n")
