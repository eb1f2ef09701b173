"""`.ci/history` publishes what was drawn alone; what it and `.ci/calibrate` give to make is no command."""

import pytest

from tests.ci.conftest import calls, executable

pytestmark = pytest.mark.slow


def test_the_history_is_published_with_the_reports(run, checkout):
    for page in ("reports/history", ".asv/html"):
        executable(checkout / page / "index.html", page)
    (checkout / "public").mkdir()
    assert run("history", "v1..main").returncode == 0
    (checkout / "public" / "old").touch()
    assert run("history", "v1..main").returncode == 0
    assert calls(checkout) == ["make history RANGE=v1..main"] * 2
    assert (checkout / "public" / "reports" / "history" / "index.html").read_text() == "reports/history"
    assert (checkout / "public" / "asv" / "index.html").read_text() == ".asv/html"
    assert not (checkout / "public" / "old").exists()


def test_a_history_that_fails_publishes_nothing(run, checkout):
    assert run("history", MAKE_CODE="2").returncode == 2
    assert not (checkout / "public").exists()


@pytest.mark.parametrize("kind", ["folder", "link", "file"])
def test_what_the_history_has_not_written_is_not_replaced(run, checkout, tmp_path, kind):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "index.html").write_text("mine")
    public = checkout / "public"
    if kind == "folder":
        precious.rename(public)
    elif kind == "link":
        public.symlink_to(precious)
    else:
        public.write_text("mine")
    done = run("history")
    assert (done.returncode, done.stderr.startswith("history: 'public' ")) == (2, True)
    assert calls(checkout) == []
    assert ((public / "index.html") if kind != "file" else public).read_text() == "mine"


@pytest.mark.parametrize(
    ("script", "argument"),
    [
        *(
            ("history", text)
            for text in ("--all", "main;touch owned", "$(touch owned)", "main\ntouch owned", "a b")
        ),
        *(("calibrate", text) for text in ("-1", "soon", "nan", "1;touch owned", "", "5 minutes", "9" * 30)),
    ],
)
def test_an_argument_that_make_would_hand_to_a_shell_is_refused(run, checkout, script, argument):
    done = run(script, argument)
    if argument:
        assert done.returncode == 2
        assert done.stderr.startswith(f"{script}: expected ")
        assert calls(checkout) == []
    else:
        assert calls(checkout) == ["make calibrate CALIBRATION_MINUTES=40"]


def test_calibrating_takes_the_minutes_that_it_is_given(run, checkout):
    assert run("calibrate").returncode == 0
    assert run("calibrate", "5").returncode == 0
    assert calls(checkout) == ["make calibrate CALIBRATION_MINUTES=40", "make calibrate CALIBRATION_MINUTES=5"]
