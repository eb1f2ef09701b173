"""`.ci/gate` hands on the gate's verdict and exit code, fetches the base, and runs nothing that its name holds."""

import pytest

from tests.bench.repositories import git
from tests.ci.conftest import calls

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("code", [0, 1, 2])
def test_the_gates_exit_code_and_verdict_come_through(run, checkout, tmp_path, code):
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    told = {"CODE": str(code), "SAID": str(code), "VERDICT": "the table"}
    done = run("gate", "HEAD", **told, GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode == code
    assert (checkout / ".gate" / "output" / "verdict.md").read_text() == "the table\n"
    assert summary.read_text() == "before\nthe table\n"
    assert calls(checkout) == [
        "make --silent .venv/ready",
        "-m bench gate --base HEAD --head HEAD "
        "--markdown .gate/output/verdict.md --json .gate/output/verdict.json",
    ]


@pytest.mark.parametrize("code", ["0", "1", "137"])
def test_a_gate_that_dies_is_not_measured_and_leaves_a_verdict_that_says_so(run, checkout, code):
    """Python ends with 1 after any crash."""
    output = checkout / ".gate" / "output"
    output.mkdir(parents=True)
    (output / "verdict.md").write_text("an earlier one")
    (output / "verdict.json").write_text(f'{{\n "exit_code": {code},\n')
    assert run("gate", "HEAD", CODE=code).returncode == 2
    text = (output / "verdict.md").read_text()
    assert text.startswith(f"**Not measured.** The gate ended with exit code {code} before it had a verdict")
    assert run("gate", "HEAD", CODE="1", SAID="0", VERDICT="it passes").returncode == 2


def test_what_goes_wrong_in_the_script_itself_is_not_measured(run, checkout, tmp_path):
    told = {"CODE": "1", "SAID": "1", "VERDICT": "the table"}
    assert run("gate", "HEAD", **told, GITHUB_STEP_SUMMARY=str(tmp_path / "no" / "summary")).returncode == 1
    (checkout / "file").touch()
    assert run("gate", "HEAD", "file/output", **told).returncode == 2
    assert run("gate", "HEAD", "output", "more", **told).returncode == 2


@pytest.mark.parametrize(
    ("base", "message"),
    [
        (
            "--upload-pack=touch owned",
            "gate: expected a commit, branch or tag as the base, got the option '--upload",
        ),
        (
            "release:refs/heads/owned",
            "gate: release:refs/heads/owned is no commit here and origin does not have it",
        ),
        ("+release", "gate: +release is no commit here and origin does not have it"),
        ("release..main", "gate: release..main is no commit here and origin does not have it"),
        ("$(touch owned)", "gate: $(touch owned) is no commit here and origin does not have it"),
    ],
)
def test_a_base_is_neither_an_option_nor_a_command(run, checkout, tmp_path, base, message):
    before = git(checkout, "for-each-ref")
    done = run("gate", base)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(message)
    assert calls(checkout) == []
    assert not [*checkout.glob("*owned*"), *tmp_path.glob("*owned*")]
    assert git(checkout, "for-each-ref") == before


def test_a_folder_is_no_option(run):
    done = run("gate", "HEAD", "--output")
    assert (done.returncode, done.stderr) == (
        2,
        "gate: expected a folder for the verdict, got the option '--output'\n",
    )


def test_a_hooks_variables_name_no_other_repository(run, checkout, tmp_path):
    base = git(tmp_path / "origin", "rev-parse", "release")
    run("gate", "release", GIT_DIR=str(tmp_path / "origin" / ".git"), GIT_WORK_TREE=str(tmp_path / "origin"))
    assert f"--base {base} " in calls(checkout)[-1]
    assert git(checkout, "rev-parse", "FETCH_HEAD") == base
    assert not (tmp_path / "origin" / ".git" / "FETCH_HEAD").exists()


def test_a_whole_clone_stays_whole(run, checkout, tmp_path):
    git(checkout, "fetch", "--quiet", "--unshallow")
    git(tmp_path / "origin", "checkout", "--quiet", "-b", "later")
    git(tmp_path / "origin", "commit", "--quiet", "--allow-empty", "--message", "Third")
    run("gate", "later")
    assert f"--base {git(tmp_path / 'origin', 'rev-parse', 'later')} " in calls(checkout)[-1]
    assert git(checkout, "rev-parse", "--is-shallow-repository") == "false"


def test_a_tag_and_a_commit_are_fetched_too_and_without_a_network_what_is_known_of_origin_is_taken(
    run, checkout, tmp_path
):
    origin = tmp_path / "origin"
    git(origin, "tag", "v1", "release")
    base = git(origin, "rev-parse", "v1")
    run("gate", "v1")
    assert f"--base {base} " in calls(checkout)[-1]
    git(origin, "config", "uploadpack.allowAnySHA1InWant", "true")
    tree = git(origin, "write-tree")
    other = git(origin, "commit-tree", tree, "-m", "Other")
    run("gate", other)
    assert f"--base {other} " in calls(checkout)[-1]
    git(checkout, "update-ref", "refs/remotes/origin/kept", base)
    origin.rename(tmp_path / "gone")
    run("gate", "kept")
    assert f"--base {base} " in calls(checkout)[-1]


def test_a_base_that_a_shallow_clone_lacks_is_fetched(run, checkout, tmp_path):
    assert run("gate", "release", SAID="0", VERDICT="it passes").returncode == 0
    base = git(tmp_path / "origin", "rev-parse", "release")
    assert f"--base {base} " in calls(checkout)[-1]


def test_a_base_that_nobody_has_is_one_line_and_exit_code_2(run, checkout):
    done = run("gate", "no-such")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        "gate: no-such is no commit here and origin does not have it; name a branch or a commit"
    )
    assert calls(checkout) == []


def test_an_environment_that_cannot_be_set_up_measures_nothing(run, checkout):
    done = run("gate", "HEAD", MAKE_CODE="2")
    assert done.returncode == 2
    assert done.stderr == "gate: the environment could not be set up, so nothing was measured\n"
    assert not (checkout / ".gate" / "output" / "verdict.json").exists()
