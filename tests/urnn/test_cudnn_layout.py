"""Weights in one piece: at the places that nn.RNN gives its own, and differentiable."""

import pytest
import torch

from urnn.baselines import OrthogonalRNN, cudnn_layout
from urnn.baselines.cudnn_layout import in_one_piece, laid_out, layout

M, N = 3, 5
SHAPES = [(N, M), (N, N), (N,), (N,)]
PACKED = ((0, 15, 40, 45), 50)  # as a plain RNN's weights lie without gaps
PADDED = ((8, 32, 0, 60), 70)  # another order, with gaps and a tail


def weights() -> list[torch.Tensor]:
    return [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in SHAPES]


@pytest.mark.parametrize("where", [PACKED, PADDED])
def test_every_weight_is_a_view_at_its_place_of_one_piece(where):
    offsets, numbers = where
    given = weights()
    views = laid_out(given, where)
    assert len({view.untyped_storage().data_ptr() for view in views}) == 1
    assert views[0].untyped_storage().nbytes() == 8 * numbers
    for weight, view, offset in zip(given, views, offsets, strict=True):
        assert torch.equal(view, weight)
        assert view.is_contiguous()
        assert view.data_ptr() == view.untyped_storage().data_ptr() + 8 * offset


@pytest.mark.parametrize("where", [PACKED, PADDED])
def test_gradients_reach_the_weights_that_were_given(where):
    given, factors = weights(), weights()
    views = laid_out(given, where)
    sum((view * factor.detach()).sum() for view, factor in zip(views, factors, strict=True)).backward()
    for weight, factor in zip(given, factors, strict=True):
        assert torch.equal(weight.grad, factor)


def test_on_a_cpu_weights_stay_as_they_are():
    given = weights()
    assert in_one_piece(given) is given


def test_where_nn_rnn_leaves_its_weights_apart_no_layout_is_known():
    assert layout(M, N, torch.device("cpu"), torch.float32) is None


def test_asking_draws_no_random_numbers():
    before = torch.get_rng_state()
    layout(M + 1, N, torch.device("cpu"), torch.float32)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_layout_is_read_off_nn_rnns_own_weights(monkeypatch):
    class Flat:
        """nn.RNN after it has laid its weights out."""

        def __init__(self, input_size, hidden_size, device, dtype):
            assert device == "meta"
            flat = torch.zeros(PADDED[1], dtype=dtype)
            names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
            for name, shape, offset in zip(names, SHAPES, PADDED[0], strict=True):
                setattr(self, name, flat[offset : offset + torch.Size(shape).numel()].view(shape))

        def to_empty(self, device):
            assert device == torch.device("cuda")
            return self

    monkeypatch.setattr(torch.nn, "RNN", Flat)
    assert layout(M, N, torch.device("cuda"), torch.float64) == PADDED


def test_the_rnn_computes_the_same_with_weights_in_one_piece(monkeypatch):
    torch.manual_seed(0)
    rnn, x = OrthogonalRNN(M, N), torch.randn(7, 2, M)
    output, _ = rnn(x)
    output.square().sum().backward()
    expected = [parameter.grad.clone() for parameter in rnn.parameters()]
    rnn.zero_grad()
    monkeypatch.setattr("urnn.baselines.orthogonal.in_one_piece", lambda given: laid_out(given, PACKED))
    again, _ = rnn(x)
    again.square().sum().backward()
    assert torch.equal(again, output)
    for parameter, gradient in zip(rnn.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


@pytest.mark.cuda
def test_on_cuda_nothing_warns():
    OrthogonalRNN(M, N, device="cuda")(torch.randn(7, 2, M, device="cuda"))[0].sum().backward()


def test_a_layout_is_asked_for_once():
    cudnn_layout.layout.cache_clear()
    for _ in range(3):
        layout(M, N, torch.device("cpu"), torch.float32)
    assert cudnn_layout.layout.cache_info().misses == 1
