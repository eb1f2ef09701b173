"""Two gates at once are refused with who holds the machine; a holder that ends leaves nothing behind."""

import os
import re
import tempfile

import pytest

from bench.gate.lock import lock_path, sole_run
from bench.worker import SweepError


@pytest.fixture(autouse=True)
def _own_lock(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_a_second_run_is_refused_with_who_holds_it():
    message = (
        rf"^another gate is measuring on this machine \(process {os.getpid()}, since \d\d:\d\d: main against a\); "
        r"two at once would measure each other\. Wait until it has ended, or end it\.$"
    )
    with sole_run("main against a"), pytest.raises(SweepError, match=message), sole_run("main against b"):
        pass


def test_the_machine_is_free_again_after_a_run_and_after_an_error():
    with pytest.raises(ValueError, match=r"^broken$"), sole_run("one"):
        raise ValueError("broken")
    with sole_run("a longer text than the next"):
        pass
    with sole_run("two"):
        assert lock_path().read_text().endswith('"what": "two"}')


def test_a_holder_that_has_not_written_who_it_is_is_still_one():
    with sole_run("one"):
        lock_path().write_text("{")
        with pytest.raises(SweepError, match=re.escape("(it has not said which)")), sole_run("two"):
            pass


def test_a_lock_that_cannot_be_opened_is_one_sentence(tmp_path):
    lock_path().mkdir()
    with pytest.raises(SweepError, match=r"^cannot open the lock .*urnn-gate\.lock \(Is a directory\); is it "):
        sole_run("one").__enter__()
