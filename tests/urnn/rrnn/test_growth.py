"""A step of the search against the same written out, and what every tree that it grows must be."""

import pytest
import torch
from torch.autograd import gradcheck

from tests.urnn.rrnn.brute import grow_one
from urnn.rrnn import Tree
from urnn.rrnn.growth import Weights, grow
from urnn.rrnn.scorer import Scorer
from urnn.rrnn.triples import Triples

N, B = 5, 6


def made(nodes: int = 9, triples: int = 2, width: int = 12, spread: float = 1.0, samples: int = B):
    """x, h, L, R, and the other weights, float64; a larger spread makes vectors that leave (-1, 1)."""
    torch.manual_seed(nodes)
    shared, scorer = Triples(triples, N, dtype=torch.float64), Scorer(N, width, dtype=torch.float64)
    with torch.no_grad():
        for weight in (shared.L, shared.R, shared.b, scorer.out.weight):
            weight.normal_().mul_(spread)
    x, h = (torch.randn(samples, N, dtype=torch.float64, requires_grad=True) for _ in range(2))
    return x, h, shared, scorer


def weights_of(shared: Triples, scorer: Scorer) -> Weights:
    return Weights(shared.sides, shared.b, scorer.hidden.weight, scorer.hidden.bias, scorer.out.weight[0])


@pytest.mark.parametrize("spread", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("nodes", [2, 3, 5, 9])
@pytest.mark.parametrize("triples", [1, 4])
def test_a_step_is_its_definition_and_so_is_its_derivative(nodes, triples, spread):
    x, h, shared, scorer = made(nodes, triples, spread=spread)
    given = [x, h, *shared.parameters(), *scorer.parameters()]
    step = grow(shared.products(x), h, weights_of(shared, scorer), nodes)
    samples = [grow_one(x[b], h[b], shared.L, shared.R, weights_of(shared, scorer), nodes) for b in range(B)]
    assert step.codes.tolist() == [codes for _, _, codes in samples]
    expected = [torch.stack(parts) for parts in list(zip(*samples, strict=True))[:2]]
    found = [step.vectors, step.top]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
    factors = [torch.randn_like(one) for one in found]
    gradients = [
        torch.autograd.grad(sum((a * b).sum() for a, b in zip(way, factors, strict=True)), given)
        for way in (found, expected)
    ]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-10 * float(other.abs().max()))


def test_the_derivative_passes_gradcheck():
    x, h, shared, scorer = made(4, 2, spread=0.5, samples=2)
    weights = [one.detach().requires_grad_() for one in weights_of(shared, scorer)]
    products = shared.products(x).detach().requires_grad_()
    assert gradcheck(lambda p, s, *w: grow(p, s, Weights(*w), 4)[:2], (products, h, *weights))


@pytest.mark.parametrize("nodes", range(2, 12))
def test_every_structure_is_one_tree_of_so_many_nodes(nodes):
    x, h, shared, scorer = made(nodes, 3, spread=2.0, samples=40)
    codes = grow(shared.products(x), h, weights_of(shared, scorer), nodes, noise=5.0).codes
    trees = [Tree.from_codes(rows) for rows in codes.tolist()]  # which refuses what is no tree
    assert {len(tree.nodes) for tree in trees} == {nodes}
    assert len(set(map(str, trees))) > 20  # so much noise makes nearly every choice a free one


def test_there_is_no_second_derivative():
    """Not even where the first needs no gradient of the output, and torch would take it for a constant."""
    x, h, shared, scorer = made(3, 2)
    step = grow(shared.products(x), h, weights_of(shared, scorer), 3)
    (first,) = torch.autograd.grad(step.vectors.sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="differentiate twice"):
        first.sum().backward()


def test_no_samples_are_no_trees():
    x, h, shared, scorer = made(5, 2, samples=0)
    step = grow(shared.products(x), h, weights_of(shared, scorer), 5)
    assert [one.shape for one in step] == [(0, 5, N), (0, 5, 2), (0, 5, 5)]
    (step.vectors.sum() + step.top.sum()).backward()
    assert x.grad.shape == (0, N)


def test_nothing_is_grown_on_the_meta_device():
    x, h, shared, scorer = (one.to("meta") for one in made(3, 2))
    with pytest.raises(RuntimeError) as caught:
        grow(shared.products(x), h, weights_of(shared, scorer), 3)
    assert str(caught.value) == (
        "RRNN: a search reads its scores, and tensors on the meta device have none; fix a structure first"
    )


def test_samples_do_not_see_each_other():
    x, h, shared, scorer = made(9, 4)
    weights = weights_of(shared, scorer)
    whole = grow(shared.products(x), h, weights, 9)
    for sample in range(B):
        alone = grow(shared.products(x[sample : sample + 1]), h[sample : sample + 1], weights, 9)
        assert torch.equal(alone.codes[0], whole.codes[sample])
        torch.testing.assert_close(alone.vectors[0], whole.vectors[sample], rtol=1e-12, atol=1e-13)


def test_noise_is_drawn_from_torchs_generator_and_leaves_the_scores_as_they_are():
    x, h, shared, scorer = made(5, 2)
    plain, *noisy = (
        grow(shared.products(x), h, weights_of(shared, scorer), 5, noise) for noise in (0.0, 1.0, 1.0)
    )
    torch.testing.assert_close(noisy[0].top[:, 0], plain.top[:, 0], rtol=1e-12, atol=0)  # the first node's
    assert not torch.equal(noisy[0].vectors, noisy[1].vectors)
    torch.manual_seed(1)
    one = grow(shared.products(x), h, weights_of(shared, scorer), 5, 1.0)
    torch.manual_seed(1)
    assert torch.equal(grow(shared.products(x), h, weights_of(shared, scorer), 5, 1.0).vectors, one.vectors)


def test_the_noise_is_gumbels():
    """With scores that are all equal every candidate is as likely to be the best as any other."""
    x, h, shared, scorer = made(2, 1, samples=4000)
    with torch.no_grad():
        scorer.out.weight.zero_()
        for weight in shared.parameters():
            weight.mul_(0.01)
    codes = grow(shared.products(x), h, weights_of(shared, scorer), 2, 1.0).codes[:, 0]
    counts = torch.unique(codes, dim=0, return_counts=True)[1]
    assert len(counts) == 3 * 2 * 4  # pairs, operations, activations
    expected = 4000 / 24
    assert float(((counts - expected) ** 2 / expected).sum()) < 23 + 5 * (2 * 23) ** 0.5  # chi squared


def test_what_is_not_a_number_is_not_hidden():
    x, h, shared, scorer = made(4, 2)
    with torch.no_grad():
        x[2, 0] = torch.nan
    vectors = grow(shared.products(x), h, weights_of(shared, scorer), 4).vectors
    finite = vectors.isfinite().all(-1).all(-1)
    assert finite.tolist() == [True, True, False, True, True, True]
