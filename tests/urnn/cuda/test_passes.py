"""How a transform is cut: at every size, passes that a thread can run, and the ones that were measured stay."""

import math

import pytest

from urnn.backends.cuda import passes
from urnn.backends.cuda.passes import LARGEST, POWERS_OF_TWO, SMALLEST

SIZES = [n for n in range(SMALLEST, LARGEST + 1) if passes.fits(n)]
CUTS = [(n, wanted) for n in SIZES for wanted in passes.HELD]


def test_a_size_is_a_product_of_two_three_and_five():
    products = {2**a * 3**b * 5**c for a in range(13) for b in range(9) for c in range(7)}
    assert set(SIZES) == {n for n in products if 4 <= n <= 4096}
    assert set(POWERS_OF_TWO) <= set(SIZES)


@pytest.mark.parametrize("n", [-8, 0, 1, 2, 3, 7, 14, 770, 4097, 4100, 4500, 8192])
def test_other_sizes_have_no_kernel(n):
    assert not passes.fits(n)


@pytest.mark.parametrize(
    ("n", "near"), [(7, (6, 8)), (1, (4,)), (100, (100, 100)), (770, (768, 800)), (4100, (4096,)), (9000, (4096,))]
)
def test_the_nearest_sizes_are_one_below_and_one_above(n, near):
    assert passes.nearest(n) == near


@pytest.mark.parametrize("threads", [1, 2, 3, 5, 8, 12, 17, 31, 32, 33, 64, 100, 1000])
def test_a_sample_has_full_warps_or_an_even_share_of_one(threads):
    span = passes.span(threads)
    assert span % 32 == 0 if threads > 16 else 32 % span == 0
    assert threads <= span < min(2 * threads, threads + 32)


def test_the_passes_of_a_transform_make_all_of_it():
    for n, wanted in CUTS:
        held = passes.held(n, wanted)
        for units in {held, passes.held_in_double(n)}:
            radices = passes.radices(n, units)
            assert n % units == 0
            assert math.prod(radices) == n
            assert {*radices} <= {1, n, *passes.RADICES}
            assert units % radices[0] == units % radices[-1] == 0
            assert 1 not in radices[1:]


def test_a_block_has_room_for_every_sample():
    for n, wanted in CUTS:
        assert passes.span(n // passes.held_in_double(n)) <= 640
        if wanted > 2 or n <= 2048:
            assert passes.span(n // passes.held(n, wanted)) <= passes.MOST_THREADS


@pytest.mark.parametrize(
    ("n", "units", "radices"),
    [
        (4, 2, (2, 2)),
        (64, 2, (2,) * 6),
        (256, 4, (4,) * 4),
        (512, 4, (4, 4, 4, 4, 2)),
        (512, 8, (8, 8, 8)),
        (1024, 8, (8, 8, 8, 2)),
        (2048, 8, (8, 8, 8, 4)),
        (4096, 8, (8, 8, 8, 8)),
    ],
)
def test_powers_of_two_are_cut_as_they_were_measured(n, units, radices):
    assert passes.radices(n, units) == radices


def test_powers_of_two_hold_what_is_wanted_but_half_at_most():
    for n in POWERS_OF_TWO:
        assert [passes.held(n, wanted) for wanted in (2, 4, 8)] == [min(wanted, n // 2) for wanted in (2, 4, 8)]
        assert passes.held_in_double(n) == max(2, n // 512)


@pytest.mark.parametrize(
    ("n", "units", "radices"),
    [
        (5, 5, (5,)),
        (6, 2, (1, 3, 2)),  # no radix divides 6 twice, so that the first pass only moves units
        (100, 10, (10, 10)),
        (768, 8, (8, 12, 8)),
        (1000, 10, (10, 10, 10)),
        (1536, 8, (8, 8, 3, 8)),
        (2025, 9, (9, 5, 5, 9)),
        (2187, 9, (9, 9, 3, 9)),
    ],
)
def test_other_sizes_have_few_passes(n, units, radices):
    assert passes.radices(n, units) == radices


def test_a_transform_of_another_size_has_at_most_one_pass_more_than_the_power_of_two_above():
    for n in SIZES:
        power = 2 ** math.ceil(math.log2(n))
        for wanted in (4, 8):
            of_n, of_power = (len(passes.radices(size, passes.held(size, wanted))) for size in (n, power))
            assert of_n <= of_power + 1, (n, wanted)
