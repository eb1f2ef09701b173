"""While the tests run, the shapes in `urnn`'s signatures are laws: without this the hook could be off unseen."""

import pytest
import torch

pytest.importorskip("beartype", reason="without beartype the shapes in signatures are only text")

from jaxtyping import TypeCheckError

from tests.urnn.parity import arguments, call
from urnn import unitary
from urnn.backends import fused, reference


def test_a_call_of_the_wrong_shape_or_kind_fails():
    z, permutation = torch.zeros(2, 3, dtype=torch.complex64), torch.arange(3)
    assert unitary.permute(z, permutation).shape == (2, 3)
    with pytest.raises(TypeCheckError):
        unitary.permute(z, torch.arange(4))
    with pytest.raises(TypeCheckError):
        unitary.permute(z.real, permutation)


@pytest.mark.parametrize("run_sequence", [reference.run_sequence, fused.run_sequence], ids=["reference", "fused"])
def test_the_width_of_a_state_is_tied_to_the_number_of_units(run_sequence, generator):
    given = arguments(8, 2, 3, 4, torch.float32, generator)
    assert call(run_sequence, **given)[1].shape == (2, 16)
    for name, wrong in (("h_0", torch.zeros(2, 18)), ("x", torch.zeros(3, 2, 5))):
        with pytest.raises(TypeCheckError, match=name):
            call(run_sequence, **given | {name: wrong})
