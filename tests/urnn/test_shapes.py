"""Shapes in signatures: laws while the tests run, and only text where jaxtyping is not installed."""

import ast
import runpy
import sys
from pathlib import Path

import pytest
import torch

import urnn
from tests.urnn.parity import arguments, call
from urnn import shapes, unitary
from urnn.backends import fused, reference

PACKAGE = Path(urnn.__file__).parent


def test_a_call_of_the_wrong_shape_or_kind_fails():
    """Without this the hook could be off unseen."""
    pytest.importorskip("beartype", reason="without beartype the shapes in signatures are only text")
    from jaxtyping import TypeCheckError

    z, permutation = torch.zeros(2, 3, dtype=torch.complex64), torch.arange(3)
    assert unitary.permute(z, permutation).shape == (2, 3)
    with pytest.raises(TypeCheckError):
        unitary.permute(z, torch.arange(4))
    with pytest.raises(TypeCheckError):
        unitary.permute(z.real, permutation)


def test_where_jaxtyping_is_not_installed_a_shape_is_the_tensors_type(monkeypatch):
    monkeypatch.setitem(sys.modules, "jaxtyping", None)
    names = runpy.run_path(shapes.__file__)
    for name in shapes.__all__:
        assert names[name][torch.Tensor, "T B m"] is torch.Tensor


@pytest.mark.parametrize(
    "path", [path for path in PACKAGE.rglob("*.py") if path.name != "shapes.py"], ids=lambda path: path.stem
)
def test_nothing_else_needs_jaxtyping(path):
    nodes = list(ast.walk(ast.parse(path.read_text())))
    imported = {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    assert not any(str(name).split(".")[0] in {"jaxtyping", "beartype"} for name in imported)


@pytest.mark.parametrize("run_sequence", [reference.run_sequence, fused.run_sequence], ids=["reference", "fused"])
def test_the_width_of_a_state_is_tied_to_the_number_of_units(run_sequence, generator):
    pytest.importorskip("beartype", reason="without beartype the shapes in signatures are only text")
    from jaxtyping import TypeCheckError

    given = arguments(8, 2, 3, 4, torch.float32, generator)
    assert call(run_sequence, **given)[1].shape == (2, 16)
    for name, wrong in (("h_0", torch.zeros(2, 18)), ("x", torch.zeros(3, 2, 5))):
        with pytest.raises(TypeCheckError, match=name):
            call(run_sequence, **given | {name: wrong})
