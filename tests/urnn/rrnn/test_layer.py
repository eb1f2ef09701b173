"""The layer: what a search gives beside the output, the fixed stage, and arguments that are refused."""

import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from urnn.rrnn import GRU_TREE, RRNN, Node, ResetBeforeGRU, Structures, Tree

T, B, M, N = 6, 16, 5, 12

COMPILE = """
import torch
from urnn.rrnn import GRU_TREE, RRNN
torch.manual_seed(0)
for tree in (None, GRU_TREE):
    rnn, x = RRNN(5, 12), torch.randn(6, 4, 5)
    rnn.fix(tree)
    torch.testing.assert_close(torch.compile(rnn, backend="aot_eager")(x)[0], rnn(x)[0])
"""


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

    @pytest.mark.parametrize("tree", [GRU_TREE, None])
    def test_a_state_dict_takes_the_tree_along(self, tree, tmp_path):
        rnn, x = searched()
        rnn.fix(tree)
        torch.save(rnn.state_dict(), tmp_path / "saved.pt")
        other = RRNN(M, N)
        other.fix(None if tree else GRU_TREE)
        other.load_state_dict(torch.load(tmp_path / "saved.pt"))
        assert other.fixed == tree
        assert torch.equal(other(x)[0], rnn(x)[0])

    @pytest.mark.slow
    def test_it_compiles(self):
        """In a process of its own: the shape checker of the tests cannot be traced."""
        command = [sys.executable, "-c", COMPILE]
        done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]

    @pytest.mark.usefixtures("as_a_user")
    def test_what_is_no_tree_is_refused(self):
        rnn, _ = searched()
        with pytest.raises(TypeError, match=r"^expected a tree or None, got str$"):
            rnn.fix("GRU")

    def test_another_number_of_nodes_is_refused(self):
        rnn, _ = searched(nodes=2)
        with pytest.raises(ValueError) as caught:
            rnn.fix(GRU_TREE)
        assert str(caught.value) == f"expected a tree of 2 nodes, got one of 9: {GRU_TREE}"


@pytest.mark.usefixtures("as_a_user")
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

    @pytest.mark.parametrize("layer", [RRNN, ResetBeforeGRU])
    @pytest.mark.parametrize(
        ("given", "error", "message"),
        [
            ({"input_size": 2.0}, TypeError, "input_size must be a whole number, got float 2.0"),
            ({"hidden_size": 0}, ValueError, "hidden_size must be at least 1, got 0"),
            ({"batch_first": 1}, TypeError, "batch_first should be of type bool, got: int"),
            (
                {"dtype": torch.complex64},
                ValueError,
                "dtype must be torch.float32, torch.float64, torch.float16 or torch.bfloat16, got torch.complex64",
            ),
        ],
    )
    def test_both_layers_refuse_what_is_none(self, layer, given, error, message):
        with pytest.raises(error) as caught:
            layer(**{"input_size": M, "hidden_size": N, **given})
        assert str(caught.value) == message

    def test_an_input_of_another_dtype_is_a_sentence(self):
        rnn, x = searched()
        for call in (rnn, rnn.search):
            with pytest.raises(ValueError) as caught:
                call(x.double())
            assert str(caught.value) == (
                "RRNN: Expected input to be torch.float32, got torch.float64; convert one of the two"
            )

    def test_what_is_no_tensor_is_a_sentence(self):
        rnn, x = searched()
        for call in (rnn, rnn.search):
            with pytest.raises(TypeError, match=r"^RRNN: expected the input as a tensor, got ndarray$"):
                call(x.numpy())
            for state in (3, [3]):
                with pytest.raises(TypeError, match=r"^RRNN: expected a state of tensors, got int$"):
                    call(x, state)

    def test_the_shape_that_came_is_the_one_in_the_sentence(self):
        rnn, x = searched()
        with pytest.raises(RuntimeError, match=rf"got \(1, {T}, {B}, {M}\)$"):
            rnn(x[None])

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
