"""Each of the four losses against a case made by hand, and the two stages."""

import math

import pytest
import torch
from torch import nn

from tests.urnn.rrnn.test_tree import random_tree
from urnn.rrnn import GRU_TREE, RRNN, Losses, Node, ResetBeforeGRU, Searched, Stages, Structures, Tree
from urnn.rrnn.losses import margin_loss, squared_norm, target_nodes, tree_distance

CHAIN = Tree((Node(0, 1, 0, 0, 0), Node(0, 3, 0, 0, 0)))  # a node over a node on the right
FORK = Tree((Node(0, 1, 0, 0, 0), Node(1, 2, 0, 0, 0), Node(3, 4, 0, 0, 0)))


def structures_of(*trees: Tree) -> Structures:
    return Structures(torch.tensor([[tree.codes for tree in trees]]))


def by_places(tree: Tree, vectors: torch.Tensor, top: int) -> dict[int, torch.Tensor]:
    """The vectors of a subtree by their places."""
    found, waiting = {}, [(top + 3, 1)]
    while waiting:
        slot, place = waiting.pop()
        if slot >= 3:
            found[place] = vectors[slot - 3]
            node = tree.nodes[slot - 3]
            waiting += [(node.left, 2 * place), (node.right, 2 * place + 1)]
    return found


def distance_by_definition(tree: Tree, vectors: torch.Tensor, other: Tree, target: torch.Tensor) -> torch.Tensor:
    total, nothing = torch.zeros((), dtype=vectors.dtype), torch.zeros_like(vectors[0])
    for p in range(len(tree.nodes)):
        mine, distances = by_places(tree, vectors, p), []
        for q in range(len(other.nodes)):
            theirs = by_places(other, target, q)
            apart = [
                (mine.get(place, nothing) - theirs.get(place, nothing)).square().sum()
                for place in mine.keys() | theirs
            ]
            distances.append(torch.stack(apart).sum())
        total = total + torch.stack(distances).min()
    return total


class TestLosses:
    def test_a_margin_that_is_wide_enough_costs_nothing(self):
        margins = torch.tensor([[[2.0, 5.0], [0.5, 2.0]], [[0.0, 2.0], [1.0, 7.0]]])  # T, B, N
        assert float(margin_loss(margins, wanted=2.0)) == pytest.approx((0.75 + 1 + 0.5) / 2)

    def test_the_norm_is_of_all_parameters(self):
        parameters = [nn.Parameter(torch.tensor([[1.0, 2.0]])), nn.Parameter(torch.tensor(3.0))]
        assert float(squared_norm(parameters).detach()) == 14

    def test_the_tree_distance_by_hand(self):
        """Subtrees of the chain: node 0 alone, and node 1 with node 0 at place 3; of the fork 0, 1, and all."""
        mine = torch.tensor([[[[1.0], [3.0]]]])
        target = torch.tensor([[[[2.0], [5.0], [3.5]]]])
        node_0 = 1.0  # to the fork's node of 2
        # against 2: (3 - 2)^2 + 1^2; against 5: 2^2 + 1^2; against all: 0.5^2 + 2^2 (place 2) + 4^2 (place 3)
        node_1 = 2.0
        assert float(tree_distance(structures_of(CHAIN), mine, FORK, target)) == node_0 + node_1

    @pytest.mark.parametrize("seed", range(10))
    def test_the_tree_distance_is_its_definition(self, seed):
        torch.manual_seed(seed)
        trees = [random_tree(7, 2) for _ in range(3)]
        nodes, target = (
            torch.randn(1, 3, number, 4, dtype=torch.float64, requires_grad=True) for number in (7, 9)
        )
        found = tree_distance(structures_of(*trees), nodes, GRU_TREE, target)
        expected = sum(
            distance_by_definition(tree, nodes[0, b], GRU_TREE, target[0, b]) for b, tree in enumerate(trees)
        )
        torch.testing.assert_close(found, expected / 3, rtol=1e-12, atol=0)
        gradients = [torch.autograd.grad(loss, (nodes, target)) for loss in (found, expected / 3)]
        torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-13)

    def test_a_tree_is_at_no_distance_from_itself(self):
        gru, x = ResetBeforeGRU(3, 4), torch.randn(5, 2, 3)
        nodes = target_nodes(gru, x)
        structures = Structures(torch.tensor(GRU_TREE.codes).expand(5, 2, -1, -1))
        assert float(tree_distance(structures, nodes, GRU_TREE, nodes)) == 0
        assert not nodes.requires_grad

    def test_together_they_are_weighted(self):
        nodes, target = torch.tensor([[[[1.0], [3.0]]]]), torch.tensor([[[[0.0]] * 9]])
        searched = Searched(
            nodes[:, :, -1], nodes[0, :, -1:], structures_of(CHAIN), torch.tensor([[[0.0, 0.5]]]), nodes
        )
        theta = [nn.Parameter(torch.tensor([2.0]))]
        apart = float(tree_distance(searched.structures, nodes, GRU_TREE, target))
        assert apart == 1 + (9 + 1)
        weights = Losses(task=2.0, margin=3.0, norm=5.0, tree=7.0)
        whole = weights.of_search(torch.tensor(11.0), searched, theta, target)
        assert float(whole.detach()) == pytest.approx(2 * 11 + 3 * 1.5 + 5 * 4 + 7 * apart)
        assert float(weights.of_search(torch.tensor(11.0), searched, theta).detach()) == pytest.approx(
            22 + 4.5 + 20
        )

    @pytest.mark.parametrize(
        ("given", "error", "message"),
        [
            ({"task": -1.0}, ValueError, "task must be a finite number of at least 0, got -1.0"),
            ({"tree": math.nan}, ValueError, "tree must be a finite number of at least 0, got nan"),
            (
                {"wanted_margin": 0.0},
                ValueError,
                "wanted_margin must be a finite number above 0, got 0.0",
            ),
        ],
    )
    def test_weights_that_are_none_are_refused(self, given, error, message):
        with pytest.raises(error) as caught:
            Losses(**given)
        assert str(caught.value) == message


def stages(seed: int = 0, **options) -> tuple[Stages, list]:
    """A small RRNN that is to give back what came in a step before."""
    torch.manual_seed(seed)
    x = torch.randn(6, 16, 2)
    batch = x, torch.cat([torch.zeros(1, 16, 2), x[:-1]])
    return Stages(RRNN(2, 8, nodes=4), nn.Linear(8, 2), nn.functional.mse_loss, rate=1e-2, **options), [batch]


class TestStages:
    def test_searching_logs_structures_and_lowers_the_loss(self):
        made, batches = stages(gru=ResetBeforeGRU(2, 8))
        for _ in range(30):
            logged = made.search(*batches[0])
            assert sum(count for _, count in logged.trees) == 6 * 16
        assert len(made.log) == 30
        assert made.log[-1].loss < made.log[0].loss

    def test_fixing_takes_the_best_of_those_tried_and_training_it_lowers_the_loss(self):
        made, batches = stages()
        for _ in range(10):
            made.search(*batches[0])
        tried = {tree for logged in made.log for tree, _ in logged.trees}
        fixed = made.fix(batches, tried=1000)
        assert made.rnn.fixed == fixed
        at_first = made.task_loss(batches)
        for tree in tried:
            made.rnn.fix(tree)
            assert made.task_loss(batches) >= at_first
        made.rnn.fix(fixed)
        for _ in range(50):
            made.train_fixed(*batches[0])
        assert made.task_loss(batches) < at_first

    def test_a_search_that_follows_begins_a_new_log(self):
        made, batches = stages()
        made.search(*batches[0])
        made.fix(batches)
        made.search(*batches[0])
        assert made.rnn.fixed is None
        assert len(made.log) == 1

    def test_there_must_be_something_to_fix_and_something_fixed(self):
        made, batches = stages()
        with pytest.raises(ValueError, match=r"^there is no structure to fix; search first$"):
            made.fix(batches)
        with pytest.raises(ValueError, match=r"^no structure is fixed; call fix first$"):
            made.train_fixed(*batches[0])

    def test_a_gru_of_another_size_is_refused(self):
        with pytest.raises(ValueError) as caught:
            stages(gru=ResetBeforeGRU(2, 9))
        assert str(caught.value) == ("expected a GRU of 2 inputs and 8 units, as the RRNN has, got one of 2 and 9")

    def test_the_scorer_is_trained_by_the_search_alone(self):
        made, batches = stages()
        before = made.rnn.scorer.out.weight.clone()
        made.search(*batches[0])
        searched = made.rnn.scorer.out.weight.clone()
        assert not torch.equal(searched, before)
        made.fix(batches)
        made.losses = Losses(norm=0.0)
        made.optimiser.state.clear()
        made.train_fixed(*batches[0])
        assert torch.equal(made.rnn.scorer.out.weight, searched)
