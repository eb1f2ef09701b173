"""Campaigns count every evaluation, keep what is new and what is wrong, and go on to the same bits."""

import math
from functools import partial

import pytest
import torch
from torch import nn

from tests.urnn.training.tiny import same_bits
from urnn import coverage
from urnn.coverage.campaign import Campaign, trigger
from urnn.coverage.generators import GENERATORS, Genetic, GradientDirected, RandomMutation
from urnn.coverage.inputs import Inputs, Oracle

pytestmark = pytest.mark.usefixtures("as_a_user")
STEPS, INPUTS, UNITS, CLASSES = 8, 4, 12, 3
SMALL = {
    "random": partial(RandomMutation, batch=70),
    "answer": partial(GradientDirected, batch=20),
    "requirement": partial(GradientDirected, along="requirement", batch=20),
    "genetic": partial(Genetic, generations=5, mutants=30),
}


@pytest.fixture
def net():
    return nn.LSTM(INPUTS, UNITS), nn.Linear(UNITS, CLASSES)


def started(net, name="temporal", sown=40, **options) -> Campaign:
    rnn, read_out = net
    x = torch.rand(STEPS, 60, INPUTS, generator=torch.Generator().manual_seed(1))
    metric = coverage.METRICS[name](rnn).fit(x)
    options = {"inputs": Inputs.of(x, noise=0.05), "oracle": Oracle(0.05), "seed": 0} | options
    campaign = Campaign(metric, lambda states: read_out(states[-1]), x[:, :25], **options)
    if sown:
        campaign.sow(sown)
    return campaign


@pytest.mark.parametrize("name", SMALL)
def test_a_budget_is_spent_to_the_last_evaluation(name, net, monkeypatch):
    campaign = started(net)
    seen = []
    evaluate = Campaign.evaluate
    monkeypatch.setattr(
        Campaign, "evaluate", lambda self, x, *a, **k: (seen.append(x.shape[1]), evaluate(self, x, *a, **k))[1]
    )
    campaign.run(SMALL[name](), budget=501)
    gradients = sum(seen) if name in ("answer", "requirement") else 0
    assert campaign.evaluations == 501
    assert 0 <= 501 - 40 - sum(seen) - gradients <= 1


@pytest.mark.parametrize("name", SMALL)
def test_one_seed_is_one_campaign(name, net):
    one, other, third = started(net), started(net), started(net, seed=1)
    for campaign in (one, other, third):
        campaign.run(SMALL[name](), budget=400)
    assert same_bits(one.state_dict(), other.state_dict())
    assert not torch.equal(one.stored, third.stored)


@pytest.mark.parametrize("name", SMALL)
def test_one_that_goes_on_ends_with_the_same_bits(name, net):
    whole, first, second = started(net), started(net), started(net, sown=0)
    rounds = iter((True, False))
    whole.run(SMALL[name](), budget=600)
    first.run(SMALL[name](), budget=600, after_round=lambda: next(rounds))
    assert first.evaluations < 600
    second.load_state_dict(first.state_dict())
    second.run(SMALL[name](), budget=600)
    assert same_bits(second.state_dict(), whole.state_dict())


def test_known_defects_are_saved_in_one_order(net):
    """A set that is made from another one's elements may give them in another order."""
    one, other = started(net), started(net, sown=0)
    drawn = torch.randint(1000, (400, 2), generator=torch.Generator().manual_seed(0)).tolist()
    one._known = {tuple(key) for key in drawn}
    assert list(one._known) != list({tuple(key) for key in list(one._known)})
    other.load_state_dict(one.state_dict())
    assert other.state_dict()["known"] == one.state_dict()["known"]


def test_all_that_is_covered_ends_it(net):
    campaign = started(net, name="neuron")
    campaign.metric.add(torch.ones(1, campaign.metric.count, dtype=torch.bool))
    campaign.run(RandomMutation(), budget=10**6)
    assert campaign.evaluations == 40


def test_what_meets_something_new_is_stored_with_its_original(net):
    campaign = started(net)
    before = campaign.metric.covered()
    campaign.run(Genetic(generations=5, mutants=30), budget=2000)
    new = len(campaign.metric.covered()) - len(before)
    assert new > 0
    assert campaign.stored.shape[1] - campaign.sown == new
    fresh = coverage.TemporalCoverage(campaign.metric.rnn).restore(started(net, sown=0).metric.as_json())
    fresh.update(campaign.stored)
    assert fresh.covered() == campaign.metric.covered()


def test_the_genetic_one_aims_where_nothing_was_aimed_at_yet(net):
    campaign = started(net)
    open_ones = campaign.metric.uncovered()
    drawn = {campaign.random_requirement() for _ in open_ones}
    assert drawn == set(open_ones)


def test_the_closest_test_is_the_closest(net):
    campaign = started(net)
    requirement = campaign.metric.uncovered()[0]
    seen = coverage.trace(campaign.metric.rnn, campaign.stored)
    assert campaign.closest(requirement) == int(campaign.metric.distance(seen, requirement).argmin())
    campaign.run(RandomMutation(batch=50), 500)
    seen = coverage.trace(campaign.metric.rnn, campaign.stored)
    assert campaign.closest(requirement) == int(campaign.metric.distance(seen, requirement).argmin())


def test_genetic_tests_meet_more_than_random_ones(net):
    genetic, random = started(net), started(net)
    genetic.run(Genetic(generations=20, mutants=30), 6000)
    random.run(RandomMutation(), 6000)
    assert genetic.metric.value() > 1.5 * random.metric.value()


def test_a_gradient_leads_nearer_to_its_requirement(net):
    campaign = started(net, sown=0)
    requirement = campaign.random_requirement()
    x, origins = campaign.originals[:, :9], torch.arange(9)
    _, before = campaign.evaluate(x, origins, requirement)
    gradient = GradientDirected(along="requirement")._gradient(campaign, x, origins, requirement)
    _, after = campaign.evaluate(x - 0.01 * gradient, origins, requirement)
    assert bool((after < before).all())


class TestDefects:
    """A net that answers 1 where the first input of the last step is above 0.5, else 0."""

    @pytest.fixture
    def campaign(self, net):
        rnn, _ = net

        def logits(states):
            above = (self.last[: states.shape[1]] > 0.5).double()
            return torch.stack([1 - above, above], 1)

        x = torch.full((STEPS, 3, INPUTS), 0.45)
        self.last = x[-1, :, 0]
        metric = coverage.NeuronCoverage(rnn, threshold=-1.0).fit(x)
        inputs = Inputs(0.0, 1.0, tuple(range(INPUTS)), ())
        return Campaign(metric, logits, x, inputs=inputs, oracle=Oracle(0.1), seed=0)

    def evaluated(self, campaign, *values: float):
        """One test for each value of the entry that decides, all made from original 1."""
        x = campaign.originals[:, [1] * len(values)].clone()
        x[-1, :, 0] = torch.tensor(values)
        self.last = x[-1, :, 0]
        campaign.evaluate(x, torch.full((len(values),), 1))

    def test_a_changed_answer_inside_the_oracle_is_one(self, campaign):
        self.evaluated(campaign, 0.46, 0.52, 0.9)  # not changed, changed, changed too far
        (defect,) = campaign.defects
        assert (defect.label, defect.original_label, defect.evaluations) == (1, 0, 2)
        assert torch.equal(defect.original, campaign.originals[:, 1])
        assert float(defect.input[-1, 0]) == pytest.approx(0.52)
        assert defect.measure == pytest.approx(0.07)
        assert (defect.requirement, defect.described) == (0, "unit 0 above -1")
        summary = campaign.summary()
        assert (summary["inside"], summary["adversarial"], summary["first_defect"]) == (2, 1, 2)
        assert summary["adversarial_rate"] == pytest.approx(1 / 3)

    def test_it_is_named_by_what_it_was_the_first_to_meet(self, campaign):
        campaign.metric.add(torch.tensor([[True] * 5 + [False] * (UNITS - 5)]))
        self.evaluated(campaign, 0.52)
        assert campaign.defects[0].requirement == 5

    def test_one_of_each_original_and_answer_is_kept_and_all_are_counted(self, campaign):
        self.evaluated(campaign, 0.52, 0.53)
        self.evaluated(campaign, 0.54)
        assert (len(campaign.defects), campaign.adversarial, campaign.first_defect) == (1, 3, 1)

    def test_the_trigger_is_what_they_share(self, campaign):
        self.evaluated(campaign, 0.54)
        change = trigger(campaign.defects, 1)
        assert float(change[-1, 0]) == pytest.approx(0.09)
        assert int((change != 0).sum()) == 1
        with pytest.raises(ValueError, match=r"^no defect is answered with 0$"):
            trigger(campaign.defects, 0)

    def test_without_an_oracle_none_are_looked_for(self, campaign):
        campaign.oracle = None
        self.evaluated(campaign, 0.52)
        assert (campaign.defects, campaign.inside) == ([], 0)

    def test_an_answer_a_step_changes_where_one_of_them_does(self, net):
        rnn, _ = net
        x = torch.rand(STEPS, 10, INPUTS)
        metric, inputs = coverage.NeuronCoverage(rnn).fit(x), Inputs.of(x, noise=0.5)
        campaign = Campaign(
            metric, nn.Linear(UNITS, CLASSES, bias=False), x, inputs=inputs, oracle=Oracle(1.0), seed=0
        )
        campaign.sow(300)
        assert all(len(defect.label) == STEPS for defect in campaign.defects)
        assert all(defect.label != defect.original_label for defect in campaign.defects)
        assert campaign.defects


def test_a_reduced_defect_keeps_its_answer_and_hangs_on_each_change(net):
    rnn, _ = net
    read_out, x = nn.Linear(UNITS, CLASSES, bias=False), torch.rand(STEPS, 10, INPUTS)
    metric, inputs = coverage.NeuronCoverage(rnn).fit(x), Inputs.of(x, noise=0.5)
    campaign = Campaign(metric, lambda states: read_out(states[-1]), x, inputs=inputs, oracle=Oracle(1.0), seed=0)
    campaign.sow(300)
    defect = campaign.defects[0]
    left = campaign.reduced(defect)
    changed = (left != defect.original).nonzero().tolist()
    assert 0 < len(changed) < int((defect.input != defect.original).sum())
    assert int(read_out(rnn(left[:, None])[0][-1]).argmax()) == defect.label
    for step, feature in changed:
        other = left.clone()
        other[step, feature] = defect.original[step, feature]
        assert int(read_out(rnn(other[:, None])[0][-1]).argmax()) != defect.label


class TestRefusals:
    @pytest.mark.parametrize(
        ("budget", "error", "sentence"),
        [
            (0, ValueError, "budget must be at least 1, got 0"),
            (math.nan, TypeError, "budget must be a whole number, got float nan"),
            (True, TypeError, "budget must be a whole number, got bool True"),
        ],
    )
    def test_a_budget_that_is_none_is_named(self, budget, error, sentence, net):
        with pytest.raises(error, match=f"^{sentence}$"):
            started(net).run(RandomMutation(), budget=budget)

    @pytest.mark.parametrize(
        ("count", "error", "sentence"),
        [
            (0, ValueError, "count of tests must be at least 1, got 0"),
            (-1, ValueError, "count of tests must be at least 1, got -1"),
            (2.5, TypeError, "count of tests must be a whole number, got float 2.5"),
        ],
    )
    def test_a_number_of_tests_that_is_none_is_named(self, count, error, sentence, net):
        campaign = started(net, sown=0)
        with pytest.raises(error, match=f"^{sentence}$"):
            campaign.sow(count)
        assert campaign.stored.shape[1] == campaign.evaluations == 0

    @pytest.mark.parametrize(
        ("seed", "error", "sentence"),
        [
            (-1, ValueError, f"seed must be from 0 to {2**63 - 1}, got -1"),
            (2**64, ValueError, f"seed must be from 0 to {2**63 - 1}, got {2**64}"),
            (0.5, TypeError, "seed must be a whole number, got float 0.5"),
        ],
    )
    def test_a_seed_that_is_none_is_named(self, seed, error, sentence, net):
        with pytest.raises(error, match=f"^{sentence}$"):
            started(net, seed=seed)

    def test_no_originals_are_named(self, net):
        metric = coverage.NeuronCoverage(net[0]).fit(torch.rand(STEPS, 3, INPUTS))
        with pytest.raises(ValueError, match=r"^tests are made from original sequences, got none$"):
            Campaign(metric, None, torch.rand(STEPS, 0, INPUTS))

    @pytest.mark.parametrize("name", ["random", "genetic"])
    def test_nothing_sown_is_named(self, name, net):
        with pytest.raises(RuntimeError, match=r"^there is no test to start from; call sow\(\) first$"):
            started(net, sown=0).run(GENERATORS[name](), budget=10)

    def test_an_unfitted_metric_is_named(self, net):
        with pytest.raises(RuntimeError, match=r"^neuron coverage is not fitted yet"):
            Campaign(coverage.NeuronCoverage(net[0]), None, torch.rand(STEPS, 3, INPUTS))

    def test_answers_that_are_no_classes_lead_no_gradient(self, net):
        campaign = started(net)
        campaign.logits = campaign.answers = None
        with pytest.raises(
            ValueError, match=r"^the net's answers are no classes; let the gradient lead along='requir"
        ):
            campaign.run(GradientDirected(), budget=100)

    @pytest.mark.parametrize(
        ("make", "sentence"),
        [
            (lambda: RandomMutation(batch=0), "batch must be at least 1, got 0"),
            (lambda: Genetic(mutants=0), "mutants must be at least 1, got 0"),
            (lambda: Genetic(generations=0), "generations must be at least 1, got 0"),
            (lambda: Genetic(best=0), "best must be at least 1, got 0"),
            (lambda: GradientDirected(steps=0), "steps must be at least 1, got 0"),
            (lambda: GradientDirected(along="luck"), "along must be answer or requirement, got 'luck'"),
            (lambda: GradientDirected(least=0.2), "a step's size must be from least to most, got 0.2 to 0.1"),
            (lambda: GradientDirected(least=0), "least must be a finite number above 0, got 0"),
            (lambda: GradientDirected(most=math.inf), "most must be a finite number above 0, got inf"),
            (lambda: GradientDirected(least=math.nan), "least must be a finite number above 0, got nan"),
        ],
    )
    def test_wrong_settings_are_named(self, make, sentence):
        with pytest.raises(ValueError, match=rf"^{sentence}$"):
            make()

    @pytest.mark.parametrize(
        ("make", "sentence"),
        [
            (lambda: RandomMutation(batch=2.5), "batch must be a whole number, got float 2.5"),
            (lambda: Genetic(best="4"), "best must be a whole number, got str '4'"),
            (lambda: GradientDirected(most="1"), "most must be a number, got str '1'"),
        ],
    )
    def test_settings_that_are_no_numbers_are_named(self, make, sentence):
        with pytest.raises(TypeError, match=rf"^{sentence}$"):
            make()
