"""`import urnn` is quick: the compiler that it can be used with is not loaded before it is."""

import subprocess
import sys

import pytest
import torch

from urnn.backends.tracing import constant


@pytest.mark.slow
def test_it_does_not_load_torchs_compiler():
    program = "import sys, urnn; print('torch._dynamo' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_mark_for_the_compiler_is_torchs_own():
    ours, theirs = constant(lambda: 1), torch.compiler.assume_constant_result(lambda: 1)
    assert vars(ours) == vars(theirs) != {}
