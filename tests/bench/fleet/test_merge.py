"""Shards become the results of one machine a kind; what is damaged, missing, foreign or drifting is said."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.comparability import by_kind, choose
from analysis.report.page import write_report
from analysis.results import read
from analysis.vocabulary import CONTROL_TIME, PEAK_ALLOCATED, STEP_TIME
from bench.commands import main
from bench.fleet import plan
from tests.bench.fleet.conftest import BLOCKS, CODE, SLICE, machines
from tests.bench.fleet.played import KIND


@pytest.fixture
def merge(tmp_path, capsys) -> Callable[..., tuple[str, str]]:
    """Merges folders into "merged"; what it said and its error."""

    def run(*folders: Path, code: int = 0, options: tuple[str, ...] = ()) -> tuple[str, str]:
        capsys.readouterr()
        into = f"--into={tmp_path / 'merged'}"
        assert main(["merge", *map(str, folders), into, *options]) == code, capsys.readouterr().err
        said = capsys.readouterr()
        return said.out, said.err

    return run


@pytest.fixture
def merged(tmp_path) -> Callable[[], dict]:
    """The one file of results that a merge has written."""

    def find() -> dict:
        (path,) = (tmp_path / "merged").rglob("*.json")
        return json.loads(path.read_text())

    return find


def block_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("shards/*/blocks/*/*.json"))


def test_three_shards_are_one_file_of_one_kind(shards, merge, merged, tmp_path):
    said, _ = merge(*shards)
    assert said.endswith("nothing is missing: 4 blocks\n")
    content = merged()
    assert content["machine_info"]["kind"] == KIND.kind
    assert content["machine_info"]["node"] == "3 machines"
    assert content["run"]["merged"]["missing"] == []
    nodes = {entry["extra_info"]["hidden_size"]: entry["extra_info"]["machine"] for entry in content["benchmarks"]}
    assert nodes == {4: "node1", 5: "node2", 6: "node3", 7: "node1"}
    (path,) = (tmp_path / "merged").rglob("*.json")
    assert path.parent.name == f"kind-{KIND.kind}"


def test_merged_shards_are_what_a_plain_run_gives(measure, merge, merged, tmp_path, capsys):
    """Of one quiet machine: the same cells, the same medians and bytes."""
    for number in (1, 2, 3):
        measure(f"{number}/3")
    merge(tmp_path / "results")
    shared = merged()
    assert main(["run", *SLICE, f"--results={tmp_path / 'plain'}"]) == 0
    (path,) = (tmp_path / "plain").rglob("0*.json")
    plain = json.loads(path.read_text())

    def figures(content: dict) -> list[tuple]:
        names = ("model", "hidden_size", "pass", "threads", "allocator")
        return sorted(
            (
                *(entry["extra_info"][name] for name in names),
                entry["extra_info"].get("peak_allocated_bytes", 0),
                entry["stats"]["data"],
            )
            for entry in content["benchmarks"]
        )

    assert figures(shared) == figures(plain)
    assert shared["models"] == plain["models"]
    assert shared["machine_info"] == plain["machine_info"]


def test_merging_again_writes_the_same_bytes(shards, merge, tmp_path):
    merge(*shards)
    (path,) = (tmp_path / "merged").rglob("*.json")
    before = path.read_bytes()
    merge(*shards[::-1])
    assert path.read_bytes() == before


class TestMissing:
    @pytest.mark.usefixtures("player")
    def test_missing_blocks_are_named_with_the_command_that_measures_them(self, shards, merge, merged):
        _, error = merge(*shards[:2], code=2)
        expected = (
            rf"error: 1 of 4 blocks missing \({BLOCKS[2]}\), the others are merged; what is missing is measured "
            "by: "
            rf"(python -m bench run --profile=quick --device=cpu .*--passes=2 --block {BLOCKS[2]} --results \S+)\n"
        )
        found = re.fullmatch(expected, error)
        assert found, error
        assert merged()["run"]["merged"]["missing"] == [BLOCKS[2]]
        assert main(found[1].split()[3:]) == 0
        assert merge(*shards[:2])[0].endswith("nothing is missing: 4 blocks\n")

    @pytest.mark.parametrize("text", ["", "{", '{"format": 1}'])
    def test_a_truncated_block_counts_as_missing_and_is_measured_again(self, shards, merge, measure, text):
        (path,) = block_files(shards[1])
        path.write_text(text)
        said, error = merge(*shards, code=2)
        assert f"{path}" in said
        assert "; the block counts as not measured.\n" in said
        assert f"1 of 4 blocks missing ({BLOCKS[1]})" in error
        measure("2/3", "shard2", machines(3)[1])
        merge(*shards)

    def test_a_block_that_lacks_a_figure_is_not_complete(self, shards, merge):
        (path,) = block_files(shards[1])
        content = json.loads(path.read_text())
        content["runs"]["main"]["benchmarks"].pop()
        path.write_text(json.dumps(content))
        said, error = merge(*shards, code=2)
        assert f"{path} does not hold each of its block's cells once in each pass; " in said
        assert BLOCKS[1] in error

    def test_a_block_that_has_a_figure_twice_is_not_complete(self, shards, merge):
        (path,) = block_files(shards[1])
        content = json.loads(path.read_text())
        content["runs"]["main"]["benchmarks"] *= 2
        path.write_text(json.dumps(content))
        assert "once in each pass" in merge(*shards, code=2)[0]

    def test_a_partial_attempt_is_never_merged(self, shards, merge, merged):
        (path,) = block_files(shards[1])
        sweep = path.parents[2]
        partial = sweep / "attempts" / path.parent.name / path.stem
        partial.mkdir(parents=True)
        (partial / "main.json").write_text(json.dumps(json.loads(path.read_text())["runs"]["main"]))
        path.unlink()
        assert BLOCKS[1] in merge(*shards, code=2)[1]
        assert {entry["extra_info"]["hidden_size"] for entry in merged()["benchmarks"]} == {4, 6, 7}


class TestForeign:
    def test_shards_of_two_plans(self, shards, merge, measure, tmp_path):
        other = measure("1/1", "other", KIND, "--threads=2")
        _, error = merge(shards[0], other, code=2)
        assert re.fullmatch(
            r"error: expected shards of one plan, got two that differ in threads \(1 and 2\): \S+ and \S+; "
            r"name one\n",
            error,
        )
        assert not list((tmp_path / "merged").rglob("*.json"))

    def test_shards_of_two_slices(self, shards, merge, measure):
        other = measure("1/1", "other", KIND, "--hidden=4,5")
        assert "differ in their cells (4 and 2 blocks)" in merge(shards[0], other, code=2)[1]

    @pytest.mark.parametrize(
        ("code", "words"),
        [
            (replace(CODE, commit="b" * 40), "aaaaaaaa and bbbbbbbb"),
            (replace(CODE, dirty=True), "aaaaaaaa and aaaaaaaa with uncommitted changes"),
            (replace(CODE, source="87654321"), "aaaaaaaa, with other code in each"),
        ],
    )
    def test_shards_of_two_commits(self, shards, merge, measure, monkeypatch, player, code, words):
        monkeypatch.setattr(plan, "code_of", lambda root, cells: code)
        player.commit = code.commit
        other = measure("2/3", "other")
        _, error = merge(shards[0], other, code=2)
        assert error.startswith(f"error: expected shards of one commit, got those of {words} in ")

    def test_a_block_of_another_plan_among_them(self, shards, merge, measure):
        other = measure("2/3", "other", KIND, "--threads=2")
        (path,), (foreign,) = block_files(shards[1]), block_files(other)
        shutil.copy(foreign, path.with_name(foreign.name))
        _, error = merge(*shards, code=2)
        assert re.search(r"is of plan [0-9a-f]{8}, and lies among shards of plan [0-9a-f]{8}\n$", error)

    def test_a_block_in_the_place_of_another(self, shards, merge):
        (path,) = block_files(shards[1])
        path.rename(path.with_name("000000000000.json"))
        assert "which belongs elsewhere" in merge(*shards, code=2)[1]

    def test_a_block_that_was_measured_at_another_commit(self, measure, player, merge):
        player.commit = "b" * 40
        folder = measure("1/1")
        assert "was measured at commit bbbbbbbb, and its plan is of aaaaaaaa" in merge(folder, code=2)[1]

    def test_a_folder_without_shards(self, merge, tmp_path):
        assert "has no shards; `python -m bench run --shard K/N" in merge(tmp_path, code=2)[1]
        assert "which is none" in merge(tmp_path / "nowhere", code=2)[1]

    @pytest.mark.parametrize("text", ["{", '{"format": 2}', '{"format": 1}'])
    def test_a_damaged_plan(self, shards, merge, text):
        (path,) = shards[0].rglob("sweep.json")
        path.write_text(text)
        assert "; move the folder away, and measure its shards again.\n" in merge(*shards, code=2)[1]

    def test_a_plan_with_a_cell_that_is_none(self, shards, merge):
        (path,) = shards[0].rglob("sweep.json")
        path.write_text(path.read_text().replace("gru:torch-forward", "gru forward"))
        assert "could not read its blocks (expected a cell such as" in merge(*shards, code=2)[1]


class TestTwice:
    """No block is ever in a table twice."""

    def test_a_block_that_two_machines_completed_is_taken_once(self, shards, merge, merged, measure):
        again = measure("2/3", "again", machines(2)[0])
        merge(*shards, again)
        figures = [(e["params"]["cell_id"], e["extra_info"]["pass"]) for e in merged()["benchmarks"]]
        assert len(set(figures)) == len(figures) == 4 * 3 * 2

    def test_it_is_taken_from_the_machine_that_has_most_blocks(self, shards, merge, merged, measure):
        again = measure("2/3", "again", machines(1)[0])
        merge(*shards, again)
        nodes = {e["extra_info"]["hidden_size"]: e["extra_info"]["machine"] for e in merged()["benchmarks"]}
        assert nodes == {4: "node1", 5: "node1", 6: "node3", 7: "node1"}

    def test_the_same_folder_twice_is_one(self, shards, merge, merged):
        merge(*shards, *shards)
        assert len(merged()["benchmarks"]) == 4 * 3 * 2

    def test_a_copy_of_a_folder_is_the_same_measurement(self, shards, merge, merged, tmp_path):
        merge(*shards, shutil.copytree(shards[0], tmp_path / "copy"))
        assert len(merged()["benchmarks"]) == 4 * 3 * 2


class TestControls:
    def test_equal_machines_may_share_curves(self, shards, merge):
        said, _ = merge(*shards)
        assert (
            f"kind {KIND.kind}, cpu: the controls of 3 machines agree within 0.0% (tolerance 5%), so curves may "
            "cross them.\n"
        ) in said

    def test_a_slow_machine_is_named(self, measure, player, merge):
        folders = []
        for number, machine in enumerate(machines(3), 1):
            player.speed = (lambda cell, _: 1.2) if number == 2 else (lambda cell, _: 1.0)
            folders.append(measure(f"{number}/3", f"shard{number}", machine))
        said, _ = merge(*folders)
        assert re.search(
            r"cpu: node2 \([0-9a-f]{8}\) needs 20\.0% more than node[13] \([0-9a-f]{8}\) for \S+ "
            r"\(tolerance 5%\)\. Ratios within a block hold; ",
            said,
        )
        assert "agree within 20.0% (tolerance 30%)" in merge(*folders, options=("--tolerance=0.3",))[0]

    def test_a_machine_that_drifts_is_named(self, measure, player, merge):
        player.speed = lambda cell, number: 1.1 if number == 2 and cell.hidden_size == 128 else 1.0
        said, _ = merge(measure("1/1"))
        assert re.search(
            r"Session [0-9a-f]{12} on box \([0-9a-f]{8}\) drifted: \S+ took 10\.0% more at the end "
            r"\(tolerance 5%\)\.",
            said,
        )

    def test_a_session_that_was_killed_does_not_say_how_much_it_drifted(self, measure, merge):
        folder = measure("1/1")
        (path,) = folder.glob("shards/*/sessions/*.json")
        content = json.loads(path.read_text())
        content["controls"] = [one for one in content["controls"] if one["at"] == "start"]
        path.write_text(json.dumps(content))
        assert "has no controls at both ends, so its drift is not known." in merge(folder)[0]

    def test_damaged_controls_are_left_out_and_the_figures_stay(self, shards, merge, merged):
        for damage in ("{", None):
            (path,) = shards[1].glob("shards/*/sessions/*.json")
            text = path.read_text()
            path.write_text(damage or text.replace("urnn:cpu-train", "urnn train"))
            said, _ = merge(*shards)
            assert "; its controls are left out." in said
            path.write_text(text)
        assert len(merged()["benchmarks"]) == 4 * 3 * 2


class TestKinds:
    def test_another_kind_has_a_file_of_its_own(self, measure, merge, tmp_path):
        other = replace(KIND, processor="Neoverse-V2", node="arm", boot="arm")
        folders = [measure("1/2", "one"), measure("2/2", "two", other)]
        said, _ = merge(*folders)
        names = sorted(path.parent.name for path in (tmp_path / "merged").rglob("*.json"))
        assert names == sorted([f"kind-{KIND.kind}", f"kind-{other.kind}"])
        assert "The blocks of cpu were measured on 2 kinds of machines, which have curves of their own: " in said

    def test_two_machines_with_one_name_are_told_apart(self, measure, merge, merged):
        twins = [KIND, replace(KIND, boot="another machine, or after a restart")]
        merge(*(measure(f"{n}/2", f"shard{n}", machine) for n, machine in enumerate(twins, 1)))
        content = merged()
        assert content["machine_info"]["node"] == "box"
        assert content["machine_info"]["instance"] is None
        assert {e["extra_info"]["instance"] for e in content["benchmarks"]} == {one.instance for one in twins}


class TestReport:
    def test_a_plain_reading_of_the_folder_sees_no_shards(self, measure, tmp_path):
        measure("1/1")
        with pytest.raises(Exception, match="hold no result files"):
            read([tmp_path / "results"])

    def test_three_machines_of_one_kind_are_one_setting(self, shards, merge, tmp_path):
        merge(*shards)
        results = read([tmp_path / "merged"])
        assert results.problems == ()
        (choice,) = choose(by_kind(results.frame))
        assert choice.setting.machine == f"AMD EPYC, 2 cores (kind {KIND.kind})"
        rows = choice.rows
        assert set(rows.loc[rows["metric"] == STEP_TIME, "hidden_size"]) == {4, 5, 6, 7}
        assert rows["instance"].nunique() == 3
        assert rows.loc[rows["metric"] == PEAK_ALLOCATED, "value"].min() == 4000
        assert len(rows[rows["metric"] == CONTROL_TIME]) == 3 * 2 * 2 * 3, "machines, cells, times, samples"

    @pytest.mark.slow
    def test_the_report_says_where_curves_cross_machines(self, shards, merge, tmp_path):
        merge(*shards)
        write_report(read([tmp_path / "merged"]), tmp_path / "report")
        page = (tmp_path / "report" / "report.md").read_text()
        assert "measured on 3 machines of this kind" in page
        assert "agree within 0.0% (tolerance 5%)" in page
        assert f"AMD EPYC, 2 cores (kind {KIND.kind})" in page
        again = read([tmp_path / "report" / "measurements.parquet"])
        write_report(again, tmp_path / "again")
        assert "agree within 0.0% (tolerance 5%)" in (tmp_path / "again" / "report.md").read_text()


def test_where_results_cannot_be_written_the_error_names_the_option_of_merge(shards, merge, tmp_path):
    (tmp_path / "merged").write_text("a file, where a folder has to be")
    _, error = merge(*shards, code=2)
    assert error.endswith("merged, which is a file; choose a folder with --into.\n")
