"""What the workflows may do, as rules over their YAML.

Known weakness: GitHub itself is not asked; actionlint and zizmor know more of its rules and run in `make lint`.
"""

import re

import pytest
import yaml

from bench.paths import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TEXTS = {path.stem: path.read_text() for path in WORKFLOWS}
PARSED = {name: yaml.safe_load(text) for name, text in TEXTS.items()}
every_workflow = pytest.mark.parametrize("name", PARSED)
WRITES = {  # job -> what it may write; every other job reads
    ("comment", "comment"): {"pull-requests"},
    ("history", "publish"): {"pages", "id-token"},
}


def triggers(name: str) -> set[str]:
    found = PARSED[name][True]  # YAML takes the key `on` for a truth value
    return {found} if isinstance(found, str) else set(found)


def steps(name: str):
    return [step for job in PARSED[name]["jobs"].values() for step in job["steps"]]


def test_there_are_tests_a_gate_with_its_comment_a_history_and_a_calibration():
    assert set(PARSED) == {"tests", "gate", "comment", "history", "calibration"}
    assert triggers("tests") >= {"pull_request"}
    assert triggers("gate") == {"pull_request"}
    assert triggers("history") >= {"push"}
    assert PARSED["history"][True]["push"]["branches"] == ["main"]
    assert triggers("calibration") >= {"schedule"}


@every_workflow
def test_rights_are_none_by_default_and_least_by_job(name):
    assert PARSED[name]["permissions"] == {}
    for job, content in PARSED[name]["jobs"].items():
        written = {right for right, level in content["permissions"].items() if level == "write"}
        assert written == WRITES.get((name, job), set())


@every_workflow
def test_actions_are_pinned_to_a_commit_with_its_version_beside_it(name):
    used = re.findall(r"uses: (.*)", TEXTS[name])
    assert used
    for line in used:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


@every_workflow
def test_nothing_from_outside_is_pasted_into_a_command(name):
    for step in steps(name):
        assert "${{" not in step.get("run", "")


@every_workflow
def test_no_checkout_leaves_a_token_behind_and_every_job_has_an_end(name):
    for step in steps(name):
        if step.get("uses", "").startswith("actions/checkout"):
            assert step["with"]["persist-credentials"] is False
    assert all("timeout-minutes" in job for job in PARSED[name]["jobs"].values())
    assert "concurrency" in PARSED[name]


def test_code_of_a_pull_request_never_meets_a_right_to_write():
    assert not any("pull_request_target" in triggers(name) for name in PARSED)
    for step in steps("comment"):
        if step.get("uses", "").startswith("actions/checkout"):
            assert "ref" not in step["with"]


def test_the_comment_is_told_what_its_script_asks_for():
    (step,) = [step for step in steps("comment") if "run" in step]
    asked = re.search(r"with (.*) in the environment", (ROOT / ".ci" / "comment").read_text())[1]
    assert set(step["env"]) == set(re.findall("[A-Z_]+", asked))


@every_workflow
def test_the_scripts_that_are_called_exist_and_can_be_run(name):
    called = [step["run"].split()[0] for step in steps(name) if step.get("run", "").startswith(".ci/")]
    assert called
    for script in called:
        assert (ROOT / script).stat().st_mode & 0o111


def test_the_make_targets_that_scripts_call_exist():
    targets = set(re.findall(r"^([a-z.$()A-Z/]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    for script in (ROOT / ".ci").iterdir():
        for target in re.findall(r"^make (?:--silent )?([a-z]+)", script.read_text(), flags=re.MULTILINE):
            assert target in targets, f"{script.name} calls make {target}"
