"""Every wrong input of the estimator is one sentence: what was expected, what came, what to do."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError

from urnn.spectral import QuadraticRNN, Sequences, SpectralRNN, SpectralWarning, errors
from urnn.spectral.scores import AutoregressiveGaussian, Gaussian, IndependentGaussian

pytestmark = pytest.mark.usefixtures("as_a_user")


@pytest.fixture(scope="module")
def data():
    net = QuadraticRNN(3, 2, 3, dtype=torch.float64).draw(0.2, torch.Generator().manual_seed(0))
    return Sequences(net, 1000).whole()


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"hidden_size": 0}, ValueError, "hidden_size must be at least 1, got 0"),
        ({"hidden_size": 2.0}, TypeError, r"hidden_size must be a whole number, got float 2\.0"),
        ({"power": 3}, ValueError, "power must be 2, got 3: of other powers"),
        ({"passes": 1}, ValueError, "passes must be from 2 to 3, got 1"),
        ({"starts": 0}, ValueError, "starts must be at least 1, got 0"),
        ({"random_state": -1}, ValueError, "random_state must be from 0 to 18446744073709551615, got -1"),
        ({"recurrence": "fifth"}, ValueError, "recurrence must be one of mixed, fourth, got 'fifth'"),
        ({"score_function": 0.3}, TypeError, r"such as IndependentGaussian\(\), got float"),
        ({"random_state": 2**64}, ValueError, "random_state must be from 0 to 18446744073709551615, got"),
        ({"bidirectional": "no"}, TypeError, "bidirectional should be of type bool, got: str"),
        ({"score_function": Gaussian(torch.eye(5))}, ValueError, "sequences of 5 time steps, got 4"),
        (
            {"hidden_size": 4},
            ValueError,
            r"4 hidden units \(hidden_size 4\) cannot be told from 3 outputs: .* hidden_size to at most 3 or",
        ),
        (
            {"hidden_size": 2, "bidirectional": True},
            ValueError,
            r"4 hidden units \(2 x 2, of both directions\) cannot be told from 3 outputs: .* to at most 1 or",
        ),
    ],
)
def test_settings(data, settings, error, said):
    with pytest.raises(error, match=said):
        SpectralRNN(**{"hidden_size": 2, **settings}).fit(*data)


def changed(values, place, number):
    values = values.clone()
    values[place] = number
    return values


@pytest.mark.parametrize(
    ("spoil", "error", "said"),
    [
        (lambda x, y: (changed(x, (999, 0, 0), torch.nan), y), ValueError, "x must be finite, and has NaN or inf"),
        (lambda x, y: (x, changed(y, (0, 3, 2), torch.inf)), ValueError, "y must be finite, and has NaN or inf"),
        (lambda x, y: (x[:5], y[:5]), ValueError, "at least 6 sequences, as many as S_2 of 3 inputs has .* got 5"),
        (lambda x, y: (x[:0], y[:0]), ValueError, "expected sequences to learn from, got none"),
        (lambda x, y: (x, y[:5]), ValueError, r"expected x \(n, T, m\) and y \(n, T, dy\), .* and y \(5, 4, 3\)"),
        (lambda x, y: (x[0], y[0]), ValueError, r"got x \(4, 3\) and y \(4, 3\)"),
        (lambda x, y: (x[:, :1], y[:, :1]), ValueError, "sequences of at least 2 time steps, .* got 1"),
        (lambda x, y: (x.tolist(), y), TypeError, "x must be an array or a tensor, got list"),
        (lambda x, y: (x.numpy().astype(str), y), TypeError, "x must be real numbers, got <U"),
        (lambda x, y: (x, y.to(torch.complex128)), TypeError, "y must be real numbers, got torch.complex128"),
        (lambda x, y: (x, y > 0), TypeError, "y must be real numbers, got torch.bool"),
        (lambda x, y: (x, 0 * y), ValueError, "the outputs y do not vary"),
        (lambda x, y: (x[..., :0], y), ValueError, r"x must have at least one feature, got \(1000, 4, 0\)"),
        (lambda x, y: (x, y[..., :0]), ValueError, r"y must have at least one feature, got \(1000, 4, 0\)"),
        (lambda x, y: (x.to("meta"), y), ValueError, "x must be a dense tensor .* got one on the meta device"),
        (lambda x, y: (x, y.to_sparse()), ValueError, "y must be a dense tensor .* got torch.sparse_coo"),
        (lambda x, y: (x, 1e300 * y), ValueError, "the moments are too large for double precision; scale the"),
        (lambda x, y: (1e200 * x, y), ValueError, "the moments are too large for double precision; scale the"),
    ],
)
def test_data(data, spoil, error, said):
    with pytest.raises(error, match=said):
        SpectralRNN(2).fit(*spoil(*data))


def test_more_units_than_products_of_inputs():
    with pytest.raises(ValueError, match=r"4 hidden units cannot be told from 2 inputs: their products"):
        SpectralRNN(4).fit(np.ones((10, 4, 2)), np.ones((10, 4, 5)))


def test_chunks_that_come_once(data):
    with pytest.raises(
        ValueError, match=r"held 1000 sequences when first walked over and 0 later; .* a list, not a"
    ):
        SpectralRNN(2).fit_chunks(iter([data]))


@pytest.mark.parametrize(
    ("spoil", "error", "said"),
    [
        (lambda x, y: None, TypeError, r"expected chunks as pairs \(x, y\) to walk over, got NoneType"),
        (lambda x, y: [(x, y, x)], TypeError, r"expected chunk 0 as a pair \(x, y\), got a tuple of 3"),
        (lambda x, y: [(x, y), 3], TypeError, r"expected chunk 1 as a pair \(x, y\), got a int"),
        (
            lambda x, y: [(x, y), (x[:, :3], y[:, :3])],
            ValueError,
            r"x of chunk 1 as of the first, \(n, 4, 3\), got \(1000, 3, 3\)",
        ),
        (lambda x, y: [(x, y), (x, y[..., :2])], ValueError, r"y of chunk 1 as of .* got \(1000, 4, 2\)"),
    ],
)
def test_chunks(data, spoil, error, said):
    with pytest.raises(error, match=said):
        SpectralRNN(2).fit_chunks(spoil(*data))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda x: x + 0.5, "the mean of S_1"),
        (lambda x: 2 * x, "the mean of S_"),
        (lambda x: x.exp() - 1.6, "the mean of S_"),
        (lambda x: 12**0.5 * (torch.special.ndtr(x) - 0.5), "the mean of S_4"),  # uniform of variance 1
        (lambda x: x @ torch.tensor([[1, 0, 0], [0, 1, 0.6], [0, 0, 0.8]]).double(), "two features of a step"),
    ],
    ids=["moved", "scaled", "skewed", "uniform", "dependent"],
)
def test_inputs_of_another_distribution_are_a_warning(change, said):
    net = QuadraticRNN(3, 1, 3, dtype=torch.float64).draw(0.2, torch.Generator().manual_seed(0))
    x, _ = Sequences(net, 4000).whole()
    x = change(x)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        SpectralRNN(1).fit(x, net(x.transpose(0, 1)).transpose(0, 1).detach())
    sentence = str(caught[0].message)
    assert sentence.startswith("the inputs are not of the distribution of IndependentGaussian()")
    assert said in sentence
    assert caught[0].category is SpectralWarning


def test_correlated_inputs_under_the_wrong_rho_are_a_warning():
    net = QuadraticRNN(3, 1, 3, dtype=torch.float64).draw(0.2, torch.Generator().manual_seed(0))
    with pytest.warns(SpectralWarning, match=r"AutoregressiveGaussian\(-0\.3\): the mean of S_2 of two steps"):
        SpectralRNN(1, score_function=AutoregressiveGaussian(-0.3)).fit(*Sequences(net, 4000, rho=0.3).whole())


def test_too_few_units_are_a_warning():
    net = QuadraticRNN(3, 3, 3, dtype=torch.float64).draw(0.2, torch.Generator().manual_seed(0))
    with pytest.warns(SpectralWarning, match="are not those of 1 units: what is left of them is"):
        SpectralRNN(1).fit(*Sequences(net, 4000).whole())


def test_a_direction_that_is_a_guess_is_a_warning():
    net = QuadraticRNN(3, 1, 3, bidirectional=True, dtype=torch.float64)
    net.draw(1e-6, torch.Generator().manual_seed(0))
    with pytest.warns(SpectralWarning, match=r"the direction of units \[0, 1\] is a guess"):
        SpectralRNN(1, bidirectional=True).fit(*Sequences(net, 2000).whole())


def test_predicting(data):
    with pytest.raises(NotFittedError):
        SpectralRNN(2).predict(data[0])
    found = SpectralRNN(2).fit(*data)
    for x, got in (
        (data[0][..., :2], r"\(1000, 4, 2\)"),
        (data[0][:, :0], r"\(1000, 0, 3\)"),
        ([1.0], "list"),
    ):
        with pytest.raises(ValueError, match=rf"expected x \(n, T, 3\) with T of at least 1, got {got}"):
            found.predict(x)
    with pytest.raises(ValueError, match="x must be a dense tensor"):
        found.predict(data[0].to("meta"))
    assert found.predict(data[0][:0]).shape == (0, 4, 3)


def test_scoring(data):
    x, y = data
    with pytest.raises(NotFittedError):
        SpectralRNN(2).score(x, y)
    found = SpectralRNN(2).fit(x, y)
    with pytest.raises(ValueError, match=r"expected y \(n, T, 3\), got \(1000, 4, 2\)"):
        found.score(x, y[..., :2])
    for nothing in (torch.ones_like(y), y[:0]):
        with pytest.raises(ValueError, match="the outputs y do not vary, so that R\\^2 is not defined"):
            found.score(x[: len(nothing)], nothing)


def test_outputs_that_say_the_same_leave_units_unknown():
    """Two units through one output: any rotation of both has the same moments, exactly."""
    net = QuadraticRNN(3, 2, 3, dtype=torch.float64).draw(0.2, torch.Generator().manual_seed(0))
    x, y = Sequences(net, 2000).whole()
    with pytest.warns(SpectralWarning, match=r"components \[0, 1\] are not separated: the .* up to inf radians"):
        SpectralRNN(2).fit(x, y[..., :1].expand(-1, -1, 3))


@pytest.mark.parametrize("factor", [1e-100, 1e-9, 1e9, 1e100])
def test_the_size_of_outputs_is_no_cause_for_doubt(data, factor):
    x, y = data
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, plain = SpectralRNN(2).fit(x, factor * y), SpectralRNN(2).fit(x, y)
    np.testing.assert_allclose(found.component_errors_, plain.component_errors_, rtol=1e-3)


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (
            lambda: QuadraticRNN(3, 2, 3, bidirectional=1),
            TypeError,
            "bidirectional should be of type bool",
        ),
        (lambda: QuadraticRNN(3, 2, 3, dtype=torch.complex64), ValueError, "dtype must be torch.float32, .* got"),
        (lambda: QuadraticRNN(3, 2, 3).draw(-1), ValueError, "norm must be a finite number of at least 0, got -1"),
        (lambda: QuadraticRNN(3, 2, 3)([1]), TypeError, "expected x as a tensor, got list"),
        (lambda: Sequences(3, 10), TypeError, "net must be a QuadraticRNN, got int"),
        (
            lambda: Sequences(QuadraticRNN(3, 2, 3), 10, shuffled="x"),
            TypeError,
            "shuffled should be of type bool, got: str",
        ),
        (
            lambda: errors(QuadraticRNN(3, 2, 3), QuadraticRNN(3, 1, 3)),
            ValueError,
            r"two nets of one size, got QuadraticRNN\(3, 2, 3\) and QuadraticRNN\(3, 1, 3\)",
        ),
        (lambda: Gaussian("x"), TypeError, "covariance must be an array of real numbers, got str"),
        (lambda: Gaussian(torch.eye(2) * 1j), TypeError, "an array of real numbers, got torch.complex64"),
        (lambda: Gaussian(torch.full((2, 2), torch.nan)), ValueError, "covariance must be finite, of one step"),
        (lambda: Gaussian(torch.eye(0)), ValueError, "covariance must be finite, of one step or more"),
        (
            lambda: Gaussian.matched(torch.zeros(4, 3)),
            ValueError,
            r"x \(n, T, m\) with T .* got \(4, 3\)",
        ),
        (lambda: Gaussian.matched(torch.ones(1, 4, 3)), ValueError, "n m of at least T, or their covariance has"),
        (lambda: Gaussian.matched(torch.full((9, 4, 3), torch.inf)), ValueError, "with NaN or infinity"),
        (lambda: IndependentGaussian()(torch.ones(2, 4, 3), [4]), ValueError, "a step must be from 0 to 3, got 4"),
        (lambda: IndependentGaussian()(torch.ones(2, 4, 1), [0] * 9), ValueError, "at most 8 steps, got 9"),
        (lambda: IndependentGaussian()("x", [0]), TypeError, "x must be an array of real numbers, got str"),
    ],
)
def test_what_stands_beside_the_estimator(make, error, said):
    with pytest.raises(error, match=said):
        make()
