"""The layer: what a search gives beside the output, the fixed stage, and arguments that are refused."""

import math

import pytest
import torch

from urnn.rrnn import GRU_TREE, RRNN, Node, Structures, Tree

T, B, M, N = 6, 16, 5, 12


def searched(**options):
    torch.manual_seed(0)
    rnn = RRNN(M, N, **options)
    return rnn, torch.randn(T, B, M)


class TestSearch:
    def test_it_gives_the_layers_output_and_the_structures_of_every_step_and_sample(self):
        rnn, x = searched()
        found = rnn.search(x)
        output, h_n = rnn(x)
        assert torch.equal(found.output, output)
        assert torch.equal(found.h_n, h_n)
        assert found.structures.codes.shape == (T, B, 9, 5)
        assert found.nodes.shape == (T, B, 9, N)
        assert torch.equal(found.nodes[:, :, -1], output)
        assert found.margins.shape == (T, B, 9)
        assert (found.margins >= 0).all()

    def test_a_batch_has_several_structures_each_a_tree_of_nine_nodes(self):
        rnn, x = searched()
        structures = rnn.search(x).structures
        trees = list(structures)
        assert {len(tree.nodes) for tree in trees} == {9}
        assert len(set(map(str, trees))) == structures.distinct() > 1
        assert sum(count for _, count in structures.counted()) == T * B
        assert structures.tree(2, 3) == trees[2 * B + 3]

    def test_the_state_carries_on(self):
        rnn, x = searched()
        whole, first = rnn.search(x), rnn.search(x[:2])
        second = rnn.search(x[2:], first.h_n)
        torch.testing.assert_close(torch.cat([first.output, second.output]), whole.output)
        assert torch.equal(torch.cat([first.structures.codes, second.structures.codes]), whole.structures.codes)

    def test_the_scorer_receives_a_gradient_from_the_output_and_from_the_margins(self):
        rnn, x = searched()
        for of in (lambda found: found.output.square().sum(), lambda found: found.margins.sum()):
            rnn.zero_grad()
            of(rnn.search(x)).backward()
            for parameter in rnn.scorer.parameters():
                assert parameter.grad.abs().max() > 0

    def test_noise_is_for_training_alone(self):
        rnn, x = searched(noise=1.0)
        assert not torch.equal(rnn(x)[0], rnn(x)[0])
        rnn.eval()
        assert torch.equal(rnn(x)[0], rnn(x)[0])

    def test_without_a_preference_trees_are_the_same_however_they_were_grown(self):
        one = Tree((Node(0, 1, 0, 0, 0), Node(0, 2, 1, 1, 1), Node(3, 4, 0, 0, 0)))
        swapped = Tree((Node(0, 2, 1, 1, 1), Node(0, 1, 0, 0, 0), Node(3, 4, 0, 0, 0)))
        grown = Tree((Node(0, 2, 1, 1, 1), Node(0, 1, 0, 0, 0), Node(3, 4, 0, 0, 2)))
        later = Structures(torch.tensor([[one.codes, swapped.codes, grown.codes, one.codes]]))
        numbers = later.numbers()[0].tolist()
        assert len(set(map(str, later))) == later.distinct() == 3  # left and right are told apart
        assert numbers[0] == numbers[3]


class TestFixed:
    def test_a_fixed_tree_runs_for_all_and_a_search_is_still_to_be_had(self):
        rnn, x = searched()
        free = rnn(x)[0]
        rnn.fix(GRU_TREE)
        assert rnn.fixed == GRU_TREE
        assert str(GRU_TREE) in repr(rnn)
        assert not torch.equal(rnn(x)[0], free)
        assert torch.equal(rnn.search(x).output, free)
        rnn.fix(None)
        assert torch.equal(rnn(x)[0], free)

    def test_another_number_of_nodes_is_refused(self):
        rnn, _ = searched(nodes=2)
        with pytest.raises(ValueError) as caught:
            rnn.fix(GRU_TREE)
        assert str(caught.value) == f"expected a tree of 2 nodes, got one of 9: {GRU_TREE}"


class TestBadInput:
    @pytest.mark.parametrize(
        ("given", "message"),
        [
            (
                {"nodes": 1},
                "nodes must be at least 2, got 1",
            ),
            ({"nodes": 0}, "nodes must be at least 2, got 0"),
            ({"triples": 0}, "triples must be at least 1, got 0"),
            ({"scorer_size": 0}, "scorer_size must be at least 1, got 0"),
            ({"hidden_size": 0}, "hidden_size must be at least 1, got 0"),
            ({"noise": -1.0}, "noise must be a finite number of at least 0, got -1.0"),
            ({"noise": math.nan}, "noise must be a finite number of at least 0, got nan"),
        ],
    )
    def test_an_argument_that_is_none_is_a_sentence(self, given, message):
        with pytest.raises(ValueError) as caught:
            RRNN(**{"input_size": M, "hidden_size": N, **given})
        assert str(caught.value) == message

    def test_an_input_of_another_width_is_a_sentence(self):
        rnn, x = searched()
        for call in (rnn, rnn.search):
            with pytest.raises(RuntimeError) as caught:
                call(x[..., 1:])
            assert (
                str(caught.value)
                == f"RRNN: expected an input (T, B, {M}) with T of at least 1, got {(T, B, M - 1)}"
            )

    def test_a_state_of_another_width_is_a_sentence(self):
        rnn, x = searched()
        with pytest.raises(RuntimeError, match=r"^RRNN: expected a state of shape \[\(1, 16, 12\)\], got "):
            rnn.search(x, torch.zeros(1, B, N - 1))
