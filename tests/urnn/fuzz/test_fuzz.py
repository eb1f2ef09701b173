"""Whatever a caller gives the layer or its operators, the answer is an error or the reference's result.

Never anything else: no crash, no number read from memory that is not the layer's. A case runs in another process,
see `worker`; if a case ends that, the test says which.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from tests.urnn.fuzz.worker import CHANGES, CRASH
from urnn.backends.cpu import build as cpu_build

pytestmark = [
    pytest.mark.skipif(cpu_build.compiler() is None, reason="no C++ compiler on this machine"),
    pytest.mark.slow,
]

COMMAND = [sys.executable, "-W", "ignore", "-m", "tests.urnn.fuzz.worker"]
TENSORS = ["x", "h_0", "theta", "v", "permutation", "V", "b"]
OF_THE_BACKWARD_PASS = ["states_gradient", "last_gradient", "states"]


class Judge:
    """The process that runs the cases."""

    def __init__(self, process: subprocess.Popen) -> None:
        self.process = process

    def judge(self, case: dict) -> str:
        """What it says of a case; an empty string if nothing is wrong."""
        self.process.stdin.write(json.dumps(case) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@pytest.fixture(scope="module")
def child() -> Iterator[Judge]:
    # Memory that malloc hands out or takes back is overwritten: what is read from it is noise, not old luck.
    environment = {**os.environ, "MALLOC_PERTURB_": "165"}
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(COMMAND, cwd=Path(__file__).parents[3], env=environment, **streams) as process:
        yield Judge(process)
        process.stdin.close()
        assert process.wait() == 0


def cases() -> st.SearchStrategy[dict]:
    return st.fixed_dictionaries(
        {
            "entry": st.sampled_from(["layer", "operator", "backward"]),
            "n": st.sampled_from([4, 8, 16, 64, 3, 1, 6]),
            "m": st.sampled_from([1, 3, 17]),
            "steps": st.integers(0, 3),
            "batch": st.integers(0, 3),
            "dtype": st.sampled_from(["float32", "float64"]),
            "seed": st.integers(0, 99),
            "changes": st.lists(
                st.tuples(st.sampled_from([*TENSORS, *OF_THE_BACKWARD_PASS]), st.sampled_from(sorted(CHANGES))),
                max_size=3,
            ),
        }
    )


WHOLE = {"n": 8, "m": 3, "steps": 2, "batch": 2, "dtype": "float32", "seed": 0}


def every_single_change() -> list[dict]:
    """One change to one tensor of a call that is right without it."""
    return [
        {"entry": entry, **WHOLE, "dtype": dtype, "changes": [[name, change]]}
        for entry, dtype, names in (
            ("layer", "float32", TENSORS),
            ("layer", "float16", TENSORS),
            ("layer", "bfloat16", TENSORS),
            ("operator", "float32", TENSORS),
            ("backward", "float32", [*OF_THE_BACKWARD_PASS, *TENSORS]),
        )
        for name in names
        for change in CHANGES
    ]


def test_one_change_to_a_right_call_is_an_error_or_the_references_result(child):
    wrong = [(case, verdict) for case in every_single_change() if (verdict := child.judge(case))]
    assert wrong == []


@given(case=cases())
@example(case={"entry": "layer", **WHOLE, "changes": []})
# A case that ends the process is reported as it is: each step of making it smaller would start another.
@settings(
    deadline=None, derandomize=True, database=None, max_examples=250, phases=[Phase.explicit, Phase.generate]
)
def test_any_call_is_an_error_or_the_references_result(child, case):
    assert child.judge(case) == ""


def test_a_case_that_ends_the_process_is_reported_and_the_next_one_runs(child):
    case = {"entry": "operator", **WHOLE, "changes": []}
    assert child.judge(case) == ""
    assert child.judge(CRASH) == "the process ended with exit code -11"
    assert child.judge(case) == ""
