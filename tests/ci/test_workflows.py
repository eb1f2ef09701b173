"""What the workflows may do, as rules over their YAML.

zizmor and actionlint know GitHub's rules and run in `make lint`; here stand the rules of this project alone.
"""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from bench.paths import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TEXTS = {path.stem: path.read_text() for path in WORKFLOWS}
PARSED = {name: yaml.safe_load(text) for name, text in TEXTS.items()}
CONCURRENCY = "concurrency:\n  group: tests-${{ github.ref }}\n  cancel-in-progress: true\n"
every_workflow = pytest.mark.parametrize("name", PARSED)
WRITES = {  # job -> what it may write; every other job reads
    ("comment", "comment"): {"pull-requests"},
    ("history", "publish"): {"pages", "id-token"},
    ("release", "publish"): {"id-token"},
}


def triggers(name: str) -> set[str]:
    found = PARSED[name][True]  # YAML takes the key `on` for a truth value
    return {found} if isinstance(found, str) else set(found)


def steps(name: str):
    return [step for job in PARSED[name]["jobs"].values() for step in job["steps"]]


def test_there_are_tests_a_gate_with_its_comment_a_history_a_calibration_sweeps_and_releases():
    assert set(PARSED) == {"tests", "gate", "comment", "history", "calibration", "release", "sweep"}
    assert triggers("tests") >= {"pull_request"}
    assert triggers("gate") == {"pull_request"}
    assert triggers("history") >= {"push"}
    assert PARSED["history"][True]["push"]["branches"] == ["main"]
    assert triggers("calibration") >= {"schedule"}


@pytest.mark.parametrize(
    ("name", "right", "wrong", "audit"),
    [
        ("tests", "permissions: {}\n", "", "excessive-permissions"),
        ("tests", "contents: read", "contents: write", "undocumented-permissions"),
        ("tests", "@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0", "@v5", "unpinned-uses"),
        ("tests", "actions/checkout@", "somebody/checkout@", "forbidden-uses"),
        ("tests", "persist-credentials: false", "clean: true", "artipacked"),
        ("tests", CONCURRENCY, "", "concurrency-limits"),
        ("gate", '"$BASE"', '"${{ github.event.pull_request.base.sha }}"', "template-injection"),
        ("gate", "  pull_request:\n", "  pull_request_target:\n", "dangerous-triggers"),
    ],
)
def test_make_lint_catches_what_is_dangerous(name, right, wrong, audit, tmp_path):
    """zizmor has these rules; this holds that they are on, as `make lint` calls it."""
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    shutil.copy2(ROOT / ".github" / "zizmor.yml", folder.parent)
    assert right in TEXTS[name]
    (folder / f"{name}.yml").write_text(TEXTS[name].replace(right, wrong))
    (options,) = re.findall(r"bin/zizmor (.*) \.github$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    zizmor = Path(sys.executable).with_name("zizmor")
    command = [zizmor, *options.split(), "--format", "plain", ".github"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert f"[{audit}]" in done.stdout


@every_workflow
def test_a_job_writes_only_what_is_listed_here(name):
    for job, content in PARSED[name]["jobs"].items():
        written = {right for right, level in content["permissions"].items() if level == "write"}
        assert written == WRITES.get((name, job), set())


@every_workflow
def test_the_version_of_an_action_stands_beside_its_commit(name):
    for line in re.findall(r"uses: (.*)", TEXTS[name]):
        assert re.fullmatch(r"\S+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


@every_workflow
def test_every_job_has_an_end_and_leaves_no_token_behind(name):
    assert all("timeout-minutes" in job for job in PARSED[name]["jobs"].values())
    for step in steps(name):
        assert step.get("with", {}).get("persist-credentials", False) is False


def test_the_workflow_that_may_comment_checks_out_main_alone():
    for step in steps("comment"):
        if step.get("uses", "").startswith("actions/checkout"):
            assert "ref" not in step["with"]


def test_the_tests_run_on_every_python_that_the_package_names():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    tested = PARSED["tests"]["jobs"]["tests"]["strategy"]["matrix"]["python"]
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))
    assert (tested[0], tested[-1]) == (named[0], named[-1])
    assert project["requires-python"] == f">={tested[0]}"


def test_a_release_is_built_without_the_right_to_publish_and_published_without_code():
    jobs = PARSED["release"]["jobs"]
    assert triggers("release") == {"push"}
    assert PARSED["release"][True]["push"] == {"tags": ["v*"]}
    assert jobs["publish"]["needs"] == "build"
    assert not any("run" in step or "checkout" in step["uses"] for step in jobs["publish"]["steps"])


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
