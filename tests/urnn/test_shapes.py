"""Shapes in signatures: laws while the tests run, and only text where jaxtyping is not installed."""

import ast
import runpy
import sys
from pathlib import Path

import pytest
import torch

import urnn
from urnn import shapes, unitary

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
