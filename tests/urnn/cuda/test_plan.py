"""How the kernels are cut: what is chosen, and that Python and the source count threads and bytes alike."""

import pytest
import torch

from tests.urnn.cuda.host import H100
from urnn.backends.cuda import plan as cuda_plan
from urnn.backends.cuda import sequence as cuda_sequence
from urnn.backends.cuda import tables as cuda_tables
from urnn.backends.cuda.passes import POWERS_OF_TWO
from urnn.backends.cuda.plan import Device, Plan, choose

SIZES = [*POWERS_OF_TWO, 5, 6, 12, 45, 60, 100, 360, 500, 768, 1000, 1536, 2025, 3000]
# Multiprocessors, and bytes of shared memory that a block can have (CUDA's programming guide).
DEVICES = {"A100": Device(108, 163 * 1024), "H100": H100, "B200": Device(148, 227 * 1024)}
SMALLER = Device(84, 99 * 1024)  # an RTX of compute capability 8.6 or 8.9


@pytest.mark.parametrize(
    ("n", "dtype", "released", "half", "batch"),
    [
        *(
            (n, torch.float32, False, None, many)
            for n, many in ((100, 2112), (500, 1056), (768, 528), (1000, 528))
        ),
        (500, torch.float32, True, torch.bfloat16, 1056),
        (768, torch.float32, False, torch.float16, 528),
        *(
            (*case, 128)
            for case in (
                (4, torch.float32, False, None),
                (4, torch.float64, False, None),
                (64, torch.float64, True, None),
                (512, torch.float64, False, None),
                (1024, torch.float32, False, None),
                (2048, torch.float32, False, None),
                (4096, torch.float32, False, None),
                (5, torch.float32, False, None),
                (25, torch.float32, False, None),  # rows of 200 bytes, which cannot be copied 16 at a time
                (60, torch.float64, False, None),
                (768, torch.float32, False, None),
                (1000, torch.float32, False, None),
                (1536, torch.float32, False, None),  # three rows of tables are in registers
                (1875, torch.float32, False, None),
                (2025, torch.float64, False, None),
                *((n, torch.float32, False, torch.bfloat16) for n in (4, 16, 64, 512, 4096, 12, 50, 100, 768)),
            )
        ),
    ],
)
def test_threads_and_bytes_are_those_of_the_source(host, n, dtype, released, half, batch):
    plan = choose(n, batch, dtype, released, H100, half)
    assert bool(plan.shared_sums) == (batch > 128)
    sequence, double = plan.group("forward"), plan.group("tables")
    kernels = ("forward", "forward_few", "backward", "backward_few")
    assert host.load(plan).sizes() == [
        sequence.threads,
        sequence.samples,
        *(plan.group(kernel).shared_bytes for kernel in kernels),
        double.threads,
        double.shared_bytes,
        cuda_tables.ROWS,
        cuda_sequence.SUMS,
        cuda_sequence.SUMS_OF_FEW,
        cuda_plan.FEW,
    ]


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("batch", [1, 128, 132, 2112])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("device", DEVICES)
def test_a_block_is_full_warps_and_fits_every_gpu_since_the_a100(n, batch, dtype, device):
    plan = choose(n, batch, dtype, False, DEVICES[device])
    assert plan.fits(DEVICES[device])
    for kernel in plan.kernels:
        group = plan.group(kernel)
        assert group.threads % cuda_plan.WARP == 0
        assert group.threads <= cuda_plan.MOST_THREADS
        assert group.lanes * group.elements == n
    assert plan.blocks(batch) * plan.group("forward").samples >= batch
    assert (plan.blocks(batch) - 1) * plan.group("forward").samples < batch


@pytest.mark.parametrize(
    ("n", "batch", "elements"),
    [
        (64, 528, 2),  # 528 warps for the four schedulers of each of 132 multiprocessors
        (64, 529, 4),
        (64, 2112, 4),
        (64, 2113, 8),
        (128, 264, 2),
        (128, 265, 4),
        (512, 1, 4),
        (512, 264, 4),  # two warps for each
        (512, 265, 8),
        (1024, 132, 4),
        (1024, 133, 8),
        (2048, 128, 8),
        (8, 128, 2),
        (4, 128, 2),  # a thread has half of the units at most
        (100, 128, 2),
        (768, 16, 4),
        (768, 128, 4),
        (768, 200, 8),
        (1000, 128, 5),
        (1536, 16, 8),
        (2000, 128, 10),
        (2025, 128, 9),
    ],
)
def test_samples_take_more_threads_where_two_warps_share_a_scheduler(n, batch, elements):
    assert choose(n, batch, torch.float32, False, H100).elements == elements


@pytest.mark.parametrize(
    ("n", "batch", "shared"),
    [
        (32, 128, False),  # a block has two samples
        (64, 528, True),
        (512, 264, True),
        (512, 528, True),  # four blocks a multiprocessor, of 54 KB each
        (512, 1056, True),  # no more blocks than at 528 have a place in the backward pass
        (128, 2112, False),  # a block has two samples
        (768, 528, False),
        (1024, 2112, True),
        (2048, 128, True),
        (4096, 128, False),  # they do not fit
        (100, 128, True),
        (768, 128, True),
        (1000, 128, True),
        (1536, 1056, True),
        (2025, 128, True),
        (3000, 128, False),
    ],
)
def test_tables_are_in_shared_memory_where_that_costs_no_block_its_place(n, batch, shared):
    assert choose(n, batch, torch.float32, False, H100).shared_tables == shared


def test_a_gpu_with_less_shared_memory_reads_large_tables_from_cache():
    assert choose(512, 84, torch.float32, False, SMALLER).shared_tables
    for batch in (84, 168, 2112):
        assert not choose(1024, batch, torch.float32, False, SMALLER).shared_tables


@pytest.mark.parametrize(
    ("n", "batch", "forward", "backward"),
    [
        (64, 128, 8, 10),
        (512, 128, 8, 3),
        (512, 1056, 8, 1),
        (2048, 128, 8, 1),
        (1000, 128, 8, 0),
        (1536, 128, 3, 0),
        (1875, 128, 0, 0),  # a block of 384 threads has fewer registers for each
        (375, 264, 8, 0),
        (375, 528, 0, 0),  # four blocks with tables in registers have no place
        (32, 128, 0, 0),
    ],
)
def test_as_many_tables_are_in_registers_as_leave_none_spilled(n, batch, forward, backward):
    plan = choose(n, batch, torch.float32, False, H100)
    assert (plan.held_rows("forward"), plan.held_rows("backward")) == (forward, backward)
    assert not choose(n, batch, torch.float64, False, H100).held_tables


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("batch", [128, 528, 2112])
def test_blocks_wait_for_registers_only_where_that_pays(n, batch):
    plan = choose(n, batch, torch.float32, False, H100)
    if plan.held_tables:
        wanted = -(-batch // H100.multiprocessors)
        may_wait = n >= 1024 or (n in POWERS_OF_TWO and plan.elements == 8)
        assert plan.blocks_with_all_registers >= (1 if may_wait else wanted)


@pytest.mark.parametrize("n", [size for size in SIZES if size < 3000])
def test_a_smaller_gpu_runs_all_but_the_largest(n):
    for dtype in (torch.float32, torch.float64):
        assert choose(n, 128, dtype, False, SMALLER).fits(SMALLER)


def test_a_full_wave_is_one_block_a_multiprocessor():
    """From 132 samples to 2112 the work of a multiprocessor grows with the batch, with no block left over."""
    for batch in (132, 264, 528, 1056, 2112):
        assert choose(512, batch, torch.float32, False, H100).blocks(batch) % H100.multiprocessors == 0


@pytest.mark.parametrize(("n", "near"), [(2, "4"), (7, "6 and 8"), (770, "768 and 800"), (4100, "4096")])
def test_other_sizes_are_refused(n, near):
    message = (
        f"^the CUDA kernel needs 4 to 4096 units, a product of 2, 3 and 5, got {n}; .* with a kernel: {near}$"
    )
    with pytest.raises(ValueError, match=message):
        choose(n, 1, torch.float32, False, H100)


def test_other_dtypes_are_refused():
    message = r"runs in float32 and float64, got torch\.bfloat16; convert the layer"
    with pytest.raises(ValueError, match=message):
        choose(64, 1, torch.bfloat16, False, H100)


def test_the_environment_overrides_the_units_of_a_thread(monkeypatch):
    monkeypatch.setenv("URNN_CUDA_ELEMENTS", "2")
    assert choose(256, 128, torch.float32, False, H100) == Plan(
        256, 2, torch.float32, False, shared_tables=True, held_tables=True
    )
    with pytest.raises(ValueError, match="URNN_CUDA_ELEMENTS must be one of 4, 8 at n = 4096; got '2'"):
        choose(4096, 128, torch.float32, False, H100)
    with pytest.raises(ValueError, match="URNN_CUDA_ELEMENTS must be one of 4, 8 at n = 768; got '2'"):
        choose(768, 128, torch.float32, False, H100)
    monkeypatch.setenv("URNN_CUDA_ELEMENTS", "")
    assert choose(256, 128, torch.float32, False, H100).elements == 4
