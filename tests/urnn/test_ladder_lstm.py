"""Every combination of the ladder's switches is nn.LSTM, in its results, its gradients and its messages."""

import contextlib
import itertools
from dataclasses import asdict, fields, replace

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from urnn.ladder.lstm import RUNGS, StagedLSTM, Stages, build

M, N, B = 3, 4, 2
SWITCHES = [field.name for field in fields(Stages)]
WITHOUT_STREAMS = [
    Stages(**dict(zip(SWITCHES, on, strict=True)))
    for on in itertools.product((False, True), repeat=len(SWITCHES))
    if not on[SWITCHES.index("streams")]
]
TOP = RUNGS["wavefront"]
needs_cuda = pytest.mark.cuda


def names_of(stages: Stages) -> str:
    return "+".join(name for name, on in asdict(stages).items() if on) or "naive"


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def results(lstm: nn.Module, T: int, L: int, device: str = "cpu") -> tuple[list[Tensor], list[Tensor]]:
    """output, h_n, c_n; and the gradients of a random sum of theirs by x, h_0, c_0 and every parameter."""
    leaves = [draw(T, B, M, seed=1), draw(L, B, N, seed=2), draw(L, B, N, seed=3)]
    x, h_0, c_0 = (leaf.to(device).requires_grad_() for leaf in leaves)
    output, state = lstm(x, (h_0, c_0))
    made = [output, *state]
    loss = sum((value * draw(*value.shape, seed=4 + k).to(device)).sum() for k, value in enumerate(made))
    return made, list(torch.autograd.grad(loss, [x, h_0, c_0, *lstm.parameters()]))


def assert_is_nn_lstm(stages: Stages, T: int, L: int, device: str = "cpu") -> None:
    """To what the ladder promises of float32: 84 eps for the results, ten times that for their gradients."""
    theirs = nn.LSTM(M, N, L, device=device)
    ours = StagedLSTM(M, N, L, stages, device=device)
    ours.load_state_dict(theirs.state_dict())
    made, gradients = results(ours, T, L, device)
    expected, expected_gradients = results(theirs, T, L, device)
    torch.testing.assert_close(made, expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(gradients, expected_gradients, rtol=0, atol=1e-4)


# With two steps and three layers no diagonal of the wavefront has all layers.
@pytest.mark.parametrize(("T", "L"), [(5, 1), (5, 3), (2, 3)])
@pytest.mark.parametrize("stages", WITHOUT_STREAMS, ids=names_of)
def test_every_combination_is_nn_lstm(stages, T, L):
    assert_is_nn_lstm(stages, T, L)


@needs_cuda
@pytest.mark.parametrize("L", [1, 3])
def test_every_combination_is_nn_lstm_on_cuda_with_streams_where_they_can_be(L, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    for stages in WITHOUT_STREAMS:
        overlap = stages.wavefront or not stages.batched_input
        assert_is_nn_lstm(replace(stages, streams=overlap), 5, L, "cuda")


@pytest.mark.parametrize("name", [name for name in RUNGS if name != "streams"])
def test_every_rung_starts_from_zeros_if_no_state_is_given(name):
    x, zeros = draw(5, B, M), torch.zeros(2, B, N)
    lstm = build(M, N, 2, backend=name)
    output, (h_n, c_n) = lstm(x)
    expected, (expected_h, expected_c) = lstm(x, (zeros, zeros))
    assert torch.equal(output, expected)
    assert torch.equal(h_n, expected_h)
    assert torch.equal(c_n, expected_c)


@pytest.mark.slow
@pytest.mark.parametrize("stages", [TOP, replace(TOP, wavefront=False)], ids=names_of)
def test_gradients_are_those_of_finite_differences(stages):
    """torch's step is 1e-6, so float64's eps leaves a difference accurate to about 1e-10; curvature takes some."""
    lstm = StagedLSTM(2, 2, 2, stages, dtype=torch.float64)
    names = [name for name, _ in lstm.named_parameters()]

    def outputs(x, h_0, c_0, *parameters):
        output, state = functional_call(lstm, dict(zip(names, parameters, strict=True)), (x, (h_0, c_0)))
        return output, *state

    leaves = [draw(3, 1, 2), draw(2, 1, 2, seed=1), draw(2, 1, 2, seed=2)]
    parameters = [parameter.detach().requires_grad_() for parameter in lstm.parameters()]
    inputs = [leaf.double().requires_grad_() for leaf in leaves] + parameters
    assert torch.autograd.gradcheck(outputs, inputs, atol=1e-7, rtol=1e-7)


@pytest.mark.parametrize("wavefront", [False, True], ids=["layer by layer", "wavefront"])
def test_a_gradient_put_off_is_right_after_other_passes_over_the_same_graph(wavefront):
    """What an earlier pass left behind, of all steps or for some of the leaves, must not come up again."""
    stages = Stages(batched_weight_gradient=True, wavefront=wavefront)
    theirs, ours = nn.LSTM(M, N, 2), StagedLSTM(M, N, 2, stages)
    ours.load_state_dict(theirs.state_dict())
    gradients = []
    for lstm in (theirs, ours):
        x = draw(5, B, M).requires_grad_()
        output, _ = lstm(x)
        torch.autograd.grad(output.sum(), [x], retain_graph=True)
        torch.autograd.grad(output.sum(), list(lstm.parameters()), retain_graph=True)
        gradients.append(torch.autograd.grad(output[1].sum(), list(lstm.parameters())))
    torch.testing.assert_close(gradients[1], gradients[0], rtol=0, atol=1e-4)


@pytest.mark.parametrize("leaf", [0, 1, 2], ids=["x", "h_0", "c_0"])
@pytest.mark.parametrize("switch", ["fused_pointwise", "batched_weight_gradient"])
def test_a_second_derivative_is_refused_where_it_would_be_wrong(switch, leaf):
    leaves = [tensor.requires_grad_() for tensor in (draw(3, B, M), draw(1, B, N), draw(1, B, N))]
    output, _ = StagedLSTM(M, N, stages=Stages(**{switch: True}))(leaves[0], tuple(leaves[1:]))
    [gradient] = torch.autograd.grad(output.square().sum(), leaves[leaf], create_graph=True)
    with pytest.raises(RuntimeError, match="marked with @once_differentiable"):
        gradient.sum().backward()


def test_streams_elsewhere_than_on_cuda_are_refused():
    with pytest.raises(RuntimeError, match="streams need CUDA, but the input is on cpu"):
        build(M, N, backend="streams")(draw(5, B, M))


@pytest.mark.parametrize("wavefront", [False, True])
def test_streams_with_nothing_to_overlap_are_refused(wavefront):
    with (
        contextlib.nullcontext()
        if wavefront
        else pytest.raises(
            ValueError,
            match=r"streams overlap a step's input product .* but batched_input leaves no input product",
        )
    ):
        Stages(streams=True, batched_input=True, wavefront=wavefront)


def test_each_rung_is_the_one_below_and_one_switch_more():
    main = [(name, stages) for name, stages in RUNGS.items() if name not in ("streams", "nn_lstm")]
    assert main[0] == ("naive", Stages())
    for (_, below), (name, stages) in itertools.pairwise(main):
        assert stages == replace(below, **{name: True})
        assert stages != below
    assert RUNGS["streams"] == replace(RUNGS["grouped_gates"], streams=True)
    assert {name for name, _ in main} - {"naive"} | {"streams"} == set(SWITCHES)


def test_parameters_are_nn_lstms_and_drawn_like_them():
    torch.manual_seed(3)
    theirs = nn.LSTM(M, N, 2).state_dict()
    torch.manual_seed(3)
    ours = StagedLSTM(M, N, 2).state_dict()
    assert list(ours) == list(theirs)
    for name, value in theirs.items():
        assert torch.equal(ours[name], value)


@pytest.mark.parametrize("name", RUNGS)
def test_build_passes_on_what_it_is_given(name):
    lstm = build(M, N, 2, backend=name, dtype=torch.float64)
    assert type(lstm) is (nn.LSTM if name == "nn_lstm" else StagedLSTM)
    assert [tuple(p.shape) for p in lstm.parameters()] == [tuple(p.shape) for p in nn.LSTM(M, N, 2).parameters()]
    assert {p.dtype for p in lstm.parameters()} == {torch.float64}


def test_an_unknown_rung_is_answered_with_those_there_are():
    with pytest.raises(ValueError, match="unknown rung 'cuda_graphs'; the ladder has: naive, grouped_gates, stre"):
        build(M, N, backend="cuda_graphs")


@pytest.mark.parametrize("kind", [nn.LSTM, StagedLSTM])
def test_sizes_are_refused_as_nn_lstm_refuses_them(kind):
    lstm, good = kind(M, N, 2), torch.zeros(2, B, N)
    with pytest.raises(RuntimeError, match=r"input.size\(-1\) must be equal to input_size. Expected 3, got 7"):
        lstm(draw(5, B, 7))
    with pytest.raises(RuntimeError, match=r"Expected hidden\[0\] size \(2, 2, 4\), got \[1, 2, 4\]"):
        lstm(draw(5, B, M), (good[:1], good))
    with pytest.raises(RuntimeError, match=r"Expected hidden\[1\] size \(2, 2, 4\), got \[2, 2, 3\]"):
        lstm(draw(5, B, M), (good, good[..., :3]))
    with pytest.raises(ValueError, match="num_layers must be greater than zero"):
        kind(M, N, 0)


def test_an_input_without_batch_or_steps_is_refused():
    with pytest.raises(ValueError, match=r"expected an input of 3 dimensions \(T, B, m\), got 2"):
        StagedLSTM(M, N)(draw(5, M))
    with pytest.raises(RuntimeError, match="expected at least one time step, got 0"):
        StagedLSTM(M, N)(draw(0, B, M))


def test_its_text_names_the_stages():
    assert "3, 4, num_layers=2, Stages(grouped_gates=True, streams=False" in repr(
        StagedLSTM(M, N, 2, RUNGS["grouped_gates"])
    )
