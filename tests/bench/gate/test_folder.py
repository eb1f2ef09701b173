"""A gate's folder is taken up again where it ended, and one that is damaged is named."""

import argparse
import json
import os
import shlex

import pytest

from bench.commands import gate
from bench.errors import ResultsError
from bench.gate.folder import CONFIRMATION, SCREENING, calibration, commands
from bench.profiles import get_profile
from bench.slices import chosen_cells
from tests.bench.gate.conftest import open_folder
from tests.bench.repositories import BASE


def test_the_same_plan_goes_on_and_fresh_starts_again(tmp_path):
    first = open_folder(tmp_path)
    first.note("busy")
    first.note("busy")
    assert open_folder(tmp_path).plan["notes"] == ["busy"]
    assert open_folder(tmp_path).path == first.path
    second = open_folder(tmp_path, fresh=True)
    assert second.path.name == f"0002_{first.path.name.removeprefix('0001_')}"
    assert second.plan["notes"] == []
    assert open_folder(tmp_path).path == second.path


def test_other_cells_or_conditions_make_another_folder(tmp_path):
    paths = {
        open_folder(tmp_path, *cells, **more).path
        for cells, more in (((), {}), ((("one",),), {}), ((), {"threads": 2}), ((), {"suite": "other"}))
    }
    assert len(paths) == 4


def test_each_stage_and_side_has_a_file_of_its_own_with_the_conditions(tmp_path):
    folder = open_folder(tmp_path, allocator="kept")
    files = [folder.run_file(stage, side) for stage in (SCREENING, CONFIRMATION) for side in ("base", "head")]
    assert [file.path.name for file in files] == [
        "base.json",
        "head.json",
        "confirm_base.json",
        "confirm_head.json",
    ]
    assert files[0].content["run"].items() >= {"threads": 1, "allocator": "kept"}.items()
    files[0].add_benchmark({"params": {"cell_id": "one"}, "extra_info": {"pass": 1}})
    assert open_folder(tmp_path, allocator="kept").run_file(SCREENING, "base").measured() == {("one", 1)}
    assert json.loads((folder.path / "gate.json").read_text())["base"]["commit"] == BASE.digits


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '{"format": 1',
            r"gate\.json: expected complete JSON, .* column 13; move the folder away, or start .* with --fresh\.$",
        ),
        ("[]", r"^expected .*gate\.json to be of format 1, got None; move the folder away, or start "),
        ('{"format": 2}', r"^expected .*gate\.json to be of format 1, got 2; "),
        ("[" * 100_000, r"gate\.json: expected JSON as programs write it, but it is nested too deeply; "),
        ('{"format": ' + "9" * 5000, r"gate\.json: expected JSON .* a number of 5000 digits; "),
        ('{"format": true}', r"^expected .*gate\.json to be of format 1, got True; "),
        ('{"format": 1}', r"gate\.json: expected base to be an object, got nothing; move the folder away"),
        (None, r"gate\.json: cannot be read \(No such file or directory\); "),
    ],
)
def test_a_damaged_plan_is_named(tmp_path, text, message):
    path = open_folder(tmp_path).path / "gate.json"
    path.unlink()
    if text is not None:
        path.write_text(text)
    with pytest.raises(ResultsError, match=message):
        open_folder(tmp_path)
    assert text is None or path.read_text() == text, "what an editor may save is left as it is"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("cells", "one"),
        ("cells", [1]),
        ("suspects", {}),
        ("confirm_passes", -1),
        ("confirm_passes", True),
        ("confirm_rounds", -1),
        ("ended", 1),
        ("notes", None),
        ("instructions", []),
        ("base", None),
        ("again", 5),
    ],
)
def test_a_plan_with_another_kind_of_value_is_named_with_its_key(tmp_path, key, value):
    path = open_folder(tmp_path).path / "gate.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(
        ResultsError, match=rf"gate\.json: expected {key}\S* to be .*, got .*; move the folder away"
    ):
        open_folder(tmp_path)


def test_suspects_without_passes_and_other_commits_are_refused(tmp_path):
    path = open_folder(tmp_path).path / "gate.json"
    plan = json.loads(path.read_text())
    path.write_text(json.dumps(plan | {"suspects": ["one"]}))
    with pytest.raises(
        ResultsError, match=r"gate\.json is damaged: it has suspects or passes to confirm them, not both; "
    ):
        open_folder(tmp_path)
    path.write_text(json.dumps(plan | {"head": plan["base"]}))
    with pytest.raises(ResultsError, match=r"gate\.json is the plan of other commits; move the folder away"):
        open_folder(tmp_path)


@pytest.mark.parametrize("number", [None, 8])
def test_a_plan_of_before_passes_had_their_name_goes_on(tmp_path, number):
    path = open_folder(tmp_path).path / "gate.json"
    plan = json.loads(path.read_text())
    del plan["confirm_passes"]
    suspects = None if number is None else ["one"]
    path.write_text(json.dumps(plan | {"suspects": suspects, "confirm_rounds": number}))
    folder = open_folder(tmp_path)
    folder.save()
    kept = json.loads(path.read_text())
    assert folder.path == path.parent
    assert (kept["suspects"], kept["confirm_passes"]) == (suspects, number)
    assert "confirm_rounds" not in kept


def test_the_newest_is_the_highest_number_of_any_length(tmp_path):
    first = open_folder(tmp_path)
    for number in ("9999", "10000"):
        first.path.rename(first.path.with_name(f"{number}_{first.path.name.partition('_')[2]}"))
        first = open_folder(tmp_path, fresh=True)
    assert first.path.name.startswith("10001_")
    assert open_folder(tmp_path).path == first.path


def test_a_pipe_in_the_place_of_a_plan_is_not_waited_for(tmp_path):
    path = open_folder(tmp_path).path / "gate.json"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ResultsError, match=r"gate\.json: expected a file, got a pipe; "):
        open_folder(tmp_path)


def test_a_plan_that_an_editor_has_given_a_byte_order_mark_is_read(tmp_path):
    path = open_folder(tmp_path).path / "gate.json"
    path.write_text("\ufeff" + path.read_text())
    assert open_folder(tmp_path).path == path.parent


def test_a_truncated_results_file_is_named(tmp_path):
    folder = open_folder(tmp_path)
    (folder.path / "head.json").write_text('{"machine_info": {}, "bench')
    with pytest.raises(ResultsError, match=r"head\.json: expected complete JSON, but it is cut off"):
        folder.run_file(SCREENING, "head")


@pytest.mark.parametrize("name", ["ci", "ladder"])
def test_a_cells_command_measures_that_cell_alone(name):
    """The ladder's cells differ in their layers too."""
    profile, parser = get_profile(name), argparse.ArgumentParser()
    gate.add_arguments(parser)
    for cell in [cell for cell in profile.cells() if cell.device == "cpu"]:
        text = commands([cell], f"python -m bench gate --profile {name}")[cell.id]
        options = parser.parse_args(shlex.split(text)[4:])
        assert chosen_cells(options, profile) == [cell]
        assert options.fresh


class TestCalibration:
    def test_it_is_kept_as_the_report_wrote_it(self, tmp_path):
        path = tmp_path / "detectable.json"
        found = {"format": 1, "machine": "box", "recorded": "", "cells": {"one": 0.04}}
        path.write_text(json.dumps(found))
        assert calibration(path) == found

    def test_there_need_not_be_one(self, tmp_path):
        assert calibration(tmp_path / "detectable.json") is None

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ('{"format": 1', "expected complete JSON"),
            ('{"format": 2}', "to be of format 1, got 2"),
            (
                '{"format": 1, "machine": "box", "recorded": "", "cells": {"one": -1}}',
                "expected cells.one to be a number",
            ),
        ],
    )
    def test_a_damaged_one_is_refused(self, tmp_path, text, sentence):
        path = tmp_path / "detectable.json"
        path.write_text(text)
        with pytest.raises(ResultsError) as caught:
            calibration(path)
        assert sentence in str(caught.value)
        assert str(caught.value).endswith("draw the calibration's report again, or move the file away.")
