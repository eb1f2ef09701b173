"""`.ci/sweep`: a shard, and the merge that runs whatever failed; and the workflow that calls it."""

import pytest
import yaml

from bench.paths import ROOT
from tests.ci.conftest import calls

WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "sweep.yml").read_text())


def test_a_shard_is_measured(run, checkout):
    assert run("sweep", "shard", "2/8", PROFILE="quick").returncode == 0
    measured = "-m bench run --profile quick --device cpu --shard 2/8 --results runs/sweep"
    assert calls(checkout) == ["make --silent .venv/ready", measured]


def test_an_interrupted_shard_says_that_it_can_go_on(run):
    assert run("sweep", "shard", "1/2", CODE="75").returncode == 75


def test_what_is_there_is_merged_and_reported(run, checkout):
    assert run("sweep", "merge", "there").returncode == 0
    merged = "-m bench merge there --into there/merged"
    assert calls(checkout)[1:] == [merged, "-m analysis report there/merged --output there/report"]


def test_a_report_is_drawn_though_blocks_are_missing(run, checkout):
    assert run("sweep", "merge", "there", "report", CODE="2").returncode == 2
    assert calls(checkout)[-1] == "-m analysis report there/merged --output report"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "expected 'shard' or 'merge', got ''"),
        (["shard"], "expected a shard of so many, such as 2/8, and perhaps a folder, got ''"),
        (["shard", "two"], "expected a shard of so many, such as 2/8, and perhaps a folder, got 'two'"),
        (["shard", "1/2", "--fresh"], "expected a folder, got the option '--fresh'"),
        (["merge", "-x"], "expected a folder, got the option '-x'"),
        (["merge", "a", "b", "c"], "expected a folder of shards and one for the report, got 3 arguments"),
    ],
)
def test_wrong_arguments_are_a_sentence(arguments, said, run, checkout):
    done = run("sweep", *arguments)
    assert (done.returncode, done.stderr) == (2, f"sweep: {said}\n")
    assert calls(checkout) == []


def test_without_an_environment_nothing_is_measured(run, checkout):
    done = run("sweep", "shard", "1/2", MAKE_CODE="2")
    assert done.returncode == 2
    assert done.stderr.endswith("sweep: the environment could not be set up, so nothing was measured\n")


def test_the_workflow_has_a_job_for_each_shard_and_merges_whatever_failed():
    shard, merge = WORKFLOW["jobs"]["shard"], WORKFLOW["jobs"]["merge"]
    numbers = shard["strategy"]["matrix"]["shard"]
    assert shard["strategy"]["fail-fast"] is False
    assert numbers == list(range(1, len(numbers) + 1))
    (measured,) = [step for step in shard["steps"] if "run" in step]
    assert measured["run"] == f'.ci/sweep shard "$SHARD/{len(numbers)}"'
    assert (merge["needs"], merge["if"]) == ("shard", "always()")
    kept, found = (
        [step["with"] for step in job["steps"] if f"{what}-artifact" in step.get("uses", "")]
        for job, what in ((shard, "upload"), (merge, "download"))
    )
    assert kept[0]["name"] == "shard-${{ matrix.shard }}", "a name of its own for each"
    assert kept[0]["include-hidden-files"]
    assert kept[0]["path"] == found[0]["path"] == "runs/sweep"
    assert found[0]["pattern"] == "shard-*"
