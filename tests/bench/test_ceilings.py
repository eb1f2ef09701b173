"""The ceilings do what they are named after, as often as they say, on tensors of a uRNN's size."""

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from bench.ceilings import CEILINGS
from bench.workloads import build
from tests.bench.cells import cell

T, B, N = 5, 3, 16


def workload(backend: str):
    return build(cell(f"ceiling:{backend}", phase="forward", hidden_size=N, length=T, batch=B))


def calls(run, names: set[str]) -> int:
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        run()
    return sum(event.name in names for event in profiled.events())


def test_two_transforms_a_time_step_and_nothing_else_give_the_state_back():
    ready = workload("fourier")
    before = ready.run().clone()
    assert before.shape == (B, 2 * N)
    assert calls(ready.run, {"aten::fft_fft", "aten::fft_ifft"}) == 2 * T
    # T transforms there and back, each with a few roundings of numbers of at most about 4
    torch.testing.assert_close(ready.run(), before, rtol=0, atol=4 * 10 * T * torch.finfo(torch.float32).eps)
    assert before.abs().max() > 1


def test_the_output_is_written_once():
    ready = workload("memory")
    assert ready.model(torch.zeros(T, B, 10))[0].shape == (T, B, 2 * N)
    assert calls(ready.run, {"aten::fill_"}) == 1


@pytest.mark.parametrize("backend", CEILINGS["ceiling"].backends)
def test_a_ceiling_is_no_model_to_train(backend):
    with pytest.raises(ValueError, match=r"^a ceiling has phase 'forward' alone, got 'train'$"):
        cell(f"ceiling:{backend}", phase="train")


def test_only_ladders_have_layers():
    with pytest.raises(ValueError, match=r"^only ladders have several layers here, got lstm with 2$"):
        cell(num_layers=2)
