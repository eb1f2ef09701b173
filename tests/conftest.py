"""What every test runs under: shapes checked at every call of `urnn`, one thread, seeded random numbers."""

import importlib.util
import os

import pytest
import torch

if importlib.util.find_spec(
    "beartype"
):  # before anything imports urnn; a machine may lack it, the tests hold anyway
    from jaxtyping import install_import_hook

    install_import_hook("urnn", "beartype.beartype")

# The processes that tests start are no workers of this session; pytest-benchmark measures nothing in a worker.
os.environ.pop("PYTEST_XDIST_WORKER", None)

torch.set_num_threads(1)  # the tensors are small: more threads cost time, and results could depend on their number


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def generator() -> torch.Generator:
    """Random numbers of the test's own, the same at every run."""
    return torch.Generator().manual_seed(0)
