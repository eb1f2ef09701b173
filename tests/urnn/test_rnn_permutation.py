"""The permutation of a layer through every way that torch makes, moves, loads and averages modules.

It is drawn, not learned, and W is unitary with any permutation and with nothing else.
"""

import copy
import io
import pickle

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from urnn import URNN, UnitaryMatrix
from urnn.backends import BACKENDS

M, N = 3, 8


def build(num_layers: int = 2, **options) -> URNN:
    return URNN(M, N, num_layers, **options)


def permutations(rnn: nn.Module) -> list[list[int]]:
    return [part.permutation.tolist() for part in rnn.modules() if isinstance(part, UnitaryMatrix)]


def assert_drawn(rnn: nn.Module) -> None:
    assert all(sorted(entries) == list(range(N)) for entries in permutations(rnn)), permutations(rnn)


def snapshot(rnn: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in rnn.state_dict().items()}


def assert_unchanged(rnn: nn.Module, before: dict[str, torch.Tensor]) -> None:
    for name, value in rnn.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_a_seed_gives_the_layer_that_it_always_gave():
    torch.manual_seed(0)
    rnn = URNN(3, 8, 2)
    assert permutations(rnn) == [[4, 0, 7, 3, 2, 5, 1, 6], [6, 1, 5, 2, 4, 7, 3, 0]]
    first = torch.tensor([0.9490974545478821, 1.7246464490890503, -0.3965235650539398])
    torch.testing.assert_close(rnn.layers[0].W.theta[0, :3], first)
    torch.testing.assert_close(rnn.layers[1].h_0[:2], torch.tensor([-0.032217465341091156, 0.3583775758743286]))


MADE_EMPTY = {
    "to_empty": lambda: build(device="meta").to_empty(device="cpu"),
    "skip_init": lambda: nn.utils.skip_init(URNN, M, N, 2),
    "made under a device": lambda: _made_under_a_device().to_empty(device="cpu"),
    "inside another module": lambda: nn.Sequential(build(device="meta")).to_empty(device="cpu")[0],
}


def _made_under_a_device() -> URNN:
    with torch.device("meta"):
        return build()


@pytest.mark.parametrize("make", MADE_EMPTY.values(), ids=MADE_EMPTY)
def test_a_layer_without_numbers_gets_a_permutation_that_the_seed_decides(make):
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        rnn = make()
        assert_drawn(rnn)
        rnn.reset_parameters()
        assert_drawn(rnn)
        output, _ = rnn(torch.ones(2, 1, M))
        assert torch.isfinite(output).all()
        drawn.append((permutations(rnn), output))
    (same, output), (again, output_again), (other, _) = drawn
    assert same == again
    assert torch.equal(output, output_again)
    assert same != other


def test_to_empty_keeps_a_permutation_that_there_was():
    rnn = build()
    before = permutations(rnn)
    assert permutations(rnn.to_empty(device="cpu")) == before


def test_moving_to_meta_and_back_loses_it_and_draws_another():
    rnn = build()
    assert_drawn(rnn.to("meta").to_empty(device="cpu"))


def test_reset_draws_one_where_there_is_none_and_keeps_one_that_there_is():
    rnn = build()
    kept = permutations(rnn)[1]
    rnn.layers[0].W.permutation.data.fill_(10**9)
    rnn.reset_parameters()
    assert_drawn(rnn)
    assert permutations(rnn)[1] == kept


def test_casts_of_all_tensors_leave_it_whole_numbers():
    rnn = build()
    before = permutations(rnn)
    for cast in (torch.float64, torch.float16, torch.bfloat16, torch.float32):
        rnn.type(cast)
        assert rnn.layers[0].V.dtype == cast
        assert rnn.layers[0].W.permutation.dtype == torch.int64
    assert permutations(rnn) == before
    rnn(torch.zeros(2, 1, M))


@pytest.mark.parametrize("make", [lambda: build(device="meta"), build], ids=["meta", "cpu"])
def test_a_state_dict_can_be_assigned(make):
    saved = build()
    rnn = make()
    rnn.load_state_dict(saved.state_dict(), assign=True)
    x = torch.ones(3, 2, M)
    assert torch.equal(rnn(x)[0], saved(x)[0])
    assert permutations(rnn) == permutations(saved)


def test_a_permutation_saved_as_other_numbers_is_loaded_as_whole_ones():
    """Where somebody has cast every tensor of a state dict."""
    saved = build()
    state = {name: value.to(torch.float16) for name, value in saved.state_dict().items()}
    for assign in (False, True):
        rnn = build()
        rnn.load_state_dict(dict(state), assign=assign)
        assert rnn.layers[0].W.permutation.dtype == torch.int64
        assert permutations(rnn) == permutations(saved)


REFUSED = {
    "an entry twice": ("layers.1.W.permutation", lambda p: p.index_fill(0, p[:1], int(p[1])), ValueError),
    "out of range": ("layers.1.W.permutation", lambda p: p + 1, ValueError),
    "averaged": ("layers.1.W.permutation", lambda p: p * 0.999, ValueError),
    "another length": ("layers.1.W.permutation", lambda p: torch.arange(4), RuntimeError),
    "a number": ("layers.1.W.permutation", lambda p: torch.tensor(3), ValueError),
    "a smaller V": ("layers.1.V", lambda V: V[:, :2], RuntimeError),
}


@pytest.mark.parametrize("assign", [False, True], ids=["copied", "assigned"])
@pytest.mark.parametrize("inside", [False, True], ids=["alone", "inside"])
@pytest.mark.parametrize(("name", "damage", "error"), REFUSED.values(), ids=REFUSED)
def test_a_state_dict_that_is_refused_changes_nothing(name, damage, error, inside, assign):
    """Not the layers before the one at fault either, which torch would have loaded by then."""
    rnn, state = build(), dict(build().state_dict())
    before, parameters = snapshot(rnn), list(rnn.parameters())
    state[name] = damage(state[name])
    target = nn.ModuleDict({"rnn": rnn}) if inside else rnn
    given = {f"rnn.{key}": value for key, value in state.items()} if inside else state
    with pytest.raises(error):
        target.load_state_dict(given, assign=assign)
    assert_unchanged(rnn, before)
    assert all(one is other for one, other in zip(rnn.parameters(), parameters, strict=True))


def test_a_key_too_many_or_too_few_is_refused_and_without_strict_passed_over():
    rnn, saved = build(), build()
    before = snapshot(rnn)
    more, less = saved.state_dict() | {"layers.7.b": torch.zeros(1)}, saved.state_dict()
    del less["layers.0.b"]
    for state, message in ((more, r"Unexpected key.*layers\.7\.b"), (less, r"Missing key.*layers\.0\.b")):
        with pytest.raises(RuntimeError, match=message):
            rnn.load_state_dict(state)
        assert_unchanged(rnn, before)
    for state in (more, less):
        rnn = build()
        rnn.load_state_dict(state, strict=False)
        assert permutations(rnn) == permutations(saved)


def test_the_matrix_alone_refuses_a_state_dict_likewise():
    W, state = UnitaryMatrix(N), UnitaryMatrix(N).state_dict()
    before = snapshot(W)
    state["permutation"] = torch.zeros(N, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"permutation must hold each of 0\.\.7 once; permutation does not"):
        W.load_state_dict(state)
    assert_unchanged(W, before)


@pytest.mark.parametrize("average", [None, get_ema_multi_avg_fn(0.999)], ids=["mean", "moving"])
def test_an_average_over_buffers_has_the_permutation_or_says_that_it_has_none(average, backend, device):
    rnn, x = build(backend=backend, device=device), torch.ones(2, 1, M, device=device)
    averaged = AveragedModel(rnn, multi_avg_fn=average, use_buffers=True)
    if device == "cuda" and average is None:
        pytest.skip("torch itself cannot average whole numbers on CUDA")
    for _ in range(3):
        averaged.update_parameters(rnn)
    expected = permutations(rnn)
    if permutations(averaged.module) == expected:
        assert torch.equal(averaged(x)[0], rnn(x)[0])
        return
    with pytest.raises(ValueError, match="permutation must hold each of"):
        averaged(x)


def test_a_moving_average_over_a_state_dict_is_refused():
    rnn = build()
    state = {name: 0.999 * value for name, value in rnn.state_dict().items()}
    with pytest.raises(ValueError, match="Load a state dict that URNN wrote"):
        rnn.load_state_dict(state)


def shared(rnn: URNN) -> URNN:
    assert rnn.share_memory().layers[0].W.permutation.is_shared()
    return rnn


def saved_whole(rnn: URNN) -> URNN:
    file = io.BytesIO()
    torch.save(rnn, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


def written_to(permutation: torch.Tensor) -> torch.Tensor:
    """For a write past the version counter where every call reads the numbers; on CUDA none does."""
    return permutation if permutation.is_cuda else permutation.data


SAME = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda rnn: pickle.loads(pickle.dumps(rnn)),
    "saved whole": saved_whole,
    "shared memory": shared,
    "a replica": lambda rnn: nn.DataParallel(rnn),
    "frozen": lambda rnn: rnn.requires_grad_(False),
    "double and back": lambda rnn: rnn.double().float(),
}


@pytest.mark.parametrize("way", SAME.values(), ids=SAME)
def test_what_keeps_the_numbers_keeps_the_function_and_the_checks(way, backend, device):
    rnn, x = build(backend=backend, device=device), torch.ones(3, 2, M, device=device)
    expected = rnn(x)[0].detach().clone()
    other = way(rnn)
    assert torch.equal(other(x)[0], expected)
    matrix = next(part for part in other.modules() if isinstance(part, UnitaryMatrix))
    written_to(matrix.permutation)[0] = matrix.permutation[1]
    with pytest.raises(ValueError, match="permutation must hold each of"):
        other(x)
    with pytest.raises(ValueError, match="permutation must hold each of"):
        matrix.load_state_dict(snapshot(matrix))


def test_it_is_made_and_run_where_tensors_hold_no_numbers():
    from torch._subclasses import FakeTensorMode

    for backend in ("auto", *(name for name, row in BACKENDS.items() if row.applies(N, "cpu"))):
        with FakeTensorMode():
            rnn = build(backend=backend)
            output, h_n = rnn(torch.zeros(4, 5, M))
            assert (output.shape, h_n.shape) == ((4, 5, 2 * N), (2, 5, N))
