"""While the tests run, the shapes in `urnn`'s signatures are laws: without this the hook could be off unseen."""

import pytest
import torch

pytest.importorskip("beartype", reason="without beartype the shapes in signatures are only text")

from jaxtyping import TypeCheckError

from urnn import unitary


def test_a_call_of_the_wrong_shape_or_kind_fails():
    z, permutation = torch.zeros(2, 3, dtype=torch.complex64), torch.arange(3)
    assert unitary.permute(z, permutation).shape == (2, 3)
    with pytest.raises(TypeCheckError):
        unitary.permute(z, torch.arange(4))
    with pytest.raises(TypeCheckError):
        unitary.permute(z.real, permutation)
