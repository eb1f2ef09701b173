"""Matrices that are made once for a stream: the unfolded result, and never one of older parameters."""

import copy
import pickle

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.utils import parametrize

from urnn import models
from urnn.baselines.folded import Folded

DOUBLE = torch.float64
FOLDING = ["exprnn", "scornn", "modrelu_householder", "full_urnn", "eunn", "lru", "lru_blocks"]
ENTRIES = [(name, backend) for name in FOLDING for backend in models.get(name).backends]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one whenever something is made from parameters."""
    calls: list[int] = []
    original = Folded.__call__

    def noting(self, parameters, make):
        def counted():
            calls.append(len(parameters))
            return make()

        return original(self, parameters, counted)

    monkeypatch.setattr(Folded, "__call__", noting)
    return calls


def build(name: str, backend: str) -> nn.Module:
    model = models.get(name)
    options = {"backend": backend} if len(model.backends) > 1 else {}
    return model.build(3, 8, dtype=DOUBLE, **options)


def steps(rnn: nn.Module, x: Tensor, state: Tensor) -> Tensor:
    """The outputs of one step at a time."""
    outputs = []
    for step in x.split(1):
        output, state = rnn(step, state)
        outputs.append(output)
    return torch.cat(outputs)


def start(rnn: nn.Module, x: Tensor) -> Tensor:
    return rnn(x)[1].detach()


@pytest.mark.parametrize(("name", "backend"), ENTRIES)
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_a_stream_is_the_unfolded_one_and_makes_its_matrix_once(name, backend, mode, made):
    rnn, x = build(name, backend), torch.randn(5, 2, 3, dtype=DOUBLE)
    state = start(rnn, x)
    expected = steps(rnn, x, state).detach()
    each = len(made) // 6  # of the six calls with gradients, all of them
    made.clear()
    with mode():
        found = steps(rnn, x, state)
    assert len(made) == each > 0
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)


def by_an_optimiser(rnn: nn.Module, x: Tensor) -> None:
    rnn(x)[0].square().sum().backward()
    torch.optim.SGD(rnn.parameters(), lr=0.01).step()


def by_data(rnn: nn.Module, x: Tensor) -> None:
    for parameter in rnn.parameters():
        parameter.data.mul_(0.9)


def by_a_state_dict(rnn: nn.Module, x: Tensor) -> None:
    rnn.load_state_dict({name: value * 0.9 for name, value in rnn.state_dict().items()})


@pytest.mark.parametrize(("name", "backend"), ENTRIES)
@pytest.mark.parametrize("update", [by_an_optimiser, by_data, by_a_state_dict])
def test_a_stream_follows_an_update(name, backend, update):
    rnn, x = build(name, backend), torch.randn(5, 2, 3, dtype=DOUBLE)
    state = start(rnn, x)
    with torch.no_grad():
        before = steps(rnn, x, state)
    update(rnn, x)
    with torch.no_grad():
        after = steps(rnn, x, state)
    assert not torch.allclose(before, after)
    torch.testing.assert_close(after, steps(rnn, x, state).detach(), rtol=0, atol=1e-13)


@pytest.mark.parametrize(("name", "backend"), ENTRIES)
def test_a_copy_a_file_and_another_dtype_make_their_own(name, backend):
    rnn, x = build(name, backend), torch.randn(5, 2, 3, dtype=DOUBLE)
    with torch.inference_mode():
        expected = rnn(x)[0].clone()
    copies = [copy.deepcopy(rnn)]
    if not any(map(parametrize.is_parametrized, rnn.modules())):  # torch refuses to pickle those
        copies.append(pickle.loads(pickle.dumps(rnn)))
    for other in copies:
        torch.testing.assert_close(other(x)[0].detach(), expected, rtol=0, atol=1e-13)
    with torch.no_grad():
        rounded = rnn.float()(x.float())[0]
    assert rounded.dtype == torch.float32
    torch.testing.assert_close(rounded.double(), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ["exprnn", "full_urnn", "eunn", "lru"])
def test_what_a_stream_has_made_gives_gradients_afterwards(name):
    rnn, x = build(name, models.get(name).backends[-1]), torch.randn(5, 2, 3, dtype=DOUBLE)
    with torch.inference_mode():
        rnn(x)
    rnn(x)[0].square().sum().backward()
    assert all(parameter.grad is not None for parameter in rnn.parameters())


@pytest.mark.usefixtures("as_a_user")
def test_under_a_transform_nothing_is_kept(made):
    rnn, x = build("eunn", "eager"), torch.randn(5, 2, 3, dtype=DOUBLE)
    several = {name: torch.stack([p, 0.9 * p]).detach() for name, p in rnn.named_parameters()}
    with torch.no_grad():
        rnn(x)
        mapped = vmap(lambda parameters: functional_call(rnn, parameters, (x,))[0])(several)
        assert len(made) == 2
        for k in range(2):
            alone = functional_call(rnn, {name: p[k] for name, p in several.items()}, (x,))[0]
            torch.testing.assert_close(mapped[k], alone, rtol=0, atol=1e-13)


def test_a_parametrization_that_was_removed_leaves_its_matrix(made):
    rnn, x = build("exprnn", "cpu"), torch.randn(5, 2, 3, dtype=DOUBLE)
    with torch.no_grad():
        expected = rnn(x)[0]
        parametrize.remove_parametrizations(rnn.recurrent, "weight", leave_parametrized=True)
        made.clear()
        torch.testing.assert_close(rnn(x)[0], expected, rtol=0, atol=1e-13)
    assert not made
