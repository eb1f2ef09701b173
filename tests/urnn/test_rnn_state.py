"""What a URNN carries: its parameters and permutation, through copies, files, dtypes and devices."""

import copy
import io
import pickle

import pytest
import torch

from tests.urnn import definition
from urnn import URNN


def build(**options) -> URNN:
    return URNN(3, 5, 2, bidirectional=True, **options)


def batch(dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(4, 2, 3, dtype=dtype)


def through_a_file(rnn: URNN) -> URNN:
    file = io.BytesIO()
    torch.save(rnn.state_dict(), file)
    file.seek(0)
    loaded = build()
    loaded.load_state_dict(torch.load(file))
    return loaded


COPIES = {
    "state dict": through_a_file,
    "deepcopy": copy.deepcopy,
    "pickle": lambda rnn: pickle.loads(pickle.dumps(rnn)),
}


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_a_copy_gives_the_same_outputs_and_shares_nothing(copied):
    rnn = build()
    other = copied(rnn)
    x = batch()
    assert torch.equal(rnn(x)[0], other(x)[0])
    with torch.no_grad():
        other.layers[0].W.theta.add_(1)
    assert not torch.equal(rnn(x)[0], other(x)[0])


def test_the_state_dict_holds_five_parameters_and_the_permutation_of_each_layer_and_direction():
    names = ("W.theta", "W.v", "W.permutation", "V", "b", "h_0")
    assert set(build().state_dict()) == {f"layers.{k}.{name}" for k in range(4) for name in names}


def test_a_state_dict_without_the_permutation_is_refused():
    state = build().state_dict()
    del state["layers.2.W.permutation"]
    with pytest.raises(RuntimeError, match=r"Missing key.*layers\.2\.W\.permutation"):
        build().load_state_dict(state)


DAMAGES = {
    "an index twice": lambda p: p.index_fill(0, torch.tensor([0]), int(p[1])),
    "out of range": lambda p: p + 1,
    "negative": lambda p: p - 1,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_state_dict_with_a_damaged_permutation_is_refused(damage):
    state = build().state_dict()
    state["layers.2.W.permutation"] = damage(state["layers.2.W.permutation"])
    with pytest.raises(
        ValueError, match=r"permutation must hold each of 0\.\.4 once.*Load a state dict that URNN wrote"
    ):
        build().load_state_dict(state)


def test_one_seed_gives_one_model_and_another_seed_another():
    models = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        models.append(build().state_dict())
    same, again, other = models
    assert all(torch.equal(same[name], again[name]) for name in same)
    drawn = [name for name in same if not name.endswith((".b", ".permutation"))]  # few numbers may agree by chance
    assert not any(torch.equal(same[name], other[name]) for name in drawn)


def test_layers_and_directions_do_not_share_parameters():
    layers = build().layers
    for k, layer in enumerate(layers):
        for other in layers[k + 1 :]:
            assert not torch.equal(layer.W.theta, other.W.theta)


def test_reset_draws_every_layer_afresh_and_keeps_the_permutations():
    rnn = build(preset="released")
    before = {name: value.clone() for name, value in rnn.state_dict().items()}
    rnn.reset_parameters()
    for name, value in rnn.state_dict().items():
        assert torch.equal(value, before[name]) == name.endswith("permutation"), name


def test_double_makes_parameters_double_and_leaves_the_permutation_whole_numbers():
    rnn = build().double()
    assert {p.dtype for p in rnn.parameters()} == {torch.float64}
    assert {p.dtype for p in rnn.buffers()} == {torch.int64}
    x = batch(torch.float64)
    output, h_n = rnn(x)
    assert (output.dtype, h_n.dtype) == (torch.float64, torch.complex128)
    expected, _ = definition.urnn(rnn, x[:, 0])
    bound = definition.rounding(5 + 3, steps=8)
    torch.testing.assert_close(output[:, 0], torch.from_numpy(expected), rtol=0, atol=bound)


def test_the_default_dtype_is_torchs_default():
    assert build().layers[0].V.dtype == torch.float32
    torch.set_default_dtype(torch.float64)
    try:
        assert {p.dtype for p in build().parameters()} == {torch.float64}
    finally:
        torch.set_default_dtype(torch.float32)


def test_it_moves_between_devices_with_its_permutation(device):
    rnn = build()
    moved = copy.deepcopy(rnn).to(device)
    assert {tensor.device.type for tensor in moved.state_dict().values()} == {device}
    x = batch()
    output, h_n = moved(x.to(device))
    assert {output.device.type, h_n.device.type} == {device}
    bound = definition.rounding(5 + 3, torch.float32, 8)
    torch.testing.assert_close(output.cpu(), rnn(x)[0], rtol=0, atol=bound)


def test_a_state_dict_written_on_one_device_loads_on_another(device):
    rnn, elsewhere = build(), build(device=device)
    elsewhere.load_state_dict(rnn.state_dict())
    back = build()
    back.load_state_dict(elsewhere.state_dict())
    x = batch()
    assert torch.equal(back(x)[0], rnn(x)[0])
    assert elsewhere.layers[0].W.permutation.device.type == device


def test_it_trains_only_what_requires_a_gradient():
    rnn = build().requires_grad_(False)
    rnn.layers[0].V.requires_grad_(True)
    rnn(batch())[0].sum().backward()
    assert [name for name, p in rnn.named_parameters() if p.grad is not None] == ["layers.0.V"]
