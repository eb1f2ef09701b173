"""A layer and a cell without gradients in torch.compile and torch.export: one operator, and the bits of eager."""

import subprocess
import sys

import pytest
import torch

from urnn import URNN, URNNCell
from urnn.backends import traced
from urnn.backends.cpu import build
from urnn.backends.cpu.operator import OPERATORS

pytestmark = [
    pytest.mark.skipif(build.compiler() is None, reason="no C++ compiler on this machine"),
    pytest.mark.usefixtures("as_a_user"),
]

M, N, T, B = 5, 64, 3, 2


@pytest.fixture(autouse=True)
def nothing_compiled():
    """The types that the tests check share one function, which torch compiles a few times only."""
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def equal(found, expected) -> bool:
    found, expected = ((part,) if isinstance(part, torch.Tensor) else part for part in (found, expected))
    return all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def called(graph: torch.fx.Graph) -> list[str]:
    return [str(node.target) for node in graph.nodes if "urnn" in str(node.target)]


CASES = {
    "layer": (lambda dtype: URNN(M, N, dtype=dtype), (T, B, M), "stream"),
    "layers": (lambda dtype: URNN(M, N, num_layers=2, batch_first=True, dtype=dtype), (B, T, M), "stream"),
    "no batch": (lambda dtype: URNN(M, N, preset="released", dtype=dtype), (T, M), "stream"),
    "cell": (lambda dtype: URNNCell(M, N, dtype=dtype), (B, M), "step"),
    "cell without a batch": (lambda dtype: URNNCell(M, N, preset="released", dtype=dtype), (M,), "step"),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("make", "shape", "operator"), CASES.values(), ids=CASES)
def test_a_graph_is_one_operator_a_layer(make, shape, operator, dtype):
    module, x = make(dtype), torch.randn(shape, dtype=dtype)
    name = f"urnn.{operator}_{str(dtype).removeprefix('torch.')}.default"
    graphs = []

    def keep(graph, _):
        graphs.append(graph.graph)
        return graph

    with torch.no_grad():
        state = module(x)
        state = state if operator == "step" else state[1]
        compiled = torch.compile(module, fullgraph=True, backend=keep)
        for arguments in ((x,), (x, state)):
            exported = torch.export.export(module, arguments)
            assert equal(compiled(*arguments), module(*arguments))
            assert equal(exported.module()(*arguments), module(*arguments))
            assert set(called(exported.graph)) == {name}
        assert {target for graph in graphs for target in called(graph)} == {name}


def test_any_sizes_in_one_graph():
    rnn = URNN(M, N)
    with torch.no_grad():
        compiled = torch.compile(rnn, fullgraph=True, dynamic=True, backend="aot_eager")
        for steps, batch in ((3, 2), (5, 7), (1, 20), (1, 1), (2, 0)):
            x = torch.randn(steps, batch, M)
            assert equal(compiled(x), rnn(x))
            assert equal(compiled(x, rnn(x)[1]), rnn(x, rnn(x)[1]))


def test_the_same_layer_with_gradients_has_them():
    rnn, x = URNN(M, N), torch.randn(T, B, M)
    compiled = torch.compile(rnn, fullgraph=True, backend="aot_eager")
    with torch.no_grad():
        assert equal(compiled(x), rnn(x))
    compiled(x)[0].sum().backward()
    found = [p.grad.clone() for p in rnn.parameters()]
    rnn.zero_grad()
    rnn(x)[0].sum().backward()
    assert equal(found, [p.grad for p in rnn.parameters()])


def test_a_layer_exported_without_gradients_says_so():
    rnn, cell, x = URNN(M, N), URNNCell(M, N), torch.randn(T, B, M)
    with torch.no_grad():
        exported = [torch.export.export(rnn, (x,)), torch.export.export(cell, (x[0],))]
    for program, argument in zip(exported, (x, x[0]), strict=True):
        found = program.module()(argument)
        with pytest.raises(RuntimeError, match="does not require grad"):
            (found if isinstance(found, torch.Tensor) else found[0]).sum().backward()


def test_parameters_that_an_operator_does_not_take_leave_the_layer_as_it_was():
    rnn, x = URNN(M, N), torch.randn(T, B, M)
    rnn.layers[0].V.data = rnn.layers[0].V.data.mT.contiguous().mT
    with torch.no_grad():
        program = torch.export.export(rnn, (x,))
        assert called(program.graph) == ["urnn.sequence.default"]
        assert equal(program.module()(x), rnn(x))


def test_a_saved_graph_runs_where_no_kernel_is_loaded_yet(tmp_path):
    rnn, x = URNN(M, N), torch.randn(T, B, M)
    with torch.no_grad():
        expected = rnn(x)
        torch.export.save(torch.export.export(rnn, (x,)), tmp_path / "layer.pt2")
    torch.save((x, *expected), tmp_path / "tensors.pt")
    code = """
import sys, torch, urnn
from urnn.backends.cpu.operator import OPERATORS
x, *expected = torch.load(sys.argv[1] + "/tensors.pt")
layer = torch.export.load(sys.argv[1] + "/layer.pt2").module()
assert not OPERATORS
for _ in range(2):
    assert all(torch.equal(a, b) for a, b in zip(layer(x), expected, strict=True))
assert OPERATORS
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)


@pytest.mark.parametrize("preset", ["paper", "released"])
@pytest.mark.parametrize("with_batch", [True, False])
def test_without_its_kernel_an_operator_is_the_general_way(preset, with_batch):
    cell, rnn = URNNCell(M, N, preset=preset), URNN(M, N, preset=preset)
    x, h = torch.randn(T, B, M), torch.randn(1, B, N, dtype=torch.complex64)
    with torch.no_grad():
        for first in (h, rnn.layers[0].h_0):
            arguments = (x, first, *tensors_of(rnn.layers[0]))
            assert equal(traced._stream(*arguments), OPERATORS[torch.float32].stream(*arguments))
        pairs = torch.cat([h[0].real, h[0].imag], dim=-1)
        rows, states = (x[0], pairs) if with_batch else (x[0, 0], pairs[0])
        for first in (states, cell.layer.h_0):
            arguments = (rows, first, *tensors_of(cell.layer))
            assert equal(traced._step(*arguments), OPERATORS[torch.float32].step(*arguments))


def tensors_of(layer) -> tuple:
    W = layer.W
    return (
        W.theta, W.v, W.permutation, layer.V, layer.b, layer.preset.epsilon, W.conjugate_reflections
    )  # fmt: skip
