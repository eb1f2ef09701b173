"""A uRNN's units selected: the gated net against its definition, and what is cut out, which is not unitary."""

import math
import warnings

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence

from urnn import URNN
from urnn.activations import modrelu
from urnn.pruning import ContractedRNN, NotUnitaryWarning, UnitarySelection
from urnn.unitary import to_complex, to_pair

TOLERANCES = {torch.float32: 1e-5, torch.float64: 1e-12}


def selection(closed=(1, 3), dtype=torch.float64, preset="paper", **options) -> UnitarySelection:
    made = UnitarySelection(URNN(4, 8, preset=preset, dtype=dtype, backend="reference", **options))
    with torch.no_grad():
        made.layer.b.uniform_(-0.1, 0.1)
        for gates, count in zip((made.inputs, *made.units), closed, strict=True):
            gates.log_a.copy_(torch.linspace(-1.5, 4, gates.log_a.numel()))
            gates.log_a[:count] = -5
    return made


def compacted(made, read_out=None):
    with pytest.warns(NotUnitaryWarning):
        return made.compact(read_out)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("preset", ["paper", "released"])
def test_the_gated_net_is_the_definition_with_one_draw_a_sequence(training, preset):
    made, x = selection(preset=preset).train(training), torch.randn(5, 3, 4).double()
    torch.manual_seed(5)
    inputs, z = made.gates(3)
    torch.manual_seed(5)
    output, h_n = made(x)
    layer = made.layer
    h, W = to_complex(layer.h_0).expand(3, -1), layer.W.dense()
    for t in range(5):
        driven = to_complex((x[t] * inputs) @ layer.V.T)
        h = modrelu(torch.einsum("ij,bj->bi", W, z * h) + driven, layer.b, layer.preset.epsilon)
        assert torch.allclose(output[t], to_pair(z * h), atol=1e-12)
    assert torch.allclose(h_n[0], z * h, atol=1e-12)


def test_open_gates_leave_the_urnn():
    urnn = URNN(4, 8, dtype=torch.float64, backend="reference")
    made, x = UnitarySelection(urnn, first_log_a=50.0), torch.randn(5, 3, 4).double()
    assert torch.allclose(made(x)[0], urnn(x)[0], atol=1e-12)
    assert torch.allclose(made.singular_values(), torch.ones(8).double(), atol=1e-12)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("closed", [(1, 3), (0, 0), (3, 7)])
@pytest.mark.parametrize("batch_first", [False, True])
def test_the_small_net_equals_the_gated_one(dtype, closed, batch_first):
    made = selection(closed, dtype, batch_first=batch_first).eval()
    read_out, x = nn.Linear(16, 3, dtype=dtype), torch.randn(5, 3, 4, dtype=dtype)
    small = compacted(made, read_out)
    (gated, h), (output, h_n) = made(x), small(x)
    bound = {"rtol": 0, "atol": TOLERANCES[dtype]}
    assert torch.allclose(small.read_out(output), read_out(gated), **bound)
    assert torch.allclose(h_n * small.scale, h[..., small.units[0]], **bound)
    assert small.parameter_count == made.weights_left(outputs=3)
    assert small.inputs.tolist() == made.kept_inputs()
    assert len(small.units[0]) == 8 - closed[1]


def test_packed_sequences_a_first_state_and_a_single_sequence():
    made = selection().eval()
    small = compacted(made)
    packed = pack_sequence([torch.randn(steps, 4).double() for steps in (2, 5, 1)], enforce_sorted=False)
    (_, h), (_, h_n) = made(packed), small(packed)
    assert torch.allclose(h_n * small.scale, h[..., small.units[0]], atol=1e-12)
    h_0 = torch.randn(1, 3, 8, dtype=torch.complex128)
    x = torch.randn(5, 3, 4).double()
    (_, h), (_, h_n) = made(x, h_0), small(x, small.cut_state(h_0))
    assert torch.allclose(h_n * small.scale, h[..., small.units[0]], atol=1e-12)
    (_, h), (_, h_n) = made(x[:, 0]), small(x[:, 0])
    assert torch.allclose(h_n * small.scale, h[..., small.units[0]], atol=1e-12)


class TestUnitarity:
    def test_singular_values_are_those_of_what_is_cut_out(self):
        made = selection()
        z = made.settled_gates()[1].detach()
        kept = z > 0
        part = (made.layer.W.dense().detach() @ torch.diag(z).to(torch.complex128))[kept][:, kept]
        expected = torch.linalg.eigvalsh(part.mH @ part).flip(0).clamp(min=0).sqrt()
        assert torch.allclose(made.singular_values(), expected, atol=1e-7)
        assert torch.allclose(compacted(made).rnn.singular_values(), expected, atol=1e-7)
        assert 0 <= float(expected.min()) < float(expected.max()) < 1

    def test_what_is_built_from_a_part_says_so(self):
        made = selection()
        with pytest.warns(NotUnitaryWarning) as caught:
            small = made.compact()
        found = small.rnn.singular_values()
        assert str(caught[0].message) == (
            f"the matrix of these 5 units is not unitary: its singular values are {float(found[-1]):.3f} to "
            f"{float(found[0]):.3f}, so that states and gradients fade"
        )

    def test_what_is_built_from_a_unitary_matrix_says_nothing(self):
        made = UnitarySelection(URNN(4, 8, dtype=torch.float64), first_log_a=50.0)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert isinstance(made.compact().rnn, ContractedRNN)


def test_the_expected_number_of_weights_is_the_mean_over_draws():
    made = selection()
    draws = 20_000
    a, b = ((gate.draw(draws) != 0).double().sum(1) for gate in (made.inputs, *made.units))
    left = 2 * a * b + 2 * b * b + 3 * b + 3 * (2 * b + 1)
    bound = 5 * float(left.std()) / draws**0.5
    assert made.expected_weights(outputs=3) == pytest.approx(float(left.mean()), abs=bound)


def test_nothing_left():
    made = selection(closed=(0, 8))
    with pytest.raises(ValueError) as caught:
        made.compact()
    assert str(caught.value) == (
        "every gate of the 8 units is closed, so nothing is left to compact; lower unit_multiplier, which is 5, "
        "and train again"
    )
    assert made.singular_values().numel() == 0


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: nn.LSTM(3, 4), TypeError, "urnn must be a URNN, got LSTM"),
        (
            lambda: URNN(3, 4, num_layers=2),
            ValueError,
            "urnn must have one layer and one direction, got num_layers=2; wrap one layer at a time",
        ),
        (
            lambda: URNN(3, 4, bidirectional=True),
            ValueError,
            "urnn must have one layer and one direction, got bidirectional=True; wrap one layer at a time",
        ),
        (
            lambda: URNN(3, 4, output_steps="last"),
            ValueError,
            "urnn must return all steps, got output_steps='last'; leave it out",
        ),
    ],
)
@pytest.mark.usefixtures("as_a_user")
def test_what_cannot_be_wrapped(make, error, message):
    with pytest.raises(error) as caught:
        UnitarySelection(make())
    assert str(caught.value) == message


def test_a_multiplier_below_0_and_a_read_out_that_does_not_fit():
    with pytest.raises(ValueError, match="input_multiplier must be a finite number of at least 0, got nan"):
        UnitarySelection(URNN(3, 4), input_multiplier=math.nan)
    with pytest.raises(ValueError, match="read_out must read the 16 features of the last layer"):
        selection().compact(nn.Linear(8, 2, dtype=torch.float64))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.int64])
@pytest.mark.usefixtures("as_a_user")
def test_an_input_of_another_dtype(dtype):
    with pytest.raises(ValueError) as caught:
        UnitarySelection(URNN(3, 4))(torch.zeros(5, 2, 3, dtype=dtype))
    assert str(caught.value) == (
        f"UnitarySelection: Expected input to be torch.float32, got {dtype}; convert one of the two"
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.usefixtures("as_a_user")
def test_half_precision(dtype):
    made = UnitarySelection(URNN(3, 4)).to(dtype)
    for call in (lambda: made(torch.zeros(5, 2, 3, dtype=dtype)), made.compact):
        with pytest.raises(ValueError) as caught:
            call()
        assert str(caught.value) == (
            f"UnitarySelection: Expected parameters to be torch.float32 or torch.float64, got {dtype}; call "
            ".float() on it and on its input"
        )
