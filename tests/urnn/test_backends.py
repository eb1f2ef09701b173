"""Which backend runs: the one asked for, or else the environment's, or else the first that applies."""

from dataclasses import replace

import pytest
import torch

from urnn import URNN, backends
from urnn.backends import BACKENDS, Backend, reference


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two more backends in front of the reference; each notes its name when it runs a sequence."""
    ran: list[str] = []

    def recording(name: str, applies) -> Backend:
        def run_sequence(*arguments):
            ran.append(name)
            return reference.run_sequence(*arguments)

        return Backend(name, run_sequence, applies)

    rows = {
        "elsewhere": replace(recording("elsewhere", lambda n, device: device == "abacus"), devices=("abacus",)),
        "large": recording("large", lambda n, device: n >= 8),
        "reference": recording("reference", lambda n, device: True),
    }
    monkeypatch.setattr(backends, "BACKENDS", rows)
    return ran


def test_every_row_is_keyed_by_its_name_and_the_reference_applies_everywhere():
    for name, row in BACKENDS.items():
        assert row.name == name
    assert all(BACKENDS["reference"].applies(n, device) for n in (1, 4096) for device in ("cpu", "cuda"))


@pytest.mark.parametrize(("n", "chosen"), [(4, "reference"), (8, "large")])
def test_auto_takes_the_first_that_applies(calls, n, chosen):
    rnn = URNN(2, n)
    assert rnn.backend_in_use == chosen
    rnn(torch.randn(3, 1, 2))
    assert calls == [chosen]


def test_a_backend_asked_for_runs_every_layer_and_direction(calls):
    rnn = URNN(2, 8, 2, bidirectional=True, backend="reference")
    assert rnn.backend_in_use == "reference"
    rnn(torch.randn(3, 1, 2))
    assert calls == ["reference"] * 4


def test_the_environment_says_what_auto_is_and_overrides_nothing_else(calls, monkeypatch):
    monkeypatch.setenv("URNN_BACKEND", "reference")
    for asked, runs in (("auto", "reference"), ("large", "large")):
        rnn = URNN(2, 8, backend=asked)
        assert rnn.backend_in_use == rnn.prepare() == runs
        rnn(torch.randn(3, 1, 2))
        assert calls.pop() == runs


def test_an_empty_variable_says_nothing(calls, monkeypatch):
    monkeypatch.setenv("URNN_BACKEND", "")
    assert URNN(2, 8).backend_in_use == "large"


def test_an_unknown_name_fails_when_the_module_is_built(calls):
    with pytest.raises(
        ValueError,
        match=r"backend must be one of \['auto', 'elsewhere', 'large', 'reference'\], got 'cudnn'",
    ):
        URNN(2, 8, backend="cudnn")


def test_an_unknown_name_in_the_environment_fails_too(monkeypatch):
    rnn = URNN(2, 8)
    monkeypatch.setenv("URNN_BACKEND", "cudnn")
    with pytest.raises(ValueError, match=r"^URNN_BACKEND must be one of \['auto', .*'reference'\], got 'cudnn'$"):
        rnn(torch.randn(3, 1, 2))


def test_a_backend_of_the_environment_that_cannot_run_this_size_is_named_with_the_variable(calls, monkeypatch):
    monkeypatch.setenv("URNN_BACKEND", "large")
    message = "^URNN_BACKEND='large' cannot run hidden_size=4 on cpu; unset it, or set it to 'reference'$"
    with pytest.raises(ValueError, match=message):
        URNN(2, 4)(torch.randn(3, 1, 2))


def test_a_backend_that_cannot_run_this_size_says_what_to_use(calls):
    with pytest.raises(
        ValueError, match=r"^backend 'large' cannot run hidden_size=4 on cpu; use backend='auto' or 'reference'"
    ):
        URNN(2, 4, backend="large")


def test_a_backend_for_another_device_is_judged_when_it_is_used(calls):
    rnn = URNN(2, 8, backend="elsewhere")
    with pytest.raises(ValueError, match="backend 'elsewhere' cannot run hidden_size=8 on cpu"):
        rnn(torch.randn(3, 1, 2))
    rnn.backend = "large"
    rnn(torch.randn(3, 1, 2))
    assert calls == ["large"]


def test_asking_for_the_name_builds_nothing_and_a_call_does(calls, monkeypatch):
    built: list[int] = []

    def applies(n: int, device: str) -> bool:
        built.append(n)
        return False

    lazy = Backend("lazy", reference.run_sequence, applies, expected=lambda n, device: not built)
    monkeypatch.setattr(backends, "BACKENDS", {"lazy": lazy, **backends.BACKENDS})
    rnn = URNN(2, 8)
    assert (rnn.backend_in_use, built) == ("lazy", [])
    assert URNN(2, 8, backend="lazy").backend_in_use == "lazy"
    rnn(torch.randn(3, 1, 2))
    assert (rnn.backend_in_use, built, calls) == ("large", [8], ["large"])
