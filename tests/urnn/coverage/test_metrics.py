"""Metrics are their definitions, by hand and by brute force; they never fall, they merge, and are saved whole."""

import json
import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from tests.urnn.coverage import brute
from urnn import URNN, coverage
from urnn.coverage import METRICS, Trace
from urnn.coverage.states import trace

pytestmark = pytest.mark.usefixtures("as_a_user")
STEPS, INPUTS, UNITS = 8, 4, 6
MAKE = {
    "LSTM": lambda: nn.LSTM(INPUTS, UNITS).double(),
    "GRU": lambda: nn.GRU(INPUTS, UNITS).double(),
    "RNN": lambda: nn.RNN(INPUTS, UNITS).double(),
    "URNN": lambda: URNN(INPUTS, UNITS, dtype=torch.float64),
}
# Thresholds at which small random nets meet some requirements and leave others.
OPTIONS = {"neuron": {"threshold": 0.2}, "cell": {"threshold": 0.6}, "gate": {"threshold": 0.52}}
WITHOUT_GATES = [name for name in METRICS if name != "gate"]
EVERY = [(kind, name) for kind in MAKE for name in METRICS if name != "gate" or kind == "LSTM"]


def sequences(count: int, steps: int = STEPS) -> torch.Tensor:
    return torch.randn(steps, count, INPUTS, dtype=torch.float64)


def made(kind: str, name: str, **options):
    return METRICS[name](MAKE[kind](), **(OPTIONS.get(name, {}) | options))


def as_lists(states: torch.Tensor) -> list:
    """(T, B, H) as a list of sequences."""
    return states.transpose(0, 1).tolist()


def described(metric, requirements) -> set[str]:
    return {metric.describe(requirement) for requirement in requirements}


def states_of(hidden: list[list[float]]) -> Trace:
    """One sequence whose states are given."""
    states = torch.tensor(hidden, dtype=torch.float64).unsqueeze(1)
    return Trace(states, states)


@pytest.fixture
def by_hand(monkeypatch):
    """Metrics read their sequences as if they were states."""

    def given(rnn, x, layer=-1, gates=False):
        yield Trace(x, x, {"forget": x})

    monkeypatch.setattr("urnn.coverage.metric.traces", given)
    return lambda name, width, **options: METRICS[name](nn.LSTM(width, width).double(), **options)


def one(*steps: list[float]) -> torch.Tensor:
    return torch.tensor(steps, dtype=torch.float64).unsqueeze(1)


class TestByHand:
    def test_neuron(self, by_hand):
        metric = by_hand("neuron", 3).fit(one([0.0, 0.0, 0.0], [0.0, 0.0, 0.0]))
        metric.update(one([1.0, -1.0, 0.0], [-1.0, -1.0, 0.0]))
        assert (metric.covered(), metric.uncovered(), metric.value()) == ([0], [1, 2], 1 / 3)

    def test_cell_counts_rise_and_fall_apart_and_begins_at_0(self, by_hand):
        """a+ 1, 2, 2 and a- -1, -1.5, 0: changes 1 + 1, 1 + 0.5, 0 + 1.5."""
        metric = by_hand("cell", 2, threshold=1.5).fit(one([0.0, 0.0], [0.0, 0.0], [0.0, 0.0]))
        metric.update(one([1.0, -1.0], [2.0, -1.5], [2.0, 0.0]))
        assert metric.covered() == [0]

    def test_gate(self, by_hand):
        metric = by_hand("gate", 2).fit(one([0.0, 0.0], [0.0, 0.0]))
        metric.update(one([0.9, 0.8], [0.9, 0.7]))
        assert described(metric, metric.covered()) == {"gate > 0.8 at step 0"}

    def test_sequence_is_normalised_by_itself(self, by_hand):
        metric = by_hand("sequence", 2).fit(one(*[[0.0, 0.0]] * 5))
        metric.update(one([1.0, -9.0], [2.0, -8.0], [3.0, -9.0], [4.0, -8.0], [5.0, -9.0]))
        assert described(metric, metric.covered()) == {"sequence+ aabbb", "sequence- ababa"}

    def test_a_constant_series_has_the_word_of_its_mean(self, by_hand):
        metric = by_hand("sequence", 1, sign="+").fit(one(*[[0.0]] * 5))
        metric.update(one(*[[3.0]] * 5))
        assert described(metric, metric.covered()) == {"sequence+ bbbbb"}

    def test_temporal_is_normalised_by_training(self, by_hand):
        """Training has xi 0 and 2 alike: mean 1, deviation 1; letters part at 1 - 0.43 and 1 + 0.43."""
        training = torch.tensor([[[0.0], [2.0]]] * 5, dtype=torch.float64)
        metric = by_hand("temporal", 1).fit(training)
        metric.update(one([0.5], [0.6], [-1.4], [-1.5], [9.0]))
        assert described(metric, metric.covered()) == {"temporal abbcc"}

    def test_boundary_and_stepwise(self, by_hand):
        """Training's xi lies between 0 and 10, its changes between 0 and 10."""
        training, test = one([0.0], [10.0], [10.0]), one([-8.0], [7.9], [1.9])
        boundary, stepwise = (by_hand(name, 1).fit(training) for name in ("boundary", "stepwise"))
        boundary.update(test)
        stepwise.update(test)
        assert (boundary.covered(), stepwise.covered()) == ([0], [0, 2])

    def test_state_and_transition(self, by_hand):
        """One axis from 0 to 10 in ten bins: training visits cells 0, 5 and the last, in this order."""
        training = one([0.0], [5.5], [10.0])
        state, transition = (by_hand(name, 1, components=1).fit(training) for name in ("state", "transition"))
        assert (state.count, transition.count) == (3, 2)
        test = one([5.2], [9.5], [11.0])
        if state.fitted["axes"] == [[-1.0]]:
            assert described(state, range(3)) == {"state (0,)", "state (4,)", "state (9,)"}
        state.update(test)
        transition.update(test)
        assert (state.value(), transition.value()) == (2 / 3, 1 / 2)


class TestByBruteForce:
    @pytest.mark.parametrize("kind", MAKE)
    @pytest.mark.parametrize("name", [name for name in WITHOUT_GATES if name not in ("state", "transition")])
    def test_it_is_its_definition(self, kind, name):
        metric, training, tests = made(kind, name), sequences(30), sequences(20)
        metric.fit(training)
        metric.update(tests)
        seen, before = (as_lists(trace(metric.rnn, x).hidden.detach()) for x in (tests, training))
        met_by = {
            "neuron": lambda states: brute.neuron(states, 0.2),
            "cell": lambda states: brute.cell(states, 0.6),
            "sequence": brute.sequence,
            "temporal": brute.temporal(before),
            "boundary": brute.scaled("boundary", brute.xi, before, 0.8),
            "stepwise": brute.scaled(
                "stepwise", lambda states: [abs(delta) for delta in brute.deltas(brute.xi(states))], before, 0.6
            ),
        }[name]
        expected = set().union(*map(met_by, seen))
        assert described(metric, metric.covered()) == expected
        assert 0 < len(expected) == round(metric.value() * metric.count)

    def test_gates(self):
        metric, tests = made("LSTM", "gate"), sequences(5)
        metric.fit(sequences(9)).update(tests)
        forget = as_lists(trace(metric.rnn, tests, gates=True).gates["forget"].detach())
        expected = set().union(*(brute.gate(states, 0.52) for states in forget))
        assert described(metric, metric.covered()) == expected
        assert expected

    @pytest.mark.parametrize("kind", MAKE)
    def test_states_and_transitions(self, kind):
        training, tests = sequences(40), sequences(15)
        rnn = MAKE[kind]()
        state, transition = (
            coverage.StateCoverage(rnn).fit(training),
            coverage.TransitionCoverage(rnn).fit(training),
        )
        state.update(tests)
        transition.update(tests)
        seen, before = (as_lists(trace(rnn, x).hidden.detach()) for x in (tests, training))
        cells = brute.grid(before, 3, 10)

        def pairs(states):
            walked = cells(states)
            return {pair for pair in pairwise(walked) if None not in pair}

        known = set().union(*(set(cells(states)) for states in before))
        shown = set().union(*(set(cells(states)) for states in seen))
        known_pairs, shown_pairs = (set().union(*map(pairs, many)) for many in (before, seen))
        # an axis may point the other way, which mirrors the cells and leaves their numbers
        assert (state.count, transition.count) == (len(known), len(known_pairs))
        assert len(state.covered()) == len(known & shown)
        assert len(transition.covered()) == len(known_pairs & shown_pairs)


@pytest.mark.parametrize(("kind", "name"), EVERY)
class TestEveryMetric:
    def test_it_never_falls_and_parts_add_up_to_the_whole(self, kind, name):
        whole, tests = made(kind, name), sequences(60)
        whole.fit(sequences(30))
        parts = METRICS[name](whole.rnn, **OPTIONS.get(name, {})).restore(whole.as_json())
        value = 0.0
        for part in tests.split([1, 20, 39], dim=1):
            parts.update(part)
            assert parts.value() >= value
            value = parts.value()
        whole.update(tests)
        assert parts.covered() == whole.covered()

    def test_merged_it_is_what_one_would_have_counted(self, kind, name):
        one, training = made(kind, name), sequences(30)
        one.fit(training)
        other, both = (METRICS[name](one.rnn, **OPTIONS.get(name, {})).fit(training) for _ in range(2))
        first, second = sequences(6), sequences(6)
        one.update(first)
        other.update(second)
        both.update(torch.cat([first, second], 1))
        one.merge(other)
        assert one.covered() == both.covered()

    def test_distance_is_0_where_it_is_met_and_above_0_where_not(self, kind, name):
        metric, tests = made(kind, name), sequences(12)
        metric.fit(sequences(30))
        seen = trace(metric.rnn, tests, gates=metric.reads_gates)
        met = metric.met(seen)
        for requirement in range(0, metric.count, max(1, metric.count // 50)):
            distance = metric.distance(seen, requirement)
            assert torch.equal(distance <= 0, met[:, requirement])

    def test_saved_and_loaded_it_goes_on(self, kind, name, tmp_path):
        metric = made(kind, name).fit(sequences(30))
        metric.update(sequences(3))
        metric.save(tmp_path / "metric.json")
        loaded = coverage.load(tmp_path / "metric.json", metric.rnn)
        more = sequences(9)
        assert json.loads(loaded.as_json()) == json.loads(metric.as_json())
        loaded.update(more)
        metric.update(more)
        assert (type(loaded), loaded.covered()) == (type(metric), metric.covered())

    def test_it_is_differentiable(self, kind, name):
        metric, tests = made(kind, name).fit(sequences(30)), sequences(4).requires_grad_()
        distances = [metric.distance(trace(metric.rnn, tests, gates=metric.reads_gates), r) for r in (0, 1)]
        assert torch.autograd.grad(sum(distances).sum(), tests)[0].isfinite().all()

    def test_asked_before_it_is_fitted_it_says_so(self, kind, name):
        metric = made(kind, name)
        sentence = f"^{name} coverage is not fitted yet; call fit\\(training sequences\\) first$"
        for ask in (metric.value, metric.uncovered, metric.covered, metric.as_json, lambda: metric.count):
            with pytest.raises(RuntimeError, match=sentence):
                ask()
        with pytest.raises(RuntimeError, match=sentence):
            metric.update(sequences(2))
        with pytest.raises(RuntimeError, match=sentence):
            metric.merge(metric)

    def test_sequences_shorter_than_the_window_are_refused(self, kind, name):
        sentence = f"^{name} coverage looks at steps up to {STEPS}, got sequences of 7; give longer ones or a "
        metric = made(kind, name).fit(sequences(30))
        with pytest.raises(ValueError, match=sentence):
            metric.update(sequences(2, steps=7))
        with pytest.raises(ValueError, match=sentence):
            made(kind, name, window=(1, STEPS)).fit(sequences(2, steps=7))

    def test_longer_sequences_are_read_inside_the_window(self, kind, name):
        metric = made(kind, name).fit(sequences(30))
        other = METRICS[name](metric.rnn, **OPTIONS.get(name, {})).restore(metric.as_json())
        longer = sequences(5, steps=STEPS + 3)
        metric.update(longer)
        other.update(longer[:STEPS])
        assert metric.covered() == other.covered()

    def test_states_that_are_not_finite_are_refused(self, kind, name):
        metric, damaged = made(kind, name).fit(sequences(30)), sequences(4)
        damaged[2, 1, 0] = math.nan
        with pytest.raises(
            ValueError, match=r"^expected finite states, got NaN or infinity; give finite sequences"
        ):
            metric.update(damaged)
        assert metric.covered() == []

    def test_no_training_sequences_are_refused(self, kind, name):
        with pytest.raises(ValueError, match=rf"^{name} coverage is fitted to training sequences, got none$"):
            made(kind, name).fit(sequences(0))


def test_a_state_is_closest_to_the_cells_around_it():
    """Distances of state coverage are in sides of a cell; one axis, cells of side 1."""
    metric = coverage.StateCoverage(nn.LSTM(1, 1), components=1, bins=2, window=(0, 1))
    metric.fitted = {"mean": [0.0], "axes": [[1.0]], "least": [0.0], "side": [1.0], "visited": [0, 1]}
    for value, distances in (
        (0.25, (0, 0.75)),
        (1.5, (0.5, 0)),
        (-2.0, (2, 3)),
        (math.pi, (math.pi - 1, math.pi - 2)),
    ):
        seen = states_of([[value]])
        found = [float(metric.distance(seen, requirement)) for requirement in (0, 1)]
        assert found == pytest.approx(distances)
