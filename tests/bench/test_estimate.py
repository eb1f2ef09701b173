"""Estimates need not be right, but what is more work must be expected to take longer."""

import pytest

from analysis.vocabulary import PHASES
from bench.estimate import call_seconds, cell_seconds
from bench.grid import PROFILES, all_variants, get_profile
from tests.bench.cells import cell

QUICK = get_profile("quick")


@pytest.mark.parametrize("axis", ["hidden_size", "length", "batch"])
@pytest.mark.parametrize("phase", ["forward", "train"])
@pytest.mark.parametrize("variant", all_variants())
def test_time_grows_with_every_size(variant, phase, axis):
    expected = [call_seconds(cell(variant, phase=phase, **{axis: size})) for size in (8, 64, 512, 2048)]
    assert expected[0] > 0
    assert sorted(set(expected)) == expected


@pytest.mark.parametrize("variant", all_variants())
def test_a_stream_grows_with_the_hidden_size(variant):
    small, large = (call_seconds(cell(variant, phase="stream", hidden_size=n)) for n in (64, 2048))
    assert 0 < small < large


@pytest.mark.parametrize("variant", all_variants())
def test_training_takes_longer_than_inference(variant):
    assert call_seconds(cell(variant, phase="train")) > call_seconds(cell(variant, phase="forward"))


@pytest.mark.parametrize("name", ["matrix_exp", "cayley", "householder"])
def test_making_a_dense_orthogonal_matrix_costs_the_cube_of_its_size(name):
    """A batch of 1 and one step: the map outweighs the sequence."""

    def seconds(n: int) -> float:
        return call_seconds(cell(f"ortho_{name}:torch", hidden_size=n, length=1, batch=1))

    assert seconds(2048) / seconds(1024) == pytest.approx(8, rel=0.02)


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_a_cell_takes_its_calls_and_the_profiles_time(profile, phase):
    tested = cell(phase=phase)
    assert cell_seconds(tested, profile) >= 2 * profile.seconds
    slow = cell("urnn:reference", hidden_size=2048, length=2048, batch=256)
    assert cell_seconds(slow, profile) >= (3 + profile.rounds) * call_seconds(slow)


def test_the_quick_profile_is_expected_to_take_less_than_five_minutes():
    cells = [cell for cell in QUICK.cells() if cell.device == "cpu"]
    assert QUICK.passes * sum(cell_seconds(cell, QUICK) for cell in cells) < 300
