"""Peak memory: of sequences made by hand, of programs whose bytes are known, of the models' own steps."""

import gc

import pytest
import torch

from bench.meters.memory import peak_allocated_bytes, peak_of
from bench.workloads import build
from tests.bench.cells import VARIANTS, cell

pytestmark = pytest.mark.slow

K = 1 << 20  # a multiple of every allocator's granularity
needs_cuda = pytest.mark.cuda


@pytest.mark.parametrize(
    ("changes", "peak"),
    [
        ([], 0),
        ([5], 5),
        ([5, -5, 5, -5], 5),
        ([5, 7, -5, 4], 12),
        ([5, -5, 7, 6], 13),
        ([-9, 4], 0),
        ([-9, 12], 3),
    ],
)
def test_the_peak_is_the_highest_running_sum(changes, peak):
    assert peak_of(changes) == peak


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=needs_cuda)])
def device(request: pytest.FixtureRequest) -> str:
    return request.param


class Programs:
    """Programs that hold a known number of bytes; `make` allocates them."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.kept = self.make(3 * K)

    def make(self, size: int) -> torch.Tensor:
        return torch.empty(size, dtype=torch.uint8, device=self.device)

    def one_made_and_freed(self) -> None:
        self.make(K)

    def two_held_together_then_one_freed(self) -> torch.Tensor:
        first, second = self.make(K), self.make(2 * K)
        del first
        return second

    def one_freed_before_the_next(self) -> None:
        for _ in range(4):
            self.make(K)

    def a_peak_in_the_middle(self) -> torch.Tensor:
        small = self.make(K)
        self.make(5 * K)
        return self.make(2 * K) if small is not None else small

    def one_from_before_replaced(self) -> None:
        self.kept = None
        self.kept = self.make(3 * K)

    def one_from_before_only_read(self) -> torch.Tensor:
        return self.kept.clone()


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("one_made_and_freed", K),
        ("two_held_together_then_one_freed", 3 * K),
        ("one_freed_before_the_next", K),
        ("a_peak_in_the_middle", 6 * K),
        ("one_from_before_replaced", 0),
        ("one_from_before_only_read", 3 * K),
    ],
)
def test_the_bytes_of_a_known_program_are_exact(device, program, expected):
    assert peak_allocated_bytes(getattr(Programs(device), program), device) == expected


def test_a_program_that_allocates_nothing_is_told_apart_from_one_that_needs_nothing():
    with pytest.raises(RuntimeError, match=r"^torch's profiler recorded no allocation; this build cannot"):
        peak_allocated_bytes(lambda: None, "cpu")


def peak(workload) -> int:
    return peak_allocated_bytes(workload.run, "cpu")


@pytest.mark.parametrize("phase", ["forward", "train", "stream"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_peak_of_a_warm_model_repeats_to_the_byte(variant, phase):
    peaks = []
    for _ in range(2):
        gc.collect()  # or what earlier tests left might be released in the middle of a call
        workload = build(cell(variant, phase=phase))
        workload.run()
        workload.run()
        peaks += [peak(workload) for _ in range(3)]
    assert len(set(peaks)) == 1


@pytest.mark.parametrize("variant", VARIANTS)
def test_training_holds_the_gradients_of_its_own_step(variant):
    """n = 32 and 2 time steps: the gradients outweigh what little the sequence leaves behind."""
    tested = cell(variant, hidden_size=32, length=2, batch=1)
    workload = build(tested)
    workload.run()
    workload.run()
    gradients = sum(parameter.numel() * 4 for parameter in workload.model.parameters())
    assert peak(workload) >= gradients
    assert all(parameter.grad is None for parameter in workload.model.parameters())


@pytest.mark.parametrize("variant", VARIANTS)
def test_training_needs_more_than_inference_and_a_longer_sequence_more_than_a_short_one(variant):
    def warm_peak(**changes: object) -> int:
        workload = build(cell(variant, hidden_size=4, batch=16, **changes))
        workload.run()
        workload.run()
        return peak(workload)

    training = warm_peak(phase="train", length=40)
    assert training > warm_peak(phase="forward", length=40)
    assert warm_peak(phase="train", length=80) > 1.5 * training


def test_an_lstms_inference_holds_its_output_and_states():
    tested = cell(phase="forward", hidden_size=64, length=50, batch=32)
    workload = build(tested)
    workload.run()
    workload.run()
    output = 50 * 32 * 64 * 4
    assert output < peak(workload) < 8 * output
