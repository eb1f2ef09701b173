"""Estimates need not be right, but what is more work must be expected to take longer."""

from dataclasses import replace

import pytest

from analysis.vocabulary import DEVICES, PHASES
from bench import subjects
from bench.estimate import call_seconds, cell_seconds
from bench.grid import all_variants
from bench.profiles import PROFILES, get_profile
from tests.bench.cells import cell
from urnn.models import LADDERS

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


EAGER = {
    "urnn": {"reference"},
    "urnn_ladder": {"op_by_op", "real_pairs", "materialised", "hoisted_input"},
    "ceiling": {"fourier"},
    "lstm_ladder": set(LADDERS["lstm_ladder"].backends),  # none of them is a kernel of ours
}


def on_each_device(model: str, backend: str, **changes: object) -> list[float]:
    tested = cell(hidden_size=128, length=100, batch=32, phase="forward")
    return [
        call_seconds(replace(tested, model=model, backend=backend, device=device, **changes))
        for device in DEVICES
        if subjects.runs_on(model, backend, device)
    ]


@pytest.mark.parametrize("model", ["urnn", "urnn_ladder", "ceiling"])
def test_every_rung_is_expected_to_be_what_it_is(model):
    """A fused one is launched once where an eager one is launched 25 times a step. A new one is to be put here."""
    backends = set(subjects.get(model).backends)
    assert EAGER[model] < backends
    eager = [seconds for backend in EAGER[model] for seconds in on_each_device(model, backend)]
    fused = [seconds for backend in backends - EAGER[model] for seconds in on_each_device(model, backend)]
    assert min(eager) > max(fused)


def test_an_lstms_wavefront_is_not_taken_for_the_urnns_kernel():
    assert len({tuple(on_each_device("lstm_ladder", name)) for name in EAGER["lstm_ladder"] - {"streams"}}) == 1


@pytest.mark.parametrize("devices", [DEVICES, ("cpu",)])
def test_a_rung_that_is_put_in_the_registry_is_estimated_by_its_devices(monkeypatch, devices):
    row = LADDERS["urnn_ladder"]

    def runs_on(rung: str, device: str) -> bool:
        return device in devices if rung == "new" else row.runs_on(rung, device)

    monkeypatch.setitem(LADDERS, "urnn_ladder", replace(row, backends=(*row.backends, "new"), runs_on=runs_on))
    like = "hoisted_input" if devices == DEVICES else "fused_step"
    assert on_each_device("urnn_ladder", "new") == on_each_device("urnn_ladder", like)


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
