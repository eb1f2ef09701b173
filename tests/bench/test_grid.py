"""A cell is one measurement's name: readable both ways, and refused in one sentence where it names nothing."""

import re

import pytest

from analysis.vocabulary import DEVICES, PHASES
from bench import subjects
from bench.grid import DTYPES, Cell, all_variants, select
from bench.profiles import PROFILES
from tests.bench.cells import TINY, cell
from urnn.tasks import TASKS

EVERY_CELL = list(dict.fromkeys(cell for profile in PROFILES.values() for cell in profile.cells()))


def test_an_id_is_read_back_as_the_cell_it_named():
    assert [Cell.from_id(cell.id) for cell in EVERY_CELL] == EVERY_CELL


def test_ids_are_unique():
    assert len({cell.id for cell in EVERY_CELL}) == len(EVERY_CELL)


@pytest.mark.parametrize("variant", all_variants())
@pytest.mark.parametrize(("device", "dtype"), [("cpu", "float64"), ("cuda", "float32")])
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("phase", PHASES)
def test_every_axis_stands_in_the_id(variant, device, dtype, task, phase):
    model, backend = variant.split(":")
    if not subjects.get(model).runs_on(backend, device):
        with pytest.raises(ValueError, match=f"^backend '\\w+' of \\w+ does not run on {device}$"):
            cell(variant, device=device)
        return
    tested = cell(variant, phase=phase, task=task, device=device, dtype=dtype, hidden_size=2048)
    assert Cell.from_id(tested.id) == tested


def test_several_layers_stand_in_the_id_and_the_group():
    tested = cell("lstm_ladder:naive", num_layers=4)
    assert tested.id == "lstm_ladder:naive-train-copying-n4-T3-B2-L4-cpu-float32"
    assert Cell.from_id(tested.id) == tested
    assert tested.group == "train copying n=4 T=3 B=2 L=4 cpu float32"


def test_a_captured_call_stands_in_the_id_and_keeps_its_group():
    tested = cell("lstm:torch+graph", device="cuda", dtype="tf32")
    assert tested.id == "lstm:torch+graph-train-copying-n4-T3-B2-cuda-tf32"
    assert Cell.from_id(tested.id) == tested
    assert (tested.captured, tested.implementation) == (True, "torch")
    assert tested.group == cell(device="cuda", dtype="tf32").group


def test_the_id_reads_as_documented():
    assert (
        cell("urnn:reference", hidden_size=128, length=100, batch=32).id
        == "urnn:reference-train-copying-n128-T100-B32-cpu-float32"
    )


def test_a_group_holds_all_that_differ_only_in_the_model():
    assert cell("gru:torch").group == TINY.group == "train copying n=4 T=3 B=2 cpu float32"
    others = [
        cell(phase="forward"),
        cell(task="pixels"),
        cell(hidden_size=5),
        cell(length=5),
        cell(batch=5),
        cell(device="cuda"),
        cell(dtype="float64"),
    ]
    assert len({TINY.group, *(other.group for other in others)}) == 1 + len(others)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"variant": "lstn:torch"}, r"unknown model 'lstn'; the registry \(urnn/models.py\) has: urnn, lstm, "),
        ({"variant": "lstm:triton"}, r"backend of lstm must be one of torch, native; got 'triton'"),
        ({"variant": "urnn:torch"}, r"backend of urnn must be one of .*reference.*; got 'torch'"),
        ({"phase": "trian"}, f"phase must be one of {', '.join(PHASES)}; got 'trian'"),
        ({"device": "tpu"}, f"device must be one of {', '.join(DEVICES)}; got 'tpu'"),
        ({"dtype": "float8"}, f"dtype must be one of {', '.join(DTYPES)}; got 'float8'"),
        ({"dtype": "tf32"}, "dtype 'tf32' is for device cuda, got 'cpu'$"),
        ({"variant": "lstm:torch+graph"}, r"backend 'torch\+graph' of lstm does not run on cpu$"),
        (
            {"variant": "lstm:torch+graph", "device": "cuda", "phase": "stream"},
            "phase 'stream' carries its state along and is not captured in a graph$",
        ),
        ({"task": "sorting"}, f"task must be one of {', '.join(TASKS)}; got 'sorting'"),
        *(
            ({axis: bad}, f"{axis} must be a whole number of at least 1, got {bad!r}")
            for axis in ("hidden_size", "length", "batch", "num_layers")
            for bad in (0, -1, True, 1.5, "8", None)
        ),
        (
            {"phase": "stream", "length": 2},
            r"phase 'stream' is one time step at batch 1, got length=2, batch=1$",
        ),
        ({"phase": "stream", "batch": 8}, r"phase 'stream' is one time step at batch 1, got length=1, batch=8$"),
    ],
)
def test_what_the_grid_does_not_have_is_refused_with_what_it_has(changes, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        cell(**changes)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "lstm",
        "lstm-train-copying-n4-T3-B2-cpu-float32",
        "lstm:torch-train-copying-n4-T3-B2-cpu",
        "lstm:torch-train-copying-n4-T3-B2-cpu-float32-",
        "lstm:torch-train-copying-n4-T3-Btwo-cpu-float32",
        "lstm:torch-train-copying-T3-n4-B2-cpu-float32",
        "lstm:torch-train-copying-4-3-2-cpu-float32",
        "lstm:torch-train-copying-n4-T 3-B2-cpu-float32",
        "lstm:torch:x-train-copying-n4-T3-B2-cpu-float32",
        " " + TINY.id,
        TINY.id + "\n",
    ],
)
def test_what_is_no_id_is_refused_with_an_example(text):
    example = "urnn:reference-train-copying-n128-T100-B32-cpu-float32"
    with pytest.raises(ValueError, match=f"^expected a cell such as {example}, got {re.escape(repr(text))}$"):
        Cell.from_id(text)
    assert Cell.from_id(example).id == example


def test_an_id_of_a_cell_that_cannot_be_says_why():
    with pytest.raises(ValueError, match=r"^hidden_size must be a whole number of at least 1, got 0$"):
        Cell.from_id(TINY.id.replace("n4", "n0"))


class TestSelect:
    CELLS = PROFILES["quick"].cells()

    def test_nothing_named_lets_everything_through(self):
        assert select(self.CELLS) == self.CELLS
        assert select(self.CELLS, phase=None, hidden_size=None, length=None) == self.CELLS

    @pytest.mark.parametrize(
        ("axis", "value"),
        [("model", "gru"), ("phase", "train"), ("device", "cpu"), ("dtype", "float32"), ("task", "pixels")],
    )
    def test_a_name_keeps_the_cells_that_have_it(self, axis, value):
        chosen = select(self.CELLS, **{axis: [value]})
        assert chosen == [cell for cell in self.CELLS if getattr(cell, axis) == value]
        assert chosen

    def test_several_names_are_read_from_any_iterable(self):
        chosen = select(self.CELLS, model=iter(["gru", "lstm"]))
        assert chosen == [cell for cell in self.CELLS if cell.model in ("gru", "lstm")]

    def test_axes_combine(self):
        chosen = select(
            self.CELLS, model=["gru"], phase=["train"], hidden_size=[128], length=[100], task=["copying"]
        )
        assert {cell.id.split("-cpu")[0].split("-cuda")[0] for cell in chosen} == {
            "gru:torch-train-copying-n128-T100-B32"
        }

    def test_a_size_outside_the_profile_is_put_on_every_other_axis_value(self):
        chosen = select(self.CELLS, hidden_size=[96, 97])
        assert {cell.hidden_size for cell in chosen} == {96, 97}
        for axis in ("model", "phase", "device", "length", "batch", "task"):
            assert {getattr(cell, axis) for cell in chosen} == {getattr(cell, axis) for cell in self.CELLS}

    @pytest.mark.parametrize("axis", ["length", "batch"])
    def test_a_stream_keeps_its_one_step_and_is_left_out_where_one_is_not_asked_for(self, axis):
        assert not select(self.CELLS, phase=["stream"], **{axis: [50]})
        streams = select(self.CELLS, phase=["stream"])
        assert select(self.CELLS, phase=["stream"], **{axis: [50, 1]}) == streams
        assert {(cell.length, cell.batch) for cell in streams} == {(1, 1)}

    def test_no_cell_comes_twice(self):
        chosen = select(self.CELLS, hidden_size=[128, 128], length=[64])
        assert len(chosen) == len(set(chosen))
