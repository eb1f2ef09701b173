"""A packed batch gives what each of its sequences gives alone."""

import pytest
import torch
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pack_sequence, pad_packed_sequence

from tests.urnn.definition import rounding
from urnn import URNN

SORTED = [7, 5, 5, 1]
UNSORTED = [5, 1, 7, 5]
SHAPES = [(1, False), (1, True), (2, False), (2, True)]
BOUND = rounding(8, steps=2 * 7)  # a batch and a single sequence round differently


def build(num_layers: int, bidirectional: bool, **options) -> URNN:
    rnn = URNN(3, 8, num_layers, bidirectional=bidirectional, dtype=torch.float64, **options)
    with torch.no_grad():
        for layer in rnn.layers:
            layer.b.uniform_(-0.2, 0.2)
    return rnn


def sequences(lengths: list[int], device: str = "cpu") -> list[torch.Tensor]:
    return [torch.randn(length, 3, device=device, dtype=torch.float64) for length in lengths]


def first_state(rnn: URNN, batch: int, given: bool) -> torch.Tensor | None:
    shape = (len(rnn.layers), batch, rnn.hidden_size)
    return torch.randn(shape, dtype=torch.complex128).to(rnn.layers[0].b.device) if given else None


@pytest.mark.parametrize("given", [False, True], ids=["learned h_0", "given h_0"])
@pytest.mark.parametrize(("num_layers", "bidirectional"), SHAPES)
@pytest.mark.parametrize("lengths", [SORTED, UNSORTED], ids=["sorted", "unsorted"])
def test_packed_is_each_sequence_alone(lengths, num_layers, bidirectional, given, backend, device):
    rnn = build(num_layers, bidirectional, backend=backend, device=device)
    h_0 = first_state(rnn, len(lengths), given)
    inputs = sequences(lengths, device)
    packed, h_n = rnn(pack_sequence(inputs, enforce_sorted=lengths is SORTED), h_0)
    output, lengths_back = pad_packed_sequence(packed)
    assert lengths_back.tolist() == lengths
    for k, x in enumerate(inputs):
        alone, state = rnn(x, None if h_0 is None else h_0[:, k])
        torch.testing.assert_close(output[: len(x), k], alone, rtol=0, atol=BOUND)
        torch.testing.assert_close(h_n[:, k], state, rtol=0, atol=BOUND)
        assert (output[len(x) :, k] == 0).all()


@pytest.mark.parametrize(("num_layers", "bidirectional"), SHAPES)
@pytest.mark.parametrize("lengths", [SORTED, UNSORTED], ids=["sorted", "unsorted"])
def test_packed_gradients_are_the_sum_of_each_sequences(lengths, num_layers, bidirectional, backend, device):
    rnn = build(num_layers, bidirectional, backend=backend, device=device)
    inputs = [x.requires_grad_() for x in sequences(lengths, device)]
    h_0 = first_state(rnn, len(lengths), given=True).requires_grad_()
    wrt = [*inputs, h_0, *(p for name, p in rnn.named_parameters() if not name.endswith("h_0"))]
    weights = sequences(lengths, device)

    def objective(outputs, h_n):
        """Every output and last state counts, each with a weight that names it."""
        steps = sum((o * w.sum(-1, keepdim=True)).sum() for o, w in zip(outputs, weights, strict=True))
        return steps + sum((k + 1) * h.abs().square().sum() for k, h in enumerate(h_n))

    packed, h_n = rnn(pack_sequence(inputs, enforce_sorted=lengths is SORTED), h_0)
    output, _ = pad_packed_sequence(packed)
    together = objective([output[: len(x), k] for k, x in enumerate(inputs)], h_n.unbind(1))
    alone = [rnn(x, h_0[:, k]) for k, x in enumerate(inputs)]
    apart = objective(*zip(*alone, strict=True))
    for gradient, expected in zip(
        torch.autograd.grad(together, wrt), torch.autograd.grad(apart, wrt), strict=True
    ):
        assert expected.abs().max() > 0
        torch.testing.assert_close(gradient, expected, rtol=1e-11, atol=1e-11)


def test_gradients_of_the_learned_first_state_sum_over_the_batch():
    rnn = build(2, True)
    inputs = sequences(UNSORTED)
    first_states = [layer.h_0 for layer in rnn.layers]
    packed, _ = rnn(pack_sequence(inputs, enforce_sorted=False))
    together = torch.autograd.grad(packed.data.square().sum(), first_states)
    apart = torch.autograd.grad(sum(rnn(x)[0].square().sum() for x in inputs), first_states)
    torch.testing.assert_close(together, apart, rtol=1e-11, atol=1e-11)


def test_the_packing_is_kept_as_it_came():
    packed = pack_sequence(sequences(UNSORTED), enforce_sorted=False)
    output, _ = build(1, False)(packed)
    assert isinstance(output, PackedSequence)
    assert output.data.shape == (sum(UNSORTED), 16)
    for field in ("batch_sizes", "sorted_indices", "unsorted_indices"):
        assert torch.equal(getattr(output, field), getattr(packed, field))


def test_a_sorted_packing_needs_no_indices():
    output, _ = build(1, False)(pack_sequence(sequences(SORTED)))
    assert output.sorted_indices is None
    assert output.unsorted_indices is None


def test_what_lies_in_the_padding_does_not_matter():
    rnn = build(2, True)
    padded, lengths = torch.randn(7, 4, 3).double(), torch.tensor(UNSORTED)
    other = padded.clone()
    other[torch.arange(7).unsqueeze(1) >= lengths] = float("nan")
    outputs = [rnn(pack_padded_sequence(x, lengths, enforce_sorted=False)) for x in (padded, other)]
    assert torch.equal(outputs[0][0].data, outputs[1][0].data)
    assert torch.equal(outputs[0][1], outputs[1][1])


def test_equal_lengths_are_the_batch_unpacked():
    rnn = build(2, True)
    x = torch.randn(5, 3, 3).double()
    output, h_n = rnn(x)
    packed, h_n_packed = rnn(pack_padded_sequence(x, [5, 5, 5]))
    assert torch.equal(pad_packed_sequence(packed)[0], output)
    assert torch.equal(h_n_packed, h_n)


def test_batch_first_does_not_touch_a_packing_and_h_n():
    rnn = build(1, False)
    turned = build(1, False, batch_first=True)
    turned.load_state_dict(rnn.state_dict())
    packed = pack_sequence(sequences(UNSORTED), enforce_sorted=False)
    assert torch.equal(rnn(packed)[0].data, turned(packed)[0].data)
    assert torch.equal(rnn(packed)[1], turned(packed)[1])
