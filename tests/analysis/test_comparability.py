"""Nothing is pooled over machines, commits, threads or allocators, and the newest commit is the one shown."""

from __future__ import annotations

import pytest

from analysis.comparability import by_kind, choose, split
from analysis.schema import tidy_frame

OLD = {"commit": "b" * 40, "commit_time": "2025-01-01T00:00:00+00:00", "measured_at": "2026-05-05T00:00:00+00:00"}


@pytest.mark.parametrize(
    "change",
    [
        {"machine": "other"},
        {"device": "cuda"},
        {"dtype": "float64"},
        {"threads": 2},
        {"threads": None},
        {"allocator": "default"},
        {"source": "asv"},
        {"torch": "2.14.0"},
        {"commit": "c" * 40},
        {"dirty": True},
    ],
)
def test_each_difference_is_a_setting_of_its_own(row, change):
    assert len(split(tidy_frame([row(), row(**change)]))) == 2


def test_the_newest_commit_is_shown_however_late_the_old_one_was_measured(row):
    choices = choose(tidy_frame([row(), row(**OLD)]))
    assert [choice.setting.commit[0] for choice in choices] == ["a"]
    assert [left.commit[0] for left in choices[0].left_out] == ["b"]
    assert len(choices[0].rows) == 1


def test_without_a_commit_time_the_newest_measurement_counts(row):
    unversioned = {"commit": "unversioned", "commit_time": None}
    first = row(**unversioned, measured_at="2026-01-01T00:00:00+00:00", torch="2.12")
    second = row(**unversioned, measured_at="2026-01-03T00:00:00+00:00", torch="2.13")
    assert [choice.setting.torch for choice in choose(tidy_frame([first, second]))] == ["2.13"]


def test_machines_and_threads_stand_side_by_side_most_cells_first(row):
    rows = [row(), row(machine="other"), row(machine="other", hidden_size=128), row(threads=2)]
    assert [choice.setting.machine for choice in choose(tidy_frame(rows))] == ["other", "box", "box"]


def test_the_harness_with_most_cells_speaks_for_a_commit(row):
    rows = [row(), row(source="asv", dirty=None), row(source="asv", dirty=None, hidden_size=128)]
    choices = choose(tidy_frame(rows))
    assert [choice.setting.source for choice in choices] == ["asv"]


def test_uncommitted_changes_are_not_taken_for_the_commit_that_asv_measured(row):
    rows = [row(dirty=True), row(source="asv", dirty=None), row(source="asv", dirty=None, hidden_size=128)]
    rows[0]["measured_at"] = "2026-02-02T00:00:00+00:00"
    assert [choice.setting.dirty for choice in choose(tidy_frame(rows))] == [True]


def test_the_default_allocator_is_shown_only_where_the_kept_one_is_missing(row):
    both = choose(tidy_frame([row(), row(allocator="default")]))
    assert [choice.setting.allocator for choice in both] == ["kept"]
    alone = choose(tidy_frame([row(allocator="default")]))
    assert [choice.setting.allocator for choice in alone] == ["default"]


def test_a_place_where_nothing_was_measured_is_left_out(row):
    nothing = {"value": None, "outcome": "not applicable"}
    rows = [row(**OLD), row(**nothing), row(device="cuda", **nothing)]
    choices = choose(tidy_frame(rows))
    assert [(choice.setting.device, choice.setting.commit[0]) for choice in choices] == [("cpu", "b")]


KIND = {"kind": "1a2b3c4d", "cpu": "AMD EPYC", "cores": 2}
NAME = "AMD EPYC, 2 cores (kind 1a2b3c4d)"


class TestKinds:
    def named(self, *rows: dict) -> list[str]:
        return list(by_kind(tidy_frame(rows))["machine"])

    def test_machines_of_one_kind_have_one_name(self, row):
        assert self.named(row(**KIND), row(**KIND, machine="other")) == [NAME, NAME]

    def test_a_gpu_speaks_for_its_machine(self, row):
        assert self.named(row(**KIND, gpu="NVIDIA H100")) == ["NVIDIA H100 (kind 1a2b3c4d)"]

    def test_a_kind_that_says_nothing_more_is_its_hash(self, row):
        assert self.named(row(kind="1a2b3c4d", cpu=None, cores=None)) == ["(kind 1a2b3c4d)"]

    def test_what_names_the_machine_alone_is_of_its_only_kind(self, row):
        assert self.named(row(**KIND), row(source="asv")) == [NAME, NAME]

    @pytest.mark.parametrize("other", [{"machine": "other"}, {"torch": "2.14.0"}])
    def test_another_machine_or_torch_keeps_its_name(self, row, other):
        assert self.named(row(**KIND), row(**other))[1] == row(**other)["machine"]

    def test_without_a_torch_it_is_the_only_kind_of_that_name(self, row):
        assert self.named(row(**KIND, torch="2.13.0+cpu"), row(torch=None)) == [NAME] * 2
        assert self.named(row(**KIND, torch="2.13.0+cpu"), row(torch="2.12.0")) == [NAME, "box"]

    def test_a_machine_that_was_two_kinds_does_not_say_which(self, row):
        assert self.named(row(**KIND), row(**KIND | {"kind": "2b"}), row())[2] == "box"

    def test_without_kinds_nothing_changes(self, row):
        frame = tidy_frame([row(), row(machine="other")])
        assert list(by_kind(frame)["machine"]) == ["box", "other"]


class TestInstances:
    def instances(self, *rows: dict) -> list[tuple[int, str]]:
        (choice,) = choose(tidy_frame(rows))
        return list(choice.rows[["hidden_size", "instance"]].itertuples(index=False, name=None))

    def test_a_block_is_of_the_instance_with_most_values(self, row):
        rows = [row(instance="a"), row(instance="b"), row(instance="b", model="lstm")]
        assert self.instances(*rows) == [(128, "b"), (128, "b")] or {one for _, one in self.instances(*rows)} == {
            "b"
        }

    def test_of_equals_the_newest_is_taken(self, row):
        newer = row(instance="a", measured_at="2030-01-01T00:00:00+00:00")
        assert [one for _, one in self.instances(newer, row(instance="b"))] == ["a"]

    def test_another_block_may_be_of_another(self, row):
        assert self.instances(row(instance="a", hidden_size=1), row(instance="b", hidden_size=2)) == [
            (1, "a"),
            (2, "b"),
        ]

    def test_streams_are_blocks_of_their_own(self, row):
        same = {"length": 1, "batch": 1}
        rows = [row(instance="a", phase="train", **same), row(instance="b", phase="stream", **same)]
        assert len(self.instances(*rows)) == 2
        assert len(self.instances(rows[0], rows[1] | {"phase": "forward"})) == 1
