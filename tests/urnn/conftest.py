"""Where the model can run: the devices that there are, the backends that apply there."""

from collections.abc import Iterator

import jaxtyping
import pytest
import torch

from urnn.backends import BACKENDS

needs_cuda = pytest.mark.cuda


@pytest.fixture(autouse=True)
def _no_override(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend forced from outside would make the tests say something about another one."""
    monkeypatch.delenv("URNN_BACKEND", raising=False)


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=needs_cuda)])
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "cuda":  # bounds are those of float32, not of the ten bits that tensor cores may round to
        monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    return request.param


@pytest.fixture(params=list(BACKENDS))
def backend(request: pytest.FixtureRequest, device: str) -> str:
    """A backend that can run small sizes on `device`."""
    if not BACKENDS[request.param].applies(4, device):
        pytest.skip(f"backend {request.param} does not run on {device}")
    return request.param


@pytest.fixture
def as_a_user() -> Iterator[None]:
    """Without the shape checker, whose message would come before the one that users get."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)


@pytest.fixture
def threads() -> Iterator[None]:
    """The number of threads is as it was, after the test."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
