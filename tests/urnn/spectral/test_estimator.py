"""What SpectralRNN learns of nets that are known, its negative controls, and its manners as an estimator."""

import tracemalloc
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone

from urnn.spectral import (
    AutoregressiveGaussian,
    Gaussian,
    IndependentGaussian,
    QuadraticRNN,
    Sequences,
    SpectralRNN,
    SpectralWarning,
    errors,
    passes,
)

SAMPLES = 5000
SCORES = {0.0: None, 0.3: AutoregressiveGaussian(0.3)}


def net_of(size=6, hidden=3, outputs=6, seed=0, norm=0.2, **more):
    net = QuadraticRNN(size, hidden, outputs, dtype=torch.float64, **more)
    return net.draw(norm, torch.Generator().manual_seed(seed))


def learned(net, samples=SAMPLES, rho=0.0, length=4, shuffled=False, seed=0, **settings):
    """The estimator, and how far it is from the net."""
    data = Sequences(net, samples, length, rho, seed=seed, shuffled=shuffled, chunk=2048)
    settings.setdefault("score_function", SCORES.get(rho))
    found = SpectralRNN(net.hidden_size, bidirectional=net.bidirectional, **settings).fit_chunks(data)
    return found, errors(found.to_module(torch.float64), net)


@pytest.mark.parametrize("rho", SCORES)
def test_a_net_comes_back_by_mixed_moments(rho):
    found, off = learned(net_of(), rho=rho)
    assert off.A1 < 0.02
    assert off.A2 < 0.03
    assert off.U < 0.1
    assert 0.8 < found.misfit_ < 1.3
    assert found.residual_ < 0.01
    # the stated errors are of the size of the true ones
    assert 0.3 < off.A1 / np.sqrt(np.square(found.component_errors_).mean()) < 3


@pytest.mark.slow
def test_fourth_moments_find_the_recurrence_slowly():
    """Its median error is below 0.2 with 10^5 sequences here, and falls from 10^4."""
    nets = [net_of(seed=seed) for seed in range(3)]
    off = {
        samples: np.median([learned(net, samples, recurrence="fourth")[1].U for net in nets])
        for samples in (10_000, 100_000)
    }
    assert off[100_000] < 0.2
    assert off[100_000] < 0.6 * off[10_000]


@pytest.mark.parametrize("rho", SCORES)
def test_both_directions_are_told_apart(rho):
    net = net_of(hidden=2, seed=4, bidirectional=True)
    found, off = learned(net, length=6, rho=rho)
    assert (found.U_.shape, found.V_.shape) == ((2, 2), (2, 2))
    assert off.A1 < 0.02
    assert off.A2 < 0.03
    assert max(off.U, off.V) < 0.1
    assert found.wrong_direction_ < 0.02


def test_a_third_pass_is_worth_it():
    twice, thrice = (learned(net_of(), passes=passes)[1] for passes in (2, 3))
    assert 2 * thrice.U < twice.U


def test_shuffled_outputs_teach_nothing():
    with pytest.warns(SpectralWarning, match=r"components \[.*\] are not separated: the standard error"):
        _, off = learned(net_of(), shuffled=True)
    assert 0.9 < off.A2 < 1.1


@pytest.mark.slow
def test_scores_of_independent_inputs_are_wrong_on_correlated_ones():
    _, right = learned(net_of(), 100_000, rho=0.6, score_function=AutoregressiveGaussian(0.6))
    with pytest.warns(SpectralWarning) as caught:
        _, wrong = learned(net_of(), 100_000, rho=0.6, score_function=IndependentGaussian())
    assert wrong.A2 > 3 * right.A2
    assert wrong.U > 3 * right.U
    (said,) = [str(one.message) for one in caught]
    assert said.startswith(
        "the inputs are not of the distribution of IndependentGaussian(): the mean of S_2 of two"
    )


def test_a_score_may_be_matched_to_the_inputs():
    net = net_of()
    x, y = Sequences(net, SAMPLES, rho=0.6).whole()
    off = errors(SpectralRNN(3, score_function=Gaussian.matched(x)).fit(x, y).to_module(), net)
    assert off.A2 < 0.03
    assert off.U < 0.1


@pytest.mark.slow
def test_more_units_than_inputs():
    _, off = learned(net_of(size=3, hidden=4, outputs=6, seed=1), samples=20_000)
    assert off.A2 < 0.1
    assert off.U < 0.3


@pytest.mark.slow
def test_arrays_tensors_memory_maps_and_chunks_are_the_same(tmp_path):
    x, y = (one.float() for one in Sequences(net_of(), 4000).whole())
    np.save(tmp_path / "x.npy", x.numpy())
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    first = SpectralRNN(3).fit(x, y)
    for other in (SpectralRNN(3).fit(x.numpy(), y.numpy()), SpectralRNN(3).fit(mapped, y)):
        for name in ("A1_", "A2_", "U_"):
            assert np.array_equal(getattr(other, name), getattr(first, name))
    parts = [(x[at : at + 1000], y[at : at + 1000]) for at in range(0, 4000, 1000)]
    # other batches give other standard errors, by which entries count
    assert errors(SpectralRNN(3).fit_chunks(parts).to_module(), first.to_module()).U < 0.05


class WatchedChunks:
    """A number of chunks of sequences, and the most bytes of numpy arrays held when one was asked for.

    Of numpy's arrays alone: what Python itself allocates meanwhile (an import, a message of a test
    runner) isn't the estimator's.
    """

    def __init__(self, number):
        self.number, self.held = number, 0

    def __iter__(self):
        arrays = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
        for seed in range(self.number):
            x, y = Sequences(net_of(size=2, hidden=1, outputs=1), 300, length=2, seed=seed).whole()
            traces = tracemalloc.take_snapshot().filter_traces([arrays]).traces
            self.held = max(self.held, sum(trace.size for trace in traces))
            yield x.numpy().copy(), y.numpy().copy()


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_sequences():
    """As far as numpy's arrays go, as which the chunks come."""

    def held(number, read):
        tracemalloc.start()
        try:
            chunks = WatchedChunks(number)
            SpectralRNN(1).fit_chunks(read(chunks))
        finally:
            tracemalloc.stop()
        return chunks.held

    few, many = (held(number, lambda chunks: chunks) for number in (4, 20))
    assert 0 < many < 1.2 * few
    # and it would be seen if they were kept: a list of them all holds them
    assert held(20, list) > 3 * held(4, list)


def test_predictions_are_the_module_s():
    net = net_of()
    x, y = Sequences(net, 1000, noise=0.0).whole()
    found = SpectralRNN(3).fit(x, y)
    by_module = found.to_module(torch.float64)(x.transpose(0, 1)).transpose(0, 1)
    np.testing.assert_array_equal(found.predict(x), by_module.detach().numpy())
    assert found.predict(x.numpy()[:7]).shape == (7, 4, 6)
    assert found.score(x, y) > 0.99
    noisy = (y + 2 * torch.randn(y.shape, generator=torch.Generator().manual_seed(0))).numpy()
    explained = 1 - ((noisy - found.predict(x)) ** 2).sum() / ((noisy - noisy.mean((0, 1))) ** 2).sum()
    assert found.score(x, noisy) == pytest.approx(explained)


def test_the_module_trains_on():
    net = net_of()
    x, y = Sequences(net, 2000).whole()
    module = SpectralRNN(3).fit(x, y).to_module()
    x, y = x.transpose(0, 1).float(), y.transpose(0, 1).float()
    before = (module(x) - y).square().mean()
    before.backward()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter -= 1e-4 * parameter.grad
        assert (module(x) - y).square().mean() < before


def test_it_has_the_manners_of_scikit_learn():
    found = SpectralRNN(3, passes=2, score_function=AutoregressiveGaussian(0.3))
    assert found.get_params()["passes"] == 2
    assert clone(found).set_params(hidden_size=2).get_params()["hidden_size"] == 2
    assert "SpectralRNN(hidden_size=3, passes=2, score_function=AutoregressiveGaussian(0.3))" in repr(
        found
    ).replace("\n", "").replace("            ", " ")
    x, y = Sequences(net_of(), 1000, rho=0.3).whole()
    assert found.fit(x, y) is found
    assert found.n_features_in_ == 6
    again = SpectralRNN(3, passes=2, score_function=AutoregressiveGaussian(0.3)).fit(x, y)
    assert np.array_equal(again.U_, found.U_)


@pytest.mark.slow
def test_right_inputs_are_no_cause_for_warnings():
    """Also few, and also where one number among so many is large."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for seed in range(5):
            learned(net_of(size=3, hidden=1, outputs=2), samples=500, seed=seed)


def test_a_third_pass_that_explains_less_is_not_taken(monkeypatch):
    x, y = Sequences(net_of(size=2, hidden=1, outputs=2), 2000).whole()
    second = SpectralRNN(1, passes=2).fit(x, y)
    whole = passes._next

    def worse(plan, found, before):
        learned, squares = whole(plan, found, before)
        return learned, squares if before is None else np.inf

    monkeypatch.setattr(passes, "_next", worse)
    assert np.array_equal(SpectralRNN(1).fit(x, y).U_, second.U_)
    monkeypatch.undo()
    assert not np.array_equal(SpectralRNN(1).fit(x, y).U_, second.U_)
