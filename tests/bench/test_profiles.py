"""What is registered is measured: every profile and asv's parameters hold every model with every backend."""

import importlib
import re
import sys
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise, product
from types import ModuleType

import pytest

from analysis.vocabulary import METRICS, OPERATORS, PHASES
from bench import asv_suite
from bench.ceilings import CEILINGS
from bench.estimate import cell_seconds
from bench.grid import Cell, Sweep, all_variants
from bench.prepare import prepare
from bench.profiles import HIDDEN_SIZES, PROFILES, SAME_INFERENCE, get_profile
from bench.thinning import LeftOut
from tests.bench.cells import cell
from urnn import models
from urnn.models import Model

MEASURING = ("quick", "ci", "full", "zoo")
SHORT = ("quick", "ci")  # "check" holds two harnesses against each other, on purpose with two models


def registered(device: str, rows: dict[str, Model]) -> set[tuple[str, str]]:
    """Every row with every backend that is made for a device."""
    return {
        (row.name, backend) for row in rows.values() for backend in row.backends if row.runs_on(backend, device)
    }


def test_a_short_profile_measures_the_second_way_of_the_lstm_where_it_is_the_faster_one():
    for name in SHORT:
        sizes = {variant: set() for variant in ("lstm:torch", "lstm:native")}
        cells = get_profile(name).cells()
        for one in cells:
            if one.variant in sizes and one.phase == "stream":
                sizes[one.variant].add(one.hidden_size)
        assert sizes["lstm:native"] == sizes["lstm:torch"] != set()
        more = [one for one in cells if one.variant == "lstm:native" and one.device == "cpu"]
        assert get_profile(name).passes * sum(cell_seconds(one, get_profile(name)) for one in more) < 5


@pytest.mark.parametrize("variant", SAME_INFERENCE)
@pytest.mark.parametrize("phase", ["forward", "stream"])
def test_models_without_inference_of_their_own_run_as_much_as_one_that_is_measured(variant, phase):
    like = "rnn_tanh:torch" if variant == "irnn:torch" else "ortho_matrix_exp:torch"
    found, other = (
        prepare(cell(one, phase=phase), 0.0).deterministic_figures()[METRICS[OPERATORS].key]
        for one in (variant, like)
    )
    assert found == other > 0


@pytest.mark.parametrize("profile", MEASURING)
@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_every_registered_model_with_every_backend_is_in_every_measuring_profile(profile, phase, device):
    cells = get_profile(profile).cells()
    measured = {(cell.model, cell.backend) for cell in cells if (cell.phase, cell.device) == (phase, device)}
    rows = models.MODELS if profile in SHORT else models.MODELS | models.ZOO
    expected = registered(device, rows)
    if profile in SHORT and phase != "stream":  # oneDNN is the faster way there, and time is short
        expected.remove(("lstm", "native"))
    if profile == "ci" and phase != "train":
        expected -= {("irnn", "torch"), ("ortho_cayley", "torch"), ("ortho_householder", "torch")}
    assert {pair for pair in measured if pair[0] not in CEILINGS} == expected


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("num_layers", [1, 4])
@pytest.mark.parametrize("phase", ["forward", "train"])
@pytest.mark.parametrize(("hidden_size", "batch"), [(64, 1), (128, 16), (512, 64)])
def test_the_ladders_are_climbed_at_three_sizes_with_one_and_four_layers(
    device, num_layers, phase, hidden_size, batch
):
    axes = (device, num_layers, phase, hidden_size, batch, 100)
    cells = get_profile("ladder").cells()
    found = {
        (cell.model, cell.backend)
        for cell in cells
        if (cell.device, cell.num_layers, cell.phase, cell.hidden_size, cell.batch, cell.length) == axes
    }
    assert found == registered(device, models.LADDERS)


@pytest.mark.parametrize("profile", ["quick", "full"])
def test_the_ceilings_are_measured_where_the_models_are(profile):
    over_hidden_size, *_, ceilings = get_profile(profile).sweeps
    assert {cell.model for cell in ceilings.cells()} == set(CEILINGS)
    places = {(cell.hidden_size, cell.length, cell.batch) for cell in ceilings.cells()}
    assert places == {(cell.hidden_size, cell.length, cell.batch) for cell in over_hidden_size.cells()}


def test_a_new_row_is_on_the_grid_by_being_registered(monkeypatch):
    mine = replace(models.MODELS["lstm"], name="mine", backends=("torch", "other"))
    monkeypatch.setitem(models.MODELS, "mine", mine)
    assert all_variants()[-2:] == ("mine:torch", "mine:other")
    assert {cell.backend for cell in Sweep("s", ("train",), (4,)).cells() if cell.model == "mine"} == {
        "torch",
        "other",
    }


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
class TestEveryProfile:
    def test_no_cell_comes_twice_and_none_is_lost(self, profile):
        cells = profile.cells()
        assert len(cells) == len(set(cells))
        assert set(cells) == {cell for sweep in profile.sweeps for cell in sweep.cells()}

    def test_cells_to_be_compared_follow_each_other(self, profile):
        for sweep in profile.sweeps:
            groups = [cell.group for cell in sweep.cells()]
            changes = sum(a != b for a, b in pairwise(groups))
            assert changes + 1 == len(set(groups))

    def test_the_name_finds_it(self, profile):
        assert get_profile(profile.name) is profile

    def test_the_allocator_is_compared_on_cells_that_are_measured(self, profile):
        assert set(profile.allocator_controls) <= set(profile.cells())

    def test_it_is_measured_at_least_once(self, profile):
        assert min(profile.passes, profile.rounds) >= 1
        assert profile.seconds > 0


def test_an_unknown_profile_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=rf"^profile must be one of {', '.join(PROFILES)}; got 'quik'$"):
        get_profile("quik")


@pytest.mark.parametrize("phase", ["forward", "train"])
@pytest.mark.parametrize(
    ("axis", "least", "most"), [("hidden_size", 64, 2048), ("length", 100, 2048), ("batch", 1, 256)]
)
def test_the_full_axes_run_through_the_anchor_from_end_to_end(phase, axis, least, most):
    anchor = {"hidden_size": 512, "length": 100, "batch": 64}
    lines: dict[tuple[str, str], set[int]] = {
        (f"{model}:{backend}", device): set()
        for device in ("cpu", "cuda")
        for model, backend in registered(device, models.MODELS)
    }
    for tried in get_profile("full").cells():
        beside = {name: getattr(tried, name) for name in anchor if name != axis}
        ours = tried.model in models.MODELS and (tried.phase, tried.task) == (phase, "copying")
        if ours and beside.items() <= anchor.items():
            lines[tried.variant, tried.device].add(getattr(tried, axis))
    for sizes in lines.values():
        assert {least, anchor[axis], most} <= sizes
        assert (min(sizes), max(sizes)) == (least, most)


class TestWhatTheFullProfileLeavesOut:
    FULL = get_profile("full")

    def test_it_is_the_far_end_of_slow_models_of_the_zoo_and_says_why(self):
        left_out = self.FULL.not_planned()
        assert {cell.model for cell in left_out} == set(models.ZOO) - {"lru", "mingru"}
        for other, why in left_out.items():
            assert other.hidden_size > 1024 or other.length > 256 or other.batch > 64
            assert re.fullmatch(r"Slow models of the wider field have no cells at .* they would take hours\.", why)
        assert "at n > 128 and T > 256:" in left_out[cell("lem:eager", hidden_size=512, length=784, batch=64)]

    def test_what_is_left_out_is_not_among_the_cells(self):
        cells, left_out = set(self.FULL.cells()), set(self.FULL.not_planned())
        assert not cells & left_out
        product = {cell for sweep in self.FULL.sweeps for cell in replace(sweep, left_out=()).cells()}
        assert cells | left_out == product

    @pytest.mark.parametrize("model", models.ZOO)
    @pytest.mark.parametrize("phase", ["forward", "train"])
    def test_every_rival_still_has_a_curve_over_each_axis(self, model, phase):
        mine = [
            cell for cell in self.FULL.cells() if (cell.model, cell.phase, cell.device) == (model, phase, "cpu")
        ]
        assert {cell.hidden_size for cell in mine if cell.length == 100} >= {64, 128, 256, 512, 1024}
        assert {cell.length for cell in mine if cell.hidden_size == 128} >= {100, 256, 784}
        assert {cell.batch for cell in mine} >= {1, 8, 32, 64}

    def test_a_cell_that_another_sweep_has_is_planned(self):
        over_length = Sweep("over_length", ("train",), (64,), (100,), variants=("lstm:torch",))
        everything = LeftOut("No.", ("lstm:torch",), {"length": 50})
        profile = replace(self.FULL, sweeps=(over_length, replace(over_length, left_out=(everything,))))
        assert profile.not_planned() == {}
        assert list(replace(profile, sweeps=profile.sweeps[1:]).not_planned().values()) == ["No.", "No."]


def test_what_is_left_out_is_above_every_size_that_is_named():
    some = LeftOut("No.", ("lstm:torch",), {"hidden_size": 4, "length": 3})
    assert some.holds(cell("lstm:torch", hidden_size=5, length=4))
    assert not some.holds(cell("lstm:torch", hidden_size=5, length=3))
    assert not some.holds(cell("lstm:torch", hidden_size=4, length=4))
    assert not some.holds(cell("lstm:native", hidden_size=5, length=4))


@pytest.mark.parametrize(("profile", "hours"), [("zoo", 0.2), ("full", 4)])
def test_the_wider_field_does_not_take_a_day(profile, hours):
    chosen = get_profile(profile)
    cells = [cell for cell in chosen.cells() if cell.device == "cpu"]
    assert chosen.passes * sum(cell_seconds(cell, chosen) for cell in cells) < 3600 * hours


def test_real_pixels_and_the_latency_of_every_size_are_in_the_full_profile():
    cells = get_profile("full").cells()
    assert {cell.length for cell in cells if cell.task == "pixels"} == {64, 784}
    assert {cell.hidden_size for cell in cells if cell.phase == "stream"} == set(HIDDEN_SIZES)


@pytest.fixture
def asv_modules(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """asv's modules as they are imported under a profile, or under none."""
    if request.param is not None:
        monkeypatch.setenv("URNN_BENCH_PROFILE", request.param)
    modules = {}
    for name in ("asv_suite", "asv_step_time", "asv_memory"):
        monkeypatch.delitem(sys.modules, f"bench.{name}", raising=False)
        modules[name] = importlib.import_module(f"bench.{name}")
        monkeypatch.setitem(sys.modules, f"bench.{name}", modules[name])  # so that the old one comes back
    return modules


@pytest.mark.parametrize("file", ["asv_step_time", "asv_memory"])
@pytest.mark.parametrize("asv_modules", PROFILES, indirect=True)
def test_asv_measures_the_profiles_cells_and_no_others(asv_modules, file, monkeypatch):
    asked: list[Cell] = []
    monkeypatch.setattr(asv_modules["asv_suite"], "require_device", lambda device: None)
    monkeypatch.setattr(asv_modules["asv_suite"], "prepare", lambda cell, seconds: asked.append(cell))
    profile = asv_modules["asv_suite"].PROFILE
    for sweep in profile.sweeps:
        benchmark = getattr(asv_modules[file], asv_suite.class_name(sweep.name))()
        for values in product(*benchmark.params):
            if values in benchmark.skip_params:
                continue
            with suppress(NotImplementedError):  # a backend on a device that it is not made for: n/a
                benchmark.setup(*values)
    assert set(asked) == set(profile.cells())


@pytest.mark.parametrize("asv_modules", [None], indirect=True)
def test_asv_measures_the_full_profile_where_none_is_named(asv_modules):
    assert asv_modules["asv_suite"].PROFILE.name == "full"


def test_the_parameters_of_every_model_are_counted_at_every_size():
    from bench.asv_memory import Parameters

    assert Parameters.params == (list(models.MODELS), list(HIDDEN_SIZES))
    for name, row in models.MODELS.items():
        assert Parameters().track_parameters(name, 64) == row.parameters(10, 64)
